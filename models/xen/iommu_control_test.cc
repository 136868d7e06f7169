// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

const pci::Bdf kNic(0, 2, 0, 0);

struct FakeIommu : IommuControl {
  bool remaps_interrupts() const override { return true; }
  sim::Ps CreateDomain(sim::DomId) override { return 0; }
  sim::Ps DestroyDomain(sim::DomId domain) override { maps.erase(domain); return 0; }
  sim::Ps AssignDevice(pci::Bdf, sim::DomId domain) override { owner = domain; return 0; }
  sim::Ps MapFrame(sim::DomId domain, sim::Mfn mfn, bool) override { maps[domain].insert(mfn); return 10; }
  sim::Ps UnmapFrame(sim::DomId domain, sim::Mfn mfn) override { maps[domain].erase(mfn); return 10; }
  sim::Ps Flush(sim::DomId) override { return 700; }
  std::optional<unsigned> AllocateIrtes(unsigned count) override { return std::exchange(next, next + count); }
  sim::Ps WriteIrte(unsigned index, const RemapTarget& target) override { irtes[index] = target; return 0; }
  sim::Ps FreeIrtes(unsigned index, unsigned) override { irtes.erase(index); return 0; }
  std::map<sim::DomId, std::set<sim::Mfn>> maps;
  std::map<unsigned, RemapTarget> irtes;
  sim::DomId owner = sim::kDomNone;
  unsigned next = 0;
};

TEST(IommuMap, FollowsWritableFramesOnceTheDomainOwnsADevice) {
  FakeIommu iommu;
  TestMachine machine({}, &iommu);
  machine.Add(0);
  TestDomain& domU = machine.Add(1);
  machine.pci.AddEndpoint(kNic, 0xf0000000, true);
  EXPECT_TRUE(iommu.maps[1].empty());
  ASSERT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(iommu.maps[1].count(domU.Mfn(9)), 1u);
  EXPECT_EQ(iommu.maps[1].count(domU.vcpu().cr3_mfn), 0u);  // page tables are not for devices
  EXPECT_EQ(iommu.maps[1].size(), kTestPages - domU.built.pt_pages);
  const HypercallResult zap = machine.Raw(domU, abi::kUpdateVaMapping, {domU.Va(9), 0, 0, 0, 0});
  EXPECT_EQ(iommu.maps[1].count(domU.Mfn(9)), 0u);
  EXPECT_GT(zap.cost, machine.xen.config().hypercall + 700);
}

TEST(IommuMap, Dom0HasAllRamButXens) {
  FakeIommu iommu;
  TestMachine machine({}, &iommu);
  machine.Add(0);
  TestDomain& domU = machine.Add(1);
  EXPECT_EQ(iommu.maps[0].count(domU.Mfn(9)), 1u);
  EXPECT_EQ(iommu.maps[0].count(256), 0u);
}

TEST(IommuMap, DeviceOfADeadDomainIsQuarantined) {
  FakeIommu iommu;
  TestMachine machine({}, &iommu);
  machine.Add(0);
  machine.Add(1);
  machine.pci.AddEndpoint(kNic, 0xf0000000, true);
  ASSERT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(machine.xen.AssignDevice(kNic, 0), -abi::kEBUSY);
  EXPECT_EQ(machine.xen.DestroyDomain(1), 0);
  EXPECT_EQ(iommu.owner, sim::kDomIo);
}

TEST(Remapping, MultiMsiUsesConsecutiveEntriesAndRemappableMessages) {
  FakeIommu iommu;
  TestMachine machine({}, &iommu);
  TestDomain& dom0 = machine.Add(0);
  TestDomain& domU = machine.Add(1);
  machine.pci.AddEndpoint(kNic, 0xf0000000, true);
  ASSERT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  abi::PhysdevMapPirq map{1, 0, abi::kMapMultiMsi, -1, -1, 2, 0, 3, 0, 0};
  EXPECT_EQ(machine.Op(dom0, abi::kPhysdevOp, 13, map), 0);
  EXPECT_EQ(map.entry_nr, 3);
  EXPECT_EQ(iommu.irtes.size(), 4u);
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x54, 4) & 0x18, 0x18u);  // remappable, subhandle valid
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x5c, 2), 0u);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{1, 0, map.pirq + 1}), -abi::kEBUSY);
  EXPECT_NE(machine.BindPirq(domU, static_cast<uint32_t>(map.pirq + 2), 0), 0u);
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x60, 4), 0xbu);
  EXPECT_EQ(iommu.irtes.at(2).source, kNic);
  EXPECT_EQ(machine.Physdev(dom0, 14, abi::PhysdevUnmapPirq{1, 0, map.pirq}), 0);
  EXPECT_TRUE(iommu.irtes.empty());
}

}  // namespace
}  // namespace pvpci::xen
