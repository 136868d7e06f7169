// SPDX-License-Identifier: Apache-2.0
// Lines of the tables that lie modified in a CPU's cache. A unit that snoops (ECAP.C = 1) sees them like everybody else;
// one that does not reads what memory still holds, until software writes the line back. VT-d 4.0, 11.4.3 (C), 6.8.
#ifndef PVPCI_MODELS_IOMMU_CPU_CACHE_H_
#define PVPCI_MODELS_IOMMU_CPU_CACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>

#include "sim/machine_memory.h"

namespace pvpci::iommu {

// Memory as the unit reads it. sim::MachineMemory is the CPUs' view, their caches included.
class UnitMemory {
 public:
  // Snooping: both views are one.
  UnitMemory(const sim::MachineMemory& memory) : memory_(&memory) {}  // NOLINT: memory is a unit's memory
  UnitMemory(const sim::MachineMemory& memory, bool snoops) : memory_(&memory), snoops_(snoops) {}

  // A table entry: naturally aligned, so inside one frame. False: no RAM there.
  template <typename Entry>
  bool ReadEntry(uint64_t address, Entry* entry) const {
    static_assert(sizeof(Entry) <= kLine && (sizeof(Entry) & (sizeof(Entry) - 1)) == 0, "entries are powers of two");
    if (!stale_.empty()) return Read(address, entry, sizeof *entry);
    const sim::Frame* const frame = memory_->Find(address >> sim::kPageShift);
    if (frame == nullptr || frame->host == nullptr) return false;
    std::memcpy(entry, frame->host + (address & (sim::kPageSize - 1)), sizeof *entry);
    return true;
  }
  bool Read(uint64_t address, void* data, uint64_t length_bytes) const;

  // The CPU is about to write: what memory holds stays what the unit sees.
  void BeforeWrite(uint64_t address, uint64_t length_bytes);
  // CLFLUSH, or a write-back of the cache's own accord.
  void WriteBack(uint64_t address, uint64_t length_bytes);
  void WriteBackAll() { stale_.clear(); }
  size_t dirty_lines() const { return stale_.size(); }

 private:
  static constexpr uint64_t kLine = 64;
  const sim::MachineMemory* memory_;
  bool snoops_ = true;
  std::map<uint64_t, std::array<std::byte, kLine>> stale_;  // by line address: what memory holds
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_CPU_CACHE_H_
