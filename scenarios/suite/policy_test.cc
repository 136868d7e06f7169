// SPDX-License-Identifier: Apache-2.0
// What the no-IOMMU profiles of abi.md S3 refuse, and with which error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Refused, ADomainWhoseConfigurationNamesADeviceIsNotCreated) {
  const ProgramRun run = RunPvpci("slurp", {"--set", "machine.policy=refused"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("passthrough not supported on this"));
}

TEST(IntxOnly, MapPirqOfAnMsiAnswersEnodev) {
  const ProgramRun run = RunPvpci("policy_intx_only", {"--format", "text,trace"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  constexpr const char* kEnodev = " = -19";
  EXPECT_THAT(TraceLines(run, {"control hypercall physdev_op map_pirq"}), Contains(testing::EndsWith(kEnodev)));
  EXPECT_THAT(ReadText(run.folder + "/console-control.txt"), HasSubstr("error enabling MSI for guest 1: err -19"));
}

}  // namespace
}  // namespace pvpci::scenarios
