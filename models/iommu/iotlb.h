// SPDX-License-Identifier: Apache-2.0
// The IOTLB: leaf translations tagged by domain id and page size. VT-d 4.0, 6.2.
// Fully associative with second-chance replacement: under random access its hit rate is capacity / pages, which is
// what the published measurements show (timing.md A3). Present entries only (caching mode 0).
#ifndef PVPCI_MODELS_IOMMU_IOTLB_H_
#define PVPCI_MODELS_IOMMU_IOTLB_H_

#include <array>
#include <cstdint>
#include <vector>

#include "sim/time.h"

namespace pvpci::iommu {

class Iotlb {
 public:
  struct Entry {
    uint64_t key = 0;         // 0: free
    uint64_t host_page = 0;   // host address of the page's first byte
    sim::Ps ready_at = 0;     // when the walk that fills it ends; 0: long ago
    uint16_t next = 0;        // in its hash chain
    uint8_t level = 1;        // 1: 4 KiB, 2: 2 MiB, 3: 1 GiB
    bool readable = false;
    bool writable = false;
    bool used = false;        // since the replacement hand last passed
  };

  explicit Iotlb(unsigned capacity);

  // O(1): one probe per page size present. Null: miss.
  Entry* Find(uint16_t domain, uint64_t bus_address) {
    if (Entry* const small = Probe<1>(domain, bus_address)) return small;
    if (count_[2] + count_[3] == 0) return nullptr;
    Entry* const large = Probe<2>(domain, bus_address);
    return large != nullptr ? large : Probe<3>(domain, bus_address);
  }
  // As Find, without leaving a trace in the replacement order.
  bool Contains(uint16_t domain, uint64_t bus_address) const;
  // `host_address`: of any byte of the page. Replaces an entry with the same tag.
  Entry* Insert(uint16_t domain, uint64_t bus_address, unsigned level, uint64_t host_address, bool readable,
                bool writable, sim::Ps ready_at);

  // In no order that means anything, but always the same.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const Entry& entry : entries_) {
      if (entry.key == 0) continue;
      visit(static_cast<uint16_t>(entry.key >> 48), (entry.key & 0xFFFF'FFFF'FFFF) >> 2 << Shift(entry.level), entry);
    }
  }

  void InvalidateAll();
  void InvalidateDomain(uint16_t domain);
  // 2^order pages of 4 KiB from the naturally aligned `bus_address` on, and larger pages that overlap them.
  void InvalidatePages(uint16_t domain, uint64_t bus_address, unsigned order);

  unsigned size() const { return count_[1] + count_[2] + count_[3]; }
  unsigned capacity() const { return static_cast<unsigned>(entries_.size()); }

 private:
  static constexpr unsigned kLevels = 3;
  static constexpr unsigned kHashBits = 10;
  static constexpr uint16_t kNone = 0xFFFF;

  static unsigned Shift(unsigned level) { return 12 + 9 * (level - 1); }
  // 16 bits domain, 46 bits page number, 2 bits level: never 0.
  static uint64_t Key(uint16_t domain, uint64_t bus_address, unsigned level) {
    return uint64_t{domain} << 48 | (bus_address >> Shift(level)) << 2 | level;
  }
  static unsigned Hash(uint64_t key) { return static_cast<unsigned>(key * 0x9E3779B97F4A7C15 >> (64 - kHashBits)); }
  template <unsigned kLevel>
  Entry* Probe(uint16_t domain, uint64_t bus_address) {
    if (count_[kLevel] == 0) return nullptr;
    const uint64_t key = Key(domain, bus_address, kLevel);
    for (uint16_t i = heads_[Hash(key)]; i != kNone; i = entries_[i].next) {
      if (entries_[i].key != key) continue;
      entries_[i].used = true;
      return &entries_[i];
    }
    return nullptr;
  }
  void Remove(uint16_t index);

  std::vector<Entry> entries_;
  std::vector<uint16_t> free_;
  std::array<uint16_t, 1u << kHashBits> heads_;
  std::array<unsigned, kLevels + 1> count_{};
  uint16_t hand_ = 0;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_IOTLB_H_
