// SPDX-License-Identifier: Apache-2.0
// Register blocks as constexpr tables, and the bank that holds their values.
//
//   inline constexpr std::array kRegisters = {
//       Reg32("VER",  0x000).Reset(0x10),
//       Reg32("GCMD", 0x018).Wo(Gcmd::Enable::kMask),
//       Reg32("FSTS", 0x034).W1c(Fsts::Overflow::kMask),
//   };
//   static_assert(WellFormed(kRegisters), "sorted, aligned, disjoint masks");
//
// Bits in no class are read-only. Ro() only says so aloud. All words are little endian.
#ifndef PVPCI_SIM_REGISTER_H_
#define PVPCI_SIM_REGISTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace pvpci::sim {

struct RegisterSpec {
  std::string_view name;
  uint32_t offset = 0;
  uint32_t bytes = 4;     // 1, 2, 4 or 8
  uint64_t reset = 0;
  uint64_t ro = 0;        // stated read-only; bits in no mask are read-only too
  uint64_t rw = 0;        // stores what is written
  uint64_t w1c = 0;       // writing 1 clears
  uint64_t wo = 0;        // reads as 0, not stored; the write handler sees it

  constexpr RegisterSpec Reset(uint64_t value) const { RegisterSpec r = *this; r.reset = value; return r; }
  constexpr RegisterSpec Ro(uint64_t mask) const { RegisterSpec r = *this; r.ro = mask; return r; }
  constexpr RegisterSpec Rw(uint64_t mask) const { RegisterSpec r = *this; r.rw = mask; return r; }
  constexpr RegisterSpec W1c(uint64_t mask) const { RegisterSpec r = *this; r.w1c = mask; return r; }
  constexpr RegisterSpec Wo(uint64_t mask) const { RegisterSpec r = *this; r.wo = mask; return r; }

  constexpr uint64_t width_mask() const { return bytes == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * bytes)) - 1; }
  constexpr uint32_t end() const { return offset + bytes; }
};

constexpr RegisterSpec Reg8(std::string_view name, uint32_t offset) { return {name, offset, 1}; }
constexpr RegisterSpec Reg16(std::string_view name, uint32_t offset) { return {name, offset, 2}; }
constexpr RegisterSpec Reg32(std::string_view name, uint32_t offset) { return {name, offset, 4}; }
constexpr RegisterSpec Reg64(std::string_view name, uint32_t offset) { return {name, offset, 8}; }

// Sorted by offset without overlap, naturally aligned (64-bit registers: to 4 bytes, as PCI capabilities need),
// unique names, masks disjoint and inside the register, write-only bits reset to 0.
template <size_t kCount>
constexpr bool WellFormed(const std::array<RegisterSpec, kCount>& table) {
  for (size_t i = 0; i < kCount; ++i) {
    const RegisterSpec& r = table[i];
    if (r.bytes != 1 && r.bytes != 2 && r.bytes != 4 && r.bytes != 8) return false;
    if (r.offset % (r.bytes == 8 ? 4 : r.bytes) != 0) return false;
    if (i > 0 && table[i - 1].end() > r.offset) return false;
    if (((r.reset | r.ro | r.rw | r.w1c | r.wo) & ~r.width_mask()) != 0) return false;
    if ((r.ro & r.rw) || (r.ro & r.w1c) || (r.ro & r.wo) || (r.rw & r.w1c) || (r.rw & r.wo) || (r.w1c & r.wo)) {
      return false;
    }
    if ((r.reset & r.wo) != 0) return false;
    for (size_t j = 0; j < i; ++j) {
      if (table[j].name == r.name) return false;
    }
  }
  return true;
}

// Position of `name` in the table, at compile time if asked so. Not found: kCount.
template <size_t kCount>
constexpr size_t IndexOf(const std::array<RegisterSpec, kCount>& table, std::string_view name) {
  for (size_t i = 0; i < kCount; ++i) {
    if (table[i].name == name) return i;
  }
  return kCount;
}

// One register's share of a write.
struct RegisterWrite {
  const RegisterSpec* spec = nullptr;
  uint64_t before = 0;   // stored value before
  uint64_t after = 0;    // stored value now (masks applied)
  uint64_t written = 0;  // the bits on the bus, 0 outside the byte lanes
  uint64_t lanes = 0;    // mask of the byte lanes written
};

// Values of a register block, accessed by offset and length. Unclaimed bytes read as 0 and swallow writes.
// An access may be 1, 2, 4 or 8 bytes, unaligned, and may span registers; each gets its byte lanes, lowest first.
class RegisterBank {
 public:
  using WriteHandler = std::function<void(const RegisterWrite&)>;
  using ReadHandler = std::function<uint64_t(uint64_t stored)>;

  template <size_t kCount>
  explicit RegisterBank(const std::array<RegisterSpec, kCount>& table)
      : RegisterBank(std::vector<RegisterSpec>(table.begin(), table.end())) {}
  explicit RegisterBank(std::vector<RegisterSpec> table);

  // Called after the stored value changed, also when the write changed nothing. Unknown names are a bench error.
  void OnWrite(std::string_view name, WriteHandler handler);
  template <typename Owner>
  void OnWrite(std::string_view name, void (Owner::*handler)(const RegisterWrite&), Owner* owner) {
    OnWrite(name, [owner, handler](const RegisterWrite& write) { (owner->*handler)(write); });
  }
  // What reads see in place of the stored value (side effects included: called once per access).
  void OnRead(std::string_view name, ReadHandler handler);
  template <typename Owner>
  void OnRead(std::string_view name, uint64_t (Owner::*handler)(uint64_t stored), Owner* owner) {
    OnRead(name, [owner, handler](uint64_t stored) { return (owner->*handler)(stored); });
  }

  uint64_t Read(uint32_t offset, unsigned length_bytes) const;
  void Write(uint32_t offset, uint64_t value, unsigned length_bytes);
  void Reset();

  // Hardware's own view: raw stored values, no masks, no handlers.
  uint64_t Get(std::string_view name) const { return values_[Find(name)]; }
  void Set(std::string_view name, uint64_t value) { Set(Find(name), value); }
  uint64_t Get(size_t index) const { return values_[index]; }
  void Set(size_t index, uint64_t value) { values_[index] = value & table_[index].width_mask(); }
  const std::vector<RegisterSpec>& table() const { return table_; }

 private:
  size_t Find(std::string_view name) const;
  size_t FirstEndingAfter(uint32_t offset) const;

  std::vector<RegisterSpec> table_;
  std::vector<uint64_t> values_;
  std::vector<WriteHandler> write_handlers_;
  std::vector<ReadHandler> read_handlers_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_REGISTER_H_
