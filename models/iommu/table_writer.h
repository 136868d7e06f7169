// SPDX-License-Identifier: Apache-2.0
// What hypervisor software does to a remapping unit: builds root, context, second-level and interrupt tables in machine
// memory, and invalidates through the queue. Used by models/xen; touches the unit by registers and memory only.
//
// Every call takes effect at once and returns the simulated time that the caller spent in it; the caller charges that
// to its vCPU. A synchronous invalidation costs IommuConfig::invalidation_wait; it has taken effect when the call
// returns, so a caller that frees a frame afterwards leaves no stale window of the model's own making.
#ifndef PVPCI_MODELS_IOMMU_TABLE_WRITER_H_
#define PVPCI_MODELS_IOMMU_TABLE_WRITER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "models/iommu/invalidation_queue.h"
#include "models/iommu/iommu.h"
#include "models/iommu/table_entries.h"
#include "models/pci/tlp.h"
#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::iommu {

// Where table frames come from: a populated frame owned by kDomXen, typed as asked (kIommuTable or kIrt).
// `free` takes it back. Frames are zeroed by the writer. What `allocate` throws when there is none passes through the
// writer's call, which has changed nothing that a device sees then.
struct FrameSource {
  std::function<sim::Mfn(sim::FrameType type, unsigned frames)> allocate;  // first of `frames` adjacent ones
  std::function<void(sim::Mfn first, unsigned frames)> free;
};

// Errors that hypervisors of the past made here.
struct TableWriterFlaws {
  bool unmap_not_flushed = false;    // a present entry is cleared and stays in the IOTLB
  bool context_not_flushed = false;  // a context entry changes and stays in the context cache, its pages in the IOTLB
  bool torn_entries = false;         // a live entry is written field by field: first permissions, the address later
  bool no_write_back = false;        // changes of live entries stay in the CPU's cache, which a unit may not snoop
};

struct TableWriterConfig {
  sim::Ps entry_write = 100 * sim::kNs;  // Lookup, write and cache flush of one entry. 30..300 ns, A.
  unsigned interrupt_entries = 1024;     // Size of the interrupt table: a power of two, 256..65536.
  unsigned queue_frames = 1;             // Invalidation queue: 256 descriptors per frame. 1..128, a power of two.
  sim::Ps device_tlb_timeout = sim::kSec;  // How long software waits for one. Xen: iommu_dev_iotlb_timeout, 1000 ms.
  TableWriterFlaws flaws;
  // Runs something so much later; needed for torn entries only.
  std::function<void(sim::Ps, std::function<void()>)> later;
};

class TableWriter {
 public:
  TableWriter(Iommu* iommu, sim::MachineMemory* memory, FrameSource frames, TableWriterConfig config = {});
  ~TableWriter();  // leaves the unit as it is
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  // Builds root table, queue and interrupt table and switches on what the unit offers (its config's two switches).
  sim::Ps Enable();
  // Switches translation and interrupt remapping off; tables stay.
  sim::Ps Disable();

  // --- DMA. `domain_id` is the unit's (1..65535, 0 is left alone); hypervisors use domid + 1. ---
  // Maps 2^order bus pages to adjacent host frames (order 0, 9 or 18: leaf size; both ends aligned). Remapping a live
  // page invalidates it. `read` and `write` both false: as UnmapPage.
  sim::Ps MapPage(uint16_t domain_id, uint64_t bus_page, sim::Mfn host_page, bool read, bool write, unsigned order = 0);
  // Removes one 4 KiB page (a superpage around it is split first) and invalidates. No effect if absent.
  sim::Ps UnmapPage(uint16_t domain_id, uint64_t bus_page);
  // The leaf entry that maps `bus_page` now, read back from the tables, and its host frame.
  struct Mapping { sim::Mfn host_page; bool read; bool write; };
  std::optional<Mapping> Find(uint16_t domain_id, uint64_t bus_page) const;
  // Machine address of the entry at which the walk for `bus_page` ends: its leaf (level 1, 2 or 3), or the entry that is
  // not present. For raw edits by tests and attackers.
  std::optional<uint64_t> EntryAddress(uint16_t domain_id, uint64_t bus_page) const;

  // Every page of the domain that is not mapped now becomes `host_page`, readable and writable: one table per level is
  // shared by all of them, so that it costs a handful of frames.
  sim::Ps FillWith(uint16_t domain_id, sim::Mfn host_page);

  // Requests of `function` now go through `domain_id`'s table, or pass untranslated. A live entry is replaced in one
  // write, then context and IOTLB are invalidated under its former domain.
  sim::Ps SetContext(pci::Bdf function, uint16_t domain_id);
  // Allocates what SetContext would, and no more: after it, that cannot fail.
  void Prepare(pci::Bdf function, uint16_t domain_id);
  sim::Ps SetPassThrough(pci::Bdf function, uint16_t domain_id);
  // Requests of `function` now fault with reason 2.
  sim::Ps ClearContext(pci::Bdf function);
  // The function may keep translations (ATS): its context entries from now on allow it, and every invalidation of its
  // domain's pages is sent to it too. Needs IommuConfig::device_tlbs.
  void UseDeviceTlb(pci::Bdf function, bool use);
  // Called when a function did not answer in time: its domain and itself.
  void OnDeviceTlbTimeout(std::function<void(uint16_t domain_id, pci::Bdf function)> handler) {
    device_tlb_timeout_ = std::move(handler);
  }
  // Machine address of the context entry, if the bus has a context table.
  std::optional<uint64_t> ContextAddress(pci::Bdf function) const;
  // Translations of the domain are tagged with `tag` in contexts written and invalidations made from now on; by default
  // with its own id. 0: its pages are not invalidated at all.
  void SetTag(uint16_t domain_id, uint16_t tag) { tags_[domain_id] = tag; }
  // Frees a domain's tables and invalidates the domain. No context may still point to it (checked).
  sim::Ps DestroyDomain(uint16_t domain_id);

  // Several changes, one flush: between Begin and End unmaps cost entry writes only, and stale translations live on
  // in the IOTLB, as Xen's iommu_dont_flush_iotlb allows. End flushes the touched domains.
  void BeginBatch();
  sim::Ps EndBatch();
  // Ends the batch without invalidating: the tags it touched.
  std::set<uint16_t> TakeBatch();
  // While suppressed no change of a page is invalidated, now or later.
  void SuppressFlushes(bool suppressed) { suppressed_ = suppressed; }

  // --- Interrupts. ---
  bool has_interrupt_table() const { return interrupt_table_ != 0; }
  unsigned interrupt_entries() const { return config_.interrupt_entries; }
  // First of `count` adjacent free entries (multi-message MSI: a power of two, aligned). Empty: table full.
  std::optional<unsigned> AllocateIrte(unsigned count = 1);
  sim::Ps FreeIrte(unsigned index, unsigned count = 1);  // clears and invalidates
  sim::Ps WriteIrte(unsigned index, const Irte& entry);
  Irte ReadIrte(unsigned index) const;
  uint64_t IrteAddress(unsigned index) const { return interrupt_table_ + 16 * uint64_t{index}; }

  // --- Invalidation by hand (all through the queue, each with a wait descriptor), by tag. ---
  sim::Ps FlushContextGlobal();
  sim::Ps FlushContextDevice(uint16_t domain_id, pci::Bdf function);
  sim::Ps FlushIotlbGlobal();
  sim::Ps FlushIotlbDomain(uint16_t domain_id);
  sim::Ps FlushIotlbPages(uint16_t domain_id, uint64_t bus_page, unsigned order);
  sim::Ps FlushInterruptGlobal();
  sim::Ps FlushInterruptIndex(unsigned index, unsigned order);

  // --- Faults. ---
  // Where the fault event interrupt goes (a local APIC message), and unmasks it.
  sim::Ps SetFaultEvent(uint64_t address, uint32_t data);
  // Reads and clears the recording registers in order of recording, then FSTS; `overflow`: some were lost.
  std::vector<FaultRecorded> ReadFaults(bool* overflow);

  uint64_t root_table() const { return root_table_; }
  uint64_t table_frames() const { return table_frames_; }  // frames now in use for DMA tables

 private:
  struct Domain {
    uint64_t table = 0;          // machine address of the top-level table
    uint64_t contexts = 0;       // context entries that point to it
    std::vector<sim::Mfn> frames;
  };
  Domain& DomainOf(uint16_t domain_id);
  uint16_t TagOf(uint16_t domain_id) const;
  uint64_t NewTable();
  // Address of the entry of `bus_page` at `level`, building tables and splitting superpages on the way.
  uint64_t Descend(Domain* domain, uint64_t bus_page, unsigned level);
  void Split(Domain* domain, uint64_t entry_address, unsigned level);
  // The leaf that maps `bus_page` now: address of its entry and its level.
  struct Leaf { uint64_t entry_address; unsigned level; };
  std::optional<Leaf> FindLeaf(const Domain& domain, uint64_t bus_page) const;
  std::optional<Leaf> WalkEnd(const Domain& domain, uint64_t bus_page) const;
  uint64_t NewFrames(sim::FrameType type, unsigned count);
  // The CPU writes a table, and writes its cache back if the unit does not snoop.
  void Write(uint64_t address, const void* data, uint64_t length_bytes);
  void WriteEntry(uint64_t address, uint64_t value);
  void FillTable(Domain* domain, uint64_t table, unsigned level, sim::Mfn host_page, std::vector<uint64_t>* shared);
  sim::Ps WriteContext(pci::Bdf function, uint16_t domain_id, const ContextEntry& entry);
  void SetCommand(uint64_t bit, bool on);       // one bit of GCMD, the other enables as they are
  // And a wait; returns the time until its status. `answered`: false if a device TLB kept it from coming.
  sim::Ps Submit(const InvalidationDescriptor& descriptor, bool* answered = nullptr);
  // One page, or all, of every function of the domain that keeps translations.
  sim::Ps FlushDeviceTlbs(uint16_t domain_id, std::optional<uint64_t> bus_page);
  sim::Ps Changed(uint16_t domain_id, uint64_t bus_page, unsigned order);  // flush now, or at EndBatch

  Iommu* iommu_;
  sim::MachineMemory* memory_;
  FrameSource frames_;
  TableWriterConfig config_;
  unsigned levels_;
  std::map<uint16_t, Domain> domains_;
  std::map<pci::Bdf, uint16_t> contexts_;
  std::map<uint16_t, uint16_t> tags_;
  std::set<pci::Bdf> device_tlbs_;
  std::function<void(uint16_t, pci::Bdf)> device_tlb_timeout_;
  std::set<uint16_t> batched_;        // domains touched since BeginBatch
  bool batching_ = false;
  bool suppressed_ = false;
  uint64_t root_table_ = 0;
  uint64_t interrupt_table_ = 0;
  uint64_t queue_ = 0;
  uint64_t status_ = 0;               // machine address of the wait descriptors' status word
  uint32_t wait_number_ = 0;
  uint64_t table_frames_ = 0;
  std::vector<bool> interrupt_used_;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_TABLE_WRITER_H_
