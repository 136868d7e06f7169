// SPDX-License-Identifier: Apache-2.0
// Interrupt remapping: a write to the interrupt window becomes what an entry of the interrupt remapping table says, if
// its source may, or is posted into a descriptor in memory. VT-d 4.0, 5.1, 5.2. xAPIC mode.
#ifndef PVPCI_MODELS_IOMMU_INTERRUPT_REMAP_H_
#define PVPCI_MODELS_IOMMU_INTERRUPT_REMAP_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "models/iommu/cpu_cache.h"
#include "models/iommu/table_entries.h"
#include "models/iommu/walk.h"
#include "sim/machine_memory.h"

namespace pvpci::iommu {

struct RemappedInterrupt {
  uint64_t address = 0;  // compatibility format, as the local APIC decodes it
  uint32_t data = 0;
  bool cached = false;   // the entry came from the cache
  bool posted = false;   // and nobody need be told: a notification is outstanding or suppressed
};

class InterruptRemapper {
 public:
  // `memory`: for posting; `unit_memory`: where entries are read. `posts`: CAP.PI.
  InterruptRemapper(sim::MachineMemory* memory, const UnitMemory* unit_memory, bool posts);

  // Takes over IRTA (GCMD.SIRTP).
  void SetTable(uint64_t table_address_register);
  // `index`: the entry the request named (also on a fault), for the fault record. `compatibility`: GSTS.CFIS.
  std::variant<RemappedInterrupt, Fault> Remap(uint16_t requester, uint64_t address, uint32_t data, bool compatibility,
                                               unsigned* index);
  // Present entries of the table in memory that accept the requester.
  std::vector<unsigned> EntriesFor(uint16_t requester) const;
  void InvalidateAll();
  void Invalidate(unsigned first, unsigned order);  // 2^order entries

 private:
  static constexpr unsigned kCacheLines = 256;  // direct mapped; as many as a busy host has vectors in use
  static constexpr unsigned kNoIndex = UINT32_MAX;
  struct Line {
    unsigned index = kNoIndex;
    Irte entry;
  };
  static bool SourceAllowed(const Irte& entry, uint16_t requester);
  std::variant<RemappedInterrupt, Fault> Post(const Irte& entry, bool cached);

  sim::MachineMemory* memory_;
  const UnitMemory* unit_memory_;
  bool posts_;
  uint64_t table_ = 0;
  unsigned entries_ = 0;
  std::vector<Line> cache_;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_INTERRUPT_REMAP_H_
