// SPDX-License-Identifier: Apache-2.0
// The hypervisor model: domains, hypercalls, interrupts, memory, time. Behaviour of Xen 4.17 as listed in abi.md 3.
//
// One instance per Simulation. Guests enter through Hypercall; the platform enters through interrupts() (the local
// APICs and the IO-APIC); the toolstack enters through the control calls below, which stand for domctl and for what
// dom0's tools do with their own rights. Errors are negative Linux errno values.
#ifndef PVPCI_MODELS_XEN_HYPERVISOR_H_
#define PVPCI_MODELS_XEN_HYPERVISOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/pci/host_ports.h"
#include "models/xen/config.h"
#include "models/xen/domain.h"
#include "models/xen/guest_space.h"
#include "models/xen/platform.h"
#include "models/xen/vcpu.h"
#include "models/xen/xen_console.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::xen {

class Apics;
class DomainBuilder;
class EventChannels;
class Frames;
class Grants;
class HypercallTable;
class Irqs;
class MemoryOps;
class MiscOps;
class Mmu;
class MsiProgrammer;
class Passthrough;
class PhysdevOps;
class Pirqs;
class Scheduler;
class SystemTime;

struct HypercallResult {
  long value = 0;     // >= 0 or -errno
  sim::Ps cost = 0;   // simulated time the caller spends, to be added to its local time
  bool block = false; // the vCPU sleeps until VcpuHost::Wake; then the call returns `value`
};

// A guest mapping as the page tables have it.
struct GuestMapping {
  uint64_t machine_address = 0;
  uint64_t pte = 0;               // leaf entry, all bits
  bool writable() const { return (pte & 2) != 0; }
};

// Exact books over every interrupt that reached the platform: arrived == delivered + coalesced + lost + waiting.
struct InterruptCounts {
  uint64_t arrived = 0;
  uint64_t delivered = 0;
  uint64_t coalesced = 0;
  uint64_t lost = 0;
  uint64_t waiting = 0;           // latched in a local APIC or at the IO-APIC, not yet at a port
  uint64_t redelivered = 0;       // extra deliveries of a level line still up at EOI
  uint64_t forged = 0;            // of arrived: messages that were plain DMA writes
  uint64_t forced_eois = 0;
  uint64_t rate_limited = 0;      // times an irq was disabled by the rate limit
};

class Hypervisor {
 public:
  // Fills `memory` with the machine's RAM and takes Xen's own part. `iommu` may be null: M0.
  Hypervisor(HypervisorConfig config, sim::Simulation& simulation, sim::MachineMemory& memory, sim::Trace& trace,
             PlatformPci& pci, IommuControl* iommu = nullptr);
  ~Hypervisor();
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  // --- Guests -----------------------------------------------------------------------------------------------------
  // One hypercall of a running vCPU. A destroyed or crashed domain's calls answer -EINVAL and block.
  HypercallResult Hypercall(Vcpu& vcpu, unsigned nr, const uint64_t args[5]);
  // upcall_pending && !upcall_mask, read from vcpu_info. Cheap.
  static bool UpcallDeliverable(const Vcpu& vcpu);
  // The bounce frame: saves and sets the upcall mask, stamps t4. Answers the injection cost.
  sim::Ps BeginUpcall(Vcpu& vcpu);
  // The iret that leaves the event callback: restores the saved mask. If the result is deliverable again, the caller
  // starts another upcall at once, as Xen's exit path does.
  void EndUpcall(Vcpu& vcpu);
  // The address translation the MMU would do, through the vCPU's own page tables. nullopt: not present.
  std::optional<GuestMapping> Walk(const Vcpu& vcpu, uint64_t va) const;
  // Port I/O right of a domain (dom0: all). Refused reads are all-ones, refused writes #GP.
  bool IoPortPermitted(const Domain& domain, unsigned port, unsigned size) const;
  // The assertion whose event the guest's handler for `port` begins to serve (t6): oldest delivered and not yet taken.
  // 0: none (an event without an interrupt, or a spurious run of the handler).
  uint32_t TakeInterrupt(sim::DomId domain, uint32_t port);
  // Port bound to a pirq in a domain, and the reverse; 0: not bound.
  uint32_t PortOfPirq(sim::DomId domain, unsigned pirq) const;
  // Refreshes the vCPU's time record (pvclock) and the domain's wall clock.
  void UpdateTime(Vcpu& vcpu);
  // Xen system time in nanoseconds: uptime_at_start + simulated time.
  uint64_t SystemTimeNs() const;

  // --- Platform ---------------------------------------------------------------------------------------------------
  // Local APICs and IO-APIC: what the root complex reports interrupts to.
  pci::InterruptSink& interrupts();
  void SetInterruptRemapper(pci::DmaRemapper* remapper);  // the IO-APIC's own messages pass it (M2)
  void SetInterruptProbe(InterruptProbe* probe) { probe_ = probe; }
  void AddDomainObserver(DomainObserver* observer);
  InterruptCounts interrupt_counts() const;

  // --- Toolstack --------------------------------------------------------------------------------------------------
  Domain* domain(sim::DomId id);
  const Domain* domain(sim::DomId id) const;
  // Ids of all domains that exist, ascending.
  std::vector<sim::DomId> domains() const;
  // Frees frames, closes ports, unmaps pirqs, quarantines devices. -ESRCH.
  long DestroyDomain(sim::DomId id);
  // Ends the domain with SHUTDOWN_crash; `reason` goes to the log. It stays until destroyed.
  void CrashDomain(sim::DomId id, const std::string& reason);
  // Ends every domain: the machine is down. Once.
  void Panic(const std::string& reason);
  bool panicked() const { return panicked_; }
  // XEN_DOMCTL_assign_device / deassign. -EOPNOTSUPP without IOMMU under kRefused, -ENODEV, -EBUSY, -ESRCH.
  // `id` sim::kDomIo: into quarantine, and back to dom0.
  // Without IOMMU under kIntxOnly: 0, but the domain does not own the device for MSI maps.
  long AssignDevice(pci::Bdf function, sim::DomId id);
  long DeassignDevice(pci::Bdf function, sim::DomId id);
  long PermitIomem(sim::DomId id, uint64_t first_mfn, uint64_t count, bool allow);
  long PermitIoPort(sim::DomId id, unsigned first, unsigned count, bool allow);
  long PermitIrq(sim::DomId id, unsigned pirq, bool allow);
  // PHYSDEVOP_map_pirq type GSI made by dom0's tools for `id`; pirq == gsi. Answers the pirq or -errno.
  long MapGsi(sim::DomId id, unsigned gsi);
  long UnmapPirq(sim::DomId id, unsigned pirq);
  // A port in the guest whose other end is a model in this process. `on_send` runs inside the guest's send.
  uint32_t ConnectHost(sim::DomId id, std::function<void()> on_send);
  void NotifyFromHost(sim::DomId id, uint32_t port);
  // Raises a global or vCPU 0 virq (VIRQ_CONSOLE 2, VIRQ_DOM_EXC 3, ...). Unbound: dropped.
  void RaiseVirq(sim::DomId id, unsigned virq);
  // Calls and failures per name ("EVTCHNOP_send") of one domain.
  std::map<std::string, HypercallCount> hypercall_counts(sim::DomId id) const;
  // Fault injection and the names it knows: HypercallTable::Force.
  HypercallTable& hypercall_table() { return *table_; }

  // --- Parts (for the subsystems, tests and scenarios) --------------------------------------------------------------
  const HypervisorConfig& config() const { return config_; }
  sim::Simulation& simulation() { return simulation_; }
  sim::MachineMemory& memory() { return memory_; }
  const sim::MachineMemory& memory() const { return memory_; }
  sim::Trace& trace() { return trace_; }
  XenConsole& console() { return console_; }
  PlatformPci& pci() { return pci_; }
  IommuControl* iommu() { return iommu_; }
  InterruptProbe* probe() { return probe_; }
  Apics& apics() { return *apics_; }
  EventChannels& event_channels() { return *event_channels_; }
  Frames& frames() { return *frames_; }
  Grants& grants() { return *grants_; }
  Irqs& irqs() { return *irqs_; }
  Mmu& mmu() { return *mmu_; }
  MsiProgrammer& msi() { return *msi_; }
  Passthrough& passthrough() { return *passthrough_; }
  Pirqs& pirqs() { return *pirqs_; }
  Scheduler& scheduler() { return *scheduler_; }
  SystemTime& system_time() { return *system_time_; }
  // Used by DomainBuilder.
  Domain& AddDomain(const DomainSpec& spec);

 private:
  void RegisterHypercalls();

  HypervisorConfig config_;
  sim::Simulation& simulation_;
  sim::MachineMemory& memory_;
  sim::Trace& trace_;
  PlatformPci& pci_;
  IommuControl* iommu_;
  XenConsole console_;
  InterruptProbe* probe_ = nullptr;
  std::map<sim::DomId, std::unique_ptr<Domain>> domains_;
  unsigned vcpus_created_ = 0;
  bool panicked_ = false;

  std::unique_ptr<Passthrough> passthrough_;
  std::unique_ptr<Frames> frames_;
  std::unique_ptr<SystemTime> system_time_;
  std::unique_ptr<Apics> apics_;
  std::unique_ptr<EventChannels> event_channels_;
  std::unique_ptr<Irqs> irqs_;
  std::unique_ptr<MsiProgrammer> msi_;
  std::unique_ptr<Pirqs> pirqs_;
  std::unique_ptr<PhysdevOps> physdev_;
  std::unique_ptr<Mmu> mmu_;
  std::unique_ptr<MemoryOps> memory_ops_;
  std::unique_ptr<Grants> grants_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<MiscOps> misc_;
  std::unique_ptr<HypercallTable> table_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_HYPERVISOR_H_
