// SPDX-License-Identifier: Apache-2.0
#include "sim/register.h"

#include <algorithm>
#include <string>
#include <utility>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

// The part of [offset, offset + length) that falls into a register: bits of the access, and where they go.
struct Overlap {
  unsigned access_shift = 0;    // bits of the access below the shared part
  unsigned register_shift = 0;  // bits of the register below the shared part
  uint64_t mask = 0;            // of the shared part, at bit 0
};

Overlap Intersect(const RegisterSpec& spec, uint32_t offset, unsigned length) {
  const uint32_t first = std::max(spec.offset, offset);
  const uint32_t last = std::min(spec.end(), offset + length);
  const unsigned bits = 8 * (last - first);
  return {8 * (first - offset), 8 * (first - spec.offset), bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1};
}

}  // namespace

RegisterBank::RegisterBank(std::vector<RegisterSpec> table)
    : table_(std::move(table)),
      values_(table_.size()),
      write_handlers_(table_.size()),
      read_handlers_(table_.size()) {
  Reset();
}

void RegisterBank::Reset() {
  for (size_t i = 0; i < table_.size(); ++i) values_[i] = table_[i].reset;
}

size_t RegisterBank::Find(std::string_view name) const {
  for (size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].name == name) return i;
  }
  CheckFailed(__FILE__, __LINE__, "register exists", "no register " + std::string(name));
}

size_t RegisterBank::FirstEndingAfter(uint32_t offset) const {
  const auto it = std::upper_bound(table_.begin(), table_.end(), offset,
                                   [](uint32_t value, const RegisterSpec& spec) { return value < spec.end(); });
  return static_cast<size_t>(it - table_.begin());
}

void RegisterBank::OnWrite(std::string_view name, WriteHandler handler) {
  write_handlers_[Find(name)] = std::move(handler);
}

void RegisterBank::OnRead(std::string_view name, ReadHandler handler) {
  read_handlers_[Find(name)] = std::move(handler);
}

uint64_t RegisterBank::Read(uint32_t offset, unsigned length_bytes) const {
  uint64_t result = 0;
  for (size_t i = FirstEndingAfter(offset); i < table_.size() && table_[i].offset < offset + length_bytes; ++i) {
    const Overlap part = Intersect(table_[i], offset, length_bytes);
    const uint64_t value = read_handlers_[i] ? read_handlers_[i](values_[i]) : values_[i];
    result |= ((value >> part.register_shift) & part.mask) << part.access_shift;
  }
  return result;
}

void RegisterBank::Write(uint32_t offset, uint64_t value, unsigned length_bytes) {
  for (size_t i = FirstEndingAfter(offset); i < table_.size() && table_[i].offset < offset + length_bytes; ++i) {
    const RegisterSpec& spec = table_[i];
    const Overlap part = Intersect(spec, offset, length_bytes);
    RegisterWrite write;
    write.spec = &spec;
    write.lanes = part.mask << part.register_shift;
    write.written = ((value >> part.access_shift) & part.mask) << part.register_shift;
    write.before = values_[i];
    const uint64_t stored = spec.rw & write.lanes;
    values_[i] = (values_[i] & ~stored) | (write.written & stored);
    values_[i] &= ~(spec.w1c & write.written);
    write.after = values_[i];
    if (write_handlers_[i]) write_handlers_[i](write);
  }
}

}  // namespace pvpci::sim
