// SPDX-License-Identifier: Apache-2.0
// The walk: requester id and bus address, through root, context and second-level tables in machine memory.
// VT-d 4.0, 3.4 (legacy mode), 3.7 (second-level translation), 7.1.3 (what faults, in which order).
#ifndef PVPCI_MODELS_IOMMU_WALK_H_
#define PVPCI_MODELS_IOMMU_WALK_H_

#include <array>
#include <cstdint>
#include <variant>

#include "models/iommu/cpu_cache.h"
#include "models/iommu/faults.h"
#include "models/iommu/paging_cache.h"
#include "models/iommu/table_entries.h"

namespace pvpci::iommu {

struct Translation {
  uint64_t host_address = 0;
  unsigned level = 1;        // of the leaf: 1, 2, 3 for 4 KiB, 2 MiB, 1 GiB
  bool readable = false;     // all levels together
  bool writable = false;
  uint64_t page_bytes() const { return uint64_t{1} << (12 + 9 * (level - 1)); }
};

struct Fault {
  FaultReason reason = FaultReason::kNone;
  bool report = true;        // false: the entry says fault processing disabled
};

// One entry fetched from memory, in order: for tests, the trace and latency accounting.
struct EntryRead {
  uint64_t address;
  uint64_t low;
  uint64_t high;             // root and context entries
};
struct EntriesRead {
  static constexpr unsigned kMost = 7;  // root, context, five levels
  std::array<EntryRead, kMost> entries;  // the first `count`; the others are not set: each miss makes one of these
  unsigned count = 0;
  void Add(uint64_t address, uint64_t low, uint64_t high = 0) { entries[count++] = {address, low, high}; }
};

// What the unit supports: part of its capabilities.
struct WalkLimits {
  unsigned host_address_bits = 46;
  unsigned guest_address_bits = 48;  // MGAW
  uint32_t levels = 1u << 3 | 1u << 4;  // bit n: tables of n levels (SAGAW)
  bool device_tlbs = false;             // ECAP.DT: context entries of type 1 are valid
};

// Root and context entries of `requester` (bus << 8 | devfn).
std::variant<ContextEntry, Fault> FindContext(const UnitMemory& memory, const WalkLimits& limits,
                                              uint64_t root_table, uint16_t requester, EntriesRead* read);
// The context's own table, or pass-through. `write`: the access asks for write permission, else for read. With `cache` the
// walk starts at the deepest table it knows, and leaves there what it reads on the way.
std::variant<Translation, Fault> WalkTable(const UnitMemory& memory, const WalkLimits& limits,
                                           const ContextEntry& context, uint64_t bus_address, bool write,
                                           EntriesRead* read, PagingCache* cache = nullptr);

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_WALK_H_
