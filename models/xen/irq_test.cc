// SPDX-License-Identifier: Apache-2.0
#include "models/xen/pirq.h"
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kGsi = 21;
const pci::Bdf kNic(0, 2, 0, 0);
constexpr uint64_t kBar = 0xf0000000;

// dom0 and a domU that share one level GSI; the domU has bound it.
struct Level {
  explicit Level(HypervisorConfig config = {}) : machine(config), dom0(machine.Add(0)), domU(machine.Add(1)) {
    EXPECT_EQ(machine.Physdev(dom0, 21, abi::PhysdevSetupGsi{kGsi, 1, 1, 0}), 0);
    EXPECT_EQ(machine.xen.MapGsi(1, kGsi), static_cast<long>(kGsi));
    domU.info().upcall_mask = 0;
    port = machine.BindPirq(domU, kGsi, 1);
    EXPECT_NE(port, 0u);
  }
  void Line(bool up, uint32_t interrupt) { machine.xen.interrupts().SetGsi(kGsi, up, interrupt); }
  bool Pending() { return machine.xen.event_channels().IsPending(*domU.domain, port); }
  // The guest takes the event: clears PENDING and asks for the assertion it serves.
  uint32_t Take() {
    domU.shared().evtchn_pending[port / 64] = 0;
    domU.info().pending_sel = 0;
    domU.info().upcall_pending = 0;
    return machine.xen.TakeInterrupt(1, port);
  }
  long Eoi() { return machine.Physdev(domU, 12, abi::PhysdevEoi{kGsi}); }
  void Settle() { machine.RunFor(10 * sim::kUs); }
  TestMachine machine;
  TestDomain& dom0;
  TestDomain& domU;
  uint32_t port = 0;
};

void ExpectBalanced(const InterruptCounts& counts) {
  EXPECT_EQ(counts.arrived, counts.delivered + counts.coalesced + counts.lost);
  EXPECT_EQ(counts.waiting, 0u);
}

TEST(LevelIrq, IsDeliveredOnceAndEndedByTheGuest) {
  Level level;
  level.Line(true, 1);
  level.Settle();
  EXPECT_TRUE(level.Pending());
  EXPECT_TRUE(Hypervisor::UpcallDeliverable(level.domU.vcpu()));
  level.machine.xen.BeginUpcall(level.domU.vcpu());
  EXPECT_EQ(level.Take(), 1u);
  level.Line(false, 0);
  EXPECT_EQ(level.Eoi(), 0);
  level.Settle();
  EXPECT_FALSE(level.Pending());
  const ProbeLog& log = level.machine.probes;
  for (Probe probe : {Probe::kT1, Probe::kT2, Probe::kT3, Probe::kT4, Probe::kT8, Probe::kT9, Probe::kT10}) {
    EXPECT_EQ(log.Count(probe), 1) << static_cast<int>(probe);
  }
  for (size_t i = 1; i < log.probes.size(); ++i) {
    EXPECT_GE(log.probes[i].time, log.probes[i - 1].time);
    EXPECT_EQ(log.probes[i].interrupt, 1u);
    EXPECT_EQ(log.probes[i].port, level.port);
    EXPECT_EQ(log.probes[i].pirq, kGsi);
  }
  EXPECT_EQ(level.machine.xen.interrupt_counts().delivered, 1u);
  ExpectBalanced(level.machine.xen.interrupt_counts());
}

TEST(LevelIrq, LineStillUpAtEoiIsDeliveredAgain) {
  Level level;
  level.Line(true, 1);
  level.Settle();
  EXPECT_EQ(level.Take(), 1u);
  level.Eoi();
  level.Settle();
  EXPECT_TRUE(level.Pending());
  EXPECT_EQ(level.Take(), 1u);
  level.Line(false, 0);
  level.Eoi();
  level.Settle();
  EXPECT_FALSE(level.Pending());
  EXPECT_EQ(level.machine.xen.interrupt_counts().redelivered, 1u);
  EXPECT_EQ(level.machine.xen.interrupt_counts().delivered, 1u);
  ExpectBalanced(level.machine.xen.interrupt_counts());
}

TEST(LevelIrq, WithoutDirectedEoiThePinIsMaskedMeanwhile) {
  HypervisorConfig config;
  config.directed_eoi = false;
  Level level(config);
  level.Line(true, 1);
  level.Settle();
  EXPECT_TRUE(level.machine.xen.apics().redirection(kGsi).masked);
  level.Take();
  level.Line(false, 0);
  level.Eoi();
  EXPECT_FALSE(level.machine.xen.apics().redirection(kGsi).masked);
}

TEST(LevelIrq, NewAckDefersTheLocalEoi) {
  HypervisorConfig config;
  config.directed_eoi = false;
  config.io_apic_ack = IoApicAck::kNew;
  Level level(config);
  level.Line(true, 1);
  level.Settle();
  const unsigned vector = level.machine.xen.apics().redirection(kGsi).vector;
  const unsigned cpu = level.machine.xen.apics().redirection(kGsi).destination;
  EXPECT_TRUE(level.machine.xen.apics().in_service(cpu, vector));
  level.Take();
  level.Line(false, 0);
  level.Eoi();
  EXPECT_FALSE(level.machine.xen.apics().in_service(cpu, vector));
}

TEST(LevelIrq, SlowGuestIsForcedAfterOneMillisecond) {
  Level level;
  level.Line(true, 1);
  level.Settle();
  level.Take();
  level.Line(false, 0);
  level.machine.RunFor(2 * sim::kMs);
  EXPECT_EQ(level.machine.xen.interrupt_counts().forced_eois, 1u);
  level.Line(true, 2);
  level.Settle();
  EXPECT_TRUE(level.Pending());
}

TEST(LevelIrq, LastSharerEndsIt) {
  Level level;
  EXPECT_EQ(level.machine.Physdev(level.dom0, 13, abi::PhysdevMapPirq{sim::kDomSelf, 0, 1, kGsi, kGsi, 0, 0, 0, 0, 0}), 0);
  EXPECT_EQ(level.machine.BindPirq(level.dom0, kGsi, 0), 0u);  // -EBUSY: not willing to share
  EXPECT_NE(level.machine.BindPirq(level.dom0, kGsi, 1), 0u);
  abi::PhysdevIrqStatusQuery query{kGsi, 0};
  level.machine.Op(level.dom0, abi::kPhysdevOp, 5, query);
  EXPECT_EQ(query.flags, abi::kIrqNeedsEoi | abi::kIrqShared);
  level.Line(true, 1);
  level.Settle();
  level.Take();
  level.Line(false, 0);
  level.Eoi();
  EXPECT_EQ(level.machine.probes.Count(Probe::kT9), 0);
  EXPECT_EQ(level.machine.Physdev(level.dom0, 12, abi::PhysdevEoi{kGsi}), 0);
  EXPECT_EQ(level.machine.probes.Count(Probe::kT9), 2);  // one per sharer
  EXPECT_EQ(level.machine.xen.interrupt_counts().delivered, 1u);
}

TEST(LevelIrq, SharerThatLeavesOwesNoEoi) {
  Level level;
  level.machine.Physdev(level.dom0, 13, abi::PhysdevMapPirq{sim::kDomSelf, 0, 1, kGsi, kGsi, 0, 0, 0, 0, 0});
  const uint32_t port0 = level.machine.BindPirq(level.dom0, kGsi, 1);
  level.Line(true, 1);
  level.Settle();
  level.Take();
  level.Line(false, 0);
  level.Eoi();
  EXPECT_EQ(level.machine.Event(level.dom0, 3, abi::EvtchnPort{port0}), 0);
  level.Line(true, 2);
  level.Settle();
  EXPECT_TRUE(level.Pending());
}

TEST(LevelIrq, EoiBitmapSaysWhetherEoiIsNeeded) {
  Level level;
  EXPECT_EQ(level.machine.Event(level.domU, 3, abi::EvtchnPort{level.port}), 0);
  EXPECT_EQ(level.machine.Physdev(level.domU, 28, abi::PhysdevEoiGmfn{level.domU.vcpu().cr3_mfn}), -abi::kEINVAL);
  EXPECT_EQ(level.machine.Physdev(level.domU, 28, abi::PhysdevEoiGmfn{level.domU.Mfn(6)}), 0);
  EXPECT_EQ(level.machine.Physdev(level.domU, 28, abi::PhysdevEoiGmfn{level.domU.Mfn(6)}), -abi::kEBUSY);
  level.machine.BindPirq(level.domU, kGsi, 1);
  EXPECT_EQ(level.domU.Page<uint64_t>(6)[0], uint64_t{1} << kGsi);
}

// A domU that owns an endpoint, under the policy that allows MSI without IOMMU.
struct Msi {
  explicit Msi(bool maskable = true, HypervisorConfig config = {})
      : machine((config.no_iommu = NoIommuPolicy::kMsiToo, config)), dom0(machine.Add(0)), domU(machine.Add(1)) {
    machine.pci.AddEndpoint(kNic, kBar, maskable);
    EXPECT_EQ(machine.Physdev(dom0, 25, abi::PhysdevPciDeviceAdd{0, 2, 0, 0, 0, 0, 0}), 0);
    EXPECT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  }
  int Map(int type, int entry, uint64_t table) {
    abi::PhysdevMapPirq map{1, 0, type, -1, -1, 2, 0, entry, 0, table};
    const long error = machine.Op(dom0, abi::kPhysdevOp, 13, map);
    return error != 0 ? static_cast<int>(error) : map.pirq;
  }
  uint32_t Cfg(unsigned offset, unsigned size) { return machine.pci.ConfigRead(kNic, offset, size); }
  void Fire(uint32_t interrupt, bool forged = false) {
    pci::InterruptMessage message;
    message.address = Cfg(0x54, 4);
    message.data = Cfg(0x5c, 2);
    machine.xen.interrupts().Message(message, kNic, interrupt, forged);
  }
  TestMachine machine;
  TestDomain& dom0;
  TestDomain& domU;
};

TEST(MsiIrq, XenWritesTheMessageAndUnmasksAtBind) {
  Msi msi;
  const int pirq = msi.Map(abi::kMapMsiSeg, 0, 0);
  EXPECT_EQ(pirq, 24 + 32 - 1);  // from the top
  EXPECT_EQ(msi.Cfg(0x54, 4) & 0xfff00000, 0xfee00000u);
  EXPECT_NE(msi.Cfg(0x5c, 2), 0u);
  EXPECT_EQ(msi.Cfg(0x60, 4), 1u);
  EXPECT_EQ(msi.Cfg(0x52, 2) & 1, 0u);  // enabling is dom0's
  EXPECT_NE(msi.machine.BindPirq(msi.domU, static_cast<uint32_t>(pirq), 0), 0u);
  EXPECT_EQ(msi.Cfg(0x60, 4), 0u);
  EXPECT_EQ(msi.Map(abi::kMapMsiSeg, 0, 0), -abi::kEEXIST);
}

TEST(MsiIrq, EventsCoalesceWhilePendingAndNothingIsLost) {
  Msi msi;
  const auto pirq = static_cast<uint32_t>(msi.Map(abi::kMapMsiSeg, 0, 0));
  const uint32_t port = msi.machine.BindPirq(msi.domU, pirq, 0);
  for (uint32_t n = 1; n <= 3; ++n) {
    msi.Fire(n);
    msi.machine.RunFor(5 * sim::kUs);
  }
  msi.Fire(4);
  msi.Fire(5);  // still in the local APIC: merged there
  msi.Fire(6);
  msi.machine.RunFor(5 * sim::kUs);
  const InterruptCounts counts = msi.machine.xen.interrupt_counts();
  EXPECT_EQ(counts.arrived, 6u);
  EXPECT_EQ(counts.delivered, 1u);
  EXPECT_EQ(counts.coalesced, 5u);
  ExpectBalanced(counts);
  EXPECT_EQ(msi.machine.xen.TakeInterrupt(1, port), 1u);
  EXPECT_EQ(msi.machine.xen.TakeInterrupt(1, port), 0u);
}

TEST(MsiIrq, UnboundMessageIsLostAndForgedOnesAreCounted) {
  Msi msi;
  msi.Map(abi::kMapMsiSeg, 0, 0);
  msi.Fire(1);
  pci::InterruptMessage stray;
  stray.address = 0xfee00000;
  stray.data = 0xe0;
  msi.machine.xen.interrupts().Message(stray, kNic, 2, true);
  stray.data = 5;
  msi.machine.xen.interrupts().Message(stray, kNic, 3, true);
  msi.machine.RunFor(5 * sim::kUs);
  const InterruptCounts counts = msi.machine.xen.interrupt_counts();
  EXPECT_EQ(counts.lost, 3u);
  EXPECT_EQ(counts.forged, 2u);
  ExpectBalanced(counts);
}

TEST(MsiIrq, OtherDeliveryModesReachTheProcessorAndNoVector) {
  Msi msi;
  pci::InterruptMessage message;
  const auto send = [&](uint64_t address, uint32_t data) {
    message.address = address;
    message.data = data;
    msi.machine.xen.interrupts().Message(message, kNic, 0, true);
    msi.machine.RunFor(5 * sim::kUs);
  };
  send(0xfee00000, 5);             // an illegal vector
  send(0xfee01000, 2 << 8);        // SMI
  send(0xfeeff000, 4 << 8);        // NMI to all
  send(0xfee07000, 5 << 8);        // INIT
  send(0xfee00000, 7 << 8);        // ExtINT
  send(0xfee00000, 3 << 8 | 0x40); // reserved
  send(0xfee20000, 0x40);          // no such processor
  const std::string& console = msi.machine.xen.console().text();
  EXPECT_THAT(console, testing::HasSubstr("CPU0: 40(40), Received illegal vector"));
  EXPECT_THAT(console, testing::HasSubstr("CPU1: system management interrupt"));
  EXPECT_THAT(console, testing::HasSubstr("CPU7: NMI, unknown reason"));
  EXPECT_THAT(console, testing::HasSubstr("CPU7: INIT"));
  EXPECT_THAT(console, testing::HasSubstr("CPU0: spurious 8259A interrupt"));
  EXPECT_FALSE(msi.machine.xen.panicked());
  ExpectBalanced(msi.machine.xen.interrupt_counts());
  EXPECT_EQ(msi.machine.xen.irqs().ReceiverOf(0, 0x40), sim::kDomXen);

  send(0xfee00000, 5 << 8);
  EXPECT_TRUE(msi.machine.xen.panicked());
}

TEST(MsiIrq, SystemErrorsAreMaskedUnlessTheChipsetReportsThem) {
  Msi masked;
  masked.machine.xen.interrupts().SystemError(kNic, 0xfee00000);
  masked.machine.xen.interrupts().SystemError(kNic, 0xfee00000);
  EXPECT_THAT(masked.machine.xen.console().text(), testing::HasSubstr("masked (XSA-59)"));
  EXPECT_EQ(masked.machine.xen.console().text().find('\n'), masked.machine.xen.console().text().rfind('\n'));
  EXPECT_FALSE(masked.machine.xen.panicked());
}

TEST(MsiIrq, UnmaskableMsiDefersTheLocalEoiAndBlocksLowerVectors) {
  Msi msi(/*maskable=*/false);
  const auto pirq = static_cast<uint32_t>(msi.Map(abi::kMapMsiSeg, 0, 0));
  const uint32_t port = msi.machine.BindPirq(msi.domU, pirq, 0);
  const unsigned vector = msi.Cfg(0x5c, 2);
  const unsigned cpu = msi.domU.vcpu().pcpu;
  msi.Fire(1);
  msi.machine.RunFor(5 * sim::kUs);
  EXPECT_TRUE(msi.machine.xen.apics().in_service(cpu, vector));
  msi.Fire(2);
  msi.machine.RunFor(5 * sim::kUs);
  EXPECT_EQ(msi.machine.xen.interrupt_counts().waiting, 1u);
  msi.domU.shared().evtchn_pending[port / 64] = 0;
  EXPECT_EQ(msi.machine.Physdev(msi.domU, 12, abi::PhysdevEoi{pirq}), 0);
  msi.machine.RunFor(5 * sim::kUs);
  EXPECT_EQ(msi.machine.xen.interrupt_counts().delivered, 2u);
  ExpectBalanced(msi.machine.xen.interrupt_counts());
}

// X:arch/x86/irq.c: pirq_set_affinity() asks, move_native_irq() moves at the next interrupt, irq_complete_move() frees the
// old vector at the first one that arrives at the new place.
TEST(MsiIrq, MovesAtItsNextInterruptAndLosesNoneThatIsOnItsWay) {
  Msi msi;
  const auto pirq = static_cast<uint32_t>(msi.Map(abi::kMapMsiSeg, 0, 0));
  const uint32_t port = msi.machine.BindPirq(msi.domU, pirq, 0);
  const uint32_t at_first = msi.Cfg(0x54, 4);
  const unsigned elsewhere = (msi.domU.vcpu().pcpu + 1) % msi.machine.xen.config().physical_cpus;
  const auto delivered = [&] {
    msi.machine.RunFor(10 * sim::kUs);
    msi.domU.shared().evtchn_pending[port / 64] = 0;
    return msi.machine.xen.interrupt_counts().delivered;
  };
  msi.machine.xen.pirqs().Retarget(*msi.domU.domain, pirq, elsewhere);
  EXPECT_EQ(msi.Cfg(0x54, 4), at_first);
  pci::InterruptMessage old_message;
  old_message.address = at_first;
  old_message.data = msi.Cfg(0x5c, 2);
  msi.Fire(1);
  EXPECT_EQ(delivered(), 1u);
  EXPECT_NE(msi.Cfg(0x54, 4), at_first);
  // Sent before the entry was written, it arrives after that.
  msi.machine.xen.interrupts().Message(old_message, kNic, 2, false);
  EXPECT_EQ(delivered(), 2u);
  msi.Fire(3);
  EXPECT_EQ(delivered(), 3u);
  ExpectBalanced(msi.machine.xen.interrupt_counts());
  EXPECT_EQ(msi.machine.xen.interrupt_counts().lost, 0u);
  // Now the old vector is free.
  msi.machine.xen.interrupts().Message(old_message, kNic, 4, true);
  EXPECT_EQ(delivered(), 3u);
}

TEST(MsiIrq, TakesItsTimeFromTheVcpuThatRunsOnItsProcessor) {
  Msi msi(true);
  const auto pirq = static_cast<uint32_t>(msi.Map(abi::kMapMsiSeg, 0, 0));
  msi.machine.BindPirq(msi.domU, pirq, 0);
  const sim::Ps each = msi.machine.xen.config().irq_entry + msi.machine.xen.config().irq_dispatch;
  for (uint32_t n = 1; n <= 3; ++n) {
    msi.Fire(n);
    msi.machine.RunFor(10 * sim::kUs);
  }
  EXPECT_EQ(msi.domU.host(0).stolen, 3 * each);
  EXPECT_EQ(msi.dom0.host(0).stolen, 0u);

  msi.domU.vcpu().state = VcpuState::kBlocked;  // its processor is idle
  msi.Fire(4);
  msi.machine.RunFor(10 * sim::kUs);
  EXPECT_EQ(msi.domU.host(0).stolen, 3 * each);
}

TEST(MsiIrq, RateLimitDisablesTheIrqForTenMilliseconds) {
  HypervisorConfig config;
  config.irq_ratelimit = 5;
  Msi msi(true, config);
  const auto pirq = static_cast<uint32_t>(msi.Map(abi::kMapMsiSeg, 0, 0));
  msi.machine.RunFor(20 * sim::kMs);
  msi.machine.BindPirq(msi.domU, pirq, 0);
  for (uint32_t n = 1; n <= 12; ++n) {
    msi.Fire(n);
    msi.machine.RunFor(10 * sim::kUs);
  }
  EXPECT_EQ(msi.machine.xen.interrupt_counts().rate_limited, 1u);
  EXPECT_EQ(msi.Cfg(0x60, 4), 1u);
  msi.machine.RunFor(11 * sim::kMs);
  EXPECT_EQ(msi.Cfg(0x60, 4), 0u);
  ExpectBalanced(msi.machine.xen.interrupt_counts());
}

TEST(EdgeIrq, OwesNoEoi) {
  TestMachine machine;
  TestDomain& dom0 = machine.Add(0);
  TestDomain& domU = machine.Add(1);
  EXPECT_EQ(machine.Physdev(dom0, 21, abi::PhysdevSetupGsi{kGsi, 0, 0, 0}), 0);
  EXPECT_EQ(machine.xen.MapGsi(1, kGsi), static_cast<long>(kGsi));
  const uint32_t port = machine.BindPirq(domU, kGsi, 0);
  const auto pulse = [&](uint32_t interrupt) {
    machine.xen.interrupts().SetGsi(kGsi, true, interrupt);
    machine.xen.interrupts().SetGsi(kGsi, false, 0);
    machine.RunFor(10 * sim::kUs);
  };
  pulse(1);
  pulse(2);  // still pending
  domU.shared().evtchn_pending[port / 64] = 0;
  pulse(3);
  machine.RunFor(5 * sim::kMs);
  const InterruptCounts counts = machine.xen.interrupt_counts();
  EXPECT_EQ(counts.delivered, 2u);
  EXPECT_EQ(counts.coalesced, 1u);
  EXPECT_EQ(counts.forced_eois, 0u);
  ExpectBalanced(counts);
}

// The guest leaves between the line and do_IRQ, another comes.
void ExpectTheNextGuestGetsIt(bool directed_eoi) {
  HypervisorConfig config;
  config.directed_eoi = directed_eoi;
  Level level(config);
  level.Line(true, 1);
  EXPECT_EQ(level.machine.Event(level.domU, 3, abi::EvtchnPort{level.port}), 0);
  level.Settle();
  EXPECT_EQ(level.machine.xen.interrupt_counts().lost, 0u);
  EXPECT_EQ(level.machine.xen.interrupt_counts().waiting, 1u);
  level.port = level.machine.BindPirq(level.domU, kGsi, 1);
  level.Settle();
  EXPECT_TRUE(level.Pending());
  EXPECT_EQ(level.Take(), 1u);
  level.Line(false, 0);
  EXPECT_EQ(level.Eoi(), 0);
  level.Settle();
  EXPECT_EQ(level.machine.xen.interrupt_counts().delivered, 1u);
  ExpectBalanced(level.machine.xen.interrupt_counts());
}

TEST(LevelIrq, ALineThatCameTooLateForItsGuestIsGivenToTheNext) { ExpectTheNextGuestGetsIt(true); }
TEST(LevelIrq, SoIsOneWhosePinWasMasked) { ExpectTheNextGuestGetsIt(false); }

// Twenty interrupts of a level line within one window, each served properly if it comes. True: the pin is masked then.
bool MaskedAfterTooMany(bool directed_eoi) {
  HypervisorConfig config;
  config.irq_ratelimit = 5;
  config.directed_eoi = directed_eoi;
  Level level(config);
  level.machine.RunFor(20 * sim::kMs);
  int served = 0;
  for (uint32_t n = 1; n <= 20; ++n) {
    level.Line(true, n);
    level.Settle();
    if (level.Pending()) {
      ++served;
      level.Take();
    }
    level.Line(false, 0);
    level.Eoi();
    level.Settle();
  }
  EXPECT_EQ(served, 5 + 1 + 5) << "five, the one that finds the first window over, five of the next";
  EXPECT_EQ(level.machine.xen.interrupt_counts().rate_limited, 1u);
  const bool masked = level.machine.xen.apics().redirection(kGsi).masked;
  level.machine.RunFor(11 * sim::kMs);
  EXPECT_FALSE(level.machine.xen.apics().redirection(kGsi).masked);
  return masked;
}

TEST(LevelIrq, RateLimitMasksThePinWithDirectedEoi) { EXPECT_TRUE(MaskedAfterTooMany(true)); }

// The end of the very interrupt that was one too many unmasks the pin: the guest is spared, the hypervisor is not.
TEST(LevelIrq, RateLimitIsUndoneWhereTheEndUnmasksThePin) { EXPECT_FALSE(MaskedAfterTooMany(false)); }

TEST(MsixIrq, UnpreparedTableCrashesTheDomain) {
  Msi msi;
  EXPECT_LT(msi.Map(abi::kMapMsiSeg, 0, kBar), 0);
  EXPECT_TRUE(msi.domU.domain->shut_down);
  EXPECT_EQ(msi.domU.host().stops, 1);
}

TEST(MsixIrq, EntriesAreProgrammedInTheTableAndItsPagesAreReadOnly) {
  Msi msi;
  const abi::PhysdevPciDevice device{0, 2, 0};
  EXPECT_EQ(msi.machine.Physdev(msi.dom0, 30, device), 0);
  EXPECT_EQ(msi.machine.Physdev(msi.dom0, 30, device), -abi::kEBUSY);
  EXPECT_EQ(msi.Map(abi::kMapMsiSeg, 4, kBar), -abi::kEINVAL);
  const int pirq = msi.Map(abi::kMapMsiSeg, 1, kBar);
  EXPECT_GT(pirq, 0);
  EXPECT_EQ(msi.machine.pci.mmio[kBar + 16] & 0xfff00000, 0xfee00000u);
  EXPECT_EQ(msi.machine.pci.mmio[kBar + 28], 1u);
  msi.machine.BindPirq(msi.domU, static_cast<uint32_t>(pirq), 0);
  EXPECT_EQ(msi.machine.pci.mmio[kBar + 28], 0u);
  EXPECT_EQ(msi.machine.Physdev(msi.dom0, 31, device), -abi::kEBUSY);

  msi.machine.xen.PermitIomem(1, kBar >> 12, 4, true);
  const uint64_t pte = kBar | abi::kPtePresent | abi::kPteWrite;
  EXPECT_EQ(msi.machine.Raw(msi.domU, abi::kUpdateVaMapping, {msi.domU.vmalloc, pte, 0, 0, 0}).value, 0);
  EXPECT_FALSE(msi.machine.xen.Walk(msi.domU.vcpu(), msi.domU.vmalloc)->writable());
  EXPECT_EQ(msi.machine.Physdev(msi.dom0, 14, abi::PhysdevUnmapPirq{1, 0, pirq}), 0);
  EXPECT_EQ(msi.machine.Physdev(msi.dom0, 31, device), 0);
}

}  // namespace
}  // namespace pvpci::xen
