// SPDX-License-Identifier: Apache-2.0
#include "driver/vcpu/guest_traps.h"

#include <cerrno>

namespace pvpci::driver {
namespace {

// struct bug_entry with CONFIG_GENERIC_BUG_RELATIVE_POINTERS and CONFIG_DEBUG_BUGVERBOSE.
struct BugEntry {
  int32_t address;  // relative to this field
  int32_t file;
  uint16_t line;
  uint16_t flags;
};
static_assert(sizeof(BugEntry) == 12);
constexpr uint16_t kBugWarning = 1 << 0;
constexpr uint16_t kBugOnce = 1 << 1;
constexpr uint16_t kBugDone = 1 << 2;

// struct exception_table_entry. Both addresses relative to their own field.
struct ExceptionEntry {
  int32_t instruction;
  int32_t fixup;
  int32_t data;
};
static_assert(sizeof(ExceptionEntry) == 12);

// EX_TYPE_*: asm/extable_fixup_types.h.
enum FixupType {
  kDefault = 1, kFault = 2, kUserAccess = 3, kCopy = 4, kWriteMsr = 8, kReadMsr = 9, kWriteMsrSafe = 10,
  kReadMsrSafe = 11, kPopRegister = 16, kImmediateRegister = 17, kUserCopyLength = 19,
};
constexpr int32_t kClearAx = 1 << 12;
constexpr int32_t kClearDx = 2 << 12;

uint64_t Relative(const int32_t& field) { return reinterpret_cast<uint64_t>(&field) + static_cast<int64_t>(field); }

// Hardware numbering of registers -> index in gregs.
constexpr int kRegisters[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

}  // namespace

GuestTraps::Table GuestTraps::Find(const LoadedImage& image, const char* section, const char* start,
                                   const char* stop) {
  if (const ImageSection* found = image.image().FindSection(section)) {
    return {found->address + image.delta(), found->address + found->size + image.delta()};
  }
  return {image.SymbolOrZero(start), image.SymbolOrZero(stop)};
}

GuestTraps::GuestTraps(const LoadedImage& image)
    : bugs_(Find(image, "__bug_table", "__start___bug_table", "__stop___bug_table")),
      exceptions_(Find(image, "__ex_table", "__start___ex_table", "__stop___ex_table")) {}

GuestTraps::BugAction GuestTraps::OnUd2(uint64_t pc) const {
  for (uint64_t at = bugs_.start; at + sizeof(BugEntry) <= bugs_.end; at += sizeof(BugEntry)) {
    auto* entry = reinterpret_cast<BugEntry*>(at);
    if (Relative(entry->address) != pc) continue;
    if (!(entry->flags & kBugWarning)) return BugAction::kBug;
    if (!(entry->flags & kBugOnce)) return BugAction::kWarn;
    if (entry->flags & kBugDone) return BugAction::kWarnedBefore;
    entry->flags |= kBugDone;
    return BugAction::kWarn;
  }
  return BugAction::kNotABug;
}

bool GuestTraps::Fixup(mcontext_t* context, unsigned vector) const {
  greg_t* const registers = context->gregs;
  const auto pc = static_cast<uint64_t>(registers[REG_RIP]);
  const ExceptionEntry* entry = nullptr;
  for (uint64_t at = exceptions_.start; at + sizeof(ExceptionEntry) <= exceptions_.end && entry == nullptr;
       at += sizeof(ExceptionEntry)) {
    const auto* candidate = reinterpret_cast<const ExceptionEntry*>(at);
    if (Relative(candidate->instruction) == pc) entry = candidate;
  }
  if (entry == nullptr) return false;
  greg_t& named = registers[kRegisters[(entry->data >> 8) & 0xf]];
  const greg_t immediate = entry->data >> 16;
  switch (entry->data & 0xff) {
    case kDefault:
    case kUserAccess:
    case kWriteMsr:
      break;
    case kFault:
    case kCopy:
      registers[REG_RAX] = vector;
      break;
    case kReadMsr:
      registers[REG_RAX] = registers[REG_RDX] = 0;
      break;
    case kWriteMsrSafe:
    case kReadMsrSafe:
      named = -EIO;
      break;
    case kPopRegister:
      registers[REG_RSP] += 8;
      named = immediate;
      break;
    case kImmediateRegister:
      named = immediate;
      break;
    case kUserCopyLength:
      registers[REG_RCX] = immediate * registers[REG_RCX] + named;
      break;
    default:
      return false;  // machine check, SGX, FPU: not on any path here, so the fault is reported
  }
  if (entry->data & kClearAx) registers[REG_RAX] = 0;
  if (entry->data & kClearDx) registers[REG_RDX] = 0;
  registers[REG_RIP] = static_cast<greg_t>(Relative(entry->fixup));
  return true;
}

}  // namespace pvpci::driver
