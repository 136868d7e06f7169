// SPDX-License-Identifier: Apache-2.0
#include "models/xen/hypercall_table.h"
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

uint32_t AllocUnbound(TestMachine& machine, TestDomain& domain, sim::DomId remote) {
  abi::EvtchnAllocUnbound args{sim::kDomSelf, remote, 0};
  EXPECT_EQ(machine.Op(domain, abi::kEventChannelOp, 6, args), 0);
  return args.port;
}

struct Pair {
  explicit Pair(TestMachine& machine) : front(machine.Add(1)), back(machine.Add(0)) {
    front_port = AllocUnbound(machine, front, 0);
    abi::EvtchnBindInterdomain bind{1, 0, front_port, 0};
    EXPECT_EQ(machine.Op(back, abi::kEventChannelOp, 0, bind), 0);
    back_port = bind.local_port;
  }
  TestDomain& front;
  TestDomain& back;
  uint32_t front_port = 0;
  uint32_t back_port = 0;
};

TEST(EventChannels, TraceLinesAreThoseOfTheGoldenTrace) {
  TestMachine machine;
  TestDomain& domU = machine.Add(1);
  TestDomain& dom0 = machine.Add(0);
  AllocUnbound(machine, domU, 0);
  EXPECT_EQ(machine.LastTrace(),
            "domU1 hypercall event_channel_op alloc_unbound {dom=32752 rdom=0 port=0} -> {dom=32752 rdom=0 port=3} = 0");
  abi::EvtchnBindInterdomain bind{1, 0, 3, 0};
  machine.Op(dom0, abi::kEventChannelOp, 0, bind);
  EXPECT_EQ(machine.LastTrace(),
            "dom0 hypercall event_channel_op bind_interdomain {rdom=1 rport=3 lport=0} -> {rdom=1 rport=3 lport=3} = 0");
  machine.Event(domU, 4, abi::EvtchnPort{3});
  EXPECT_EQ(machine.LastTrace(), "domU1 hypercall event_channel_op send {port=3} = 0");
  machine.Physdev(dom0, 21, abi::PhysdevSetupGsi{21, 1, 0, 0});
  EXPECT_EQ(machine.LastTrace(), "dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=0} = 0");
  machine.Physdev(dom0, 21, abi::PhysdevSetupGsi{21, 1, 0, 0});
  EXPECT_EQ(machine.LastTrace(), "dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=0} = -17");
  machine.Physdev(dom0, 5, abi::PhysdevIrqStatusQuery{21, 0});
  EXPECT_EQ(machine.LastTrace(), "dom0 hypercall physdev_op irq_status_query {irq=21 flags=0} -> {irq=21 flags=1} = 0");
  const auto counts = machine.xen.hypercall_counts(0);
  EXPECT_EQ(counts.at("PHYSDEVOP_setup_gsi").calls, 2u);
  EXPECT_EQ(counts.at("PHYSDEVOP_setup_gsi").failures, 1u);
}

TEST(Hypercalls, AForcedResultTakesThePlaceOfTheCall) {
  TestMachine machine;
  TestDomain& domU = machine.Add(1);
  TestDomain& other = machine.Add(2);
  HypercallTable& table = machine.xen.hypercall_table();
  EXPECT_FALSE(table.Force(1, "EVTCHNOP_nonsense", -1, 0, 1).has_value());
  const auto rule = table.Force(1, "EVTCHNOP_alloc_unbound", -abi::kENOSPC, /*skip=*/1, /*count=*/2);
  ASSERT_TRUE(rule.has_value());
  abi::EvtchnAllocUnbound args{sim::kDomSelf, 0, 0};
  const auto allocate = [&](TestDomain& domain) {
    args.port = 0;
    return machine.Op(domain, abi::kEventChannelOp, 6, args);
  };
  EXPECT_EQ(allocate(domU), 0);
  EXPECT_NE(args.port, 0u);
  EXPECT_EQ(allocate(domU), -abi::kENOSPC);
  EXPECT_EQ(args.port, 0u) << "nothing is copied out";
  EXPECT_EQ(allocate(other), 0) << "another domain's";
  EXPECT_EQ(table.forced(*rule), 1u);
  EXPECT_EQ(allocate(domU), -abi::kENOSPC);
  EXPECT_EQ(allocate(domU), 0) << "the rule is used up";
  EXPECT_EQ(table.forced(*rule), 2u);
  EXPECT_EQ(machine.xen.hypercall_counts(1).at("EVTCHNOP_alloc_unbound").failures, 2u);
  table.Force(1, "SCHEDOP_yield", -abi::kEINVAL, 0, /*count=*/0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(machine.Raw(domU, abi::kSchedOp, {0, 0, 0, 0, 0}).value, -abi::kEINVAL);
}

TEST(EventChannels, CallErrors) {
  TestMachine machine;
  TestDomain& domU = machine.Add(1);
  EXPECT_EQ(machine.Event(domU, 99, abi::EvtchnPort{1}), -abi::kENOSYS);
  EXPECT_EQ(machine.Raw(domU, abi::kEventChannelOp, {4, 0x1000, 0, 0, 0}).value, -abi::kEFAULT);
  EXPECT_EQ(machine.Raw(domU, 63, {}).value, -abi::kENOSYS);
  EXPECT_EQ(machine.Event(domU, 4, abi::EvtchnPort{0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 4, abi::EvtchnPort{500}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 3, abi::EvtchnPort{500}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 0, abi::EvtchnBindInterdomain{7, 0, 1, 0}), -abi::kESRCH);
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{24, 0, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{abi::kVirqConsole, 1, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{abi::kVirqConsole, 0, 0}), 0) << "anybody may, nobody but dom0 hears";
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{16, 1, 0}), -abi::kEINVAL) << "the architecture's are global";
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{abi::kVirqTimer, 9, 0}), -abi::kENOENT);
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{abi::kVirqTimer, 0, 0}), 0);
  EXPECT_EQ(machine.Event(domU, 1, abi::EvtchnBindVirq{abi::kVirqTimer, 0, 0}), -abi::kEEXIST);
  EXPECT_EQ(machine.Event(domU, 7, abi::EvtchnBindIpi{3, 0}), -abi::kENOENT);
  EXPECT_EQ(machine.Event(domU, 2, abi::EvtchnBindPirq{9999, 0, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 2, abi::EvtchnBindPirq{20, 0, 0}), -abi::kEPERM);
  EXPECT_EQ(machine.Event(domU, 12, abi::EvtchnExpandArray{domU.Mfn(3)}), -abi::kEOPNOTSUPP);
  EXPECT_EQ(machine.Event(domU, 13, abi::EvtchnSetPriority{1, 0}), -abi::kENOSYS);
  EXPECT_EQ(machine.Event(domU, 13, abi::EvtchnSetPriority{4000000, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.Event(domU, 5, abi::EvtchnStatus{77, 0, 1, 0, 0, {}}), -abi::kESRCH);
}

TEST(EventChannels, DomUMayNotUseMoreThanItsPorts) {
  HypervisorConfig config;
  config.event_channels_limit = 4;
  TestMachine machine(config);
  TestDomain& domU = machine.Add(1);
  AllocUnbound(machine, domU, 0);
  AllocUnbound(machine, domU, 0);
  EXPECT_EQ(machine.Event(domU, 6, abi::EvtchnAllocUnbound{sim::kDomSelf, 0, 0}), -abi::kENOSPC);
}

TEST(EventChannels, BindInterdomainSetsTheLocalPortPending) {
  TestMachine machine;
  Pair pair(machine);
  EXPECT_TRUE(machine.xen.event_channels().IsPending(*pair.back.domain, pair.back_port));
  EXPECT_FALSE(machine.xen.event_channels().IsPending(*pair.front.domain, pair.front_port));
  EXPECT_EQ(machine.Event(pair.back, 0, abi::EvtchnBindInterdomain{1, 0, pair.front_port, 0}), -abi::kEINVAL);
}

TEST(EventChannels, CloseLeavesThePeerUnboundAndTheSecondCloseFails) {
  TestMachine machine;
  Pair pair(machine);
  EXPECT_EQ(machine.Event(pair.back, 3, abi::EvtchnPort{pair.back_port}), 0);
  EXPECT_EQ(machine.Event(pair.back, 3, abi::EvtchnPort{pair.back_port}), -abi::kEINVAL);
  abi::EvtchnStatus status{sim::kDomSelf, 0, pair.front_port, 0, 0, {}};
  EXPECT_EQ(machine.Op(pair.front, abi::kEventChannelOp, 5, status), 0);
  EXPECT_EQ(status.status, abi::kStatUnbound);
  EXPECT_EQ(machine.Event(pair.front, 4, abi::EvtchnPort{pair.front_port}), 0);  // dropped silently
}

TEST(TwoLevel, SecondSendCoalescesUntilPendingIsCleared) {
  TestMachine machine;
  Pair pair(machine);
  pair.front.info().upcall_mask = 0;
  machine.Event(pair.back, 4, abi::EvtchnPort{pair.back_port});
  EXPECT_TRUE(Hypervisor::UpcallDeliverable(pair.front.vcpu()));
  EXPECT_EQ(pair.front.info().pending_sel, 1u);
  EXPECT_EQ(pair.front.host().kicks, 1);
  pair.front.info().upcall_pending = 0;
  machine.Event(pair.back, 4, abi::EvtchnPort{pair.back_port});
  EXPECT_EQ(pair.front.info().upcall_pending, 0);  // already pending: nothing happens
}

TEST(TwoLevel, MaskedEventsArePendingWithoutUpcallAndUnmaskRaisesThem) {
  TestMachine machine;
  Pair pair(machine);
  pair.front.shared().evtchn_mask[0] = ~uint64_t{0};
  machine.Event(pair.back, 4, abi::EvtchnPort{pair.back_port});
  EXPECT_EQ(pair.front.info().upcall_pending, 0);
  EXPECT_EQ(machine.Event(pair.front, 9, abi::EvtchnPort{pair.front_port}), 0);
  EXPECT_EQ(pair.front.info().upcall_pending, 1);
}

TEST(TwoLevel, UpcallSetsAndRestoresTheMask) {
  TestMachine machine;
  Pair pair(machine);
  pair.front.info().upcall_mask = 0;
  machine.Event(pair.back, 4, abi::EvtchnPort{pair.back_port});
  EXPECT_EQ(machine.xen.BeginUpcall(pair.front.vcpu()), machine.xen.config().upcall_inject);
  EXPECT_EQ(pair.front.info().upcall_mask, 1);
  EXPECT_FALSE(Hypervisor::UpcallDeliverable(pair.front.vcpu()));
  machine.xen.EndUpcall(pair.front.vcpu());
  EXPECT_EQ(pair.front.info().upcall_mask, 0);
}

// FIFO: control block in page 4, event words in page 5, as Linux sets them up.
struct Fifo {
  explicit Fifo(TestMachine& m) : machine(m), domain(m.Add(1)), other(m.Add(0)) {
    abi::EvtchnInitControl init{domain.Mfn(4), 0, 0, 0, {}};
    EXPECT_EQ(machine.Op(domain, abi::kEventChannelOp, 11, init), 0);
    EXPECT_EQ(init.link_bits, 17);
    for (unsigned i = 0; i < 1024; ++i) words()[i] = abi::kFifoMasked;
    EXPECT_EQ(machine.Event(domain, 12, abi::EvtchnExpandArray{domain.Mfn(5)}), 0);
  }
  uint32_t Ipi() {
    abi::EvtchnBindIpi bind{0, 0};
    EXPECT_EQ(machine.Op(domain, abi::kEventChannelOp, 7, bind), 0);
    words()[bind.port] &= ~abi::kFifoMasked;
    return bind.port;
  }
  void Send(uint32_t port) { EXPECT_EQ(machine.Event(domain, 4, abi::EvtchnPort{port}), 0); }
  // What the guest's consumer does: takes the head of a queue.
  uint32_t Consume(unsigned priority) {
    const uint32_t port = block().head[priority];
    const uint32_t word = words()[port];
    block().head[priority] = word & abi::kFifoLinkMask;
    words()[port] = word & ~(abi::kFifoLinked | abi::kFifoLinkMask | abi::kFifoPending);
    if (block().head[priority] == 0) block().ready &= ~(1u << priority);
    return port;
  }
  uint32_t* words() { return domain.Page<uint32_t>(5); }
  abi::FifoControlBlock& block() { return *domain.Page<abi::FifoControlBlock>(4); }
  TestMachine& machine;
  TestDomain& domain;
  TestDomain& other;
};

TEST(Fifo, EventsQueueInOrderAndRaiseOnce) {
  TestMachine machine;
  Fifo fifo(machine);
  const uint32_t a = fifo.Ipi(), b = fifo.Ipi(), c = fifo.Ipi();
  fifo.Send(a);
  EXPECT_EQ(fifo.block().ready, 1u << 7);
  EXPECT_EQ(fifo.block().head[7], a);
  EXPECT_EQ(fifo.domain.info().upcall_pending, 1);
  fifo.Send(b);
  fifo.Send(c);
  fifo.Send(b);
  EXPECT_EQ(fifo.words()[a] & abi::kFifoLinkMask, b);
  EXPECT_EQ(fifo.words()[b] & abi::kFifoLinkMask, c);
  EXPECT_EQ(fifo.words()[c] & abi::kFifoLinkMask, 0u);
  EXPECT_EQ(fifo.Consume(7), a);
  EXPECT_EQ(fifo.Consume(7), b);
  EXPECT_EQ(fifo.Consume(7), c);
  EXPECT_EQ(fifo.block().ready, 0u);
  fifo.Send(c);  // was the tail: the queue restarts at its head
  EXPECT_EQ(fifo.block().head[7], c);
  EXPECT_EQ(fifo.words()[c] & abi::kFifoLinkMask, 0u);
}

TEST(Fifo, PriorityChoosesTheQueueAtTheNextLink) {
  TestMachine machine;
  Fifo fifo(machine);
  const uint32_t a = fifo.Ipi(), b = fifo.Ipi();
  EXPECT_EQ(machine.Event(fifo.domain, 13, abi::EvtchnSetPriority{a, 16}), -abi::kEINVAL);
  const uint32_t closed = fifo.Ipi();
  machine.Event(fifo.domain, 3, abi::EvtchnPort{closed});
  EXPECT_EQ(machine.Event(fifo.domain, 13, abi::EvtchnSetPriority{closed, 1}), -abi::kEACCES);
  fifo.Send(a);
  EXPECT_EQ(machine.Event(fifo.domain, 13, abi::EvtchnSetPriority{a, 0}), 0);
  EXPECT_EQ(fifo.block().head[7], a);
  EXPECT_EQ(fifo.Consume(7), a);
  fifo.Send(a);
  EXPECT_EQ(fifo.block().head[0], a);
  fifo.Send(b);  // a was queue 7's tail: b must not be linked behind it
  EXPECT_EQ(fifo.block().head[7], b);
  EXPECT_EQ(fifo.words()[a] & abi::kFifoLinkMask, 0u);
}

TEST(Fifo, MaskedEventStaysOffTheQueueUntilUnmask) {
  TestMachine machine;
  Fifo fifo(machine);
  const uint32_t a = fifo.Ipi();
  fifo.words()[a] |= abi::kFifoMasked;
  fifo.Send(a);
  EXPECT_EQ(fifo.words()[a], abi::kFifoMasked | abi::kFifoPending);
  EXPECT_EQ(fifo.block().ready, 0u);
  EXPECT_EQ(machine.Event(fifo.domain, 9, abi::EvtchnPort{a}), 0);
  EXPECT_EQ(fifo.block().head[7], a);
}

TEST(Fifo, ClosedPortStaysBusyWhileLinked) {
  TestMachine machine;
  Fifo fifo(machine);
  const uint32_t a = fifo.Ipi();
  fifo.Send(a);
  EXPECT_EQ(machine.Event(fifo.domain, 3, abi::EvtchnPort{a}), 0);
  EXPECT_EQ(fifo.words()[a], abi::kFifoLinked);
  EXPECT_NE(fifo.Ipi(), a);
  EXPECT_EQ(fifo.Consume(7), a);
  EXPECT_EQ(fifo.Ipi(), a);
}

TEST(Fifo, BusyIsClearedByTheLink) {
  TestMachine machine;
  Fifo fifo(machine);
  const uint32_t a = fifo.Ipi(), b = fifo.Ipi();
  fifo.Send(a);
  fifo.words()[a] |= abi::kFifoBusy;
  fifo.Send(b);
  EXPECT_EQ(fifo.words()[a] & abi::kFifoBusy, 0u);
  EXPECT_EQ(fifo.words()[a] & abi::kFifoLinkMask, b);
}

TEST(Fifo, SetupErrors) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const auto init = [&](sim::Mfn mfn, uint32_t offset, uint32_t vcpu) {
    return machine.Event(domain, 11, abi::EvtchnInitControl{mfn, offset, vcpu, 0, {}});
  };
  EXPECT_EQ(init(domain.Mfn(4), 0, 9), -abi::kENOENT);
  EXPECT_EQ(init(domain.Mfn(4), 4, 0), -abi::kEINVAL);
  EXPECT_EQ(init(domain.Mfn(4), 4090, 0), -abi::kEINVAL);
  EXPECT_EQ(init(5, 0, 0), -abi::kEINVAL);
  EXPECT_EQ(init(domain.vcpu().cr3_mfn, 0, 0), -abi::kEINVAL);
  EXPECT_EQ(init(domain.Mfn(4), 0, 0), 0);
  EXPECT_EQ(init(domain.Mfn(4), 0, 0), -abi::kEINVAL);
}

TEST(Fifo, EventsPendingBeforeTheSwitchAppearWithTheirWords) {
  TestMachine machine;
  Pair pair(machine);
  pair.front.shared().evtchn_mask[0] = ~uint64_t{0};
  machine.Event(pair.back, 4, abi::EvtchnPort{pair.back_port});
  machine.Event(pair.front, 11, abi::EvtchnInitControl{pair.front.Mfn(4), 0, 0, 0, {}});
  for (unsigned i = 0; i < 1024; ++i) pair.front.Page<uint32_t>(5)[i] = abi::kFifoMasked;
  machine.Event(pair.front, 12, abi::EvtchnExpandArray{pair.front.Mfn(5)});
  EXPECT_EQ(pair.front.Page<uint32_t>(5)[pair.front_port], abi::kFifoMasked | abi::kFifoPending);
}

TEST(Fifo, SwitchedOffAnswersENOSYS) {
  HypervisorConfig config;
  config.fifo_events = false;
  TestMachine machine(config);
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(machine.Event(domain, 11, abi::EvtchnInitControl{domain.Mfn(4), 0, 0, 0, {}}), -abi::kENOSYS);
}

}  // namespace
}  // namespace pvpci::xen
