// SPDX-License-Identifier: Apache-2.0
// Bus 0 as a conventional bus, against clocks counted by hand from PCI Local Bus 3.0.
#include "models/pci/conventional_bus.h"

#include <gtest/gtest.h>

#include "models/pci/test_rig.h"

namespace pvpci::pci {
namespace {

constexpr unsigned kLatencyTimer = 0x0d;
constexpr sim::Ps kClock = 30 * sim::kNs, kHostBridge = 120 * sim::kNs;
constexpr unsigned kGrant = 2, kHead = 2, kIdle = 1;

FunctionSpec Conventional() {
  return FunctionSpec(0x1234, 0x0001, 0xff0000).InterruptPin(1).Bar(0, BarKind::kMemory32, 0x4000).Msi(1, true, true);
}

FabricSpec TwoMasters(unsigned mhz) {
  FabricSpec spec;
  spec.parameters.host_bus_mhz = mhz;
  spec.parameters.host_bridge = kHostBridge;
  spec.integrated.push_back(testing::Slot("a", std::make_unique<testing::Probe>(Conventional()), 4));
  spec.integrated.push_back(testing::Slot("b", std::make_unique<testing::Probe>(Conventional()), 5));
  return spec;
}

class ConventionalRig : public testing::Rig {
 public:
  explicit ConventionalRig(unsigned mhz = 33) : Rig(TwoMasters(mhz)) {
    EnableMaster("a");
    EnableMaster("b");
  }
  testing::Probe& probe(const std::string& name) { return static_cast<testing::Probe&>(*fabric->Find(name)); }
  void Write(const std::string& name, uint32_t bytes, sim::Ps at, sim::Ps* took) {
    simulation.At(at, [=] {
      static const std::byte data[4096] = {};
      probe(name).WriteMemory(0x4000, bytes, data, 0, [=](Completion) { *took = simulation.now() - at; });
    });
  }
  void Read(const std::string& name, uint32_t bytes, sim::Ps at, sim::Ps* took) {
    simulation.At(at, [=] {
      static std::byte data[4096];
      probe(name).ReadMemory(0x4000, bytes, data, 0, [=](Completion) { *took = simulation.now() - at; });
    });
  }
};

constexpr sim::Ps kBegin = 1 * sim::kMs;

TEST(ConventionalBus, CountsItsClocks) {
  ConventionalRig rig;
  sim::Ps write = 0, read = 0;
  rig.Write("a", 64, kBegin, &write);
  rig.Read("a", 64, 2 * kBegin, &read);
  rig.simulation.Run(3 * kBegin);
  EXPECT_EQ(write, (kGrant + kHead + 16) * kClock + kHostBridge);
  // The bridge has the data four clocks after the address.
  EXPECT_EQ(read, (kGrant + kHead + 4 + 16) * kClock);
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(ConventionalBus, OfTwiceTheClockTakesHalfTheTime) {
  ConventionalRig rig(66);
  sim::Ps write = 0;
  rig.Write("a", 64, kBegin, &write);
  rig.simulation.Run(2 * kBegin);
  EXPECT_EQ(write, (kGrant + kHead + 16) * kClock / 2 + kHostBridge);
}

TEST(ConventionalBus, IsSharedInTurnsAsLongAsTheLatencyTimers) {
  ConventionalRig rig;
  rig.SetConfig("a", kLatencyTimer, 1, 64);
  rig.SetConfig("b", kLatencyTimer, 1, 64);
  EXPECT_EQ(rig.Config("a", kLatencyTimer, 1), 64u);
  sim::Ps a = 0, b = 0;
  rig.Write("a", 1024, kBegin, &a);
  rig.Write("b", 1024, kBegin, &b);
  rig.simulation.Run(2 * kBegin);
  // a alone: 64 dwords. Then in turns: a timer of 64 clocks leaves 62 dwords after the address. Four of those and 8 dwords are
  // left of b's, three and 6 of a's.
  const unsigned turn = kHead + 62 + kIdle;
  const unsigned before = kGrant + kHead + 64 + kIdle + 7 * turn;
  EXPECT_EQ(a, (before + kHead + 6) * kClock + kHostBridge);
  EXPECT_EQ(b, (before + kHead + 6 + kIdle + kHead + 8) * kClock + kHostBridge);
}

// A timer that nobody set: one dword a turn while others wait. PCI 3.0 3.5.4.
TEST(ConventionalBus, GoesRoundDwordByDwordWithoutTimers) {
  ConventionalRig rig;
  sim::Ps a = 0, b = 0;
  rig.Write("a", 260, kBegin, &a);  // 64 dwords alone, one more
  rig.Write("b", 8, kBegin, &b);
  rig.simulation.Run(2 * kBegin);
  const unsigned alone = kGrant + kHead + 64 + kIdle;
  const unsigned turn = kHead + 1 + kIdle;
  EXPECT_EQ(a, (alone + turn + kHead + 1) * kClock + kHostBridge) << "after b's first dword";
  EXPECT_EQ(b, (alone + 2 * turn + kHead + 1) * kClock + kHostBridge);
}

// 3.3.3.3: a target that would be late retries, the bus is free meanwhile, and the master comes again.
TEST(ConventionalBus, IsFreeForOthersWhileAReadIsDelayed) {
  ConventionalRig rig;
  testing::ShiftRemapper remapper;
  remapper.latency = 600 * sim::kNs;
  rig.UseRemapper(&remapper);
  sim::Ps alone = 0, read = 0, write = 0;
  rig.Read("a", 64, kBegin, &alone);
  // Address after 4 clocks, data 600 + 120 ns later: more than 16 clocks. Then grant, address, data.
  const sim::Ps ready = (kGrant + kHead) * kClock + remapper.latency + kHostBridge;
  rig.simulation.Run(2 * kBegin);
  EXPECT_EQ(alone, ready + (kGrant + kHead + 16) * kClock);
  rig.Read("a", 64, 3 * kBegin, &read);
  rig.Write("b", 4, 3 * kBegin, &write);
  rig.simulation.Run(4 * kBegin);
  EXPECT_EQ(read, alone) << "the other was through before";
  // b waits for the Retry: STOP#, idle.
  EXPECT_EQ(write, (kGrant + kHead + 1 + kIdle + kHead + 1) * kClock + kHostBridge + remapper.latency);
}

TEST(ConventionalBus, KeepsReadsBehindTheWritesOfTheirMaster) {
  ConventionalRig rig;
  sim::Ps write = 0, read = 0;
  rig.Write("a", 64, kBegin, &write);
  rig.Read("a", 4, kBegin, &read);
  rig.simulation.Run(2 * kBegin);
  EXPECT_GT(read, write);
}

TEST(ConventionalBus, TakesNoExpressFunction) {
  FabricSpec spec;
  spec.parameters.host_bus_mhz = 33;
  spec.integrated.push_back(testing::Slot("nic", std::make_unique<testing::Probe>(testing::ProbeSpec()), 4));
  EXPECT_THROW(testing::Rig rig(std::move(spec)), std::invalid_argument);
}

TEST(ConventionalBus, AnswersProcessorsSoonerThanALink) {
  ConventionalRig rig;
  const AccessResult read = rig.fabric->MmioRead(rig.Bar("a"), 4);
  EXPECT_EQ(read.latency, kHostBridge + (kGrant + kHead + 1) * kClock);
  EXPECT_LT(read.latency, rig.fabric->parameters().mmio_read);
}

}  // namespace
}  // namespace pvpci::pci
