// SPDX-License-Identifier: Apache-2.0
// What one function's requests can reach through the tables as they are in memory now: every page once, with the walk that
// leads there. For observers; the unit itself never does this. Each table is read once, however often it is shared.
#ifndef PVPCI_MODELS_IOMMU_REACH_H_
#define PVPCI_MODELS_IOMMU_REACH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/iommu/faults.h"
#include "models/iommu/walk.h"

namespace pvpci::iommu {

// One leaf entry. `walk`: the entries read on the way, root and context first.
struct ReachedPage {
  uint64_t bus_address = 0;    // the lowest that leads here
  uint64_t host_address = 0;
  unsigned level = 1;          // 1: 4 KiB, 2: 2 MiB, 3: 1 GiB
  bool readable = false;
  bool writable = false;
  const EntriesRead* walk = nullptr;
};

enum class ReachKind : uint8_t {
  kRefused,     // no table: every request faults, `refused` says with which reason
  kUntranslated,  // pass-through: every address of the machine
  kTable,
};
struct Reached {
  ReachKind kind = ReachKind::kRefused;
  FaultReason refused = FaultReason::kNone;
  uint16_t domain = 0;         // tag of the context entry
  EntriesRead context;         // root and context entry
};

// Calls `visit` for each leaf in the order of bus addresses; shared tables are visited where they occur first.
Reached ForEachReached(const UnitMemory& memory, const WalkLimits& limits, uint64_t root_table, uint16_t requester,
                       const std::function<void(const ReachedPage&)>& visit);

// "root[0x02] at 0x1b000 = 0x1c001": the walk in words, an entry each.
std::vector<std::string> DescribeWalk(const EntriesRead& walk);

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_REACH_H_
