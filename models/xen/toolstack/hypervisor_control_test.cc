// SPDX-License-Identifier: Apache-2.0
// The toolstack's control calls on the real hypervisor model: policies of abi.md S3, quarantine, permissions.
#include "models/xen/toolstack/hypervisor_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

constexpr pci::Bdf kNic(0, 1, 0, 0);

struct FakeIommu : QuietIommu {
  sim::Ps AttachDevice(pci::Bdf, sim::DomId domain) override { return Note(domain); }
  sim::Ps AttachQuarantine(pci::Bdf) override { return Note(sim::kDomIo); }
  sim::Ps BlockDevice(pci::Bdf) override { return Note(sim::kDomIo); }
  sim::Ps Note(sim::DomId owner) {
    owners.push_back(owner);
    return 0;
  }
  std::vector<sim::DomId> owners;
};

HypervisorConfig With(NoIommuPolicy policy) {
  HypervisorConfig config;
  config.no_iommu = policy;
  return config;
}

TEST(HypervisorControl, QuarantinesThenAssignsThenQuarantinesAgain) {
  FakeIommu iommu;
  TestMachine machine({}, &iommu);
  machine.pci.AddEndpoint(kNic, 0xf0000000, false);
  machine.Add(0);
  machine.Add(1);
  iommu.owners.clear();
  ModelHypervisorControl control(machine.xen);
  EXPECT_TRUE(control.has_iommu());
  EXPECT_EQ(control.AssignDevice(sim::kDomIo, kNic), 0);
  EXPECT_EQ(control.AssignDevice(1, kNic), 0);
  EXPECT_EQ(control.DeassignDevice(1, kNic), 0);
  EXPECT_EQ(control.DeassignDevice(sim::kDomIo, kNic), 0);
  EXPECT_THAT(iommu.owners, testing::ElementsAre(sim::kDomIo, 1, sim::kDomIo, 0));
}

class WithoutIommu : public testing::TestWithParam<NoIommuPolicy> {};

TEST_P(WithoutIommu, ThePolicyDecides) {
  TestMachine machine(With(GetParam()));
  machine.pci.AddEndpoint(kNic, 0xf0000000, false);
  machine.Add(0);
  machine.Add(1);
  ModelHypervisorControl control(machine.xen);
  EXPECT_FALSE(control.has_iommu());
  EXPECT_EQ(control.AssignDevice(sim::kDomIo, kNic), -EOPNOTSUPP);
  const long result = control.AssignDevice(1, kNic);
  if (GetParam() == NoIommuPolicy::kRefused) {
    EXPECT_EQ(result, -EOPNOTSUPP);
  } else {
    EXPECT_THAT(result, testing::AnyOf(0, -ENOSYS));  // nothing to forgive, or what libxl forgives a PV domain
  }
}
INSTANTIATE_TEST_SUITE_P(, WithoutIommu,
                         testing::Values(NoIommuPolicy::kRefused, NoIommuPolicy::kIntxOnly, NoIommuPolicy::kMsiToo),
                         [](const auto& row) { return std::string(Name(row.param)); });

TEST(HypervisorControl, GivesAndTakesResources) {
  TestMachine machine(With(NoIommuPolicy::kMsiToo));
  machine.pci.AddEndpoint(kNic, 0xf0000000, false);
  machine.Add(0);
  TestDomain& guest = machine.Add(1);
  ModelHypervisorControl control(machine.xen);
  EXPECT_EQ(control.IoportPermission(1, 0xc040, 32, true), 0);
  EXPECT_TRUE(machine.xen.IoPortPermitted(*guest.domain, 0xc05c, 4));
  EXPECT_EQ(control.IoportPermission(1, 0xc040, 32, false), 0);
  EXPECT_FALSE(machine.xen.IoPortPermitted(*guest.domain, 0xc05c, 4));
  EXPECT_EQ(control.IomemPermission(1, 0xf0000, 16, true), 0);
  EXPECT_EQ(control.IomemPermission(1, 0xf0000, 16, false), 0);
  EXPECT_EQ(control.MapGsiPirq(1, 21), 21);
  EXPECT_EQ(control.IrqPermission(1, 21, true), 0);
  EXPECT_NE(machine.BindPirq(guest, 21, 1), 0u);
  EXPECT_EQ(control.UnmapPirq(1, 21), 0);
  EXPECT_EQ(control.IrqPermission(1, 21, false), 0);
  EXPECT_EQ(control.MapGsiPirq(9, 21), -ESRCH);
}

}  // namespace
}  // namespace pvpci::xen
