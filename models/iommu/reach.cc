// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/reach.h"

#include <set>
#include <variant>

#include <fmt/format.h>

namespace pvpci::iommu {
namespace {

constexpr uint64_t kEntries = 512;

struct Walker {
  const UnitMemory& memory;
  const std::function<void(const ReachedPage&)>& visit;
  std::set<std::pair<uint64_t, unsigned>> seen;  // tables, each at its level
  EntriesRead walk;

  void Table(uint64_t table, unsigned level, uint64_t bus_address, bool readable, bool writable) {
    if (!seen.insert({table, level}).second) return;
    const unsigned shift = 12 + 9 * (level - 1);
    for (uint64_t i = 0; i < kEntries; ++i) {
      SecondLevelEntry entry;
      const uint64_t address = table + i * sizeof entry;
      if (!memory.Read(address, &entry, sizeof entry) || !entry.present()) continue;
      ReachedPage page{bus_address | i << shift, entry.address(), level, readable && entry.readable(),
                       writable && entry.writable(), &walk};
      walk.Add(address, entry.raw);
      if (level == 1 || (level <= 3 && entry.super_page())) {
        visit(page);
      } else {
        Table(entry.address(), level - 1, page.bus_address, page.readable, page.writable);
      }
      --walk.count;
    }
  }
};

}  // namespace

Reached ForEachReached(const UnitMemory& memory, const WalkLimits& limits, uint64_t root_table, uint16_t requester,
                       const std::function<void(const ReachedPage&)>& visit) {
  Reached reached;
  const auto found = FindContext(memory, limits, root_table, requester, &reached.context);
  if (const auto* fault = std::get_if<Fault>(&found)) {
    reached.refused = fault->reason;
    return reached;
  }
  const auto& context = std::get<ContextEntry>(found);
  reached.domain = context.domain();
  if (context.type() == ContextEntry::Type::kPassThrough) {
    reached.kind = ReachKind::kUntranslated;
    return reached;
  }
  reached.kind = ReachKind::kTable;
  Walker walker{memory, visit, {}, reached.context};
  walker.Table(context.table(), context.levels(), 0, true, true);
  return reached;
}

std::vector<std::string> DescribeWalk(const EntriesRead& walk) {
  std::vector<std::string> lines;
  for (unsigned i = 0; i < walk.count; ++i) {
    const EntryRead& entry = walk.entries[i];
    if (i == 0) {
      lines.push_back(fmt::format("root[{:#x}] at {:#x} = {:#x}", entry.address % 4096 / 16, entry.address, entry.low));
    } else if (i == 1) {
      lines.push_back(fmt::format("context[{:#x}] at {:#x} = {:#x}, {:#x}", entry.address % 4096 / 16, entry.address,
                                  entry.low, entry.high));
    } else {
      lines.push_back(fmt::format("table entry {} at {:#x} = {:#x}", entry.address % 4096 / 8, entry.address, entry.low));
    }
  }
  return lines;
}

}  // namespace pvpci::iommu
