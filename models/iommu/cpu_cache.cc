// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/cpu_cache.h"

#include <algorithm>
#include <cstring>

namespace pvpci::iommu {

bool UnitMemory::Read(uint64_t address, void* data, uint64_t length_bytes) const {
  if (!memory_->Read(address, data, length_bytes)) return false;
  if (stale_.empty()) return true;
  for (auto it = stale_.lower_bound(address & ~(kLine - 1)); it != stale_.end() && it->first < address + length_bytes;
       ++it) {
    const uint64_t first = std::max(address, it->first);
    const uint64_t end = std::min(address + length_bytes, it->first + kLine);
    std::memcpy(static_cast<std::byte*>(data) + (first - address), it->second.data() + (first - it->first), end - first);
  }
  return true;
}

void UnitMemory::BeforeWrite(uint64_t address, uint64_t length_bytes) {
  if (snoops_) return;
  for (uint64_t line = address & ~(kLine - 1); line < address + length_bytes; line += kLine) {
    const auto [it, fresh] = stale_.try_emplace(line);
    if (fresh) memory_->Read(line, it->second.data(), kLine);
  }
}

void UnitMemory::WriteBack(uint64_t address, uint64_t length_bytes) {
  stale_.erase(stale_.lower_bound(address & ~(kLine - 1)), stale_.lower_bound(address + length_bytes));
}

}  // namespace pvpci::iommu
