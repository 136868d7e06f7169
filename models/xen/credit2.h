// SPDX-License-Identifier: Apache-2.0
// Processors shared as Xen's default scheduler shares them: xen/common/sched/credit2.c. One run queue for each processor, as
// with credit2_runqueue=cpu, since vCPUs are pinned here; equal weights, no caps.
//
// A vCPU that wakes waits while another one runs on its processor: until that one sleeps, until its slice is over, or not at all
// if it has had the rate limit (less the tolerance) and has less credit left. Time that a vCPU runs is taken from its credit;
// when the next to run has none left, all of the processor get their credit anew.
#ifndef PVPCI_MODELS_XEN_CREDIT2_H_
#define PVPCI_MODELS_XEN_CREDIT2_H_

#include <cstdint>
#include <vector>

#include "models/xen/hypervisor.h"
#include "models/xen/vcpu.h"

namespace pvpci::xen {

class Credit2 {
 public:
  explicit Credit2(Hypervisor& hypervisor);

  // `vcpu` slept, and has something to do. `ready`: from when on it could run if its processor is idle.
  void Wake(Vcpu& vcpu, sim::Ps ready);
  // It was started, by the tools or its domain, and runs at once: whoever runs there waits.
  void Began(Vcpu& vcpu);
  // It goes to sleep, or is gone. The next one runs at `when` at the earliest.
  void Stopped(Vcpu& vcpu, sim::Ps when);
  // SCHEDOP_yield: whoever waits goes first.
  void Yield(Vcpu& vcpu);
  // Null: the processor is idle.
  const Vcpu* running(unsigned processor) const { return processors_[processor].running; }

 private:
  struct Processor {
    Vcpu* running = nullptr;
    Vcpu* last = nullptr;          // who ran there last
    sim::Ps since = 0;             // when `running` was chosen
    sim::Ps charged = 0;           // up to when its credit has been taken
    std::vector<Vcpu*> waiting;    // in the order they came
    sim::EventHandle timer = 0;    // end of the slice
  };

  // Ends the run of whoever runs: it waits, or is gone.
  void TakeOff(Processor& processor, bool waits);
  void Run(Processor& processor, Vcpu& vcpu, sim::Ps when);
  // Of those that wait the one with the most credit; null: nobody does.
  Vcpu* Next(const Processor& processor) const;
  void Charge(Processor& processor);
  // The slice of who runs: `length`, or as the credits say.
  void ArmTimer(Processor& processor);
  void ArmTimer(Processor& processor, sim::Ps length);
  void SliceOver(Processor& processor);
  void SwitchTo(Processor& processor, Vcpu& next, sim::Ps when);
  void ResetCredits(unsigned processor);
  void Welcome(Vcpu& vcpu) const;

  Hypervisor& hypervisor_;
  std::vector<Processor> processors_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_CREDIT2_H_
