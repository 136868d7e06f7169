// SPDX-License-Identifier: Apache-2.0
// Every interleaving with one preemption of a window of kernel code: each pass through the window the hypervisor takes the
// vCPU away one basic block later, long enough for everybody else to run, until every block had its turn. Bounded by the
// length of the window; the same blocks in the same order in every run.
#ifndef PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_
#define PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_

#include <cstdint>
#include <string>

#include "models/pci/function.h"
#include "scenarios/machine/guest_domain.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

class Preemption {
 public:
  // `step` is a preempt step. `device`, if any, interrupts when the vCPU is taken away. All outlive this.
  Preemption(GuestDomain& guest, const Step& step, pci::Function* device);

  // "", or which function or source the image lacks.
  std::string Install();
  const Step& step() const { return step_; }
  // Every block of the window had its turn (or the one that the step names was met).
  bool complete() const { return step_.preempt.only == 0 ? exhausted_ : held_ > 0; }
  // Which block it was last, and what to set to meet only that one again.
  std::string Story() const;

 private:
  void Begin(driver::VcpuRunner& vcpu);
  void End(driver::VcpuRunner& vcpu);
  void AtBlock(driver::VcpuRunner& vcpu);

  GuestDomain& guest_;
  const Step& step_;
  pci::Function* device_;
  const driver::VcpuRunner* passing_ = nullptr;  // the vCPU inside the window
  uint64_t wanted_ = 0;     // hold before this block of the pass, from 1
  uint64_t seen_ = 0;       // blocks of this pass
  uint64_t held_ = 0;       // passes that were held
  uint64_t longest_ = 0;    // pass, in blocks
  uint32_t last_block_ = 0;
  uint64_t last_number_ = 0;
  bool exhausted_ = false;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_
