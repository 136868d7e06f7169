// SPDX-License-Identifier: Apache-2.0
// Every scenario that is shipped holds, in each of the three modes, on the built guest image.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "scenarios/library.h"
#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

const char* const kModes[][2] = {{"M0", "none"}, {"M1", "dmar"}, {"M2", "dmar+ir"}};

class Shipped : public testing::TestWithParam<std::tuple<std::string, int>> {};

TEST_P(Shipped, Holds) {
  const auto& [name, mode] = GetParam();

  const ProgramRun run = RunPvpci(name, {"--iommu", kModes[mode][1]});

  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  ASSERT_TRUE(run.result.is_object());
  EXPECT_THAT(run.result["verdict"], testing::AnyOf("holds", "skipped"));
  EXPECT_EQ(run.result["mode"], kModes[mode][0]);
  EXPECT_EQ(run.result["incomplete"], false);
  // A kernel that warns is a kernel that we mistreat.
  for (const auto& domain : run.result["domains"]) {
    const std::string console = ReadText(run.folder + "/console-" + domain["name"].get<std::string>() + ".txt");
    EXPECT_THAT(console, testing::Not(testing::HasSubstr("WARNING"))) << domain["name"];
  }
}

std::string RowName(const testing::TestParamInfo<std::tuple<std::string, int>>& info) {
  return std::get<0>(info.param) + "_" + kModes[std::get<1>(info.param)][0];
}

INSTANTIATE_TEST_SUITE_P(All, Shipped,
                         testing::Combine(testing::ValuesIn(ShippedScenarios(".")), testing::Values(0, 1, 2)), RowName);

}  // namespace
}  // namespace pvpci::scenarios
