// SPDX-License-Identifier: Apache-2.0
// What handlers of interrupts leave to be done later, by hooks on the kernel's own functions: softirqs, work, threads of
// handlers, completions. A hook takes no simulated time.
#ifndef PVPCI_SCENARIOS_MACHINE_BOTTOM_HALVES_H_
#define PVPCI_SCENARIOS_MACHINE_BOTTOM_HALVES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/vcpu/vcpu_runner.h"
#include "scenarios/machine/guest_domain.h"

namespace pvpci::scenarios {

class BottomHalves {
 public:
  struct Note {
    uint32_t interrupt;
    sim::DomId domain;
    const char* what;  // "softirq", "work", "irq thread", "completion"
    const driver::VcpuRunner* vcpu;
    sim::Ps queued;
    std::optional<sim::Ps> began;
  };

  void Install(GuestDomain& guest);
  // The vCPU that runs now entered the handler of that interrupt.
  void NoteDelivered(uint32_t interrupt) { serving_[driver::VcpuRunner::current()] = interrupt; }
  std::vector<Note> Of(uint32_t interrupt) const;

 private:
  void Queued(sim::DomId domain, const char* what, driver::VcpuRunner& vcpu, sim::Ps time);
  void Began(sim::DomId domain, const char* what, const driver::VcpuRunner& vcpu, sim::Ps time);

  std::map<const driver::VcpuRunner*, uint32_t> serving_;  // looked up only
  std::map<uint32_t, std::vector<size_t>> by_interrupt_;
  std::vector<Note> notes_;
  std::vector<size_t> waiting_;  // that have not begun
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_BOTTOM_HALVES_H_
