// SPDX-License-Identifier: Apache-2.0
#include "sim/dma_ledger.h"

#include <algorithm>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

bool Allows(DmaDirection direction, bool write) {
  switch (direction) {
    case DmaDirection::kBidirectional: return true;
    case DmaDirection::kToDevice: return !write;
    case DmaDirection::kFromDevice: return write;
    case DmaDirection::kNone: return false;
  }
  return false;
}

template <typename T>
void EraseValue(std::vector<T>* list, T value) {
  const auto it = std::find(list->begin(), list->end(), value);
  if (it != list->end()) list->erase(it);
}

}  // namespace

uint64_t DmaLedger::Map(DmaDevice device, DomId domain, uint64_t bus_address, uint64_t length_bytes,
                        DmaDirection direction, DmaKind kind, Ps time, BacktraceId backtrace) {
  SIM_CHECK(length_bytes > 0 && bus_address + (length_bytes - 1) >= bus_address, "an empty or wrapping DMA mapping");
  Slot slot;
  if (free_.empty()) {
    slot = static_cast<Slot>(slots_.size());
    slots_.emplace_back();
    references_.push_back(0);
    position_.push_back(0);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  DmaMapping& mapping = slots_[slot];
  mapping = DmaMapping();
  mapping.serial = next_serial_++;
  mapping.device = device;
  mapping.domain = domain;
  mapping.bus_address = bus_address;
  mapping.length_bytes = length_bytes;
  mapping.direction = direction;
  mapping.kind = kind;
  mapping.mapped_at = time;
  mapping.mapped_by = backtrace;
  const uint64_t last_page = (bus_address + (length_bytes - 1)) >> kPageShift;
  for (uint64_t page = bus_address >> kPageShift; page <= last_page; ++page) {
    pages_[Key{device, page}].live.push_back(slot);
    ++references_[slot];
  }
  std::vector<Slot>& list = by_device_[device];
  position_[slot] = static_cast<uint32_t>(list.size());
  list.push_back(slot);
  ++live_count_;
  return mapping.serial;
}

void DmaLedger::Forget(Slot slot) {
  if (--references_[slot] == 0) free_.push_back(slot);
}

void DmaLedger::End(Slot slot, Ps time, BacktraceId backtrace) {
  DmaMapping& mapping = slots_[slot];
  mapping.unmapped_at = time;
  mapping.unmapped_by = backtrace;
  const uint64_t last_page = (mapping.end() - 1) >> kPageShift;
  for (uint64_t number = mapping.bus_address >> kPageShift; number <= last_page; ++number) {
    Page& page = pages_[Key{mapping.device, number}];
    EraseValue(&page.live, slot);
    page.stale.push_back(slot);
    if (page.stale.size() > kStalePerPage) {
      const Slot oldest = page.stale.front();
      page.stale.erase(page.stale.begin());
      Forget(oldest);
    }
  }
  --live_count_;
}

void DmaLedger::LeaveDevice(Slot slot) {
  std::vector<Slot>& list = by_device_[slots_[slot].device];
  const uint32_t position = position_[slot];
  list[position] = list.back();
  position_[list[position]] = position;
  list.pop_back();
}

std::vector<DmaLedger::Slot> DmaLedger::LiveInOrder(DmaDevice device) const {
  const auto it = by_device_.find(device);
  if (it == by_device_.end()) return {};
  std::vector<Slot> live = it->second;
  std::sort(live.begin(), live.end(), [this](Slot a, Slot b) { return slots_[a].serial < slots_[b].serial; });
  return live;
}

bool DmaLedger::Unmap(DmaDevice device, uint64_t bus_address, uint64_t length_bytes, Ps time, BacktraceId backtrace) {
  const auto page = pages_.find(Key{device, bus_address >> kPageShift});
  if (page == pages_.end()) return false;
  const std::vector<Slot>& live = page->second.live;
  for (auto it = live.rbegin(); it != live.rend(); ++it) {
    const DmaMapping& mapping = slots_[*it];
    if (mapping.bus_address != bus_address || (length_bytes != 0 && mapping.length_bytes != length_bytes)) continue;
    const Slot slot = *it;
    LeaveDevice(slot);
    End(slot, time, backtrace);
    return true;
  }
  return false;
}

uint64_t DmaLedger::UnmapAll(DmaDevice device, Ps time, BacktraceId backtrace) {
  const std::vector<Slot> slots = LiveInOrder(device);
  by_device_.erase(device);
  for (const Slot slot : slots) End(slot, time, backtrace);
  return slots.size();
}

DmaLedger::Coverage DmaLedger::Covering(DmaDevice device, uint64_t bus_address, uint64_t length_bytes,
                                        bool write) const {
  Coverage result;
  const uint64_t end = bus_address + length_bytes;
  // Walk along the access: each step takes the mapping that reaches farthest, allowed directions first.
  uint64_t at = bus_address;
  while (at < end) {
    const auto page = pages_.find(Key{device, at >> kPageShift});
    if (page == pages_.end()) break;
    const DmaMapping* best = nullptr;
    bool best_allowed = false;
    for (const Slot slot : page->second.live) {
      const DmaMapping& mapping = slots_[slot];
      if (mapping.bus_address > at || mapping.end() <= at) continue;
      const bool allowed = Allows(mapping.direction, write);
      if (best == nullptr || allowed > best_allowed || (allowed == best_allowed && mapping.end() >= best->end())) {
        best = &mapping;
        best_allowed = allowed;
      }
    }
    if (best == nullptr) break;
    if (at == bus_address) result.mapping = best;
    result.direction_ok = result.direction_ok && best_allowed;
    at = best->end();
  }
  if (at >= end && length_bytes > 0) {
    result.cover = Cover::kInside;
    return result;
  }
  result.direction_ok = true;
  const uint64_t last_page = (length_bytes == 0 ? bus_address : end - 1) >> kPageShift;
  for (uint64_t number = bus_address >> kPageShift; number <= last_page; ++number) {
    const auto page = pages_.find(Key{device, number});
    if (page == pages_.end()) continue;
    if (result.cover == Cover::kNone && !page->second.live.empty()) {
      result.cover = Cover::kSamePage;
      if (result.mapping == nullptr) result.mapping = &slots_[page->second.live.back()];
    }
    for (const Slot slot : page->second.stale) {
      const DmaMapping& mapping = slots_[slot];
      const bool contains = mapping.bus_address <= bus_address && mapping.end() >= end;
      if (contains && (result.stale == nullptr || mapping.unmapped_at >= result.stale->unmapped_at)) {
        result.stale = &mapping;
      }
    }
  }
  return result;
}

uint64_t DmaLedger::live_count(DmaDevice device) const {
  const auto it = by_device_.find(device);
  return it == by_device_.end() ? 0 : it->second.size();
}

std::vector<DmaMapping> DmaLedger::Live(DmaDevice device) const {
  std::vector<DmaMapping> live;
  for (const Slot slot : LiveInOrder(device)) live.push_back(slots_[slot]);
  return live;
}

}  // namespace pvpci::sim
