// SPDX-License-Identifier: Apache-2.0
// What the hypervisor model needs from the rest of the machine room, as small interfaces: PCI accesses, the tables of
// an optional IOMMU, and observers. Nothing here names the fabric or the IOMMU model.
#ifndef PVPCI_MODELS_XEN_PLATFORM_H_
#define PVPCI_MODELS_XEN_PLATFORM_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "models/pci/tlp.h"
#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::xen {

// Xen's own accesses to devices (MSI programming, capability search). Absent functions read all-ones.
class PlatformPci {
 public:
  virtual ~PlatformPci() = default;
  virtual uint32_t ConfigRead(pci::Bdf function, unsigned offset, unsigned size) = 0;
  virtual void ConfigWrite(pci::Bdf function, unsigned offset, unsigned size, uint32_t value) = 0;
  virtual uint64_t MmioRead(uint64_t machine_address, unsigned size) = 0;
  virtual void MmioWrite(uint64_t machine_address, unsigned size, uint64_t value) = 0;
};

// One interrupt remapping entry as the hypervisor wants it. VT-d 9.10.
struct RemapTarget {
  pci::Bdf source;            // verified requester id (SVT = 1, SQ = 0)
  unsigned vector = 0;
  unsigned destination = 0;   // APIC id
  bool level = false;
};

// A refused request as the unit's fault recording registers have it.
struct DmaFaultReport {
  pci::Bdf source;            // requester id on the wire
  uint64_t address = 0;       // page; interrupt remapping: index of the entry
  uint8_t reason = 0;         // VT-d's number
  bool write = false;
  bool interrupt = false;
  const char* text = "";      // of the reason
};

// Table maintenance of the optional IOMMU. Every call answers the time it takes the hypervisor. A change of a live entry
// is invalidated before the call returns, unless a batch is open. Throws sim::OutOfResources when there is no memory for a
// table; nothing is mapped or attached then.
class IommuControl {
 public:
  virtual ~IommuControl() = default;
  virtual bool remaps_interrupts() const = 0;
  // A domain is gone: its second-level table is freed. No function may be attached to it.
  virtual sim::Ps DestroyDomain(sim::DomId domain) = 0;

  // Context entry of the function: the table of `domain`; no translation; the function's own quarantine table; none, so
  // that every request faults.
  virtual sim::Ps AttachDevice(pci::Bdf function, sim::DomId domain) = 0;
  virtual sim::Ps PassDevice(pci::Bdf function, sim::DomId domain) = 0;
  virtual sim::Ps AttachQuarantine(pci::Bdf function) = 0;
  virtual sim::Ps BlockDevice(pci::Bdf function) = 0;
  // A function's own table for quarantine: `regions` [first, last] of frames 1:1, and with `scratch` every other page of
  // its address space is one scratch page, zeroed when the table is used again.
  virtual sim::Ps MakeQuarantine(pci::Bdf function, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& regions,
                                 bool scratch) = 0;

  // The 1:1 map of a PV domain (abi.md 3.9).
  virtual sim::Ps MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) = 0;
  virtual sim::Ps UnmapFrame(sim::DomId domain, sim::Mfn mfn) = 0;
  // Consecutive frames at once; an implementation may use large pages.
  virtual sim::Ps MapRange(sim::DomId domain, sim::Mfn first, uint64_t count, bool writable) {
    sim::Ps cost = 0;
    for (uint64_t i = 0; i < count; ++i) cost += MapFrame(domain, first + i, writable);
    return cost;
  }
  // Between the two, changes are written but not invalidated; End invalidates each domain touched, once: at once, or
  // `later` from now.
  virtual void BeginBatch() = 0;
  virtual sim::Ps EndBatch(sim::Ps later = 0) = 0;
  // No invalidation of pages at all while suppressed.
  virtual void SuppressFlushes(bool suppressed) = 0;

  // Reads and clears the fault recording registers, in the order of recording. Called from the fault interrupt.
  virtual std::vector<DmaFaultReport> TakeFaults() = 0;

  // Interrupt remapping: `count` consecutive entries (power of two); nullopt: table full.
  virtual std::optional<unsigned> AllocateIrtes(unsigned count) = 0;
  virtual sim::Ps WriteIrte(unsigned index, const RemapTarget& target) = 0;
  virtual sim::Ps FreeIrtes(unsigned index, unsigned count) = 0;
};

// Somebody lost a frame that a device of theirs could reach. The moment counts from which the device should not.
enum class FrameLoss : uint8_t {
  kOwnership,  // the frame was given back or taken away
  kType,       // it became a page or descriptor table
  kGrant,      // the last grant mapping of it ended
};
class FrameLossObserver {
 public:
  virtual ~FrameLossObserver() = default;
  virtual void OnLoss(sim::DomId domain, sim::Mfn mfn, FrameLoss loss) = 0;
  // The function was taken from the domain, and with it every frame of the domain.
  virtual void OnDeviceLoss(sim::DomId domain, pci::Bdf function) = 0;
};

// Measuring points of abi.md 5.3 that lie in the hypervisor.
enum class Probe : uint8_t {
  kT1 = 1,    // do_IRQ entered
  kT2 = 2,    // PENDING set on the port
  kT3 = 3,    // upcall_pending set by this event (absent: selector or ready bit was already set)
  kT4 = 4,    // bounce frame for an upcall that found this event pending
  kT8 = 8,    // PHYSDEVOP_eoi by the guest
  kT9 = 9,    // EOI at the local APIC or IO-APIC
  kT10 = 10,  // level line sampled again after EOI
};

struct Vcpu;
struct ProbeEvent {
  uint32_t interrupt = 0;  // fabric-wide number of the assertion
  Probe probe = Probe::kT1;
  sim::Ps time = 0;
  sim::DomId domain = sim::kDomXen;
  uint32_t port = 0;       // 0: not yet known
  uint32_t pirq = 0;
  const Vcpu* vcpu = nullptr;  // t2: whom the event is for; t4: who takes it. Else null
};

// Where an assertion ended. Each assertion that reached the platform ends in exactly one of these (level sharing: the
// last one reported to any domain wins, see Hypervisor::interrupt_counts).
enum class InterruptOutcome : uint8_t {
  kDelivered,    // PENDING went 0 -> 1 for it
  kCoalesced,    // merged into an earlier one still pending (`into`) at port, local APIC or IO-APIC
  kLost,         // nothing bound, irq disabled, rate limit, masked edge
  kRedelivered,  // level line still up at EOI: PENDING set again for the same assertion; not a new assertion
};

class InterruptProbe {
 public:
  virtual ~InterruptProbe() = default;
  virtual void OnProbe(const ProbeEvent& event) = 0;
  virtual void OnOutcome(uint32_t interrupt, InterruptOutcome outcome, uint32_t into, sim::Ps time) = 0;
  // Its port was bound to another vCPU after PENDING was set and before anybody took it.
  virtual void OnMoved(uint32_t /*interrupt*/, sim::DomId /*domain*/, sim::Ps /*time*/) {}
};

// A domain ended: SCHEDOP_shutdown (reason 0 poweroff, 1 reboot, 2 suspend, 3 crash) or the hypervisor crashed it.
class DomainObserver {
 public:
  virtual ~DomainObserver() = default;
  virtual void OnShutdown(sim::DomId domain, unsigned reason) = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_PLATFORM_H_
