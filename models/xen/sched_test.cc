// SPDX-License-Identifier: Apache-2.0
#include "models/xen/test_machine.h"

namespace pvpci::xen {
namespace {

uint32_t Ipi(TestMachine& machine, TestDomain& domain, uint32_t vcpu = 0) {
  abi::EvtchnBindIpi bind{vcpu, 0};
  EXPECT_EQ(machine.Op(domain, abi::kEventChannelOp, 7, bind), 0);
  return bind.port;
}

HypercallResult Poll(TestMachine& machine, TestDomain& domain, uint32_t port, uint64_t timeout, uint32_t count = 1) {
  *domain.Page<uint32_t>(1) = port;
  abi::SchedPoll poll{domain.Va(1), count, 0, timeout};
  machine.Op(domain, abi::kSchedOp, 3, poll);
  return machine.last;
}

TEST(Poll, TimeoutInThePastReturnsAtOnce) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const uint32_t port = Ipi(machine, domain);
  // What pcifront passes: jiffies, read as nanoseconds since Xen's boot (abi.md S4).
  const HypercallResult result = Poll(machine, domain, port, 4'294'967'296);
  EXPECT_EQ(result.value, 0);
  EXPECT_FALSE(result.block);
  EXPECT_EQ(result.cost, machine.xen.config().hypercall);
}

TEST(Poll, BlocksUntilTheTimeoutBelow4Seconds) {
  HypervisorConfig config;
  config.uptime_at_start = sim::kSec;
  TestMachine machine(config);
  TestDomain& domain = machine.Add(1);
  const uint32_t port = Ipi(machine, domain);
  EXPECT_TRUE(Poll(machine, domain, port, 1'000'500'000).block);
  EXPECT_EQ(domain.vcpu().state, VcpuState::kPolling);
  machine.RunFor(sim::kMs);
  ASSERT_EQ(domain.host().wakes.size(), 1u);
  EXPECT_EQ(domain.host().wakes[0], 500 * sim::kUs + config.vcpu_unblock);
}

TEST(Poll, ReturnsForAPendingPortEvenIfMasked) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const uint32_t port = Ipi(machine, domain);
  domain.shared().evtchn_mask[0] = ~uint64_t{0};
  machine.Event(domain, 4, abi::EvtchnPort{port});
  EXPECT_FALSE(Poll(machine, domain, port, 0).block);
}

TEST(Poll, WakesOnThePolledPort) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 2);
  const uint32_t port = Ipi(machine, domain);
  const uint32_t other = Ipi(machine, domain, 1);
  domain.shared().evtchn_mask[0] = ~uint64_t{0};
  EXPECT_TRUE(Poll(machine, domain, port, 0).block);
  machine.Event(domain, 4, abi::EvtchnPort{other});
  EXPECT_TRUE(domain.host().wakes.empty());
  machine.Event(domain, 4, abi::EvtchnPort{port});
  EXPECT_EQ(domain.host().wakes.size(), 1u);
}

TEST(Poll, Errors) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(Poll(machine, domain, 1, 0, 129).value, -abi::kEINVAL);
  EXPECT_EQ(Poll(machine, domain, 999999, 0).value, -abi::kEINVAL);
  abi::SchedPoll poll{0x1000, 1, 0, 0};
  EXPECT_EQ(machine.Op(domain, abi::kSchedOp, 3, poll), -abi::kEFAULT);
}

TEST(Block, ClearsTheMaskAndSleepsUnlessSomethingIsPending) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  const uint32_t port = Ipi(machine, domain);
  HypercallResult result = machine.Raw(domain, abi::kSchedOp, {1, 0, 0, 0, 0});
  EXPECT_TRUE(result.block);
  EXPECT_EQ(domain.info().upcall_mask, 0);
  machine.Event(domain, 4, abi::EvtchnPort{port});
  ASSERT_EQ(domain.host().wakes.size(), 1u);
  EXPECT_EQ(domain.host().wakes[0], machine.xen.config().vcpu_unblock);
  EXPECT_FALSE(machine.Raw(domain, abi::kSchedOp, {1, 0, 0, 0, 0}).block);
}

TEST(Timers, SingleshotFiresTheTimerVirqAtItsTime) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  abi::EvtchnBindVirq bind{abi::kVirqTimer, 0, 0};
  machine.Op(domain, abi::kEventChannelOp, 1, bind);
  const uint64_t when = machine.xen.SystemTimeNs() + 1000;
  EXPECT_EQ(machine.VcpuOp(domain, 8, 0, abi::VcpuSingleshot{when, 0, 0}), 0);
  machine.RunFor(999 * sim::kNs);
  EXPECT_FALSE(machine.xen.event_channels().IsPending(*domain.domain, bind.port));
  machine.RunFor(sim::kNs);
  EXPECT_TRUE(machine.xen.event_channels().IsPending(*domain.domain, bind.port));
  EXPECT_EQ(machine.VcpuOp(domain, 8, 0, abi::VcpuSingleshot{1, abi::kSingleshotFuture, 0}), -abi::kETIME);
}

TEST(Timers, StoppedOnesStaySilentAndPeriodicOnesRepeat) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  abi::EvtchnBindVirq bind{abi::kVirqTimer, 0, 0};
  machine.Op(domain, abi::kEventChannelOp, 1, bind);
  machine.VcpuOp(domain, 8, 0, abi::VcpuSingleshot{machine.xen.SystemTimeNs() + 1000, 0, 0});
  machine.VcpuOp(domain, 9, 0, abi::SchedShutdown{});
  machine.RunFor(sim::kMs);
  EXPECT_FALSE(machine.xen.event_channels().IsPending(*domain.domain, bind.port));
  EXPECT_EQ(machine.VcpuOp(domain, 6, 0, abi::VcpuPeriodic{1000}), -abi::kEINVAL);
  EXPECT_EQ(machine.VcpuOp(domain, 6, 0, abi::VcpuPeriodic{2'000'000}), 0);
  for (int i = 0; i < 3; ++i) {
    machine.RunFor(2 * sim::kMs);
    EXPECT_NE(domain.shared().evtchn_pending[0] & 1u << bind.port, 0u) << i;
    domain.shared().evtchn_pending[0] = 0;
  }
  EXPECT_EQ(machine.VcpuOp(domain, 7, 0, abi::SchedShutdown{}), 0);
}

TEST(VcpuOps, SecondaryVcpuStartsAtItsContext) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1, 2);
  EXPECT_EQ(machine.VcpuOp(domain, 3, 1, abi::SchedShutdown{}), 0);
  EXPECT_EQ(machine.VcpuOp(domain, 1, 1, abi::SchedShutdown{}), -abi::kEINVAL);
  abi::GuestContext context = {};
  context.rip = 0x1234;
  context.gs_base_kernel = 0x5678;
  std::memcpy(domain.Page(0), &context, sizeof context);
  EXPECT_EQ(machine.VcpuOp(domain, 0, 1, context), -abi::kEINVAL);  // cr3 0
  context.ctrlreg[3] = domain.vcpu().cr3_mfn << 12;
  EXPECT_EQ(machine.VcpuOp(domain, 0, 1, context), 0);
  EXPECT_EQ(machine.VcpuOp(domain, 0, 1, context), -abi::kEEXIST);
  EXPECT_EQ(machine.VcpuOp(domain, 1, 1, abi::SchedShutdown{}), 0);
  EXPECT_EQ(domain.host(1).starts, 1);
  EXPECT_EQ(domain.host(1).context.rip, 0x1234u);
  EXPECT_EQ(machine.VcpuOp(domain, 3, 1, abi::SchedShutdown{}), 1);
  EXPECT_EQ(machine.VcpuOp(domain, 2, 1, abi::SchedShutdown{}), 0);
  EXPECT_EQ(domain.host(1).stops, 1);
  EXPECT_EQ(machine.VcpuOp(domain, 1, 7, abi::SchedShutdown{}), -abi::kENOENT);
}

TEST(VcpuOps, InfoMovesOnceAndMarksEverythingPending) {
  TestMachine machine;
  TestDomain& domain = machine.Add(1);
  EXPECT_EQ(machine.VcpuOp(domain, 10, 0, abi::VcpuRegisterInfo{domain.Mfn(3), 4090, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.VcpuOp(domain, 10, 0, abi::VcpuRegisterInfo{3, 0, 0}), -abi::kEINVAL);
  EXPECT_EQ(machine.VcpuOp(domain, 10, 0, abi::VcpuRegisterInfo{domain.Mfn(3), 64, 0}), 0);
  EXPECT_EQ(domain.vcpu().info, domain.Page(3) + 64);
  EXPECT_EQ(domain.info().upcall_pending, 1);
  EXPECT_EQ(domain.info().upcall_mask, 1);
  EXPECT_EQ(domain.info().pending_sel, ~uint64_t{0});
  EXPECT_EQ(machine.VcpuOp(domain, 10, 0, abi::VcpuRegisterInfo{domain.Mfn(3), 64, 0}), -abi::kEINVAL);
}

TEST(Shutdown, StopsTheDomainAndTellsDom0) {
  struct Observer : DomainObserver {
    void OnShutdown(sim::DomId domain, unsigned reason) override { seen = {domain, reason}; }
    std::pair<sim::DomId, unsigned> seen;
  } observer;
  TestMachine machine;
  TestDomain& dom0 = machine.Add(0);
  TestDomain& domain = machine.Add(1);
  machine.xen.AddDomainObserver(&observer);
  abi::EvtchnBindVirq bind{abi::kVirqDomExc, 0, 0};
  EXPECT_EQ(machine.Op(dom0, abi::kEventChannelOp, 1, bind), 0);
  abi::SchedShutdown reason{3};
  EXPECT_EQ(machine.Op(domain, abi::kSchedOp, 2, reason), 0);
  EXPECT_TRUE(machine.last.block);
  EXPECT_EQ(observer.seen, (std::pair<sim::DomId, unsigned>(1, 3)));
  EXPECT_TRUE(machine.xen.event_channels().IsPending(*dom0.domain, bind.port));
  EXPECT_EQ(machine.Raw(domain, abi::kXenVersion, {}).value, -abi::kEINVAL);
}

// Two domains on one processor, as xen/common/sched/credit2.c shares it. The one that runs is domain 2: it began last.
struct Shared {
  Shared() : machine(OneProcessor()), sleeper(machine.Add(1)), port(Ipi(machine, sleeper)) {
    Sleep(sleeper);
    runner = &machine.Add(2);
  }
  static HypervisorConfig OneProcessor() {
    HypervisorConfig config;
    config.physical_cpus = 1;
    config.scheduler = SchedulerKind::kCredit2;
    return config;
  }
  void Sleep(TestDomain& domain) {
    domain.info().upcall_pending = 0;
    EXPECT_TRUE(machine.Raw(domain, abi::kSchedOp, {1, 0, 0, 0, 0}).block);
  }
  void Wake() { machine.Event(sleeper, 4, abi::EvtchnPort{port}); }
  sim::Ps now() { return machine.simulation.now(); }

  TestMachine machine;
  TestDomain& sleeper;
  uint32_t port;
  TestDomain* runner = nullptr;
};

TEST(Credit2, WhoWakesWaitsUntilWhoRunsSleeps) {
  Shared shared;
  shared.machine.RunFor(100 * sim::kUs);
  shared.Wake();
  shared.machine.RunFor(10 * sim::kUs);
  EXPECT_TRUE(shared.sleeper.host().wakes.empty());
  EXPECT_EQ(shared.sleeper.vcpu().state, VcpuState::kRunning);
  shared.Sleep(*shared.runner);
  ASSERT_EQ(shared.sleeper.host().wakes.size(), 1u);
  const HypervisorConfig& config = shared.machine.xen.config();
  EXPECT_EQ(shared.sleeper.host().wakes[0], shared.now() + config.hypercall + config.domain_switch);
  EXPECT_EQ(shared.runner->host().descheduled, 0);
}

TEST(Credit2, WhoHasHadTheRateLimitIsInterrupted) {
  Shared shared;
  const HypervisorConfig& config = shared.machine.xen.config();
  shared.machine.RunFor(config.sched_ratelimit - config.credit2_tolerance);
  shared.Wake();
  const sim::Ps woken = shared.now();
  shared.machine.RunFor(sim::kNs);
  ASSERT_EQ(shared.sleeper.host().wakes.size(), 1u);
  EXPECT_EQ(shared.sleeper.host().wakes[0], woken + config.domain_switch);
  EXPECT_EQ(shared.runner->host().descheduled, 1);
  shared.Sleep(shared.sleeper);
  ASSERT_EQ(shared.runner->host().rescheduled.size(), 1u);
  EXPECT_EQ(shared.runner->host().rescheduled[0], shared.now() + config.hypercall + config.domain_switch);
}

TEST(Credit2, WhoWakesSoonerWaitsForTheEndOfTheSlice) {
  Shared shared;
  const HypervisorConfig& config = shared.machine.xen.config();
  shared.machine.RunFor(config.sched_ratelimit - config.credit2_tolerance - sim::kNs);
  shared.Wake();
  shared.machine.RunFor(config.credit2_init);
  ASSERT_EQ(shared.sleeper.host().wakes.size(), 1u);
  EXPECT_EQ(shared.sleeper.host().wakes[0], config.credit2_init + config.domain_switch);
}

TEST(Credit2, TwoThatNeverSleepShareByTheLeastSlice) {
  Shared shared;
  const HypervisorConfig& config = shared.machine.xen.config();
  shared.machine.RunFor(config.sched_ratelimit);
  shared.Wake();
  shared.machine.RunFor(40 * sim::kMs);
  // After one slice, the rate limit's 1 ms, credits are equal, and who runs goes on; after two the other has more left.
  EXPECT_NEAR(shared.runner->host().descheduled, 10, 2);
  EXPECT_NEAR(static_cast<double>(shared.runner->host().rescheduled.size()), 10, 2);
}

TEST(Credit2, WhoFallsAsleepInWhatItFinishedIsNotLeftDescheduled) {
  Shared shared;
  const HypervisorConfig& config = shared.machine.xen.config();
  shared.machine.RunFor(config.sched_ratelimit);
  const uint32_t other = Ipi(shared.machine, *shared.runner);
  shared.Wake();
  shared.machine.RunFor(sim::kNs);
  EXPECT_EQ(shared.runner->host().descheduled, 1);
  shared.Sleep(*shared.runner);
  EXPECT_EQ(shared.runner->host().rescheduled.size(), 1u);
  shared.Sleep(shared.sleeper);
  EXPECT_TRUE(shared.runner->host().wakes.empty());
  shared.machine.Event(*shared.runner, 4, abi::EvtchnPort{other});
  ASSERT_EQ(shared.runner->host().wakes.size(), 1u);
  EXPECT_EQ(shared.runner->host().wakes[0], shared.now() + config.vcpu_unblock + config.domain_switch);
}

TEST(Credit2, WithoutItWhoWakesRunsAtOnce) {
  HypervisorConfig config;
  config.physical_cpus = 1;
  TestMachine machine(config);
  TestDomain& domain = machine.Add(1);
  const uint32_t port = Ipi(machine, domain);
  machine.Raw(domain, abi::kSchedOp, {1, 0, 0, 0, 0});
  machine.Add(2);
  machine.Event(domain, 4, abi::EvtchnPort{port});
  ASSERT_EQ(domain.host().wakes.size(), 1u);
  EXPECT_EQ(domain.host().wakes[0], config.vcpu_unblock + config.domain_switch);
}

}  // namespace
}  // namespace pvpci::xen
