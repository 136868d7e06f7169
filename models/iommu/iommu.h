// SPDX-License-Identifier: Apache-2.0
// The IOMMU: a VT-d remapping unit in legacy mode (VT-d 4.0) between root complex and machine memory. Absent by
// default: a machine without one simply gives the root complex no DmaRemapper.
//
// It decides from registers, the tables in machine memory, and its own caches; it knows no hypervisor. Software drives
// it by ReadRegister and WriteRegister as by MMIO; table_writer.h is such software.
// Left out: scalable mode, page requests, x2APIC ids.
#ifndef PVPCI_MODELS_IOMMU_IOMMU_H_
#define PVPCI_MODELS_IOMMU_IOMMU_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "models/iommu/cpu_cache.h"
#include "models/iommu/faults.h"
#include "models/iommu/reach.h"
#include "models/iommu/table_entries.h"
#include "models/pci/host_ports.h"
#include "sim/dram.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/time.h"
#include "sim/trace.h"

namespace pvpci::iommu {

// Where boards map the registers of the one unit.
inline constexpr uint64_t kRegisterBase = 0xfed9'0000;
inline constexpr uint64_t kRegisterBytes = 0x1000;

// Origins: A7: timing.md, profile bdw-gen3x8; V verified, D derived from raw data, R reported, A assumed.
struct IommuConfig {
  bool remap_dma = true;                 // M1, M2. Off: the unit cannot switch translation on (GCMD.TE is ignored).
  bool remap_interrupts = false;         // M2. Off: ECAP.IR is 0 and GCMD.IRE is ignored.
  uint16_t segment = 0;                  // PCI segment it serves. 0..65535.
  unsigned address_bits = 48;            // Guest address width (MGAW). 39, 48 or 57. VT-d 11.4.2.
  bool two_level_tables = false;         // Also 30-bit tables, which revisions before 3.0 had. SAGAW bit 0.
  unsigned host_address_bits = 46;       // Machine address width. 36..52. CPUID's, A.
  unsigned iotlb_entries = 128;          // 16..1024. A7 (D).
  unsigned iotlb_effective_entries = 118;  // Of those, usable by DMA. 117..126, D: fit of timing.md A3.
  unsigned paging_cache_entries = 64;    // Tables known to the paging-structure caches; 0: none. 0..256, A.
  bool coherent = true;                  // ECAP.C: walks snoop the CPUs' caches. A: as servers since 2010.
  bool device_tlbs = false;              // ECAP.DT: ATS. Off: translated requests are blocked.
  bool posted_interrupts = false;        // CAP.PI. Nothing posts to PV guests: they have no virtual APIC.
  unsigned fault_registers = 8;          // Primary fault recording registers. 1..128. CAP.NFR, A.
  unsigned walkers = 6;                  // Concurrent walks. 4..7. A7 (D).
  sim::Ps walker_recovery = 10 * sim::kNs;  // From when a request leaves that walked until its walker takes the next.
                                         // 0..50 ns. D: the rate of 64-byte accesses of which all miss, pcie-bench.
  sim::Ps read_recovery = 0;             // More, if the request was a read. 0..50 ns. D: the same.
  unsigned read_queue = 8;               // Reads between entry and translation, which leave in order. 1..32. D: the rate
                                         // of 64-byte reads of which 1 in 12 misses, the same data.
  sim::Ps hit = 2700 * sim::kPs;         // IOTLB hit. 0..3 ns. A7 (D).
  sim::Ps miss = 290 * sim::kNs;         // Walk after a miss. 230..304 ns. A7 (D).
  sim::Ps interrupt_hit = 2700 * sim::kPs;   // Interrupt entry cache hit. As `hit`, A.
  sim::Ps interrupt_miss = 80 * sim::kNs;    // One dependent memory read. 50..120 ns, A: a quarter of `miss`.
  sim::Ps invalidation_wait = 700 * sim::kNs;  // Queue tail write to wait status. 300..2000 ns. A7 (R).
  bool wait_status_later = false;        // The status is written that much later, for software that polls it as time
                                         // passes. Off: at once, for software that is told the time (table_writer.h).
  sim::DramSpec dram;                    // Where the tables lie: a walk's last read waits for a refresh. Off.
  sim::Ps register_access = 200 * sim::kNs;  // A processor's read of a register, no link on the way. 100..400 ns. A.
};

// What a function keeps of translations that the unit gave it (ATS), as the unit reaches it. PCIe 6.0, 10.3.
class DeviceTlbPort {
 public:
  virtual ~DeviceTlbPort() = default;
  // Forget 2^order pages; order >= 52: all. Answers after so long; nullopt: never.
  virtual std::optional<sim::Ps> Invalidate(uint64_t bus_address, unsigned order) = 0;
};

class Iommu final : public pci::DmaRemapper {
 public:
  // The three outlive the unit.
  Iommu(sim::Simulation* simulation, sim::MachineMemory* memory, sim::Trace* trace, IommuConfig config);
  ~Iommu() override;

  // --- The root complex's side. The hit path allocates nothing. ---
  // Without GSTS.TES every address passes unchanged at no cost.
  std::variant<pci::Translation, pci::DmaFault> Translate(pci::Bdf requester, uint64_t bus_address,
                                                          bool write) override;
  // Blocked (reason 0xD) unless the function's context entry allows it: then no table is asked.
  std::variant<pci::Translation, pci::DmaFault> Translated(pci::Bdf requester, uint64_t host_address,
                                                           bool write) override;
  // A translation request (ATS): what the function may keep. Without permission both are false, no fault is recorded.
  struct DeviceTranslation {
    uint64_t host_address = 0;
    bool readable = false;
    bool writable = false;
    sim::Ps latency = 0;
  };
  std::variant<DeviceTranslation, pci::DmaFault> TranslationRequest(pci::Bdf requester, uint64_t bus_address);
  // The function's own TLB; it outlives the unit or is taken away by null.
  void AttachDeviceTlb(pci::Bdf function, DeviceTlbPort* port);
  // Time that device TLBs took to answer since the last call: software waits so much longer.
  sim::Ps TakeDeviceTlbTime();

  // Without GSTS.IRES every message passes unchanged at no cost.
  std::variant<pci::InterruptMessage, pci::DmaFault> Remap(pci::Bdf requester, uint64_t address,
                                                           uint32_t data) override;

  // --- Software's side: the register block, 4 KiB. Lengths 4 and 8; others read 0 and are ignored on write. ---
  uint64_t ReadRegister(uint32_t offset, unsigned length_bytes);
  void WriteRegister(uint32_t offset, uint64_t value, unsigned length_bytes);

  // The unit's own interrupt (fault event, invalidation completion): its message goes out unremapped. VT-d 7.3.
  using MessageSender = std::function<void(uint64_t address, uint32_t data)>;
  void OnEvent(MessageSender sender);
  // Every refused request, recorded or not, at once. In addition to the trace record.
  using FaultObserver = std::function<void(const FaultRecorded&)>;
  void OnFault(FaultObserver observer);

  // CPU's writes that a unit without snooping does not see; nothing if it snoops.
  UnitMemory& cpu_cache();

  // For observers. Whether the IOTLB has a translation of the page under that domain id: a request then needs no table.
  bool Remembers(uint16_t domain_id, uint64_t bus_address) const;
  // Whether the tables in memory give the function the page, for reading or writing. Leaves no trace in the unit.
  bool Maps(pci::Bdf function, uint64_t bus_address) const;
  // Every page that the function's requests reach by the tables in memory.
  Reached ForEachReached(pci::Bdf function, const std::function<void(const ReachedPage&)>& visit) const;
  // Every translation in the IOTLB under that domain id; `walk` is null.
  void ForEachCached(uint16_t domain_id, const std::function<void(const ReachedPage&)>& visit) const;
  // Whether an interrupt entry accepts messages of the function: their indices.
  std::vector<unsigned> InterruptEntriesOf(pci::Bdf function) const;
  // The domain id under which requests of the function go now, if its context entry is cached.
  std::optional<uint16_t> CachedDomain(pci::Bdf function) const;
  // Called after something was forgotten: invalidation or replacement.
  void OnForget(std::function<void()> observer);

  const IommuConfig& config() const;
  bool translation_enabled() const;
  bool interrupt_remapping_enabled() const;

  struct Counters {
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t tables_read = 0;         // second-level entries that walks fetched
    uint64_t protected_blocked = 0;   // by PMEN
    uint64_t translated = 0;          // requests that devices had translated themselves
    uint64_t faults = 0;
    uint64_t faults_lost = 0;         // overflow of the recording registers
    uint64_t invalidations = 0;       // descriptors executed, waits not counted
    uint64_t interrupts_remapped = 0;
    uint64_t interrupts_refused = 0;
  };
  const Counters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_IOMMU_H_
