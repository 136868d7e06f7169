// SPDX-License-Identifier: Apache-2.0
// Scheduling as far as guests see it: block, poll, yield, shutdown, wake-up costs, per-vCPU timers.
// sched_op and vcpu_op of abi.md 3.1. vCPUs are pinned; those that share a processor do so as config.scheduler says.
#ifndef PVPCI_MODELS_XEN_SCHED_H_
#define PVPCI_MODELS_XEN_SCHED_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "models/xen/abi.h"
#include "models/xen/credit2.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class Scheduler {
 public:
  explicit Scheduler(Hypervisor& hypervisor);
  void Register(HypercallTable& table);

  // sched_op.
  long Yield(Call& call, NoArguments& args);
  long Block(Call& call, NoArguments& args);
  long Shutdown(Call& call, abi::SchedShutdown& args);
  long Poll(Call& call, abi::SchedPoll& args);
  // vcpu_op. The vCPU is argument 1.
  long Initialise(Call& call, abi::GuestContext& args);
  long Up(Call& call, NoArguments& args);
  long Down(Call& call, NoArguments& args);
  long IsUp(Call& call, NoArguments& args);
  long GetRunstate(Call& call, abi::VcpuRunstate& args);
  long RegisterRunstate(Call& call, abi::VcpuArea& args);
  long SetPeriodic(Call& call, abi::VcpuPeriodic& args);
  long StopPeriodic(Call& call, NoArguments& args);
  long SetSingleshot(Call& call, abi::VcpuSingleshot& args);
  long StopSingleshot(Call& call, NoArguments& args);
  long RegisterInfo(Call& call, abi::VcpuRegisterInfo& args);
  long RegisterTime(Call& call, abi::VcpuArea& args);
  // set_timer_op: timeout in arguments 0 and 1 (low, high).
  long SetTimer(Call& call);

  // Wakes a blocked or polling vCPU, or makes a running one look at its upcall.
  void KickOrUnblock(Vcpu& vcpu);
  void Unblock(Vcpu& vcpu);
  // `vcpu` begins to run on its pCPU: its domain's first at once, others at VCPUOP_up.
  void Began(Vcpu& vcpu);
  // Takes `time` from the vCPU that runs on `pcpu`: the one that began or woke there last, unless it sleeps.
  void Steal(unsigned pcpu, sim::Ps time);
  // Nothing of this vCPU runs or fires any more.
  void Retire(Vcpu& vcpu);
  void ShutdownDomain(Domain& domain, unsigned reason);
  void AddObserver(DomainObserver* observer) { observers_.push_back(observer); }

 private:
  Vcpu* Target(Call& call) const;
  void ArmSingleshot(Vcpu& vcpu, uint64_t ns);
  void ArmPeriodic(Vcpu& vcpu);
  void Fire(Vcpu& vcpu);
  // It waits for an event from now on; the hypercall that says so is not over yet.
  void FellAsleep(Vcpu& vcpu);

  Hypervisor& hypervisor_;
  std::vector<const Vcpu*> last_on_pcpu_;
  std::unique_ptr<Credit2> credit2_;  // null: SchedulerKind::kApart
  std::vector<DomainObserver*> observers_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_SCHED_H_
