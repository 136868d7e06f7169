// SPDX-License-Identifier: Apache-2.0
#include "models/pci/last_level_cache.h"

#include <gtest/gtest.h>

#include "models/pci/test_rig.h"

namespace pvpci::pci {
namespace {

TEST(LastLevelCache, HoldsWhatCameLast) {
  LastLevelCache cache(4 * 64);
  cache.Touch(0, 4 * 64);
  EXPECT_TRUE(cache.Holds(0));
  EXPECT_TRUE(cache.Holds(255));
  EXPECT_FALSE(cache.Holds(256));
  cache.Touch(1024, 1);
  EXPECT_FALSE(cache.Holds(0)) << "the oldest left";
  EXPECT_TRUE(cache.Holds(64));
  cache.Touch(64, 64);
  cache.Touch(2048, 1);
  EXPECT_FALSE(cache.Holds(64)) << "touching what it holds keeps it no longer";
}

TEST(LastLevelCache, OfAWindowThatIsTooLargeHoldsTheEnd) {
  LastLevelCache cache(1 << 20);
  cache.Touch(0, 4 << 20);
  EXPECT_FALSE(cache.Holds((3 << 20) - 64));
  EXPECT_TRUE(cache.Holds(3 << 20));
  EXPECT_TRUE(cache.Holds((4 << 20) - 1));
  cache.Empty();
  EXPECT_FALSE(cache.Holds(3 << 20));
}

TEST(LastLevelCache, AbsentHoldsNothing) {
  LastLevelCache cache(0);
  cache.Touch(0, 4096);
  EXPECT_FALSE(cache.Holds(0));
}

FabricSpec WithMemory(uint64_t llc_bytes, sim::DramSpec dram) {
  FabricSpec spec = testing::OnePort(std::make_unique<testing::Probe>(testing::ProbeSpec()));
  spec.parameters.llc_bytes = llc_bytes;
  spec.parameters.dram = dram;
  return spec;
}

// How long a read of the line takes that begins at `at`.
sim::Ps ReadTime(testing::Rig* rig, uint64_t address, sim::Ps at) {
  auto* probe = static_cast<testing::Probe*>(rig->fabric->Find("nic"));
  std::byte buffer[64];
  sim::Ps end = 0;
  rig->simulation.At(at, [&] {
    probe->ReadMemory(address, sizeof buffer, buffer, 0, [&](Completion) { end = rig->simulation.now(); });
  });
  rig->simulation.Run(at + sim::kMs);
  return end - at;
}

TEST(HostMemory, IsFasterWhereTheCacheHoldsTheLine) {
  testing::Rig rig(WithMemory(1 << 20, {}));
  rig.EnableMaster("nic");
  const sim::Ps cold = ReadTime(&rig, 0x2000, 10 * sim::kMs);
  rig.fabric->last_level_cache().Touch(0x2000, 64);
  const sim::Ps warm = ReadTime(&rig, 0x2000, 20 * sim::kMs);
  EXPECT_EQ(cold - warm, rig.fabric->parameters().llc_saves);
  EXPECT_EQ(ReadTime(&rig, 0x3000, 30 * sim::kMs), cold) << "a device's read brings nothing in";
  EXPECT_EQ(ReadTime(&rig, 0x3000, 40 * sim::kMs), cold);
  auto* probe = static_cast<testing::Probe*>(rig.fabric->Find("nic"));
  const std::byte byte{1};
  rig.simulation.At(45 * sim::kMs, [&] { probe->WriteMemory(0x3000, 1, &byte, 0); });
  EXPECT_EQ(ReadTime(&rig, 0x3000, 50 * sim::kMs), warm) << "a device's write does";
}

// PCIe 2.4.1: a read pushes the writes before it; they are done when the line is the cache's.
TEST(HostMemory, KeepsAReadBehindAWriteToALineThatIsNotThere) {
  FabricSpec spec = WithMemory(1 << 20, {});
  spec.parameters.llc_write_miss = 70 * sim::kNs;
  testing::Rig rig(std::move(spec));
  rig.EnableMaster("nic");
  auto* probe = static_cast<testing::Probe*>(rig.fabric->Find("nic"));
  const auto time_behind_write = [&](uint64_t address, sim::Ps at, sim::Ps* written) {
    rig.simulation.At(at, [=, &rig] {
      static const std::byte line[64] = {};
      probe->WriteMemory(address, sizeof line, line, 0, [=, &rig](Completion) { *written = rig.simulation.now() - at; });
    });
    return ReadTime(&rig, address, at);
  };
  rig.fabric->last_level_cache().Touch(0x3000, 64);
  sim::Ps there_written = 0, absent_written = 0;
  const sim::Ps there = time_behind_write(0x3000, 10 * sim::kMs, &there_written);
  const sim::Ps absent = time_behind_write(0x2000, 20 * sim::kMs, &absent_written);
  EXPECT_EQ(absent_written, there_written) << "the root complex has taken it";
  // By so much the read comes to the root complex later than the write.
  LinkDirection link({3, 8}, 256);
  const sim::Ps write = link.Send(0, MemoryWriteBytes(0x3000, 64, false)).last;
  const sim::Ps read = link.Send(0, MemoryReadBytes(0x3000, false)).last;
  EXPECT_NEAR(absent - there, 70 * sim::kNs - (read - write), 1) << "wire times are rounded up";
}

TEST(HostMemory, LetsReadsWaitForARefresh) {
  testing::Rig rig(WithMemory(0, {7800 * sim::kNs, 350 * sim::kNs, 1}));
  rig.EnableMaster("nic");
  sim::Ps least = sim::kNever, most = 0;
  unsigned delayed = 0;
  constexpr unsigned kReads = 780;
  for (unsigned i = 0; i < kReads; ++i) {
    const sim::Ps time = ReadTime(&rig, 0x2000, 10 * sim::kMs * (i + 1) + i * 10 * sim::kNs);
    least = std::min(least, time);
    most = std::max(most, time);
    delayed += time > least;
  }
  EXPECT_NEAR(static_cast<double>(most - least), 350e3, 10e3) << "up to tRFC";
  EXPECT_NEAR(delayed, kReads * 350.0 / 7800, 3) << "as often as the rank is busy";
}

}  // namespace
}  // namespace pvpci::pci
