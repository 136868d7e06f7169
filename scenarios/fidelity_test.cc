// SPDX-License-Identifier: Apache-2.0
// Runs `fidelity golden` as a user would: our trace of an attach and scan against the recorded one, and against a
// recording that was tampered with.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "scenarios/fidelity.h"
#include "scenarios/machine/golden_reasons.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

struct Answer {
  std::string text;
  int code = -1;
};

Answer Call(const std::string& command) {
  setenv("PVPCI_IMAGES", "driver", 1);  // Bazel runs tests in the folder of their data
  FILE* const pipe = popen(command.c_str(), "r");
  Answer answer;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) answer.text.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) answer.code = WEXITSTATUS(status);
  return answer;
}

TEST(Fidelity, TracesMatchTheRecordedOnes) {
  const Answer answer = Call("scenarios/pvpci fidelity golden --json");
  EXPECT_EQ(answer.code, 0);
  const nlohmann::json lines = nlohmann::json::parse(answer.text);
  std::vector<std::string> ids;
  for (const nlohmann::json& line : lines) {
    ids.push_back(line["id"]);
    EXPECT_GE(line["rate"].get<double>(), 0.95) << ids.back();
    EXPECT_TRUE(line["met"].get<bool>()) << ids.back();
    for (const nlohmann::json& difference : line["differences"]) {
      EXPECT_NE(difference["why"], kUnexplained) << difference;
    }
  }
  EXPECT_THAT(ids, testing::ElementsAre("golden.e1000e-attach", "golden.e1000e-probe"));
}

// Interleaving varies with the seed; what the originals say to each other does not.
TEST(Fidelity, HoldsWithOtherSeeds) {
  for (const char* seed : {"2", "3", "11"}) {
    const std::string out = std::string(std::getenv("TEST_TMPDIR")) + "/seed" + seed;
    const Answer answer = Call("scenarios/pvpci run golden_e1000e --seed " + std::string(seed) + " --out " + out);
    EXPECT_EQ(answer.code, 0) << answer.text;
  }
}

// The same machine room against a recording without its configuration writes.
TEST(Fidelity, MissesItsGoalWhereTheRecordingDiffers) {
  const fs::path folder = fs::path(std::getenv("TEST_TMPDIR")) / "tampered";
  fs::create_directories(folder / "scenarios" / "golden");
  fs::create_directories(folder / "scenarios" / "profiles");
  for (const char* name : {"scenario.schema.json", "golden_e1000e.yaml", "golden/e1000e.config",
                           "golden/e1000e-attach.store", "profiles/bdw-gen3x8.yaml"}) {
    fs::copy_file(fs::path("scenarios") / name, folder / "scenarios" / name);
  }
  std::ifstream recording("scenarios/golden/e1000e-probe.trace");
  std::ofstream tampered(folder / "scenarios/golden/e1000e-probe.trace");
  for (std::string line; std::getline(recording, line);) {
    if (line.find("response") == std::string::npos) tampered << line << "\n";
  }
  tampered.close();
  const Answer answer = Call("PVPCI_ROOT=" + folder.string() + " scenarios/pvpci fidelity golden --json");
  EXPECT_EQ(answer.code, 1);
  const nlohmann::json lines = nlohmann::json::parse(answer.text);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0]["met"].get<bool>());
  EXPECT_FALSE(lines[1]["met"].get<bool>());
  EXPECT_LT(lines[1]["rate"].get<double>(), 0.95);
  EXPECT_FALSE(lines[1]["differences"].empty());
}

TEST(Fidelity, CutsTheRateAndJudgesWhatItPrints) {
  TraceComparison almost;
  almost.id = "golden.almost";
  almost.min_rate = 0.95;
  almost.golden_lines = almost.bench_lines = 100000;
  almost.matched = 94999;
  almost.differences = {{3, "domU a", "", "because"}, {4, "", "domU b", kUnexplained}};
  const auto lines = FidelityJson({almost});
  EXPECT_EQ(lines[0].dump(),
            R"({"id":"golden.almost","lines":100000,"bench_lines":100000,"matched":94999,"rate":0.9499,)"
            R"("goal":">= 0.95","met":false,"differences":[)"
            R"({"line":3,"golden":"domU a","bench":null,"why":"because"},)"
            R"({"line":4,"golden":null,"bench":"domU b","why":"unexplained"}]})");
  EXPECT_FALSE(AllMet(lines));
  EXPECT_FALSE(AllMet(FidelityJson({})));
  EXPECT_THAT(FidelityText(lines), testing::HasSubstr("rate 0.9499"));
}

}  // namespace
}  // namespace pvpci::scenarios
