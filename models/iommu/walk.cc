// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/walk.h"

#include <algorithm>

namespace pvpci::iommu {
namespace {

constexpr unsigned kIndexBits = 9;

unsigned TableBits(unsigned levels) { return 12 + kIndexBits * levels; }

// Bits that must be 0 in a present second-level entry. VT-d 9.10.
bool Reserved(const SecondLevelEntry& entry, unsigned level, unsigned host_address_bits) {
  if ((entry.address() >> host_address_bits) != 0) return true;
  const bool may_be_leaf = level == 2 || level == 3;
  if (level > 3 && entry.super_page()) return true;
  const bool leaf = level == 1 || (may_be_leaf && entry.super_page());
  if (!leaf) return false;
  if (SecondLevelEntry::Snoop::Get(entry.raw)) return true;
  const uint64_t offset_mask = (uint64_t{1} << (12 + kIndexBits * (level - 1))) - 1;
  return (entry.address() & offset_mask) != 0;
}

}  // namespace

std::variant<ContextEntry, Fault> FindContext(const UnitMemory& memory, const WalkLimits& limits,
                                              uint64_t root_table, uint16_t requester, EntriesRead* read) {
  RootEntry root;
  const uint64_t root_address = root_table + sizeof(RootEntry) * (requester >> 8);
  if (!memory.ReadEntry(root_address, &root)) return Fault{FaultReason::kRootTableAccess, true};
  read->Add(root_address, root.raw[0], root.raw[1]);
  if (!root.present()) return Fault{FaultReason::kRootNotPresent, true};
  if (root.reserved(limits.host_address_bits)) return Fault{FaultReason::kRootReserved, true};

  ContextEntry context;
  const uint64_t context_address = root.context_table() + sizeof(ContextEntry) * (requester & 0xff);
  if (!memory.ReadEntry(context_address, &context)) return Fault{FaultReason::kContextTableAccess, true};
  read->Add(context_address, context.raw[0], context.raw[1]);
  const bool report = context.faults_recorded();
  if (!context.present()) return Fault{FaultReason::kContextNotPresent, report};
  if (context.reserved(limits.host_address_bits)) return Fault{FaultReason::kContextReserved, report};
  const bool type_known = context.type() == ContextEntry::Type::kUntranslated ||
                          context.type() == ContextEntry::Type::kPassThrough ||
                          (limits.device_tlbs && context.type() == ContextEntry::Type::kWithDeviceTlb);
  if (!type_known || (limits.levels >> context.levels() & 1) == 0) return Fault{FaultReason::kContextInvalid, report};
  return context;
}

std::variant<Translation, Fault> WalkTable(const UnitMemory& memory, const WalkLimits& limits,
                                           const ContextEntry& context, uint64_t bus_address, bool write,
                                           EntriesRead* read, PagingCache* cache) {
  const bool report = context.faults_recorded();
  const unsigned width = std::min(TableBits(context.levels()), limits.guest_address_bits);
  if ((bus_address >> width) != 0) return Fault{FaultReason::kBeyondAddressWidth, report};
  Translation result;
  result.readable = true;
  result.writable = true;
  if (context.type() == ContextEntry::Type::kPassThrough) {
    result.host_address = bus_address;
    return result;
  }
  uint64_t table = context.table();
  unsigned level = context.levels();
  if (const auto* known = cache == nullptr ? nullptr : cache->Find(context.domain(), bus_address, level)) {
    table = known->table;
    level = known->level;
    result.readable = known->readable;
    result.writable = known->writable;
    if (write && !result.writable) return Fault{FaultReason::kNoWritePermission, report};
    if (!write && !result.readable) return Fault{FaultReason::kNoReadPermission, report};
  }
  for (;; --level) {
    const unsigned shift = 12 + kIndexBits * (level - 1);
    const uint64_t index = (bus_address >> shift) & ((1u << kIndexBits) - 1);
    const uint64_t address = table + sizeof(SecondLevelEntry) * index;
    SecondLevelEntry entry;
    if (!memory.ReadEntry(address, &entry)) return Fault{FaultReason::kTableAccess, report};
    read->Add(address, entry.raw);
    if (entry.present() && Reserved(entry, level, limits.host_address_bits)) {
      return Fault{FaultReason::kEntryReserved, report};
    }
    result.readable = result.readable && entry.readable();
    result.writable = result.writable && entry.writable();
    if (write && !result.writable) return Fault{FaultReason::kNoWritePermission, report};
    if (!write && !result.readable) return Fault{FaultReason::kNoReadPermission, report};
    if (level == 1 || (level <= 3 && entry.super_page())) {
      result.level = level;
      result.host_address = entry.address() | (bus_address & ((uint64_t{1} << shift) - 1));
      return result;
    }
    table = entry.address();
    if (cache != nullptr) {
      cache->Insert(context.domain(), bus_address, {table, level - 1, result.readable, result.writable});
    }
  }
}

}  // namespace pvpci::iommu
