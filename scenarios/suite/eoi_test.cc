// SPDX-License-Identifier: Apache-2.0
// Rows 03 and 11 on every kind of IO-APIC acknowledgement (abi.md 3.6), both event channel ABIs, and 1 and 4 vCPUs: what
// guests see and owe is the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

struct Acknowledgement {
  const char* name;
  std::vector<std::string> options;
};
const Acknowledgement kKinds[] = {
    {"DirectedEoi", {}},                                              // ACKTYPE_UNMASK, the pin left in service
    {"MaskUnmask", {"--set", "machine.xen.directed_eoi=false"}},      // ACKTYPE_UNMASK, the pin masked
    {"LocalEoi", {"--set", "machine.xen.directed_eoi=false", "--set", "machine.xen.ioapic_ack_new=true"}},  // ACKTYPE_EOI
};

class Eoi : public testing::TestWithParam<std::tuple<int, const char*, const char*, const char*>> {};

TEST_P(Eoi, Holds) {
  const auto& [kind, scenario, events, vcpus] = GetParam();
  std::vector<std::string> options = kKinds[kind].options;
  for (const std::string& option : {std::string("domains.driver.events=") + events, std::string("domains.driver.vcpus=") + vcpus}) {
    options.insert(options.end(), {"--set", option});
  }
  const ProgramRun run = RunPvpci(scenario, options);
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
}

std::string RowName(const testing::TestParamInfo<Eoi::ParamType>& info) {
  const auto& [kind, scenario, events, vcpus] = info.param;
  return std::string(kKinds[kind].name) + "_" + scenario + "_" + events + "_" + vcpus;
}

INSTANTIATE_TEST_SUITE_P(All, Eoi,
                         testing::Combine(testing::Values(0, 1, 2),
                                          testing::Values("row03_pirq_setup", "row11_shared_intx"),
                                          testing::Values("2l", "fifo"), testing::Values("1", "4")),
                         RowName);

}  // namespace
}  // namespace pvpci::scenarios
