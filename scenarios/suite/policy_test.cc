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

// design.md 6: what this process cannot hold is out of resources, not a failure of the bench.
TEST(OutOfResources, MoreDomainsThanFitExitWithFive) {
  std::string text =
      "name: many\nclaim: It does not fit.\nmachine: {memory: 2048 MiB}\ndomains:\n  - {name: control, role: dom0}\n";
  for (int i = 1; i <= 28; ++i) text += "  - {name: v" + std::to_string(i) + ", role: domU, kernel: false, memory: 64 MiB}\n";
  text += "steps:\n  - boot: control\nexpect:\n  - dma.escapes == 0\n";
  const ProgramRun run = RunPvpci(WriteScenario("many", text));
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_THAT(run.errors, HasSubstr("pvpci: out of resources: domain 28 ends at 0x"));
}

}  // namespace
}  // namespace pvpci::scenarios
