// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

const pci::Bdf kNic(0, 2, 0, 0);

abi::PhysdevMapPirq GsiMap(sim::DomId domain, int gsi, int pirq) {
  return {domain, 0, abi::kMapGsi, gsi, pirq, 0, 0, 0, 0, 0};
}
abi::PhysdevMapPirq MsiMap(sim::DomId domain, int type = abi::kMapMsiSeg, int entry = 0) {
  return {domain, 0, type, -1, -1, 2, 0, entry, 0, 0};
}

TEST(Physdev, ErrorTable) {
  TestMachine machine;
  TestDomain& dom0 = machine.Add(0);
  TestDomain& domU = machine.Add(1);
  EXPECT_EQ(machine.Physdev(domU, 999, abi::PhysdevEoi{1}), -abi::kENOSYS);
  EXPECT_EQ(machine.Physdev(domU, 5, abi::PhysdevIrqStatusQuery{56, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(domU, 5, abi::PhysdevIrqStatusQuery{55, 0}), 0);
  EXPECT_EQ(machine.Physdev(domU, 6, abi::PhysdevSetIopl{4}), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(domU, 6, abi::PhysdevSetIopl{1}), 0);
  EXPECT_EQ(machine.Physdev(domU, 10, abi::PhysdevIrq{1, 0}), -abi::kEPERM);
  EXPECT_EQ(machine.Physdev(domU, 12, abi::PhysdevEoi{56}), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(domU, 12, abi::PhysdevEoi{20}), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(domU, 13, GsiMap(0, 20, 20)), -abi::kEPERM);
  EXPECT_EQ(machine.Physdev(domU, 13, GsiMap(sim::kDomSelf, 20, 20)), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(9, 20, 20)), -abi::kESRCH);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(1, 24, 24)), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(1, 20, 20)), 0);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(1, 20, 21)), -abi::kEEXIST);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1, 7)), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1)), -abi::kENODEV);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{1, 0, 20}), 0);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{1, 0, 20}), -abi::kEINVAL);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{9, 0, 20}), -abi::kESRCH);
  EXPECT_EQ(machine.Physdev(dom0, 25, abi::PhysdevPciDeviceAdd{0, 5, 0, 0, 0, 0, 0}), -abi::kENODEV);
  EXPECT_EQ(machine.Physdev(dom0, 30, abi::PhysdevPciDevice{0, 5, 0}), -abi::kENODEV);
  EXPECT_EQ(machine.Physdev(dom0, 31, abi::PhysdevPciDevice{0, 5, 0}), -abi::kENODEV);
  EXPECT_EQ(machine.Physdev(domU, 30, abi::PhysdevPciDevice{0, 5, 0}), -abi::kEPERM);
  EXPECT_EQ(machine.Physdev(dom0, 27, abi::PhysdevPciDevice{0, 5, 0}), -abi::kENODEV);
}

TEST(Physdev, BindIsRefusedAsTheTableSays) {
  TestMachine machine;
  machine.Add(0);
  TestDomain& domU = machine.Add(1);
  machine.xen.MapGsi(1, 20);
  abi::EvtchnBindPirq bind{20, 0, 0};
  EXPECT_EQ(machine.Op(domU, abi::kEventChannelOp, 2, bind), 0);
  EXPECT_EQ(machine.Event(domU, 2, abi::EvtchnBindPirq{20, 0, 0}), -abi::kEEXIST);
  EXPECT_EQ(machine.Event(domU, 4, abi::EvtchnPort{bind.port}), -abi::kEINVAL);
  TestDomain& other = machine.Add(2);
  machine.xen.MapGsi(2, 20);
  EXPECT_EQ(machine.Event(other, 2, abi::EvtchnBindPirq{20, 1, 0}), -abi::kEBUSY);  // first binder did not share
  machine.xen.PermitIrq(2, 20, false);
  EXPECT_EQ(machine.Event(other, 2, abi::EvtchnBindPirq{20, 1, 0}), -abi::kEPERM);
}

TEST(Physdev, MsiPirqsComeFromTheTopAndRunOut) {
  HypervisorConfig config;
  config.no_iommu = NoIommuPolicy::kMsiToo;
  config.extra_guest_irqs = 1;
  TestMachine machine(config);
  TestDomain& dom0 = machine.Add(0);
  machine.Add(1);
  machine.pci.AddEndpoint(kNic, 0xf0000000, true);
  ASSERT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  abi::PhysdevMapPirq map = MsiMap(1);
  EXPECT_EQ(machine.Op(dom0, abi::kPhysdevOp, 13, map), 0);
  EXPECT_EQ(map.pirq, 24);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1)), -abi::kENOSPC);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1, abi::kMapMultiMsi, 33)), -abi::kEDOM);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1, abi::kMapMultiMsi, 2)), -abi::kEOPNOTSUPP);
}

TEST(Physdev, UnmapUnderABoundPortKeepsTheNumberUntilClose) {
  TestMachine machine;
  TestDomain& dom0 = machine.Add(0);
  TestDomain& domU = machine.Add(1);
  machine.xen.MapGsi(1, 20);
  const uint32_t port = machine.BindPirq(domU, 20, 0);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{1, 0, 20}), 0);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(1, 20, 20)), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 3, abi::EvtchnPort{port}), 0);
  EXPECT_EQ(machine.Physdev(dom0, 13, GsiMap(1, 20, 20)), 0);
}

struct PolicyRow { NoIommuPolicy policy; long assign; long msi; };

void CheckPolicy(const PolicyRow& row) {
  HypervisorConfig config;
  config.no_iommu = row.policy;
  TestMachine machine(config);
  TestDomain& dom0 = machine.Add(0);
  machine.Add(1);
  machine.pci.AddEndpoint(kNic, 0xf0000000, true);
  EXPECT_EQ(machine.xen.AssignDevice(kNic, 1), row.assign);
  EXPECT_EQ(machine.Physdev(dom0, 13, MsiMap(1)), row.msi);
  EXPECT_EQ(machine.xen.MapGsi(1, 20), 20);
}

TEST(NoIommu, RefusesAssignment) { CheckPolicy({NoIommuPolicy::kRefused, -abi::kEOPNOTSUPP, -abi::kENODEV}); }
TEST(NoIommu, IntxOnlyHasNoMsi) { CheckPolicy({NoIommuPolicy::kIntxOnly, 0, -abi::kENODEV}); }
TEST(NoIommu, OldHypervisorsAllowMsi) { CheckPolicy({NoIommuPolicy::kMsiToo, 0, 0}); }

TEST(Version, FeaturesAndCallbacks) {
  TestMachine machine;
  TestDomain& domU = machine.Add(1);
  abi::FeatureInfo info{0, 0};
  EXPECT_EQ(machine.Op(domU, abi::kXenVersion, 6, info), 0);
  EXPECT_EQ(info.submap & 1u << 2, 0u);  // not auto-translated
  info.submap_idx = 1;
  EXPECT_EQ(machine.Op(domU, abi::kXenVersion, 6, info), -abi::kEINVAL);
  abi::CallbackRegister callback{0, 0, 0, 0x1234};
  EXPECT_EQ(machine.Op(domU, abi::kCallbackOp, 0, callback), 0);
  EXPECT_EQ(domU.domain->callbacks.at(0), 0x1234u);
  callback.type = 9;
  EXPECT_EQ(machine.Op(domU, abi::kCallbackOp, 0, callback), -abi::kENOSYS);
}

}  // namespace
}  // namespace pvpci::xen
