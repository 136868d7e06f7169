// SPDX-License-Identifier: Apache-2.0
// The paging-structure caches: second-level entries that point to tables, tagged by domain id and by the address bits that
// led to them. A walk starts at the deepest table known here. VT-d 4.0, 6.2.5. One pool for all levels, first in first
// out.
#ifndef PVPCI_MODELS_IOMMU_PAGING_CACHE_H_
#define PVPCI_MODELS_IOMMU_PAGING_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace pvpci::iommu {

class PagingCache {
 public:
  struct Entry {
    uint64_t table = 0;      // machine address of the next table
    unsigned level = 0;      // of that table: 1: its entries map 4 KiB pages
    bool readable = false;   // all levels above together
    bool writable = false;
  };

  explicit PagingCache(unsigned capacity) : capacity_(capacity) {}

  // The deepest table for the address, of a level below `top`; null: none, start at the root.
  const Entry* Find(uint16_t domain, uint64_t bus_address, unsigned top) const {
    for (unsigned level = 1; level < top && !entries_.empty(); ++level) {
      if (const auto it = entries_.find(Key(domain, bus_address, level)); it != entries_.end()) return &it->second;
    }
    return nullptr;
  }
  void Insert(uint16_t domain, uint64_t bus_address, const Entry& entry);

  void InvalidateAll();
  void InvalidateDomain(uint16_t domain);
  // Entries on the way to any of the 2^order pages.
  void InvalidatePages(uint16_t domain, uint64_t bus_address, unsigned order);
  size_t size() const { return entries_.size(); }

 private:
  // A table of this level holds translations of 2^Shift bytes.
  static unsigned Shift(unsigned level) { return 12 + 9 * level; }
  // 16 bits domain, 45 bits address, 3 bits level.
  static uint64_t Key(uint16_t domain, uint64_t bus_address, unsigned level) {
    return uint64_t{domain} << 48 | (bus_address >> Shift(level)) << 3 | level;
  }
  template <typename Gone>
  void Remove(const Gone& gone);

  unsigned capacity_;
  std::unordered_map<uint64_t, Entry> entries_;
  std::deque<uint64_t> order_;  // keys, oldest first
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_PAGING_CACHE_H_
