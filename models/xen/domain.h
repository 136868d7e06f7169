// SPDX-License-Identifier: Apache-2.0
// A domain: its specification and everything the hypervisor keeps about it. Plain state; the rules are in the
// subsystem files (event_channels, pirq, irq, grant_table, memory_op, mmu).
#ifndef PVPCI_MODELS_XEN_DOMAIN_H_
#define PVPCI_MODELS_XEN_DOMAIN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/pci/tlp.h"
#include "models/xen/guest_space.h"
#include "models/xen/vcpu.h"
#include "sim/machine_memory.h"

namespace pvpci::xen {

enum class DomainRole : uint8_t { kDom0, kDomU };
enum class P2mLayout : uint8_t {
  kExtents,  // 2 MiB extents, as domain builders make it
  kScatter,  // page by page; no two neighbours in pfn are neighbours in mfn
  kIdentity,  // mfn = pfn but for the first megabyte: a kernel on bare metal
};

struct DomainSpec {
  std::string name;                         // "dom0", "domU", ...
  sim::DomId id = 0;                        // 0: dom0
  DomainRole role = DomainRole::kDomU;
  uint64_t pages = 4096;                    // pseudo-physical memory, 4 KiB pages
  unsigned vcpus = 1;                       // 1 .. 8
  uint64_t seed = 1;                        // of its p2m
  P2mLayout p2m = P2mLayout::kExtents;
  uint64_t first_mfn = 0;                   // 0: frames anywhere, else all of them from this one on, in order
  bool fifo_events = true;                  // false: EVTCHNOP_init_control answers -ENOSYS
  bool e820_host = true;                    // domU sees the machine's holes as RESERVED
  bool pirq_eoi_map = true;                 // see HypervisorConfig::pirq_eoi_map
  std::string command_line;
};

// Pseudo-physical memory: one memfd, mapped contiguously at `base` (guest virtual == host address; direct map).
struct GuestMemory {
  std::byte* base = nullptr;
  uint64_t pages = 0;
  int fd = -1;
};

// The second region: ioremap, vmalloc, grant mappings. Starts inaccessible; page tables are there from the start.
struct VmallocArea {
  uint64_t base = 0;
  uint64_t length_bytes = 0;
};

enum class PortState : uint8_t { kFree, kUnbound, kInterdomain, kPirq, kVirq, kIpi };

struct EventChannel {
  PortState state = PortState::kFree;
  uint8_t priority = 7;                     // FIFO: 0 highest .. 15
  uint8_t last_priority = 7;                // FIFO queue it was put on last
  bool pending = false;                     // FIFO: set while its word has no page yet
  bool host_consumer = false;               // peer is a model in this process (xenstored, console)
  unsigned notify_vcpu = 0;
  unsigned last_vcpu = 0;
  sim::DomId remote_domain = sim::kDomNone;
  uint32_t remote_port = 0;
  uint32_t pirq = 0;
  uint32_t virq = 0;
  std::function<void()> on_send;            // host consumer
  std::deque<uint32_t> interrupts;          // pirq: assertions delivered and not yet taken by the guest's handler
};

struct Pirq {
  uint32_t port = 0;                        // 0: not bound
  int irq = -1;                             // machine irq; -1: not mapped
  bool masked = false;                      // waits for the guest's EOI
  uint32_t in_service = 0;                  // assertion that waits for EOI
};

struct GrantMapping {
  sim::DomId granter = sim::kDomNone;
  uint32_t ref = 0;
  sim::Mfn mfn = 0;
  uint32_t flags = 0;
  uint64_t host_address = 0;
  bool live = false;
};

struct HypercallCount {
  uint64_t calls = 0;
  uint64_t failures = 0;
};

struct Domain {
  DomainSpec spec;
  GuestSpace* space = nullptr;
  GuestMemory memory;
  VmallocArea vmalloc;
  std::vector<std::unique_ptr<Vcpu>> vcpus;
  bool dying = false;
  bool shut_down = false;
  std::string crash_reason;      // why the hypervisor ended it; empty: it did not
  unsigned shutdown_reason = 0;

  sim::DomId id() const { return spec.id; }
  bool privileged() const { return spec.role == DomainRole::kDom0; }

  // Frames. p2m[pfn]: machine frame or kNoFrame; a real array in guest memory (mfn_list) that the domain reads.
  uint64_t* p2m = nullptr;
  uint64_t allocated_pages = 0;
  uint64_t max_pages = 0;
  sim::Mfn shared_info_mfn = 0;
  std::byte* shared_info = nullptr;
  std::byte* start_info = nullptr;
  std::byte* store_page = nullptr;          // xenstore ring, host view
  std::byte* console_page = nullptr;
  uint32_t store_port = 0;                  // guest side
  uint32_t console_port = 0;
  std::map<sim::Mfn, uint64_t> l1_tables;   // L1 frame -> first virtual address it maps
  std::set<sim::Mfn> pinned;

  // Event channels.
  bool fifo = false;
  uint32_t max_port = 4095;
  std::vector<EventChannel> ports;          // index 0 never used
  uint32_t lowest_free_port = 1;            // none below it is free
  std::vector<uint32_t> interrupted_ports;  // ascending: those whose `interrupts` is not empty
  void NoteInterrupted(uint32_t port) {
    const auto at = std::lower_bound(interrupted_ports.begin(), interrupted_ports.end(), port);
    if (at == interrupted_ports.end() || *at != port) interrupted_ports.insert(at, port);
  }
  void NoteServed(uint32_t port) {
    const auto at = std::lower_bound(interrupted_ports.begin(), interrupted_ports.end(), port);
    if (at != interrupted_ports.end() && *at == port) interrupted_ports.erase(at);
  }
  std::vector<std::byte*> event_array;      // FIFO pages, 1024 words each
  std::vector<sim::Mfn> event_array_mfn;
  struct ControlBlock {
    std::byte* block = nullptr;             // null: not set up
    sim::Mfn mfn = 0;
    uint32_t tail[16] = {};
  };
  std::vector<ControlBlock> control;        // per vCPU

  // Interrupts and I/O rights.
  unsigned nr_pirqs = 0;
  std::map<unsigned, Pirq> pirqs;
  std::map<int, unsigned> pirq_of_irq;
  std::byte* eoi_map = nullptr;
  sim::Mfn eoi_map_mfn = 0;
  bool auto_unmask = false;                 // v1 map: unmask at EOI
  std::vector<std::pair<uint64_t, uint64_t>> iomem;    // permitted machine frames [first, last]
  std::vector<std::pair<unsigned, unsigned>> ioports;  // permitted ports [first, last]
  std::set<unsigned> irqs_permitted;
  std::set<pci::Bdf> devices;

  // Grants.
  std::vector<sim::Mfn> grant_frames;
  std::vector<GrantMapping> grant_maps;     // by handle
  // Entry points and settings the guest registered: callback_op type -> address.
  std::map<unsigned, uint64_t> callbacks;
  uint64_t trap_table_entries = 0;
  unsigned iopl = 0;

  std::vector<HypercallCount> counts;       // by row of the hypercall table
};

inline constexpr uint64_t kNoFrame = UINT64_MAX;

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_DOMAIN_H_
