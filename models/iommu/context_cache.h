// SPDX-License-Identifier: Apache-2.0
// The context cache: context entries by requester id, found in O(1) however many functions there are.
// VT-d 4.0, 6.2.2. Present and valid entries only.
#ifndef PVPCI_MODELS_IOMMU_CONTEXT_CACHE_H_
#define PVPCI_MODELS_IOMMU_CONTEXT_CACHE_H_

#include <array>
#include <cstdint>
#include <memory>

#include "models/iommu/table_entries.h"

namespace pvpci::iommu {

class ContextCache {
 public:
  struct Line {
    ContextEntry entry;
    bool valid = false;
  };

  const ContextEntry* Find(uint16_t requester) const {
    const Bus* const bus = buses_[requester >> 8].get();
    return bus != nullptr && (*bus)[requester & 0xff].valid ? &(*bus)[requester & 0xff].entry : nullptr;
  }
  void Insert(uint16_t requester, const ContextEntry& entry);

  void InvalidateAll();
  void InvalidateDomain(uint16_t domain);
  // `function_mask` 0..3: function number bits to ignore: none, 2, 2:1, 2:0. Only if tagged `domain`. VT-d 6.5.2.1.
  void InvalidateDevice(uint16_t domain, uint16_t requester, unsigned function_mask);

 private:
  using Bus = std::array<Line, 256>;
  std::array<std::unique_ptr<Bus>, 256> buses_;  // made when first needed
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_CONTEXT_CACHE_H_
