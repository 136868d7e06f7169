// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/paging_cache.h"

#include "sim/check.h"

namespace pvpci::iommu {

PagingCache::PagingCache(unsigned capacity) : lines_(capacity) {
  SIM_CHECK(capacity < kNone, "paging-structure cache capacity");
  heads_.fill(kNone);
}

void PagingCache::Link(uint16_t index) {
  uint16_t& head = heads_[Hash(lines_[index].key)];
  lines_[index].next = head;
  head = index;
}

void PagingCache::Unlink(uint16_t index) {
  uint16_t* link = &heads_[Hash(lines_[index].key)];
  while (*link != index) link = &lines_[*link].next;
  *link = lines_[index].next;
}

void PagingCache::Insert(uint16_t domain, uint64_t bus_address, const Entry& entry) {
  if (lines_.empty()) return;
  const uint64_t key = Key(domain, bus_address, entry.level);
  for (uint16_t i = heads_[Hash(key)]; i != kNone; i = lines_[i].next) {
    if (lines_[i].key != key) continue;
    lines_[i].entry = entry;
    return;
  }
  auto index = static_cast<uint16_t>((oldest_ + used_) % lines_.size());
  if (used_ == lines_.size()) {
    index = oldest_;
    Unlink(index);
    oldest_ = static_cast<uint16_t>((oldest_ + 1) % lines_.size());
  } else {
    ++used_;
  }
  lines_[index].key = key;
  lines_[index].entry = entry;
  Link(index);
}

template <typename Gone>
void PagingCache::Remove(const Gone& gone) {
  std::vector<Line> kept;
  for (uint16_t i = 0; i < used_; ++i) {
    const Line& line = lines_[(oldest_ + i) % lines_.size()];
    if (!gone(line.key)) kept.push_back(line);
  }
  if (kept.size() == used_) return;
  InvalidateAll();
  for (const Line& line : kept) {
    lines_[used_] = line;
    Link(used_++);
  }
}

void PagingCache::InvalidateAll() {
  heads_.fill(kNone);
  oldest_ = used_ = 0;
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
