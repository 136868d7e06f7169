// SPDX-License-Identifier: Apache-2.0
#include "scenarios/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

using testing::Contains;
using testing::Not;

std::vector<std::string> Names(const std::string& machine, const std::string& more = "", const std::string& steps = "") {
  const Scenario scenario = ParseScenario("s.yaml", "name: s\nclaim: c\nmachine: " + machine + "\n" + more + R"(
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU}
steps:
  - boot: control
)" + steps + "expect:\n  - dma.escapes == 0\n");
  std::vector<std::string> names;
  for (const LintItem& item : Lint(scenario)) {
    names.push_back(item.name);
    EXPECT_FALSE(item.missing.empty());
  }
  return names;
}

TEST(Lint, NamesWhatTheIommuDoesNotDo) {
  EXPECT_THAT(Names("{iommu: none}"), testing::ElementsAre("no IOMMU"));
  EXPECT_THAT(Names("{iommu: dmar}"), testing::ElementsAre("interrupt remapping off", "relaxed dom0"));
  EXPECT_THAT(Names("{iommu: dmar+ir}"), testing::ElementsAre("relaxed dom0"));
}

TEST(Lint, NamesPcibacksOpenDoorsWhereTheyAreOpened) {
  const std::string path = "path: /sys/bus/pci/drivers/pciback/";
  const std::string value = ", value: \"0000:01:00.0\"}";
  EXPECT_THAT(Names("{}", "", "  - write: {domain: control, " + path + "permissive" + value + "\n"), Contains("permissive"));
  EXPECT_THAT(Names("{}", "", "  - write: {domain: control, " + path + "permissive" + value + "\n    when: M1\n"),
              Not(Contains("permissive")));
  EXPECT_THAT(Names("{}", "", "  - write: {domain: control, " + path + "allow_interrupt_control" + value + "\n"),
              Contains("interrupt control"));
  EXPECT_THAT(Names("{}", "", "  - write: {domain: control, " + path + "quirks, value: \"0000:01:00.0-64:1:ff\"}\n"),
              Contains("quirks"));
}

TEST(Lint, NamesASwitchWithoutAcsBetweenDomains) {
  const std::string devices = R"(devices:
  - {name: a, model: edu, behind: sw, assigned_to: driver}
  - {name: b, model: edu, behind: sw}
)";
  EXPECT_THAT(Names("{}", "switches: [{name: sw, acs: false}]\n" + devices), Contains("no ACS"));
  EXPECT_THAT(Names("{}", "switches: [{name: sw}]\n" + devices), Not(Contains("no ACS")));
}

TEST(Lint, NamesWhatXensCommandLineWeakens) {
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: strict}}"), testing::IsEmpty());
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: passthrough}}"), testing::ElementsAre("pass-through dom0"));
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: strict, quarantine: none}}"),
              testing::ElementsAre("quarantine off"));
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: strict, quarantine: scratch-page}}"),
              testing::ElementsAre("silent quarantine"));
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: strict}, vtd: {device_tlbs: true}}"), testing::ElementsAre("ATS"));
  EXPECT_THAT(Names("{iommu: dmar+ir, xen: {dom0-iommu: strict, unfixed: [XSA-78]}}"),
              testing::ElementsAre("old hypervisor"));
}

TEST(Lint, NamesADeviceThatFirmwareLeavesMaster) {
  const auto with = [](const char* more) {
    return Names("{iommu: dmar+ir, xen: {dom0-iommu: strict}}",
                 std::string("devices: [{name: a, model: edu") + more + "}]\n");
  };
  EXPECT_THAT(with(", bus_master_at_boot: true"), testing::ElementsAre("bus master at boot"));
  EXPECT_THAT(with(""), testing::IsEmpty());
}

TEST(LintText, IsOneLine) {
  EXPECT_EQ(LintText({"relaxed dom0", "it reaches", "a switch"}), "relaxed dom0: it reaches. Missing: a switch");
}

}  // namespace
}  // namespace pvpci::scenarios
