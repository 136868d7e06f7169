// SPDX-License-Identifier: Apache-2.0
#include "models/xen/mmu.h"

#include "models/xen/frames.h"
#include "models/xen/msi.h"
#include "sim/check.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kEntries = 512;
constexpr unsigned kLevels = 4;
constexpr uint64_t kMmuCommandMask = 3;

sim::FrameType TypeOfLevel(unsigned level) {
  constexpr sim::FrameType kTypes[] = {sim::FrameType::kL1Table, sim::FrameType::kL2Table, sim::FrameType::kL3Table,
                                       sim::FrameType::kL4Table};
  return kTypes[level - 1];
}

unsigned LevelOfType(sim::FrameType type) {
  for (unsigned level = 1; level <= kLevels; ++level) {
    if (TypeOfLevel(level) == type) return level;
  }
  return 0;
}

uint64_t Span(unsigned level) { return sim::kPageSize << (9 * (level - 1)); }
unsigned Index(uint64_t va, unsigned level) { return static_cast<unsigned>(va / Span(level)) % kEntries; }
bool Present(uint64_t entry) { return (entry & abi::kPtePresent) != 0; }
sim::Mfn FrameOf(uint64_t entry) { return (entry & abi::kPteAddressMask) >> sim::kPageShift; }

// Bits a guest may not set in any entry: 52..58 are free for software, 59..62 protection keys it does not have.
constexpr uint64_t kReservedBits = 0x7800000000000000;

}  // namespace

void Mmu::Register(HypercallTable& table) {
  table.OnRaw(abi::kMmuUpdate, "mmu_update", &Mmu::MmuUpdate, this, {{"count", 8, 4}, {"dom", 24, 2}});
  table.OnRaw(abi::kUpdateVaMapping, "update_va_mapping", &Mmu::UpdateVaMapping, this, {{"pte", 8, 8}, {"flags", 16, 4}});
  table.OnRaw(abi::kMmuextOp, "mmuext_op", &Mmu::MmuextOp, this, {{"count", 8, 4}, {"dom", 24, 2}});
}

uint64_t* Mmu::Entry(sim::Mfn table, unsigned index) const {
  return reinterpret_cast<uint64_t*>(hypervisor_.memory().frame(table).host) + index;
}

std::optional<uint64_t> Mmu::LeafEntry(const Vcpu& vcpu, uint64_t va) const {
  sim::Mfn table = vcpu.cr3_mfn;
  for (unsigned level = kLevels; level > 1; --level) {
    if (!hypervisor_.memory().populated(table)) return std::nullopt;
    const uint64_t entry = *Entry(table, Index(va, level));
    if (!Present(entry)) return std::nullopt;
    table = FrameOf(entry);
  }
  if (!hypervisor_.memory().populated(table)) return std::nullopt;
  return (table << sim::kPageShift) + Index(va, 1) * sizeof(uint64_t);
}

std::optional<GuestMapping> Mmu::Walk(const Vcpu& vcpu, uint64_t va) const {
  const auto leaf = LeafEntry(vcpu, va);
  if (!leaf.has_value()) return std::nullopt;
  const uint64_t entry = *Entry(*leaf >> sim::kPageShift, static_cast<unsigned>(*leaf % sim::kPageSize / 8));
  if (!Present(entry)) return std::nullopt;
  return GuestMapping{(entry & abi::kPteAddressMask) | (va & (sim::kPageSize - 1)), entry};
}

bool Mmu::IomemPermitted(const Domain& domain, sim::Mfn mfn) const {
  if (domain.privileged()) {
    // dom0 owns all of it but the interrupt controllers, which are Xen's.
    return mfn != hypervisor_.config().io_apic_address >> sim::kPageShift && mfn != 0xfee00;
  }
  for (const auto& [first, last] : domain.iomem) {
    if (mfn >= first && mfn <= last) return true;
  }
  return false;
}

long Mmu::TakeLeaf(Domain& domain, Domain& owner, uint64_t* value) {
  if ((*value & kReservedBits) != 0) return -abi::kEINVAL;
  const sim::Mfn mfn = FrameOf(*value);
  Frames& frames = hypervisor_.frames();
  if (!hypervisor_.memory().populated(mfn)) {
    if (!IomemPermitted(domain, mfn)) return -abi::kEPERM;
    if (hypervisor_.msi().ReadOnlyFrame(mfn)) *value &= ~abi::kPteWrite;
    return 0;
  }
  const sim::Frame& frame = hypervisor_.memory().frame(mfn);
  if (frame.owner == sim::kDomXen) {
    // The m2p table is readable by everybody; nothing else of Xen's is.
    return frame.type == sim::FrameType::kM2p && (*value & abi::kPteWrite) == 0 ? 0 : -abi::kEPERM;
  }
  const bool ok = (*value & abi::kPteWrite) != 0 ? frames.GetWritable(owner, mfn) : frames.GetRef(owner, mfn);
  return ok ? 0 : -abi::kEINVAL;
}

void Mmu::ReleaseLeaf(uint64_t entry_address, uint64_t value) {
  if (!Present(value)) return;
  if (grant_entries_.erase(entry_address) != 0) return;
  const sim::Mfn mfn = FrameOf(value);
  if (!hypervisor_.memory().populated(mfn) || hypervisor_.memory().frame(mfn).owner == sim::kDomXen) return;
  if ((value & abi::kPteWrite) != 0) hypervisor_.frames().PutWritable(mfn);
  else hypervisor_.frames().PutRef(mfn);
}

void Mmu::ApplyToHost(Domain& domain, sim::Mfn table, unsigned index, uint64_t value) {
  const auto base = domain.l1_tables.find(table);
  if (base == domain.l1_tables.end() || base->second == kNoVa) return;
  const uint64_t va = base->second + index * sim::kPageSize;
  const sim::Mfn mfn = FrameOf(value);
  const bool ram = Present(value) && hypervisor_.memory().populated(mfn);
  if (va >= domain.vmalloc.base && va < domain.vmalloc.base + domain.vmalloc.length_bytes) {
    // Device memory stays inaccessible: the accessors go through the seam, and a stray dereference is caught.
    if (ram) domain.space->MapFrame(va, hypervisor_.memory().frame(mfn), (value & abi::kPteWrite) != 0);
    else domain.space->UnmapPage(va);
    return;
  }
  const auto direct = reinterpret_cast<uint64_t>(domain.memory.base);
  if (va < direct || va >= direct + (domain.memory.pages << sim::kPageShift) || !ram) return;
  const sim::Frame& frame = hypervisor_.memory().frame(mfn);
  if (reinterpret_cast<uint64_t>(frame.host) != va) {
    domain.space->MapFrame(va, frame, (value & abi::kPteWrite) != 0);
  }
}

long Mmu::UpdateLeaf(Domain& domain, Domain& owner, sim::Mfn table, unsigned index, uint64_t value) {
  uint64_t* entry = Entry(table, index);
  const uint64_t address = (table << sim::kPageShift) + index * sizeof(uint64_t);
  const uint64_t old = *entry;
  const uint64_t kept = abi::kPteAddressMask | abi::kPtePresent | abi::kPteWrite;
  if (Present(value) && (old & kept) == (value & kept)) {  // flags only: no reference moves
    *entry = value;
    return 0;
  }
  if (Present(value)) {
    if (const long error = TakeLeaf(domain, owner, &value); error != 0) return error;
  }
  *entry = value;
  ReleaseLeaf(address, old);
  ApplyToHost(domain, table, index, value);
  return 0;
}

bool Mmu::Promote(Domain& domain, sim::Mfn mfn, unsigned level, uint64_t va) {
  Frames& frames = hypervisor_.frames();
  const sim::Frame* frame = hypervisor_.memory().Find(mfn);
  const bool first = frame != nullptr && frame->type_count == 0;
  if (!frames.GetType(domain, mfn, TypeOfLevel(level))) return false;
  if (!first) {
    // A table pinned before it was hung into the tree learns its address now.
    if (level == 1 && va != kNoVa && domain.l1_tables.count(mfn) == 0) domain.l1_tables[mfn] = va;
    return true;
  }
  if (va != kNoVa) {
    if (level == 1) domain.l1_tables[mfn] = va;
    else table_va_[mfn] = va;
  }
  for (unsigned index = 0; index < kEntries; ++index) {
    uint64_t* entry = Entry(mfn, index);
    if (!Present(*entry)) continue;
    bool ok;
    if (level == 1) {
      ok = TakeLeaf(domain, domain, entry) == 0;
      if (ok) ApplyToHost(domain, mfn, index, *entry);
    } else {
      ok = (*entry & abi::kPtePse) == 0 &&
           Promote(domain, FrameOf(*entry), level - 1, va == kNoVa ? kNoVa : va + index * Span(level));
    }
    if (ok) continue;
    while (index-- > 0) {
      const uint64_t taken = *Entry(mfn, index);
      if (!Present(taken)) continue;
      if (level == 1) ReleaseLeaf((mfn << sim::kPageShift) + index * 8, taken);
      else Demote(domain, FrameOf(taken), level - 1);
    }
    domain.l1_tables.erase(mfn);
    table_va_.erase(mfn);
    frames.PutType(mfn);
    return false;
  }
  return true;
}

void Mmu::Demote(Domain& domain, sim::Mfn mfn, unsigned level) {
  if (hypervisor_.memory().frame(mfn).type_count == 1) {
    for (unsigned index = 0; index < kEntries; ++index) {
      const uint64_t entry = *Entry(mfn, index);
      if (!Present(entry)) continue;
      if (level == 1) {
        ReleaseLeaf((mfn << sim::kPageShift) + index * 8, entry);
        ApplyToHost(domain, mfn, index, 0);
      } else {
        Demote(domain, FrameOf(entry), level - 1);
      }
    }
    domain.l1_tables.erase(mfn);
    table_va_.erase(mfn);
  }
  hypervisor_.frames().PutType(mfn);
}

long Mmu::UpdateTable(Domain& domain, sim::Mfn table, unsigned level, unsigned index, uint64_t value) {
  uint64_t* entry = Entry(table, index);
  const uint64_t old = *entry;
  if ((value & kReservedBits) != 0) return -abi::kEINVAL;
  if (Present(value)) {
    if (level == 2 && (value & abi::kPtePse) != 0) return -abi::kEINVAL;  // no superpages for PV
    if (Present(old) && FrameOf(old) == FrameOf(value)) {
      *entry = value;
      return 0;
    }
    const auto base = table_va_.find(table);
    const uint64_t va = base == table_va_.end() ? kNoVa : base->second + index * Span(level);
    if (!Promote(domain, FrameOf(value), level - 1, va)) return -abi::kEINVAL;
  }
  *entry = value;
  if (Present(old)) Demote(domain, FrameOf(old), level - 1);
  return 0;
}

long Mmu::UpdateEntry(Domain& domain, Domain& owner, uint64_t entry_address, uint64_t value, bool preserve_ad) {
  const sim::Mfn table = entry_address >> sim::kPageShift;
  const sim::Frame* frame = hypervisor_.memory().Find(table);
  if (frame == nullptr || frame->host == nullptr || frame->owner != domain.id()) return -abi::kEINVAL;
  const auto index = static_cast<unsigned>(entry_address % sim::kPageSize / sizeof(uint64_t));
  if (preserve_ad) value |= *Entry(table, index) & (abi::kPteAccessed | abi::kPteDirty);
  const unsigned level = frame->type_count == 0 ? 0 : LevelOfType(frame->type);
  if (level == 1) return UpdateLeaf(domain, owner, table, index, value);
  if (level > 1) return UpdateTable(domain, table, level, index, value);
  // Not a table: a plain write, if the domain may write there.
  if (!hypervisor_.frames().GetWritable(domain, table)) return -abi::kEINVAL;
  *Entry(table, index) = value;
  hypervisor_.frames().PutWritable(table);
  return 0;
}

long Mmu::MmuUpdate(Call& call) {
  const uint64_t va = call.args[0];
  const uint64_t count = static_cast<uint32_t>(call.args[1]);
  const auto foreign = static_cast<sim::DomId>(call.args[3]);
  Domain* owner = foreign == sim::kDomSelf ? &call.domain : hypervisor_.domain(foreign);
  if (foreign == sim::kDomIo) owner = &call.domain;
  if (owner == nullptr) return -abi::kESRCH;
  if (owner != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  long result = 0;
  uint32_t done = 0;
  for (; done < count; ++done) {
    abi::MmuUpdate update;
    if (!call.CopyIn(&update, va + done * sizeof update, sizeof update)) {
      result = -abi::kEFAULT;
      break;
    }
    call.cost += hypervisor_.config().pte_update;
    const uint64_t address = update.ptr & ~kMmuCommandMask;
    switch (update.ptr & kMmuCommandMask) {
      case 0:
      case 2:
      case 3:
        result = UpdateEntry(call.domain, *owner, address, update.value, (update.ptr & kMmuCommandMask) == 2);
        break;
      case 1: {
        const sim::Mfn mfn = update.ptr >> sim::kPageShift;
        if (!hypervisor_.frames().GetRef(*owner, mfn)) {
          result = -abi::kEINVAL;
          break;
        }
        hypervisor_.frames().SetGpfn(mfn, update.value);
        hypervisor_.frames().PutRef(mfn);
        break;
      }
    }
    if (result != 0) break;
  }
  if (call.args[2] != 0 && !call.CopyOut(call.args[2], &done, sizeof done)) return -abi::kEFAULT;
  return result;
}

long Mmu::UpdateVaMapping(Call& call) {
  call.cost += hypervisor_.config().pte_update;
  const auto leaf = LeafEntry(call.vcpu, call.args[0]);
  if (!leaf.has_value()) return -abi::kEINVAL;
  const sim::Mfn table = *leaf >> sim::kPageShift;
  const sim::Frame& frame = hypervisor_.memory().frame(table);
  if (frame.owner != call.domain.id() || frame.type != sim::FrameType::kL1Table) return -abi::kEINVAL;
  return UpdateLeaf(call.domain, call.domain, table, static_cast<unsigned>(*leaf % sim::kPageSize / 8), call.args[1]);
}

long Mmu::MmuextOp(Call& call) {
  const uint64_t count = static_cast<uint32_t>(call.args[1]);
  long result = 0;
  uint32_t done = 0;
  for (; done < count; ++done) {
    abi::MmuextOp op;
    if (!call.CopyIn(&op, call.args[0] + done * sizeof op, sizeof op)) {
      result = -abi::kEFAULT;
      break;
    }
    Domain& domain = call.domain;
    switch (op.cmd) {
      case abi::kPinL1: case abi::kPinL2: case abi::kPinL3: case abi::kPinL4:
        if (domain.pinned.count(op.arg1) != 0 || !Promote(domain, op.arg1, op.cmd + 1, kNoVa)) result = -abi::kEINVAL;
        else domain.pinned.insert(op.arg1);
        break;
      case abi::kUnpinTable:
        if (domain.pinned.erase(op.arg1) == 0) result = -abi::kEINVAL;
        else Demote(domain, op.arg1, LevelOfType(hypervisor_.memory().frame(op.arg1).type));
        break;
      case abi::kNewBaseptr:
      case abi::kNewUserBaseptr: {
        if (op.cmd == abi::kNewUserBaseptr && op.arg1 == 0) break;
        const sim::Frame* frame = hypervisor_.memory().Find(op.arg1);
        if (frame == nullptr || frame->owner != domain.id() || frame->type != sim::FrameType::kL4Table) {
          result = -abi::kEINVAL;
        } else if (op.cmd == abi::kNewBaseptr) {
          call.vcpu.cr3_mfn = op.arg1;
        }
        break;
      }
      case abi::kTlbFlushLocal: case abi::kInvlpgLocal: case abi::kTlbFlushMulti: case abi::kInvlpgMulti:
      case abi::kTlbFlushAll: case abi::kInvlpgAll: case abi::kFlushCache: case abi::kFlushCacheGlobal:
        break;  // no TLB is modelled: the host's mapping is always the accepted one
      case abi::kSetLdt:
        result = op.arg2 > 8192 || op.arg1 % sim::kPageSize != 0 ? -abi::kEINVAL : 0;
        break;
      case abi::kClearPage:
      case abi::kCopyPage:
        sim::NotModelled("mmuext_op clear_page, copy_page", "abi.md 3.1");
      default:
        result = -abi::kENOSYS;
    }
    if (result != 0) break;
  }
  if (call.args[2] != 0 && !call.CopyOut(call.args[2], &done, sizeof done)) return -abi::kEFAULT;
  return result;
}

bool Mmu::SetGrantEntry(Domain& domain, uint64_t entry_address, sim::Mfn mfn, bool writable) {
  const sim::Mfn table = entry_address >> sim::kPageShift;
  const sim::Frame* frame = hypervisor_.memory().Find(table);
  if (frame == nullptr || frame->owner != domain.id() || frame->type != sim::FrameType::kL1Table ||
      entry_address % sizeof(uint64_t) != 0) {
    return false;
  }
  const auto index = static_cast<unsigned>(entry_address % sim::kPageSize / sizeof(uint64_t));
  uint64_t* entry = Entry(table, index);
  const uint64_t old = *entry;
  *entry = mfn << sim::kPageShift | abi::kPtePresent | abi::kPteAccessed | abi::kPteDirty |
           (writable ? abi::kPteWrite : 0);
  ReleaseLeaf(entry_address, old);
  grant_entries_[entry_address] = domain.id();
  ApplyToHost(domain, table, index, *entry);
  return true;
}

bool Mmu::ClearGrantEntry(Domain& domain, uint64_t entry_address) {
  const auto found = grant_entries_.find(entry_address);
  if (found == grant_entries_.end() || found->second != domain.id()) return false;
  grant_entries_.erase(found);
  const sim::Mfn table = entry_address >> sim::kPageShift;
  const auto index = static_cast<unsigned>(entry_address % sim::kPageSize / sizeof(uint64_t));
  *Entry(table, index) = 0;
  ApplyToHost(domain, table, index, 0);
  return true;
}

void Mmu::Forget(Domain& domain) {
  for (auto it = grant_entries_.begin(); it != grant_entries_.end();) {
    it = it->second == domain.id() ? grant_entries_.erase(it) : std::next(it);
  }
  for (auto it = table_va_.begin(); it != table_va_.end();) {
    it = hypervisor_.memory().frame(it->first).owner == domain.id() ? table_va_.erase(it) : std::next(it);
  }
}

}  // namespace pvpci::xen
