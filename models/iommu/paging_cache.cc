// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/paging_cache.h"

#include <algorithm>

namespace pvpci::iommu {

void PagingCache::Insert(uint16_t domain, uint64_t bus_address, const Entry& entry) {
  if (capacity_ == 0) return;
  const uint64_t key = Key(domain, bus_address, entry.level);
  const auto [it, fresh] = entries_.insert_or_assign(key, entry);
  if (!fresh) return;
  if (order_.size() == capacity_) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(key);
}

template <typename Gone>
void PagingCache::Remove(const Gone& gone) {
  const auto kept = std::remove_if(order_.begin(), order_.end(), [&](uint64_t key) {
    if (!gone(key)) return false;
    entries_.erase(key);
    return true;
  });
  order_.erase(kept, order_.end());
}

void PagingCache::InvalidateAll() {
  entries_.clear();
  order_.clear();
}

void PagingCache::InvalidateDomain(uint16_t domain) {
  Remove([domain](uint64_t key) { return key >> 48 == domain; });
}

void PagingCache::InvalidatePages(uint16_t domain, uint64_t bus_address, unsigned order) {
  const uint64_t mask = order >= 52 ? ~uint64_t{0} : (uint64_t{1} << (12 + order)) - 1;
  const uint64_t first = bus_address & ~mask;
  const uint64_t last = first | mask;
  Remove([&](uint64_t key) {
    if (key >> 48 != domain) return false;
    const auto level = static_cast<unsigned>(key & 7);
    const uint64_t start = (key & 0xFFFF'FFFF'FFFF) >> 3 << Shift(level);
    return start <= last && start + ((uint64_t{1} << Shift(level)) - 1) >= first;
  });
}

}  // namespace pvpci::iommu
