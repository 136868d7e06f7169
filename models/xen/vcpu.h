// SPDX-License-Identifier: Apache-2.0
// One virtual CPU as the hypervisor sees it. Its execution is behind VcpuHost.
#ifndef PVPCI_MODELS_XEN_VCPU_H_
#define PVPCI_MODELS_XEN_VCPU_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/xen/guest_space.h"
#include "sim/time.h"
#include "sim/simulation.h"

namespace pvpci::xen {

struct Domain;

enum class VcpuState : uint8_t { kDown, kRunning, kBlocked, kPolling };

struct Vcpu {
  Domain* domain = nullptr;
  unsigned id = 0;               // in its domain
  unsigned pcpu = 0;             // pinned
  VcpuHost* host = nullptr;
  VcpuState state = VcpuState::kDown;
  bool initialised = false;
  VcpuContext context;           // start context

  // struct vcpu_info (64 bytes), wherever it lies now: in shared_info, or in guest memory after registration.
  std::byte* info = nullptr;
  uint64_t info_mfn = 0;         // 0: still in shared_info
  uint64_t runstate_va = 0;      // VCPUOP_register_runstate_memory_area

  uint64_t cr3_mfn = 0;          // L4 table in use
  std::vector<uint32_t> poll_ports;
  sim::EventHandle poll_timer = 0;
  sim::EventHandle singleshot_timer = 0;
  sim::EventHandle periodic_timer = 0;
  sim::Ps period = 0;            // 0: periodic timer stopped
  std::array<uint32_t, 24> virq_ports{};  // by virq number; 0: unbound. Global virqs at vCPU 0.

  // credit2.h: what is left, in ps of running; whether its host was taken off in the middle, not asleep.
  std::optional<int64_t> credit;
  bool descheduled = false;
  // The last time that it was woken: when, when it could have run, when it did, and how much of that the switch from another
  // domain took.
  sim::Ps woken_at = 0, ready_at = 0, runs_at = 0, switch_cost = 0;

  // Saved upcall masks of nested bounce frames, innermost last.
  std::vector<uint8_t> saved_masks;
  // Interrupts whose PENDING was set for this vCPU and that no bounce frame has stamped (t4) yet.
  std::vector<uint32_t> unstamped_ports;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_VCPU_H_
