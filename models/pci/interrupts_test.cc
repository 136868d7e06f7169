// SPDX-License-Identifier: Apache-2.0
// INTx, MSI and MSI-X from the function to the interrupt sink.
#include "models/pci/fabric.h"
#include "models/pci/registers.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kApic = 0xFEE01000;
constexpr uint64_t kTable = 0x1000, kPending = 0x2000;

std::unique_ptr<Probe> MakeProbe() { return std::make_unique<Probe>(ProbeSpec()); }
Probe& ProbeOf(Rig& rig, const std::string& name = "nic") { return static_cast<Probe&>(*rig.fabric->Find(name)); }

TEST(Intx, SwizzlesThroughEveryBridge) {
  Rig rig(WithSwitch());
  // "b": device 0 behind dp1 (device 1 of the switch), behind sw (device 0), behind rp0 (device 1 of bus 0).
  EXPECT_EQ(rig.fabric->GsiOf(rig.bdf("b"), 1), 20u + (0 + 1 + 0 + 1) % 4);
  EXPECT_EQ(rig.fabric->GsiOf(rig.bdf("a"), 1), 20u + (0 + 0 + 0 + 1) % 4);
  EXPECT_EQ(rig.fabric->GsiOf(rig.bdf("a"), 4), 20u + (3 + 0 + 0 + 1) % 4);
  EXPECT_EQ(rig.fabric->GsiOf(rig.bdf("c"), 2), 20u + (1 + 2) % 4);
  EXPECT_EQ(rig.Config("b", reg::kInterruptLine, 1), rig.fabric->GsiOf(rig.bdf("b"), 1));
}

TEST(Intx, RisesAfterTheTransitAndFallsAgain) {
  Rig rig(OnePort(MakeProbe()));
  const uint32_t id = ProbeOf(rig).SetIntx(true);
  EXPECT_EQ(id, 1u);
  EXPECT_THAT(rig.host.gsis, IsEmpty());
  rig.simulation.Run();
  ASSERT_THAT(rig.host.gsis, SizeIs(1));
  EXPECT_EQ(rig.host.gsis[0].gsi, 21u);
  EXPECT_EQ(rig.host.gsis[0].interrupt, id);
  EXPECT_GE(rig.host.gsis[0].time, 215 * sim::kNs);
  EXPECT_EQ(rig.host.assertions[0].time, 0u);
  EXPECT_EQ(rig.host.assertions[0].vector, 1u);
  EXPECT_NE(rig.Config("nic", reg::kStatus, 2) & reg::kStatusInterrupt, 0u);
  EXPECT_EQ(ProbeOf(rig).SetIntx(false), 0u);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up", "gsi down"));
}

TEST(Intx, IsWiredOr) {
  FabricSpec spec = OnePort(MakeProbe());
  spec.root_ports[0].functions.push_back(Slot("nic1", MakeProbe(), 0, 1));
  Rig rig(std::move(spec));
  ProbeOf(rig).SetIntx(true);
  ProbeOf(rig, "nic1").SetIntx(true);
  rig.simulation.Run();
  ProbeOf(rig).SetIntx(false);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up"));
  ProbeOf(rig, "nic1").SetIntx(false);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up", "gsi down"));
  EXPECT_EQ(rig.host.assertions.size(), 2u);
}

TEST(Intx, DisableBitTakesTheWireDownAndStatusStays) {
  Rig rig(OnePort(MakeProbe()));
  rig.SetConfig("nic", 4, 2, reg::kCommandIntxDisable);
  EXPECT_EQ(ProbeOf(rig).SetIntx(true), 0u);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, IsEmpty());
  EXPECT_NE(rig.Config("nic", reg::kStatus, 2) & reg::kStatusInterrupt, 0u);
  rig.SetConfig("nic", 4, 2, 0);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up"));
}

TEST(Intx, StaysDownWhileMsiIsEnabledAndNeedsNoBusMastering) {
  Rig rig(OnePort(MakeProbe()));
  ASSERT_FALSE(ProbeOf(rig).bus_master());
  ProbeOf(rig).SetIntx(true);
  rig.simulation.Run();
  rig.EnableMsi("nic", kApic, 0x40);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up", "gsi down"));
}

TEST(Intx, FallsAtReset) {
  Rig rig(OnePort(MakeProbe()));
  ProbeOf(rig).SetIntx(true);
  ProbeOf(rig).ResetFunction(ResetKind::kFunctionLevel);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.order, ElementsAre("gsi up", "gsi down"));
}

TEST(Msi, SendsOneDwordAfterTheTransit) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x4050);
  const uint32_t id = ProbeOf(rig).RaiseMsi(0);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  const MessageSeen& seen = rig.host.messages[0];
  EXPECT_EQ(seen.address, kApic);
  EXPECT_EQ(seen.data, 0x4050u);
  EXPECT_EQ(seen.interrupt, id);
  EXPECT_FALSE(seen.forged);
  EXPECT_EQ(seen.requester, rig.bdf("nic"));
  // 24 bytes on a gen3 x8 link and the one-way transit.
  EXPECT_EQ(seen.time, 215 * sim::kNs + LinkDirection({3, 8}, 256).WireTime(24));
  ASSERT_THAT(rig.host.accesses, SizeIs(1));
  EXPECT_EQ(rig.host.accesses[0].target, Target::kInterruptWindow);
  EXPECT_EQ(rig.host.accesses[0].origin, TlpOrigin::kMessage);
}

TEST(Msi, EncodesTheMessageNumberInTheLowBitsGranted) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x57, 2);
  EXPECT_NE(ProbeOf(rig).RaiseMsi(2), 0u);
  EXPECT_EQ(ProbeOf(rig).RaiseMsi(4), 0u) << "only four were granted";
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].data, 0x56u);
}

TEST(Msi, IsNotSentWhileDisabled) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  EXPECT_EQ(ProbeOf(rig).RaiseMsi(0), 0u);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  EXPECT_THAT(rig.host.assertions, IsEmpty());
}

TEST(Msi, IsGatedByBusMastering) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMsi("nic", kApic, 0x40);
  EXPECT_EQ(ProbeOf(rig).RaiseMsi(0), 0u);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  EXPECT_EQ(ProbeOf(rig).counters().messages_discarded, 1u);
}

TEST(Msi, MaskedMessagesPendAndGoOnUnmask) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x40, 3);
  const unsigned at = rig.fabric->Find("nic")->spec().capabilities().msi;
  rig.SetConfig("nic", at + 16, 4, 0x6);
  EXPECT_FALSE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsi, 1));
  const uint32_t id = ProbeOf(rig).RaiseMsi(1);
  EXPECT_TRUE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsi, 1));
  EXPECT_FALSE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsi, 2));
  EXPECT_EQ(ProbeOf(rig).RaiseMsi(1), id) << "the same assertion";
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  EXPECT_EQ(rig.Config("nic", at + 20), 0x2u);
  rig.SetConfig("nic", at + 16, 4, 0);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].data, 0x41u);
  EXPECT_EQ(rig.host.messages[0].interrupt, id);
  EXPECT_EQ(rig.Config("nic", at + 20), 0u);
}

TEST(Msix, MaskedEntriesPendAndGoOnUnmask) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsix("nic");
  rig.SetVector("nic", kTable, 2, kApic, 0x61, true);
  const uint32_t id = ProbeOf(rig).RaiseMsix(2);
  EXPECT_EQ(ProbeOf(rig).RaiseMsix(2), id);
  EXPECT_TRUE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsix, 2));
  EXPECT_FALSE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsi, 2));
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  EXPECT_EQ(rig.Load("nic", kPending, 8), 0x4u);
  rig.Store("nic", kTable + 2 * 16 + 12, 0);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_EQ(rig.host.messages[0].data, 0x61u);
  EXPECT_EQ(rig.host.messages[0].interrupt, id);
  EXPECT_EQ(rig.Load("nic", kPending, 8), 0u);
  EXPECT_FALSE(ProbeOf(rig).interrupt_pending(InterruptKind::kMsix, 2));
  EXPECT_THAT(rig.host.assertions, SizeIs(1));
}

TEST(Msix, FunctionMaskHoldsAllEntries) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsix("nic", /*function_mask=*/true);
  rig.SetVector("nic", kTable, 0, kApic, 0x60, false);
  rig.SetVector("nic", kTable, 1, kApic, 0x61, false);
  ProbeOf(rig).RaiseMsix(0);
  ProbeOf(rig).RaiseMsix(1);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, IsEmpty());
  rig.EnableMsix("nic");
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, SizeIs(2));
}

TEST(Msix, TableReadsBackAndPendingBitsAreReadOnly) {
  Rig rig(OnePort(MakeProbe()));
  rig.SetVector("nic", kTable, 3, kApic | 3, 0xabcd, true);
  EXPECT_EQ(rig.Load("nic", kTable + 48, 8), kApic) << "address bits 1:0 are zero";
  EXPECT_EQ(rig.Load("nic", kTable + 56, 8), 0x1'0000abcdu);
  rig.Store("nic", kPending, 0xffffffff);
  EXPECT_EQ(rig.Load("nic", kPending, 4), 0u);
  EXPECT_EQ(rig.fabric->Find("nic")->msix_table_address(), rig.Bar("nic") + kTable);
}

TEST(Msix, AVectorAimedAtMemoryIsAnOrdinaryWrite) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsix("nic");
  rig.SetVector("nic", kTable, 0, 0x3000, 0xfeedface, false);
  ProbeOf(rig).RaiseMsix(0);
  rig.simulation.Run();
  EXPECT_EQ(rig.memory.Load<uint32_t>(0x3000), 0xfeedfaceu);
  EXPECT_THAT(rig.host.messages, IsEmpty());
}

TEST(Interrupts, ARegisterWriteActsWhenItArrives) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x40);
  Probe& probe = ProbeOf(rig);
  probe.on_write = [&](uint64_t, uint64_t, ProvenanceId) { probe.RaiseMsi(0); };
  rig.Store("nic", 0, 1);
  EXPECT_THAT(rig.host.assertions, IsEmpty());
  rig.simulation.Run();
  ASSERT_THAT(rig.host.assertions, SizeIs(1));
  EXPECT_GE(rig.host.assertions[0].time, 215 * sim::kNs);
  EXPECT_GE(rig.host.messages[0].time, 430 * sim::kNs);
}

TEST(Interrupts, AreNumberedFromOneAcrossTheFabric) {
  Rig rig(WithSwitch());
  EXPECT_EQ(ProbeOf(rig, "a").SetIntx(true), 1u);
  EXPECT_EQ(ProbeOf(rig, "c").SetIntx(true), 2u);
  EXPECT_EQ(ProbeOf(rig, "b").SetIntx(true), 3u);
}

TEST(Interrupts, RemapperMayRefuseOrDelayThem) {
  Rig rig(OnePort(MakeProbe()));
  ShiftRemapper remapper;
  rig.UseRemapper(&remapper);
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x40);
  remapper.latency = 80 * sim::kNs;
  ProbeOf(rig).RaiseMsi(0);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_GE(rig.host.messages[0].time, 295 * sim::kNs);
  remapper.refuse_interrupts = true;
  ProbeOf(rig).RaiseMsi(0);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_TRUE(rig.host.accesses.back().fault);
}

}  // namespace
}  // namespace pvpci::pci::testing
