// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

constexpr uint64_t kPresent = abi::kPtePresent;
constexpr uint64_t kWrite = abi::kPtePresent | abi::kPteWrite;

long Map(TestMachine& machine, TestDomain& domain, uint64_t va, uint64_t pte) {
  return machine.Raw(domain, abi::kUpdateVaMapping, {va, pte, 0, 0, 0}).value;
}

TEST(Mmu, OwnFrameInTheVmallocAreaAppearsInTheHostMapping) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  std::memset(domain.Page(9), 0x5a, 4096);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, domain.Mfn(9) << 12 | kWrite), 0);
  EXPECT_EQ(*reinterpret_cast<uint8_t*>(domain.vmalloc), 0x5a);
  EXPECT_EQ(machine.memory.frame(domain.Mfn(9)).type_count, 2u);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, 0), 0);
  EXPECT_TRUE(domain.space->mapped.empty());
  EXPECT_EQ(machine.memory.frame(domain.Mfn(9)).type_count, 1u);
}

TEST(Mmu, SharedInfoMayBeMapped) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, domain.domain->shared_info_mfn << 12 | kWrite), 0);
  domain.shared().evtchn_mask[3] = 77;
  EXPECT_EQ(reinterpret_cast<abi::SharedInfo*>(domain.vmalloc)->evtchn_mask[3], 77u);
}

TEST(Mmu, ForeignFramesAndXensOwnAreRefused) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  TestDomain& victim = machine.Add(2);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, victim.Mfn(9) << 12 | kPresent), -abi::kEINVAL);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, uint64_t{300} << 12 | kPresent), -abi::kEPERM);
  EXPECT_FALSE(machine.xen.Walk(domain.vcpu(), domain.vmalloc).has_value());
}

TEST(Mmu, IomemNeedsPermissionAndStaysUnmappedInTheHost) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, 0xf0000000 | kWrite), -abi::kEPERM);
  machine.xen.PermitIomem(1, 0xf0000, 1, true);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, 0xf0000000 | kWrite), 0);
  EXPECT_EQ(machine.xen.Walk(domain.vcpu(), domain.vmalloc + 0x18)->machine_address, 0xf0000018u);
  EXPECT_TRUE(domain.space->mapped.empty());
  TestDomain& dom0 = machine.Add(0);
  EXPECT_EQ(Map(machine, dom0, dom0.vmalloc, 0xf0000000 | kWrite), 0);
  EXPECT_EQ(Map(machine, dom0, dom0.vmalloc, 0xfec00000 | kWrite), -abi::kEPERM);
}

TEST(Mmu, PageTablesAreNeverWritable) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const sim::Mfn l4 = domain.vcpu().cr3_mfn;
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, l4 << 12 | kWrite), -abi::kEINVAL);
  EXPECT_EQ(Map(machine, domain, domain.vmalloc, l4 << 12 | kPresent), 0);
  // A frame that is mapped writable cannot become a table.
  abi::MmuextOp pin{abi::kPinL1, 0, domain.Mfn(9), 0};
  std::memcpy(domain.Page(0), &pin, sizeof pin);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuextOp, {domain.Va(0), 1, 0, sim::kDomSelf, 0}).value, -abi::kEINVAL);
  EXPECT_EQ(Map(machine, domain, domain.Va(9), domain.Mfn(9) << 12 | kPresent), 0);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuextOp, {domain.Va(0), 1, 0, sim::kDomSelf, 0}).value, 0);
  EXPECT_EQ(Map(machine, domain, domain.Va(9), domain.Mfn(9) << 12 | kWrite), -abi::kEINVAL);
  pin.cmd = abi::kUnpinTable;
  std::memcpy(domain.Page(0), &pin, sizeof pin);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuextOp, {domain.Va(0), 1, 0, sim::kDomSelf, 0}).value, 0);
  EXPECT_EQ(Map(machine, domain, domain.Va(9), domain.Mfn(9) << 12 | kWrite), 0);
}

TEST(Mmu, NewTableIsValidatedEntryByEntry) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  TestDomain& victim = machine.Add(2);
  domain.Page<uint64_t>(9)[0] = domain.Mfn(10) << 12 | kWrite;
  domain.Page<uint64_t>(9)[1] = victim.Mfn(10) << 12 | kPresent;
  ASSERT_EQ(Map(machine, domain, domain.Va(9), domain.Mfn(9) << 12 | kPresent), 0);
  abi::MmuextOp pin{abi::kPinL1, 0, domain.Mfn(9), 0};
  std::memcpy(domain.Page(0), &pin, sizeof pin);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuextOp, {domain.Va(0), 1, 0, sim::kDomSelf, 0}).value, -abi::kEINVAL);
  EXPECT_EQ(machine.memory.frame(domain.Mfn(9)).type_count, 0u);
  EXPECT_EQ(machine.memory.frame(domain.Mfn(10)).type_count, 1u);
}

TEST(Mmu, UpdatesAreCountedUpToTheFirstFailure) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const uint64_t leaf = *machine.xen.mmu().LeafEntry(domain.vcpu(), domain.vmalloc);
  const abi::MmuUpdate updates[] = {{leaf, domain.Mfn(9) << 12 | kWrite},
                                    {domain.Mfn(9) << 12 | 1, 4711},
                                    {leaf + 8, 0xf0000000 | kWrite},
                                    {leaf + 16, 0}};
  std::memcpy(domain.Page(0), updates, sizeof updates);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuUpdate, {domain.Va(0), 4, domain.Va(1), sim::kDomSelf, 0}).value, -abi::kEPERM);
  EXPECT_EQ(domain.Page<uint32_t>(1)[0], 2u);
  EXPECT_EQ(machine.memory.frame(domain.Mfn(9)).gpfn, 4711u);
  EXPECT_EQ(machine.Raw(domain, abi::kMmuUpdate, {domain.Va(0), 1, 0, 2, 0}).value, -abi::kESRCH);
}

TEST(Mmu, MulticallAnswersEachEntry) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  auto* entries = domain.Page<abi::MulticallEntry>(0);
  entries[0] = {abi::kUpdateVaMapping, 0, {domain.vmalloc, domain.Mfn(9) << 12 | kWrite, 0, 0, 0, 0}};
  entries[1] = {abi::kUpdateVaMapping, 0, {domain.vmalloc, 0xf0000000 | kWrite, 0, 0, 0, 0}};
  entries[2] = {abi::kXenVersion, 0, {0, 0, 0, 0, 0, 0}};
  const HypercallResult result = machine.Raw(domain, abi::kMulticall, {domain.Va(0), 3, 0, 0, 0});
  EXPECT_EQ(result.value, 0);
  EXPECT_EQ(entries[0].result, 0u);
  EXPECT_EQ(static_cast<long>(entries[1].result), -abi::kEPERM);
  EXPECT_EQ(entries[2].result, 0x40011u);
  EXPECT_EQ(result.cost, machine.xen.config().hypercall + 2 * machine.xen.config().pte_update);
}

}  // namespace
}  // namespace pvpci::xen
