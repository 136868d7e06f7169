// SPDX-License-Identifier: Apache-2.0
// Every interleaving with one preemption of a window of kernel code: each pass through the window the hypervisor takes the
// vCPU away one basic block later, long enough for everybody else to run, until every block had its turn. Bounded by the
// length of the window; the same blocks in the same order in every run. After that, where the step asks for it, passes with
// two or three preemptions before blocks that the seed draws: all of them would be too many.
#ifndef PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_
#define PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/pci/function.h"
#include "scenarios/machine/guest_domain.h"
#include "scenarios/scenario.h"
#include "sim/random.h"

namespace pvpci::scenarios {

class Preemption {
 public:
  // `step` is a preempt step. `device`, if any, interrupts when the vCPU is taken away. All outlive this.
  Preemption(GuestDomain& guest, const Step& step, pci::Function* device, uint64_t seed);

  // "", or which function or source the image lacks.
  std::string Install();
  const Step& step() const { return step_; }
  // Every block of the window had its turn, and so many passes had several (or those that the step names were met).
  bool complete() const;
  // Which blocks it was last, and what to set to meet only those again.
  std::string Story() const;

 private:
  void Begin(driver::VcpuRunner& vcpu);
  void End(driver::VcpuRunner& vcpu);
  void AtBlock(driver::VcpuRunner& vcpu);
  void Choose();

  GuestDomain& guest_;
  const Step& step_;
  pci::Function* device_;
  const driver::VcpuRunner* passing_ = nullptr;  // the vCPU inside the window
  sim::Random random_;
  std::vector<uint64_t> wanted_;  // hold before these blocks of the pass, from 1, ascending
  std::vector<uint64_t> met_;     // of the last pass that was held
  size_t next_ = 0;         // of wanted_
  uint64_t single_ = 0;     // block of the pass with one
  uint64_t drawn_ = 0;      // passes with several so far
  uint64_t seen_ = 0;       // blocks of this pass
  uint64_t held_ = 0;       // passes that were held
  uint64_t longest_ = 0;    // pass, in blocks
  uint32_t last_block_ = 0;
  bool exhausted_ = false;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_PREEMPTION_H_
