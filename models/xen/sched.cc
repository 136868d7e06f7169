// SPDX-License-Identifier: Apache-2.0
#include "models/xen/sched.h"

#include <cstring>

#include "models/xen/event_channels.h"
#include "models/xen/frames.h"
#include "models/xen/system_time.h"

namespace pvpci::xen {
namespace {

constexpr uint32_t kMaxPollPorts = 128;
constexpr uint64_t kMinPeriodNs = 1'000'000;  // Xen refuses periods below 1 ms

abi::VcpuInfo& Info(Vcpu& vcpu) { return *reinterpret_cast<abi::VcpuInfo*>(vcpu.info); }

}  // namespace

Scheduler::Scheduler(Hypervisor& hypervisor) : hypervisor_(hypervisor) {
  last_on_pcpu_.resize(hypervisor.config().physical_cpus, nullptr);
  if (hypervisor.config().scheduler == SchedulerKind::kCredit2) credit2_ = std::make_unique<Credit2>(hypervisor);
}

void Scheduler::Register(HypercallTable& table) {
  constexpr unsigned kSched = abi::kSchedOp;
  constexpr unsigned kVcpu = abi::kVcpuOp;
  using S = Scheduler;
  table.Group(kSched, "sched_op", "SCHEDOP_");
  table.On(kSched, 0, "yield", &S::Yield, this);
  table.On(kSched, 1, "block", &S::Block, this);
  table.On(kSched, 2, "shutdown", &S::Shutdown, this, Outputs::kNone, {{"reason", 0, 4}});
  table.On(kSched, 3, "poll", &S::Poll, this, Outputs::kNone, {{"nr_ports", 8, 4}, {"timeout", 16, 8}});
  table.Absent(kSched, 4, "remote_shutdown");
  table.Absent(kSched, 5, "shutdown_code");
  table.Absent(kSched, 6, "watchdog");
  table.Group(kVcpu, "vcpu_op", "VCPUOP_", 2);
  table.On(kVcpu, 0, "initialise", &S::Initialise, this);
  table.On(kVcpu, 1, "up", &S::Up, this);
  table.On(kVcpu, 2, "down", &S::Down, this);
  table.On(kVcpu, 3, "is_up", &S::IsUp, this);
  table.On(kVcpu, 4, "get_runstate_info", &S::GetRunstate, this, Outputs::kSuccess);
  table.On(kVcpu, 5, "register_runstate_memory_area", &S::RegisterRunstate, this);
  table.On(kVcpu, 6, "set_periodic_timer", &S::SetPeriodic, this, Outputs::kNone, {{"period", 0, 8}});
  table.On(kVcpu, 7, "stop_periodic_timer", &S::StopPeriodic, this);
  table.On(kVcpu, 8, "set_singleshot_timer", &S::SetSingleshot, this, Outputs::kNone,
           {{"timeout", 0, 8}, {"flags", 8, 4}});
  table.On(kVcpu, 9, "stop_singleshot_timer", &S::StopSingleshot, this);
  table.On(kVcpu, 10, "register_vcpu_info", &S::RegisterInfo, this, Outputs::kNone,
           {{"mfn", 0, 8}, {"offset", 8, 4}});
  table.Absent(kVcpu, 11, "send_nmi");
  table.Absent(kVcpu, 12, "get_physid");
  table.On(kVcpu, 13, "register_vcpu_time_memory_area", &S::RegisterTime, this);
  table.OnRaw(abi::kSetTimerOp, "set_timer_op", &S::SetTimer, this, {{"lo", 0, 8}, {"hi", 8, 8}});
}

void Scheduler::Began(Vcpu& vcpu) {
  last_on_pcpu_[vcpu.pcpu] = &vcpu;
  if (credit2_) credit2_->Began(vcpu);
}

void Scheduler::FellAsleep(Vcpu& vcpu) {
  if (credit2_) credit2_->Stopped(vcpu, hypervisor_.simulation().now() + hypervisor_.config().hypercall);
}

long Scheduler::Yield(Call& call, NoArguments&) {
  if (credit2_) credit2_->Yield(call.vcpu);
  return 0;
}

long Scheduler::Block(Call& call, NoArguments&) {
  // Clearing the mask and looking for events is one step: an event in between must not be slept over.
  Info(call.vcpu).upcall_mask = 0;
  if (Info(call.vcpu).upcall_pending != 0) return 0;
  call.vcpu.state = VcpuState::kBlocked;
  FellAsleep(call.vcpu);
  call.block = true;
  return 0;
}

long Scheduler::Poll(Call& call, abi::SchedPoll& args) {
  if (args.nr_ports > kMaxPollPorts) return -abi::kEINVAL;
  std::vector<uint32_t> ports(args.nr_ports);
  if (args.nr_ports != 0 && !call.CopyIn(ports.data(), args.ports, args.nr_ports * sizeof(uint32_t))) {
    return -abi::kEFAULT;
  }
  for (const uint32_t port : ports) {
    if (port == 0 || port >= call.domain.ports.size()) return -abi::kEINVAL;
  }
  if (Hypervisor::UpcallDeliverable(call.vcpu)) return 0;
  for (const uint32_t port : ports) {
    if (hypervisor_.event_channels().IsPending(call.domain, port)) return 0;
  }
  // Absolute nanoseconds; the past returns at once, 0 never times out (abi.md S4).
  if (args.timeout != 0 && args.timeout <= hypervisor_.SystemTimeNs()) return 0;
  Vcpu& vcpu = call.vcpu;
  vcpu.state = VcpuState::kPolling;
  FellAsleep(vcpu);
  vcpu.poll_ports = std::move(ports);
  if (args.timeout != 0) {
    vcpu.poll_timer = hypervisor_.simulation().At(hypervisor_.system_time().When(args.timeout), [this, &vcpu] {
      vcpu.poll_timer = 0;
      Unblock(vcpu);
    });
  }
  call.block = true;
  return 0;
}

long Scheduler::Shutdown(Call& call, abi::SchedShutdown& args) {
  ShutdownDomain(call.domain, args.reason);
  call.block = true;
  return 0;
}

void Scheduler::ShutdownDomain(Domain& domain, unsigned reason) {
  if (domain.shut_down) return;
  domain.shut_down = true;
  domain.shutdown_reason = reason;
  for (auto& vcpu : domain.vcpus) Retire(*vcpu);
  if (domain.id() != 0) hypervisor_.RaiseVirq(0, abi::kVirqDomExc);
  for (DomainObserver* observer : observers_) observer->OnShutdown(domain.id(), reason);
}

void Scheduler::Retire(Vcpu& vcpu) {
  for (sim::EventHandle* timer : {&vcpu.poll_timer, &vcpu.singleshot_timer, &vcpu.periodic_timer}) {
    if (*timer != 0) hypervisor_.simulation().Cancel(*timer);
    *timer = 0;
  }
  if (vcpu.state == VcpuState::kDown) return;
  vcpu.state = VcpuState::kDown;
  if (last_on_pcpu_[vcpu.pcpu] == &vcpu) last_on_pcpu_[vcpu.pcpu] = nullptr;
  if (credit2_) credit2_->Stopped(vcpu, hypervisor_.simulation().now());
  if (vcpu.host != nullptr) vcpu.host->Stop();
}

void Scheduler::Steal(unsigned pcpu, sim::Ps time) {
  const Vcpu* const running = credit2_ ? credit2_->running(pcpu) : last_on_pcpu_[pcpu];
  if (running == nullptr || running->state != VcpuState::kRunning || running->host == nullptr) return;
  running->host->Steal(time);
}

void Scheduler::Unblock(Vcpu& vcpu) {
  if (vcpu.state != VcpuState::kBlocked && vcpu.state != VcpuState::kPolling) return;
  if (vcpu.poll_timer != 0) hypervisor_.simulation().Cancel(vcpu.poll_timer);
  vcpu.poll_timer = 0;
  vcpu.poll_ports.clear();
  vcpu.state = VcpuState::kRunning;
  vcpu.woken_at = hypervisor_.simulation().now();
  vcpu.ready_at = vcpu.runs_at = vcpu.woken_at + hypervisor_.config().vcpu_unblock;
  if (credit2_) return credit2_->Wake(vcpu, vcpu.ready_at);
  const Vcpu*& last = last_on_pcpu_[vcpu.pcpu];
  vcpu.switch_cost = last != nullptr && last != &vcpu ? hypervisor_.config().domain_switch : 0;
  last = &vcpu;
  vcpu.runs_at += vcpu.switch_cost;
  if (vcpu.host != nullptr) vcpu.host->Wake(vcpu.runs_at);
}

void Scheduler::KickOrUnblock(Vcpu& vcpu) {
  if (vcpu.state == VcpuState::kBlocked || vcpu.state == VcpuState::kPolling) {
    Unblock(vcpu);
  } else if (vcpu.state == VcpuState::kRunning && vcpu.host != nullptr && Hypervisor::UpcallDeliverable(vcpu)) {
    vcpu.host->Kick();
  }
}

Vcpu* Scheduler::Target(Call& call) const {
  const uint64_t id = call.args[1];
  return id < call.domain.vcpus.size() ? call.domain.vcpus[id].get() : nullptr;
}

long Scheduler::Initialise(Call& call, abi::GuestContext& args) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (vcpu->initialised) return -abi::kEEXIST;
  // PV cr3 format folds the frame number: on x86-64 it is the machine address.
  const sim::Mfn cr3 = args.ctrlreg[3] >> sim::kPageShift;
  const sim::Frame* frame = hypervisor_.memory().Find(cr3);
  if (frame == nullptr || frame->owner != call.domain.id()) return -abi::kEINVAL;
  vcpu->context.rip = args.rip;
  vcpu->context.rsp = args.rsp;
  vcpu->context.rdi = args.rdi;
  vcpu->context.rsi = args.rsi;
  vcpu->context.kernel_sp = args.kernel_sp;
  vcpu->context.gs_base_kernel = args.gs_base_kernel;
  vcpu->context.cr3_mfn = vcpu->cr3_mfn = cr3;
  vcpu->initialised = true;
  return 0;
}

long Scheduler::Up(Call& call, NoArguments&) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (!vcpu->initialised) return -abi::kEINVAL;
  if (vcpu->state != VcpuState::kDown) return 0;
  vcpu->state = VcpuState::kRunning;
  Began(*vcpu);
  hypervisor_.UpdateTime(*vcpu);
  if (vcpu->host != nullptr) {
    vcpu->host->Start(vcpu->context, hypervisor_.simulation().now() + hypervisor_.config().vcpu_unblock);
  }
  return 0;
}

long Scheduler::Down(Call& call, NoArguments&) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  Retire(*vcpu);
  call.block = vcpu == &call.vcpu;
  return 0;
}

long Scheduler::IsUp(Call& call, NoArguments&) {
  const Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  return vcpu->state == VcpuState::kDown ? 0 : 1;
}

long Scheduler::GetRunstate(Call& call, abi::VcpuRunstate& args) {
  const Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  args = {};
  args.state = vcpu->state == VcpuState::kRunning ? 0 : vcpu->state == VcpuState::kDown ? 3 : 2;
  args.state_entry_time = hypervisor_.SystemTimeNs();
  return 0;
}

long Scheduler::RegisterRunstate(Call& call, abi::VcpuArea& args) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  vcpu->runstate_va = args.address;
  abi::VcpuRunstate runstate = {};
  runstate.state_entry_time = hypervisor_.SystemTimeNs();
  return call.CopyOut(args.address, &runstate, sizeof runstate) ? 0 : -abi::kEFAULT;
}

long Scheduler::RegisterTime(Call& call, abi::VcpuArea&) {
  return Target(call) == nullptr ? -abi::kENOENT : -abi::kENOSYS;  // the vsyscall page is not offered
}

void Scheduler::Fire(Vcpu& vcpu) { hypervisor_.event_channels().SendVirq(vcpu, abi::kVirqTimer); }

void Scheduler::ArmSingleshot(Vcpu& vcpu, uint64_t ns) {
  if (vcpu.singleshot_timer != 0) hypervisor_.simulation().Cancel(vcpu.singleshot_timer);
  vcpu.singleshot_timer = hypervisor_.simulation().At(hypervisor_.system_time().When(ns), [this, &vcpu] {
    vcpu.singleshot_timer = 0;
    Fire(vcpu);
  });
}

long Scheduler::SetSingleshot(Call& call, abi::VcpuSingleshot& args) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (vcpu != &call.vcpu) return -abi::kEINVAL;
  if ((args.flags & abi::kSingleshotFuture) != 0 && args.timeout_abs_ns < hypervisor_.SystemTimeNs()) {
    return -abi::kETIME;
  }
  ArmSingleshot(*vcpu, args.timeout_abs_ns);
  return 0;
}

long Scheduler::StopSingleshot(Call& call, NoArguments&) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (vcpu != &call.vcpu) return -abi::kEINVAL;
  if (vcpu->singleshot_timer != 0) hypervisor_.simulation().Cancel(vcpu->singleshot_timer);
  vcpu->singleshot_timer = 0;
  return 0;
}

long Scheduler::SetTimer(Call& call) {
  const uint64_t timeout = (call.args[0] & 0xffffffff) | call.args[1] << 32;
  if (timeout == 0) {
    if (call.vcpu.singleshot_timer != 0) hypervisor_.simulation().Cancel(call.vcpu.singleshot_timer);
    call.vcpu.singleshot_timer = 0;
  } else {
    ArmSingleshot(call.vcpu, timeout);
  }
  return 0;
}

void Scheduler::ArmPeriodic(Vcpu& vcpu) {
  vcpu.periodic_timer = hypervisor_.simulation().After(vcpu.period, [this, &vcpu] {
    ArmPeriodic(vcpu);
    Fire(vcpu);
  });
}

long Scheduler::SetPeriodic(Call& call, abi::VcpuPeriodic& args) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (args.period_ns < kMinPeriodNs) return -abi::kEINVAL;
  if (vcpu->periodic_timer != 0) hypervisor_.simulation().Cancel(vcpu->periodic_timer);
  vcpu->period = args.period_ns * sim::kNs;
  ArmPeriodic(*vcpu);
  return 0;
}

long Scheduler::StopPeriodic(Call& call, NoArguments&) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (vcpu->periodic_timer != 0) hypervisor_.simulation().Cancel(vcpu->periodic_timer);
  vcpu->periodic_timer = 0;
  vcpu->period = 0;
  return 0;
}

long Scheduler::RegisterInfo(Call& call, abi::VcpuRegisterInfo& args) {
  Vcpu* vcpu = Target(call);
  if (vcpu == nullptr) return -abi::kENOENT;
  if (args.offset > sim::kPageSize - sizeof(abi::VcpuInfo) || vcpu->info_mfn != 0) return -abi::kEINVAL;
  if (!hypervisor_.frames().GetWritable(call.domain, args.mfn)) return -abi::kEINVAL;
  std::byte* info = hypervisor_.memory().frame(args.mfn).host + args.offset;
  std::memcpy(info, vcpu->info, sizeof(abi::VcpuInfo));
  vcpu->info = info;
  vcpu->info_mfn = args.mfn;
  // Everything may have been pending in the old place: the guest looks at all of it once.
  Info(*vcpu).pending_sel = ~uint64_t{0};
  hypervisor_.event_channels().MarkEventsPending(*vcpu);
  return 0;
}

}  // namespace pvpci::xen
