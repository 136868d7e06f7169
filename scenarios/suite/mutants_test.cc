// SPDX-License-Identifier: Apache-2.0
// Every mutant of scenarios/attacks/mutants.yaml is noticed by each scenario that the table names, and by nothing but the
// reversion: the same scenario holds on the mutated image with every fix in place. The kernel is the target's:
// PVPCI_SUITE_KERNEL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "scenarios/mutants.h"
#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

const std::string kKernel = PVPCI_SUITE_KERNEL;

struct Pair {
  Mutant mutant;
  std::string scenario;
};

std::string NameOf(const std::string& text) {
  std::string name = text;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

std::vector<Pair> Pairs() {
  std::vector<Pair> pairs;
  for (const Mutant& mutant : LoadMutants(".")) {
    if (!mutant.on(kKernel)) continue;
    for (const std::string& scenario : mutant.detected_by) pairs.push_back({mutant, scenario});
  }
  return pairs;
}

std::vector<std::string> Scenarios() {
  std::set<std::string> names;
  for (const Pair& pair : Pairs()) names.insert(pair.scenario);
  return {names.begin(), names.end()};
}

std::ostream& operator<<(std::ostream& stream, const Pair& pair) { return stream << pair.mutant.id << " " << pair.scenario; }

class Mutants : public testing::TestWithParam<Pair> {};

TEST_P(Mutants, IsNoticedAndLabelled) {
  const auto& [mutant, scenario] = GetParam();
  const ProgramRun run = RunPvpci(scenario, {"--kernel", kKernel, "--mutant", mutant.id});
  EXPECT_EQ(run.exit_code, 1) << run.output << run.errors;
  ASSERT_FALSE(run.result.is_null());
  EXPECT_EQ(run.result["verdict"], "violated");
  EXPECT_EQ(run.result["kernels"][0]["modified"], true);
  EXPECT_THAT(run.result["reproduce"].get<std::string>(), testing::HasSubstr("--mutant " + mutant.id));
  std::string copy;
  for (const auto& original : run.result["originals"]) {
    if (original["path"] != mutant.file) continue;
    copy = original["sha256"];
    EXPECT_NE(copy, original["package_sha256"]);
  }
  int labels = 0;
  for (const auto& change : run.result["changes"]) {
    if (change["kind"] != "mutant") continue;
    ++labels;
    EXPECT_EQ(change["name"], mutant.id);
    EXPECT_EQ(change["sha256"], copy);
    EXPECT_THAT(change["why"].get<std::string>(), testing::HasSubstr(mutant.what));
  }
  EXPECT_EQ(labels, 1);
}

INSTANTIATE_TEST_SUITE_P(, Mutants, testing::ValuesIn(Pairs()), [](const auto& info) {
  return NameOf(info.param.mutant.id + "_by_" + info.param.scenario);
});

class Switch : public testing::TestWithParam<std::string> {};

TEST_P(Switch, OffIsClean) {
  const ProgramRun run = RunPvpci(GetParam(), {"--kernel", kKernel, "--mutant", "none"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  ASSERT_FALSE(run.result.is_null());
  EXPECT_EQ(run.result["kernels"][0]["modified"], true);
}

INSTANTIATE_TEST_SUITE_P(, Switch, testing::ValuesIn(Scenarios()), [](const auto& info) { return NameOf(info.param); });

TEST(MutantTable, HasEnough) { EXPECT_GE(LoadMutants(".").size(), 14u); }

// With a fix taken back the sweep finds the block by itself, and its schedule meets it again.
TEST(Schedule, OfAFailureIsKeptAndMeetsItAgain) {
  const ProgramRun found = RunPvpci("s16b_close_during_upcall", {"--kernel", kKernel, "--mutant", "XSA-331"});
  EXPECT_EQ(found.exit_code, 1) << found.errors;
  EXPECT_THAT(found.output, testing::HasSubstr("use after free"));
  const std::string schedule = ReadText(found.folder + "/schedule.txt");
  const std::string key = "steps.sweep.preempt.only=";
  const size_t at = schedule.rfind(key);
  ASSERT_NE(at, std::string::npos) << schedule;
  const std::string only = schedule.substr(at, schedule.find_first_of(" \n", at) - at);
  const ProgramRun again = RunPvpci("s16b_close_during_upcall", {"--kernel", kKernel, "--mutant", "XSA-331", "--set", only});
  EXPECT_EQ(again.exit_code, 1) << again.errors;
  EXPECT_THAT(again.output, testing::HasSubstr("use after free"));
  // Held at that block only, no interrupt may be left to be handled: what the scenario expects of all blocks together.
  const ProgramRun clean = RunPvpci("s16b_close_during_upcall", {"--kernel", kKernel, "--mutant", "none", "--set", only});
  EXPECT_THAT(clean.output, testing::HasSubstr("attack channel_race in driver: returns 0"));
  EXPECT_THAT(clean.output, testing::Not(testing::HasSubstr("use after free")));
}

}  // namespace
}  // namespace pvpci::scenarios
