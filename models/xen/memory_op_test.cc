// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kOrder = 6;  // 256 KiB: one swiotlb segment
constexpr uint64_t kPages = 1 << kOrder;
constexpr uint64_t kFirstPfn = 1024;

void Zap(TestMachine& machine, TestDomain& domain, uint64_t first, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(machine.Raw(domain, abi::kUpdateVaMapping, {domain.base + (first + i) * 4096, 0, 0, 0, 0}).value, 0);
  }
}

abi::MemoryExchange ToContiguous(TestDomain& domain, unsigned bits) {
  for (uint64_t i = 0; i < kPages; ++i) domain.Page<uint64_t>(1)[i] = domain.Mfn(static_cast<unsigned>(kFirstPfn + i));
  domain.Page<uint64_t>(2)[0] = kFirstPfn;
  abi::MemoryExchange exchange = {};
  exchange.in = {domain.Va(1), kPages, 0, 0, sim::kDomSelf, {}};
  exchange.out = {domain.Va(2), 1, kOrder, bits, sim::kDomSelf, {}};
  return exchange;
}

TEST(Exchange, GivesContiguousFramesAndScrubsThem) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kScatter);
  const uint64_t free_before = machine.xen.frames().free_frames();
  const sim::Mfn old = domain.Mfn(kFirstPfn);
  std::memset(domain.Page(kFirstPfn), 0x5a, 4096);
  Zap(machine, domain, kFirstPfn, kPages);
  abi::MemoryExchange exchange = ToContiguous(domain, 31);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), 0);
  EXPECT_EQ(exchange.nr_exchanged, kPages);
  const sim::Mfn first = domain.Page<uint64_t>(2)[0];
  EXPECT_EQ(first % kPages, 0u);
  for (uint64_t i = 0; i < kPages; ++i) {
    EXPECT_EQ(machine.memory.frame(first + i).gpfn, kFirstPfn + i);
    EXPECT_EQ(machine.memory.frame(first + i).owner, 1);
    EXPECT_EQ(reinterpret_cast<uint64_t>(machine.memory.frame(first + i).host), domain.base + (kFirstPfn + i) * 4096);
  }
  EXPECT_EQ(static_cast<int>(domain.Page(kFirstPfn)[0]), 0);
  EXPECT_EQ(machine.memory.frame(old).owner, sim::kDomNone);
  EXPECT_NE(machine.memory.frame(old).host, domain.Page(kFirstPfn));
  EXPECT_EQ(machine.xen.frames().free_frames(), free_before);
  const uint64_t pte = first << 12 | abi::kPtePresent | abi::kPteWrite;
  EXPECT_EQ(machine.Raw(domain, abi::kUpdateVaMapping, {domain.base + kFirstPfn * 4096, pte, 0, 0, 0}).value, 0);
  EXPECT_EQ(machine.xen.Walk(domain.vcpu(), domain.base + kFirstPfn * 4096)->machine_address, first << 12);
}

TEST(Exchange, FailsWithoutChangingAnything) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kScatter);
  abi::MemoryExchange exchange = ToContiguous(domain, 31);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kEINVAL);  // still mapped
  Zap(machine, domain, kFirstPfn, kPages);
  exchange = ToContiguous(domain, 18);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kENOMEM);  // nothing below 256 KiB
  exchange.nr_exchanged = 1;
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kEINVAL);
  exchange.nr_exchanged = 0;
  exchange.out.nr_extents = 2;
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kEINVAL);
  EXPECT_EQ(machine.memory.frame(domain.Mfn(kFirstPfn)).owner, 1);
}

TEST(Exchange, OrderLimitDependsOnPassthrough) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  abi::MemoryExchange exchange = ToContiguous(domain, 31);
  exchange.out.extent_order = 10;
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kEPERM);
  machine.xen.PermitIomem(1, 0xf0000, 1, true);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 11, exchange), -abi::kEINVAL);  // past the order check
}

TEST(Balloon, DecreaseThenPopulateGivesAnEmptyPage) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const sim::Mfn old = domain.Mfn(kFirstPfn);
  std::memset(domain.Page(kFirstPfn), 0x5a, 4096);
  domain.Page<uint64_t>(1)[0] = old;
  abi::MemoryReservation reservation{domain.Va(1), 1, 0, 0, sim::kDomSelf, {}};
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 1, reservation), 0);  // still mapped: none done
  Zap(machine, domain, kFirstPfn, 1);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 1, reservation), 1);
  EXPECT_EQ(machine.memory.frame(old).owner, sim::kDomNone);
  domain.Page<uint64_t>(1)[0] = kFirstPfn;
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 6, reservation), 1);
  EXPECT_EQ(machine.memory.frame(domain.Page<uint64_t>(1)[0]).gpfn, kFirstPfn);
  EXPECT_EQ(static_cast<int>(domain.Page(kFirstPfn)[0]), 0);
  domain.Page<uint64_t>(1)[0] = kFirstPfn;
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 6, reservation), 0);  // at its maximum
}

TEST(Maps, DomainSeesItsRamAndTheHostsHoles) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  abi::MemoryMap map{16, 0, domain.Va(1)};
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 9, map), 0);
  ASSERT_GE(map.nr_entries, 3u);
  const auto* entries = domain.Page<abi::E820Entry>(1);
  EXPECT_EQ(uint64_t{entries[0].size}, kTestPages << 12);
  EXPECT_EQ(uint32_t{entries[1].type}, abi::kE820Unusable);  // the machine's, from its end to the first reserved range
  EXPECT_EQ(uint64_t{entries[1].address}, kTestPages << 12);
  EXPECT_EQ(uint64_t{entries[1].address} + entries[1].size, 0xe0000000);
  EXPECT_EQ(uint32_t{entries[2].type}, abi::kE820Reserved);
  EXPECT_EQ(uint64_t{entries[2].address}, 0xe0000000);
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 10, map), -abi::kEPERM);
  abi::MachphysMapping mapping = {};
  EXPECT_EQ(machine.Op(domain, abi::kMemoryOp, 12, mapping), 0);
  EXPECT_EQ(reinterpret_cast<const uint64_t*>(mapping.v_start)[domain.Mfn(9)], 9u);
  EXPECT_EQ(mapping.max_mfn, machine.memory.frame_count() - 1);
}

TEST(Maps, AReservedRangeWithinADomainsMemoryIsCutOut) {
  HypervisorConfig config;
  config.reserved = {{kTestPages - 64, kTestPages - 49, {}}};
  TestMachine machine(config);
  TestDomain& told = machine.Add(1);
  abi::MemoryMap map{16, 0, told.Va(1)};
  ASSERT_EQ(machine.Op(told, abi::kMemoryOp, 9, map), 0);
  const auto* entries = told.Page<abi::E820Entry>(1);
  EXPECT_EQ(uint64_t{entries[0].size}, (kTestPages - 64) << 12);
  EXPECT_EQ(uint64_t{entries[1].address}, (kTestPages - 64) << 12);
  EXPECT_EQ(uint64_t{entries[1].size}, 16u << 12);
  EXPECT_EQ(uint32_t{entries[1].type}, abi::kE820Reserved);
  EXPECT_EQ(uint64_t{entries[2].address}, (kTestPages - 48) << 12);  // the machine's RAM behind it
  EXPECT_EQ(uint32_t{entries[2].type}, abi::kE820Unusable);
  const abi::E820Entry rest = entries[map.nr_entries - 1];
  EXPECT_EQ(uint64_t{rest.address}, uint64_t{1} << 32);
  EXPECT_EQ(uint64_t{rest.size}, 64u << 12);
  EXPECT_EQ(uint32_t{rest.type}, abi::kE820Ram);
  told.domain->spec.e820_host = false;  // one run of RAM, the hole included
  map.nr_entries = 16;
  ASSERT_EQ(machine.Op(told, abi::kMemoryOp, 9, map), 0);
  EXPECT_EQ(map.nr_entries, 1u);
  EXPECT_EQ(uint64_t{entries[0].size}, kTestPages << 12);
}

}  // namespace
}  // namespace pvpci::xen
