// SPDX-License-Identifier: Apache-2.0
// The paging-structure caches: second-level entries that point to tables, tagged by domain id and by the address bits that
// led to them. A walk starts at the deepest table known here. VT-d 4.0, 6.2.5. One pool for all levels, first in first
// out.
#ifndef PVPCI_MODELS_IOMMU_PAGING_CACHE_H_
#define PVPCI_MODELS_IOMMU_PAGING_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pvpci::iommu {

class PagingCache {
 public:
  struct Entry {
    uint64_t table = 0;      // machine address of the next table
    unsigned level = 0;      // of that table: 1: its entries map 4 KiB pages
    bool readable = false;   // all levels above together
    bool writable = false;
  };

  explicit PagingCache(unsigned capacity);

  // The deepest table for the address, of a level below `top`; null: none, start at the root.
  const Entry* Find(uint16_t domain, uint64_t bus_address, unsigned top) const {
    for (unsigned level = 1; level < top && used_ != 0; ++level) {
      const uint64_t key = Key(domain, bus_address, level);
      for (uint16_t i = heads_[Hash(key)]; i != kNone; i = lines_[i].next) {
        if (lines_[i].key == key) return &lines_[i].entry;
      }
    }
    return nullptr;
  }
  void Insert(uint16_t domain, uint64_t bus_address, const Entry& entry);

  void InvalidateAll();
  void InvalidateDomain(uint16_t domain);
  // Entries on the way to any of the 2^order pages.
  void InvalidatePages(uint16_t domain, uint64_t bus_address, unsigned order);
  size_t size() const { return used_; }

 private:
  // A table of this level holds translations of 2^Shift bytes.
  static unsigned Shift(unsigned level) { return 12 + 9 * level; }
  // 16 bits domain, 45 bits address, 3 bits level.
  static uint64_t Key(uint16_t domain, uint64_t bus_address, unsigned level) {
    return uint64_t{domain} << 48 | (bus_address >> Shift(level)) << 3 | level;
  }
  static constexpr unsigned kHashBits = 8;
  static constexpr uint16_t kNone = 0xFFFF;
  static unsigned Hash(uint64_t key) { return static_cast<unsigned>(key * 0x9E3779B97F4A7C15 >> (64 - kHashBits)); }

  // `lines_` is a ring, oldest first from `oldest_` on; an invalidation closes the gaps that it makes.
  struct Line {
    uint64_t key = 0;
    Entry entry;
    uint16_t next = kNone;  // in its hash chain
  };
  void Link(uint16_t index);
  void Unlink(uint16_t index);
  template <typename Gone>
  void Remove(const Gone& gone);

  std::vector<Line> lines_;
  std::array<uint16_t, 1u << kHashBits> heads_;
  uint16_t oldest_ = 0;
  uint16_t used_ = 0;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_PAGING_CACHE_H_
