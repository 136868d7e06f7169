// SPDX-License-Identifier: Apache-2.0
// Bounds on what an interrupt costs: a change whose effect is known beforehand is found, named, and told by diff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const json& Pair(const json& list, const std::string& name) {
  static const json kNone;
  for (const json& each : list) {
    if (each["name"] == name) return each;
  }
  return kNone;
}

// vcpu_unblock is 3 us in the profile (timing.md A7): with 5 us every interrupt of a sleeping vCPU is 2 us later, and no
// other part of its way is longer.
TEST(Gates, ABrokenBoundNamesThePartThatGrewByWhatItGrew) {
  const ProgramRun good = RunPvpci("latency_gate");
  ASSERT_EQ(good.exit_code, 0) << good.output << good.errors;
  const ProgramRun slow =
      RunPvpci("latency_gate", {"--set", "machine.timing.vcpu_unblock=5us", "--baseline", good.folder});

  EXPECT_EQ(slow.exit_code, 1);
  const json& rows = slow.result["expectations"];
  size_t broken = 0;
  for (const json& row : rows) {
    if (row["held"].get<bool>()) continue;
    ++broken;
    EXPECT_THAT(row["actual"].get<std::string>(), testing::ContainsRegex("_t4_[a-z]+ grew by 2000.000 ns, from 3000.000 ns to 5000.000 ns"));
  }
  EXPECT_EQ(broken, 2u) << "p50 and p99; hypercalls are as many";
  EXPECT_THAT(ReadText(slow.folder + "/junit.xml"), HasSubstr("grew by 2000.000 ns"));

  const ProgramRun diff = RunVerb({"diff", good.folder, slow.folder, "--json"});
  ASSERT_EQ(diff.result["paths"]["paths"].size(), 1u) << diff.errors;
  const json& path = diff.result["paths"]["paths"][0];
  int changed = 0;
  for (const json& part : path["parts"]) changed += part["before"] != part["after"] ? 1 : 0;
  EXPECT_EQ(changed, 1) << path["parts"];
  EXPECT_EQ(Pair(path["measures"], "blocks_per_upcall")["before"], Pair(path["measures"], "blocks_per_upcall")["after"]);
  EXPECT_EQ(path["first_difference"]["before"]["what"], "t4");
  EXPECT_EQ(path["first_difference"]["after"]["after_ps"].get<int64_t>() - path["first_difference"]["before"]["after_ps"].get<int64_t>(), 2'000'000);
}

// A 2-level domain finds its event in a bitmap, a FIFO one takes it from a queue: other functions of the same upcall.
TEST(Gates, DiffNamesTheFunctionsThatExecuteMoreBlocks) {
  const ProgramRun fifo = RunPvpci("latency_gate");
  const ProgramRun two_level = RunPvpci("latency_gate", {"--set", "domains.driver.events=2l"});
  ASSERT_EQ(two_level.exit_code, 0) << two_level.output;

  // The rows have another ABI, so they are other rows: what is compared are rows alike.
  EXPECT_EQ(RunVerb({"diff", fifo.folder, two_level.folder, "--json"}).result["paths"]["only_after"].size(), 1u);
  const auto functions = [](const ProgramRun& run) {
    std::string names;
    for (const json& each : run.result["paths"][0]["functions"]) names += each["source"].get<std::string>() + " ";
    return names;
  };
  EXPECT_THAT(functions(fifo), HasSubstr("drivers/xen/events/events_fifo.c"));
  EXPECT_THAT(functions(two_level), HasSubstr("drivers/xen/events/events_2l.c"));
}

// Blocks are counted by hooks that take no simulated time; a run's trace is the same with them.
TEST(Gates, CountingBlocksChangesNothing) {
  const std::string text = ReadText("scenarios/latency_gate.yaml");
  const size_t bounds = text.find("  - {p50_ns");
  ASSERT_NE(bounds, std::string::npos);
  const std::string without = WriteScenario("latency_gate", text.substr(0, bounds) + text.substr(text.find('\n', bounds) + 1));
  const ProgramRun plain = RunPvpci(without), counted = RunPvpci(without, {"--blocks"});
  EXPECT_EQ(plain.result["trace_digest"], counted.result["trace_digest"]);
  EXPECT_TRUE(plain.result["paths"][0]["upcall_blocks"].is_null());
  ASSERT_FALSE(counted.result["paths"][0]["upcall_blocks"].is_null());
  EXPECT_GT(counted.result["paths"][0]["upcall_blocks"].get<int>(), 50);
}

TEST(Gates, ABaselineThatIsNotThereIsBadInput) {
  const ProgramRun run = RunPvpci("latency_gate", {"--baseline", "no/such/folder"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, HasSubstr("--baseline: no paths.json or result.json at 'no/such/folder'"));
}

}  // namespace
}  // namespace pvpci::scenarios
