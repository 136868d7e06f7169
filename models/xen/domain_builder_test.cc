// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "models/xen/frames.h"
#include "models/xen/test_machine.h"
#include "sim/out_of_resources.h"
#include "sim/check.h"

namespace pvpci::xen {
namespace {

using abi::StartInfo;


void CheckWalk(P2mLayout layout) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, layout);
  for (uint64_t pfn = 0; pfn < kTestPages; ++pfn) {
    const auto mapping = machine.xen.Walk(domain.vcpu(), domain.base + pfn * 4096 + 5);
    ASSERT_TRUE(mapping.has_value()) << pfn;
    EXPECT_EQ(mapping->machine_address, domain.domain->p2m[pfn] * 4096 + 5);
    const bool table = pfn >= domain.built.builder_end_pfn - domain.built.pt_pages && pfn < domain.built.builder_end_pfn;
    EXPECT_EQ(mapping->writable(), !table) << pfn;
    EXPECT_NE(domain.domain->p2m[pfn], pfn);
    const sim::Frame& frame = machine.memory.frame(domain.domain->p2m[pfn]);
    EXPECT_EQ(frame.gpfn, pfn);
    EXPECT_EQ(frame.owner, 1);
    EXPECT_EQ(reinterpret_cast<uint64_t>(frame.host), domain.base + pfn * 4096);
    EXPECT_EQ(reinterpret_cast<const uint64_t*>(machine.xen.frames().m2p_guest())[domain.domain->p2m[pfn]], pfn);
  }
}

TEST(DomainBuilder, EveryAddressOfTheDirectMapWalksToItsFrameInExtents) { CheckWalk(P2mLayout::kExtents); }
TEST(DomainBuilder, EveryAddressOfTheDirectMapWalksToItsFrameWhenScattered) { CheckWalk(P2mLayout::kScatter); }

TEST(DomainBuilder, ScatterHasNoMachineNeighbours) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kScatter);
  for (uint64_t pfn = 1; pfn < kTestPages; ++pfn) EXPECT_NE(domain.domain->p2m[pfn], domain.domain->p2m[pfn - 1] + 1);
}

TEST(DomainBuilder, ExtentsAreContiguousAndAligned) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  for (uint64_t pfn = 0; pfn < kTestPages; ++pfn) {
    if (pfn % 512 == 0) EXPECT_EQ(domain.domain->p2m[pfn] % 512, 0u);
    else EXPECT_EQ(domain.domain->p2m[pfn], domain.domain->p2m[pfn - 1] + 1);
  }
}

// Somebody has a frame of every 2 MiB.
void TakeOneOfEach(TestMachine& machine) {
  for (sim::Mfn mfn = 5; mfn < machine.memory.frame_count(); mfn += 512) machine.xen.frames().Take(9, mfn);
}

TEST(DomainBuilder, TakesSinglePagesWhereNoExtentIsLeft) {
  TestMachine machine;
  TakeOneOfEach(machine);
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kExtents);
  for (uint64_t pfn = 0; pfn < kTestPages; ++pfn) EXPECT_EQ(machine.memory.frame(domain.domain->p2m[pfn]).owner, 1) << pfn;
}

TEST(DomainBuilder, SaysHowMuchMemoryIsMissing) {
  TestMachine machine;
  for (sim::Mfn mfn = 0; mfn < machine.memory.frame_count(); ++mfn) {
    if (machine.xen.frames().free_frames() == 100) break;
    machine.xen.frames().Take(9, mfn);
  }
  try {
    machine.Add(1);
    FAIL();
  } catch (const sim::OutOfResources& error) {
    // One of the hundred is its shared_info.
    const std::string said = "domU1: it wants 2048 frames, 1949 more than are free; give the machine more (machine.memory)";
    EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
  }
}

TEST(DomainBuilder, APlacedDomainTakesTheFramesItNames) {
  constexpr sim::Mfn kFirst = 8192;
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kExtents, kFirst);
  for (uint64_t pfn = 0; pfn < kTestPages; ++pfn) {
    EXPECT_EQ(domain.domain->p2m[pfn], kFirst + pfn);
    EXPECT_EQ(machine.memory.frame(kFirst + pfn).owner, 1);
  }
  EXPECT_THROW(machine.Add(2, 1, P2mLayout::kExtents, kFirst + kTestPages - 1), sim::BenchError);
}

TEST(DomainBuilder, OnBareMetalFramesAreWhereTheKernelThinks) {
  HypervisorConfig config;
  config.xen_frames_on_top = true;
  TestMachine machine(config);
  TestDomain& domain = machine.Add(0, 1, P2mLayout::kIdentity);
  for (uint64_t pfn = 256; pfn < kTestPages; ++pfn) EXPECT_EQ(domain.domain->p2m[pfn], pfn);
  const uint64_t last = machine.memory.frame_count() - 1;
  EXPECT_EQ(machine.memory.frame(last).owner, sim::kDomXen);
  EXPECT_EQ(machine.memory.frame(last).type, sim::FrameType::kM2p);
}

TEST(DomainBuilder, SameSeedSameFrames) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 1, P2mLayout::kScatter);
  std::vector<uint64_t> first(domain.domain->p2m, domain.domain->p2m + kTestPages);
  EXPECT_EQ(machine.xen.DestroyDomain(1), 0);
  machine.domains.clear();
  TestDomain& again = machine.Add(1, 1, P2mLayout::kScatter);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), again.domain->p2m));
}

TEST(DomainBuilder, StartInfoSaysWhereThingsAre) {
  TestMachine machine;
  TestDomain& domU = machine.Add(1, 2);
  const auto& start = *reinterpret_cast<StartInfo*>(domU.built.start_info_va);
  EXPECT_EQ(start.nr_pages, kTestPages);
  EXPECT_EQ(start.shared_info, domU.domain->shared_info_mfn << 12);
  EXPECT_EQ(start.flags, 0u);
  EXPECT_EQ(machine.memory.frame(start.store_mfn).host, domU.domain->store_page);
  EXPECT_EQ(start.store_evtchn, 1u);
  EXPECT_EQ(start.console_evtchn, 2u);
  EXPECT_EQ(reinterpret_cast<uint64_t*>(start.mfn_list), domU.domain->p2m);
  EXPECT_STREQ(start.cmd_line, "console=hvc0");
  EXPECT_EQ(domU.vcpu().cr3_mfn, domU.domain->p2m[(start.pt_base - domU.base) / 4096]);
  EXPECT_EQ(domU.vcpu(1).state, VcpuState::kDown);
  TestDomain& dom0 = machine.Add(0);
  EXPECT_EQ(reinterpret_cast<StartInfo*>(dom0.built.start_info_va)->flags, abi::kSifPrivileged | abi::kSifInitdomain);
}

TEST(DomainBuilder, TablesAreTypedAndTheVmallocAreaHasThem) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(machine.memory.frame(domain.vcpu().cr3_mfn).type, sim::FrameType::kL4Table);
  EXPECT_FALSE(machine.xen.Walk(domain.vcpu(), domain.vmalloc).has_value());
  const auto leaf = machine.xen.mmu().LeafEntry(domain.vcpu(), domain.vmalloc + 0x201000);
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(machine.memory.frame(*leaf >> 12).type, sim::FrameType::kL1Table);
}

TEST(DomainBuilder, DestroyReturnsEveryFrame) {
  TestMachine machine;
  machine.Add(0);
  const uint64_t before = machine.xen.frames().free_frames();
  TestDomain& domain = machine.Add(1);
  const sim::Mfn frame = domain.Mfn(100);
  const uint32_t generation = machine.memory.frame(frame).generation;
  EXPECT_LT(machine.xen.frames().free_frames(), before);
  EXPECT_EQ(machine.xen.DestroyDomain(1), 0);
  EXPECT_EQ(machine.xen.frames().free_frames(), before);
  EXPECT_EQ(machine.xen.domain(1), nullptr);
  EXPECT_EQ(machine.memory.frame(frame).owner, sim::kDomNone);
  EXPECT_GT(machine.memory.frame(frame).generation, generation);
  EXPECT_EQ(machine.xen.DestroyDomain(1), -abi::kESRCH);
}

TEST(DomainBuilder, SendOnTheStorePortReachesTheModel) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(machine.Event(domain, 4, abi::EvtchnPort{1}), 0);
  EXPECT_EQ(domain.stores, "s");
  machine.xen.NotifyFromHost(1, 1);
  EXPECT_TRUE(machine.xen.event_channels().IsPending(*domain.domain, 1));
}

TEST(SystemTime, StartsAtTheConfiguredUptime) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(machine.xen.SystemTimeNs(), 60'000'000'000u);
  machine.RunFor(5 * sim::kUs);
  machine.xen.UpdateTime(domain.vcpu());
  EXPECT_EQ(domain.info().time.system_time, 60'000'005'000u);
  EXPECT_EQ(domain.info().time.version % 2, 0u);
  EXPECT_EQ(domain.shared().wc_sec, 1'600'000'000u);
}

}  // namespace
}  // namespace pvpci::xen
