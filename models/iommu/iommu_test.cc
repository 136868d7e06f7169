// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/iommu.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "models/iommu/registers.h"
#include "models/iommu/test_bench.h"
#include "sim/random.h"

namespace pvpci::iommu {
namespace {

using sim::kNs;
using testing::ElementsAre;
using testing::Pair;

constexpr uint16_t kDomU = 2;
constexpr uint64_t kBusPage = 0x345;
constexpr sim::Mfn kHostPage = 0x678;
constexpr uint64_t kBusAddress = kBusPage << 12 | 0x9A0;

TEST(Iommu, OffPassesEverythingAtNoCost) {
  TestBench bench;
  ASSERT_TRUE(bench.Allowed(kNic, 0x1234, true));
  EXPECT_EQ(bench.translation.host_address, 0x1234u);
  EXPECT_EQ(bench.translation.latency, 0u);
}

TEST(Iommu, SwitchesWhatItsConfigOffersOnly) {
  IommuConfig config;
  config.remap_dma = false;
  TestBench bench(config);
  bench.writer.Enable();
  EXPECT_FALSE(bench.iommu.translation_enabled());
  EXPECT_FALSE(bench.iommu.interrupt_remapping_enabled());
  EXPECT_FALSE(Ecap::InterruptRemapping::Get(bench.iommu.ReadRegister(OffsetOf("ECAP"), 8)));
}

TEST(Iommu, TranslatesWhatIsMappedAndRefusesTheRest) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, kBusPage, kHostPage, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_EQ(bench.translation.host_address, kHostPage << 12 | 0x9A0);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress + 0x1000, true));
  EXPECT_EQ(bench.reason, FaultReason::kNoWritePermission);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress + 0x1000, false));
  EXPECT_EQ(bench.reason, FaultReason::kNoReadPermission);
  EXPECT_FALSE(bench.Allowed(kDisk, kBusAddress, true));
  EXPECT_EQ(bench.reason, FaultReason::kRootNotPresent);
  EXPECT_FALSE(bench.Allowed(pci::Bdf(0, 2, 0, 1), kBusAddress, true));
  EXPECT_EQ(bench.reason, FaultReason::kContextNotPresent);
}

TEST(Iommu, ARawEditFaultsThePageAfterInvalidationAndNotBefore) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, kBusPage, kHostPage, true, true);
  bench.writer.MapPage(kDomU, kBusPage + 1, kHostPage + 1, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, kBusAddress, true));

  bench.memory.memory.Store<uint64_t>(*bench.writer.EntryAddress(kDomU, kBusPage), 0);
  EXPECT_TRUE(bench.Allowed(kNic, kBusAddress, true)) << "the IOTLB still knows it";
  bench.writer.FlushIotlbPages(kDomU, kBusPage + 1, 0);
  EXPECT_TRUE(bench.Allowed(kNic, kBusAddress, true)) << "another page was invalidated";
  bench.writer.FlushIotlbPages(kDomU, kBusPage, 0);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_EQ(bench.reason, FaultReason::kNoWritePermission);
  EXPECT_TRUE(bench.Allowed(kNic, kBusAddress + 0x1000, true));
}

TEST(Iommu, ARawEditOfAContextFaultsAfterInvalidationAndNotBefore) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, kBusPage, kHostPage, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, kBusAddress, true));
  bench.memory.memory.Store<uint64_t>(*bench.writer.ContextAddress(kNic), 0);
  bench.writer.FlushIotlbGlobal();
  EXPECT_TRUE(bench.Allowed(kNic, kBusAddress, true)) << "the context cache still knows it";
  bench.writer.FlushContextDevice(kDomU, kNic);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_EQ(bench.reason, FaultReason::kContextNotPresent);
}

TEST(Iommu, HoldsReadsBackThatFindItsQueueFull) {
  IommuConfig config;
  config.read_queue = 2;
  TestBench bench(config);
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  for (uint64_t i = 0; i < 4; ++i) bench.writer.MapPage(kDomU, i, kHostPage, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, 3 << 12, true));
  bench.simulation.At(1000 * kNs, [&] {
    ASSERT_TRUE(bench.Allowed(kNic, 0, false));
    EXPECT_EQ(bench.translation.latency, 290 * kNs);
    ASSERT_TRUE(bench.Allowed(kNic, 3 << 12, false));
    EXPECT_EQ(bench.translation.latency, 290 * kNs) << "it hits, and leaves in order";
    ASSERT_TRUE(bench.Allowed(kNic, 1 << 12, false));
    EXPECT_EQ(bench.translation.latency, 580 * kNs) << "enters when the first has left";
    ASSERT_TRUE(bench.Allowed(kNic, 2 << 12, true));
    EXPECT_EQ(bench.translation.latency, 580 * kNs) << "and holds up even a write behind it";
  });
  bench.simulation.Run();
}

TEST(Iommu, ChargesHitsMissesAndWaitsForWalkers) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  for (uint64_t i = 0; i < 8; ++i) bench.writer.MapPage(kDomU, i, kHostPage, true, true);
  for (uint64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(bench.Allowed(kNic, i << 12, false));
    EXPECT_EQ(bench.translation.latency, 290 * kNs);
  }
  ASSERT_TRUE(bench.Allowed(kNic, 6 << 12, false));
  EXPECT_EQ(bench.translation.latency, 590 * kNs) << "six walkers are busy, and take 10 ns to recover";
  ASSERT_TRUE(bench.Allowed(kNic, 0, true));
  EXPECT_EQ(bench.translation.latency, 300 * kNs + 2700) << "a write enters behind the read that waited, and hits";
  ASSERT_TRUE(bench.Allowed(kNic, 0, false));
  EXPECT_EQ(bench.translation.latency, 590 * kNs) << "a read that hits leaves in order";
  bench.simulation.At(1000 * kNs, [&] {
    ASSERT_TRUE(bench.Allowed(kNic, 0, false));
    EXPECT_EQ(bench.translation.latency, 2700u);
    ASSERT_TRUE(bench.Allowed(kNic, 7 << 12, false));
    EXPECT_EQ(bench.translation.latency, 290 * kNs);
  });
  bench.simulation.Run();
  EXPECT_EQ(bench.iommu.counters().misses, 8u);
  EXPECT_EQ(bench.iommu.counters().hits, 3u);
}

TEST(Iommu, MeanLatencyOverRandomPagesIsThePublishedFit) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  constexpr unsigned kPages = 256;
  for (uint64_t i = 0; i < kPages; ++i) bench.writer.MapPage(kDomU, i, i, true, true);
  sim::Random random(1, "pages");
  constexpr unsigned kAccesses = 50'000;
  uint64_t total = 0;
  for (unsigned i = 0; i < kAccesses; ++i) {
    bench.simulation.At(uint64_t{i} * sim::kUs, [&] {
      ASSERT_TRUE(bench.Allowed(kNic, random.Below(kPages) << 12, false));
      total += bench.translation.latency;
    });
  }
  bench.simulation.Run();
  const double covered = 118.0 / kPages;
  EXPECT_NEAR(static_cast<double>(total) / kAccesses, covered * 2700 + (1 - covered) * 290'000, 2'000);
}

TEST(Faults, AreRecordedWithSourceAddressAndReason) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_TRUE(bench.recorded);
  EXPECT_FALSE(bench.Allowed(kDisk, 0x5000, false));
  bool overflow = true;
  const std::vector<FaultRecorded> faults = bench.writer.ReadFaults(&overflow);
  EXPECT_FALSE(overflow);
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].requester, kNic.id);
  EXPECT_EQ(faults[0].address, kBusPage << 12);
  EXPECT_EQ(faults[0].reason, 5);
  EXPECT_EQ(faults[0].write, 1);
  EXPECT_EQ(faults[1].requester, kDisk.id);
  EXPECT_EQ(faults[1].reason, 1);
  EXPECT_EQ(faults[1].write, 0);
  EXPECT_TRUE(bench.writer.ReadFaults(&overflow).empty());
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("FSTS"), 4) & Fsts::Pending::kMask, 0u);
}

TEST(Faults, OverflowIsCountedAndEndsWhenCleared) {
  IommuConfig config;
  config.fault_registers = 2;
  TestBench bench(config);
  bench.writer.Enable();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_FALSE(bench.recorded);
  EXPECT_EQ(bench.iommu.counters().faults, 5u);
  EXPECT_EQ(bench.iommu.counters().faults_lost, 3u);
  bool overflow = false;
  EXPECT_EQ(bench.writer.ReadFaults(&overflow).size(), 2u);
  EXPECT_TRUE(overflow);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_TRUE(bench.recorded);
}

TEST(Faults, WithProcessingDisabledAreRefusedButNotRecorded) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  const uint64_t context = *bench.writer.ContextAddress(kNic);
  bench.memory.memory.Store(context, bench.memory.memory.Load<uint64_t>(context) |
                                         ContextEntry::FaultProcessingDisable::kMask);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  EXPECT_FALSE(bench.recorded);
  EXPECT_EQ(bench.iommu.counters().faults_lost, 0u);
}

TEST(Faults, RaiseOneEventUntilServiced) {
  TestBench bench;
  std::vector<std::pair<uint64_t, uint32_t>> sent;
  bench.iommu.OnEvent([&](uint64_t address, uint32_t data) { sent.emplace_back(address, data); });
  bench.writer.Enable();
  bench.Allowed(kNic, kBusAddress, true);
  EXPECT_TRUE(sent.empty()) << "masked after reset";
  EXPECT_TRUE(EventControl::Pending::Get(bench.iommu.ReadRegister(OffsetOf("FECTL"), 4)));
  bench.writer.SetFaultEvent(0xFEE0'1000, 0x42);
  EXPECT_THAT(sent, ElementsAre(Pair(0xFEE0'1000u, 0x42u)));
  bench.Allowed(kNic, kBusAddress, true);
  EXPECT_EQ(sent.size(), 1u) << "the condition already stands";
  bool overflow;
  bench.writer.ReadFaults(&overflow);
  bench.Allowed(kNic, kBusAddress, true);
  EXPECT_EQ(sent.size(), 2u);
}

TEST(Faults, ReachTraceAndObserver) {
  TestBench bench;
  std::vector<FaultRecorded> seen;
  bench.iommu.OnFault([&](const FaultRecorded& fault) { seen.push_back(fault); });
  bench.writer.Enable();
  bench.Allowed(kNic, kBusAddress, true);
  ASSERT_EQ(seen.size(), 1u);
  std::vector<std::string> lines;
  bench.trace.ForEach([&](const sim::RecordView& record) { lines.push_back(bench.trace.Format(record)); });
  EXPECT_THAT(lines, ElementsAre("0 xen fault 0000:02:00.0 write 0x345000 reason 0x01 "
                                 "Present bit in root entry is clear"));
}

TEST(Registers, TakeOnlyAlignedWordsAndDoubleWords) {
  TestBench bench;
  const uint64_t cap = bench.iommu.ReadRegister(OffsetOf("CAP"), 8);
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("CAP") + 4, 4), cap >> 32);
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("CAP"), 2), 0u);
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("CAP") + 4, 8), 0u);
  EXPECT_EQ(Cap::MaximumWidth::Get(cap), 47u);
  EXPECT_EQ(Cap::FaultRegisters::Get(cap), 7u);
}

TEST(Registers, InvalidateByCommandToo) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  bench.writer.MapPage(kDomU, kBusPage, kHostPage, true, true);
  ASSERT_TRUE(bench.Allowed(kNic, kBusAddress, true));
  bench.memory.memory.Store<uint64_t>(*bench.writer.EntryAddress(kDomU, kBusPage), 0);
  bench.iommu.WriteRegister(OffsetOf("IOTLB"), IotlbCommand::Invalidate::kMask | IotlbCommand::Granularity::Of(2) |
                                                   IotlbCommand::Domain::Of(kDomU), 8);
  EXPECT_FALSE(bench.Allowed(kNic, kBusAddress, true));
  const uint64_t command = bench.iommu.ReadRegister(OffsetOf("IOTLB"), 8);
  EXPECT_FALSE(IotlbCommand::Invalidate::Get(command)) << "done";
  EXPECT_EQ(IotlbCommand::ActualGranularity::Get(command), 2u);
}

// No assertion on time: prints what this machine does.
TEST(Speed, OfAHit) {
  TestBench bench;
  bench.writer.Enable();
  bench.writer.SetContext(kNic, kDomU);
  for (uint64_t i = 0; i < 64; ++i) bench.writer.MapPage(kDomU, i, i, true, true);
  uint64_t sum = 0;
  bench.simulation.At(sim::kMs, [&] {
    constexpr unsigned kAccesses = 5'000'000;
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < kAccesses; ++i) {
      const auto result = bench.iommu.Translate(kNic, (i & 63) << 12, true);
      sum += std::get<pci::Translation>(result).host_address;
    }
    const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
    std::printf("IOTLB hit: %.1f ns (sum %llx)\n", wall.count() / kAccesses, static_cast<unsigned long long>(sum));
  });
  bench.simulation.Run();
}

}  // namespace
}  // namespace pvpci::iommu
