// SPDX-License-Identifier: Apache-2.0
// A finding names the line that programmed the address. driver/hostile/endpoint.c has two that do: move the write from
// one to the other and the report moves with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

const char* const kFile = "driver/hostile/endpoint.c";

// The line of the first write to SRC_LOWER in the definition of `function`; 0: none.
int WriteIn(const std::string& function) {
  std::istringstream text(ReadText(kFile));
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.rfind("static noinline void " + function + "(", 0) == 0) inside = true;
    if (inside && line.find("+ SRC_LOWER)") != std::string::npos) return number;
    if (line == "}") inside = false;
  }
  return 0;
}

nlohmann::json ProgrammedBy(const std::string& attack) {
  std::string text = ReadText("scenarios/slurp.yaml");
  const std::string from = "function: slurp,";
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += from.size()) {
    text.replace(at, from.size(), "function: " + attack + ",");
  }
  text = Replaced(text, "backtrace contains slurp", "backtrace contains aim");
  const ProgramRun run = RunPvpci(WriteScenario("slurp", text));
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_EQ(run.result["findings"].size(), 1u);
  return run.result["findings"][0]["programmed_by"];
}

bool Contains(const nlohmann::json& backtrace, const std::string& function) {
  for (const auto& frame : backtrace) {
    if (frame["function"] == function) return true;
  }
  return false;
}

TEST(ProgrammedBy, MovesWithTheWrite) {
  const nlohmann::json direct = ProgrammedBy("slurp");
  const nlohmann::json worker = ProgrammedBy("slurp_by_worker");

  EXPECT_EQ(direct["register"], worker["register"]);
  EXPECT_EQ(direct["value"], worker["value"]);
  EXPECT_EQ(direct["backtrace"][0]["function"], "aim");
  EXPECT_EQ(direct["backtrace"][0]["file"], kFile);
  EXPECT_EQ(direct["backtrace"][0]["line"], WriteIn("aim"));
  EXPECT_EQ(worker["backtrace"][0]["function"], "aim_in_worker");
  EXPECT_EQ(worker["backtrace"][0]["file"], kFile);
  EXPECT_EQ(worker["backtrace"][0]["line"], WriteIn("aim_in_worker"));
  EXPECT_NE(WriteIn("aim"), WriteIn("aim_in_worker"));
  // Who called: the attack itself, and a kernel worker.
  EXPECT_TRUE(Contains(direct["backtrace"], "slurp"));
  EXPECT_FALSE(Contains(worker["backtrace"], "slurp_by_worker"));
  EXPECT_TRUE(Contains(worker["backtrace"], "process_one_work"));
}

// Owner of a frame by the result's memory map: runs of [first mfn, frames, owner, type].
std::string OwnerIn(const nlohmann::json& memory, uint64_t mfn) {
  for (const auto& run : memory["runs"]) {
    const uint64_t first = run[0].get<uint64_t>();
    if (mfn >= first && mfn < first + run[1].get<uint64_t>()) return memory["owners"][run[2].get<size_t>()];
  }
  return "free";
}

TEST(Landings, CoverOnlyFramesThatTheirOwnerHas) {
  const ProgramRun run = RunPvpci("scenarios/honest_dma.yaml");
  ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
  const nlohmann::json& view = run.result["view"];
  ASSERT_GT(view["landings"].size(), 4u);
  for (const auto& landing : view["landings"]) {
    const uint64_t address = std::stoull(landing["address"].get<std::string>(), nullptr, 16);
    const uint64_t last = address + landing["span_bytes"].get<uint64_t>() - 1;
    for (uint64_t mfn = address >> 12; mfn <= last >> 12; ++mfn) {
      ASSERT_EQ(OwnerIn(view["memory"], mfn), landing["owner"]) << landing;
    }
  }
}

}  // namespace
}  // namespace pvpci::scenarios
