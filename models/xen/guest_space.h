// SPDX-License-Identifier: Apache-2.0
// What the hypervisor model needs from whoever runs a domain's code: its address space and its vCPUs.
// Implemented in driver/ (loader, vcpu); tests use fakes.
#ifndef PVPCI_MODELS_XEN_GUEST_SPACE_H_
#define PVPCI_MODELS_XEN_GUEST_SPACE_H_

#include <cstdint>

#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::xen {

// One domain's virtual address space in this process. Guest virtual addresses are host addresses.
class GuestSpace {
 public:
  virtual ~GuestSpace() = default;
  // Host pointer to [va, va + length), or null if any byte is not mapped with that right: the caller answers -EFAULT.
  virtual void* Access(uint64_t va, uint64_t length, bool write) = 0;
  // Maps the page of `frame` (backing_fd, backing_offset) at page-aligned `va`, replacing what was there.
  // False: not possible (no backing, or `va` outside the domain's regions).
  virtual bool MapFrame(uint64_t va, const sim::Frame& frame, bool writable) = 0;
  // Makes the page inaccessible again.
  virtual void UnmapPage(uint64_t va) = 0;
};

// Where a vCPU starts: the part of vcpu_guest_context (xen/include/public/arch-x86/xen.h) that a start needs.
// vCPU 0 gets rsi = start_info and cr3; secondary vCPUs what the guest passed to VCPUOP_initialise.
struct VcpuContext {
  uint64_t rip = 0;
  uint64_t rsp = 0;
  uint64_t rdi = 0;
  uint64_t rsi = 0;
  uint64_t kernel_sp = 0;
  uint64_t cr3_mfn = 0;
  uint64_t gs_base_kernel = 0;
};

// The execution of one vCPU.
class VcpuHost {
 public:
  virtual ~VcpuHost() = default;
  // Something this vCPU must look at (an upcall became deliverable, or its domain was stopped): leave native code at
  // the next block boundary and ask Hypervisor::UpcallDeliverable. May be called while the vCPU runs or sleeps.
  virtual void Kick() = 0;
  // The hypervisor took the processor for `time` while this vCPU ran on it. Nothing is taken from one that is blocked or
  // only just waking: its wake-up has a cost of its own.
  virtual void Steal(sim::Ps time) = 0;
  // A vCPU that answered HypercallResult::block is runnable again from `when` on (>= now).
  virtual void Wake(sim::Ps when) = 0;
  // Its processor runs another vCPU: execute nothing, whoever wakes it, until Reschedule. What it had begun it may finish.
  virtual void Deschedule() = 0;
  // It has its processor again from `when` on (>= now).
  virtual void Reschedule(sim::Ps when) = 0;
  // VCPUOP_up of an initialised vCPU: begin at `context`, not before `when`.
  virtual void Start(const VcpuContext& context, sim::Ps when) = 0;
  // VCPUOP_down, shutdown or destruction: execute nothing more (until Start).
  virtual void Stop() = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_GUEST_SPACE_H_
