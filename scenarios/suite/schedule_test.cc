// SPDX-License-Identifier: Apache-2.0
// Interleavings of S-16: a sweep that ends too early is not complete, and what it leaves meets the same block again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using testing::HasSubstr;

// The shipped scenario with so few rounds that the sweep stops in the middle of the window.
std::string ShortRace() {
  return Replaced(ReadText("scenarios/attacks/s16_close_race.yaml"), "\"${endpoint.bdf}\", 2500]",
                  "\"${endpoint.bdf}\", 5]");
}

TEST(Schedule, AnIncompleteSweepIsViolatedAndKeepsItsSchedule) {
  const ProgramRun run = RunPvpci(WriteScenario("s16_close_race", ShortRace()));
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  const std::string schedule = ReadText(run.folder + "/schedule.txt");
  EXPECT_THAT(schedule, HasSubstr("5 passes held"));
  EXPECT_THAT(schedule, HasSubstr("last before number 5, block"));
  EXPECT_THAT(schedule, HasSubstr("steps.sweep.preempt.only=5"));
  EXPECT_THAT(schedule, HasSubstr("./pvpci run"));
}

TEST(Schedule, ReplayHoldsAtThatBlockInEachPass) {
  const ProgramRun run =
      RunPvpci(WriteScenario("s16_close_race", ShortRace()), {"--set", "steps.sweep.preempt.only=5"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_EQ(ReadText(run.folder + "/schedule.txt"), "");
  EXPECT_THAT(run.output, HasSubstr("sweep: every block"));
}

TEST(Schedule, ReplayHoldsAtThreeBlocksInEachPass) {
  const ProgramRun run =
      RunPvpci(WriteScenario("s16_close_race", ShortRace()), {"--set", "steps.sweep.preempt.only=5,9,40"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_THAT(ReadText(run.folder + "/result.json"), HasSubstr("last before number 5,9,40"));
}

TEST(Schedule, WholeSweepHolds) {
  const ProgramRun run = RunPvpci("s16_close_race");
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
}

}  // namespace
}  // namespace pvpci::scenarios
