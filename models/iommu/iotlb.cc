// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/iotlb.h"

#include "sim/check.h"

namespace pvpci::iommu {

Iotlb::Iotlb(unsigned capacity) : entries_(capacity) {
  SIM_CHECK(capacity > 0 && capacity < kNone, "IOTLB capacity");
  heads_.fill(kNone);
  for (unsigned i = capacity; i > 0; --i) free_.push_back(static_cast<uint16_t>(i - 1));
}

void Iotlb::Remove(uint16_t index) {
  Entry& entry = entries_[index];
  uint16_t* link = &heads_[Hash(entry.key)];
  while (*link != index) link = &entries_[*link].next;
  *link = entry.next;
  --count_[entry.level];
  entry = Entry();
  free_.push_back(index);
}

Iotlb::Entry* Iotlb::Insert(uint16_t domain, uint64_t bus_address, unsigned level, uint64_t host_address, bool readable,
                            bool writable, sim::Ps ready_at) {
  const uint64_t key = Key(domain, bus_address, level);
  for (uint16_t i = heads_[Hash(key)]; i != kNone; i = entries_[i].next) {
    if (entries_[i].key == key) {
      Remove(i);
      break;
    }
  }
  if (free_.empty()) {
    while (entries_[hand_].used) {
      entries_[hand_].used = false;
      hand_ = static_cast<uint16_t>((hand_ + 1) % entries_.size());
    }
    Remove(hand_);
    hand_ = static_cast<uint16_t>((hand_ + 1) % entries_.size());
  }
  const uint16_t index = free_.back();
  free_.pop_back();
  Entry& entry = entries_[index];
  entry.key = key;
  entry.host_page = host_address & ~((uint64_t{1} << Shift(level)) - 1);
  entry.ready_at = ready_at;
  entry.level = static_cast<uint8_t>(level);
  entry.readable = readable;
  entry.writable = writable;
  entry.used = true;
  uint16_t& head = heads_[Hash(key)];
  entry.next = head;
  head = index;
  ++count_[level];
  return &entry;
}

bool Iotlb::Contains(uint16_t domain, uint64_t bus_address) const {
  for (unsigned level = 1; level <= kLevels; ++level) {
    const uint64_t key = Key(domain, bus_address, level);
    for (uint16_t i = heads_[Hash(key)]; i != kNone; i = entries_[i].next) {
      if (entries_[i].key == key) return true;
    }
  }
  return false;
}

void Iotlb::InvalidateAll() {
  for (uint16_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].key != 0) Remove(i);
  }
}

void Iotlb::InvalidateDomain(uint16_t domain) {
  for (uint16_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].key != 0 && entries_[i].key >> 48 == domain) Remove(i);
  }
}

void Iotlb::InvalidatePages(uint16_t domain, uint64_t bus_address, unsigned order) {
  const uint64_t mask = order >= 52 ? ~uint64_t{0} : (uint64_t{1} << (12 + order)) - 1;
  const uint64_t first = bus_address & ~mask;
  const uint64_t last = first | mask;
  for (uint16_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.key == 0 || entry.key >> 48 != domain) continue;
    const uint64_t page = (entry.key & 0xFFFF'FFFF'FFFF) >> 2 << Shift(entry.level);
    const uint64_t page_last = page + (uint64_t{1} << Shift(entry.level)) - 1;
    if (page <= last && page_last >= first) Remove(i);
  }
}

}  // namespace pvpci::iommu
