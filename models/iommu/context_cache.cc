// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/context_cache.h"

namespace pvpci::iommu {

void ContextCache::Insert(uint16_t requester, const ContextEntry& entry) {
  std::unique_ptr<Bus>& bus = buses_[requester >> 8];
  if (bus == nullptr) bus = std::make_unique<Bus>();
  (*bus)[requester & 0xff] = {entry, true};
}

void ContextCache::InvalidateAll() {
  for (auto& bus : buses_) {
    if (bus != nullptr) bus->fill(Line());
  }
}

void ContextCache::InvalidateDomain(uint16_t domain) {
  for (auto& bus : buses_) {
    if (bus == nullptr) continue;
    for (Line& line : *bus) {
      if (line.entry.domain() == domain) line.valid = false;
    }
  }
}

void ContextCache::InvalidateDevice(uint16_t domain, uint16_t requester, unsigned function_mask) {
  static constexpr unsigned kIgnored[] = {0, 4, 6, 7};
  Bus* const bus = buses_[requester >> 8].get();
  if (bus == nullptr) return;
  const unsigned ignored = kIgnored[function_mask & 3];
  for (unsigned devfn = 0; devfn < bus->size(); ++devfn) {
    Line& line = (*bus)[devfn];
    if ((devfn | ignored) == ((requester & 0xff) | ignored) && line.entry.domain() == domain) line.valid = false;
  }
}

}  // namespace pvpci::iommu
