// SPDX-License-Identifier: Apache-2.0
#include "models/pci/config_space.h"

#include "sim/check.h"

namespace pvpci::pci {

uint32_t ConfigSpace::Load(const std::vector<uint8_t>& bytes, unsigned offset, unsigned size) {
  uint32_t value = 0;
  for (unsigned i = 0; i < size && offset + i < bytes.size(); ++i) value |= uint32_t{bytes[offset + i]} << (8 * i);
  return value;
}

void ConfigSpace::Store(std::vector<uint8_t>& bytes, unsigned offset, unsigned size, uint32_t value) {
  for (unsigned i = 0; i < size && offset + i < bytes.size(); ++i) bytes[offset + i] = (value >> (8 * i)) & 0xff;
}

void ConfigSpace::Grow(unsigned end) {
  if (end <= value_.size()) return;
  const unsigned size = end <= kConfigSize ? kConfigSize : (end + 63) & ~63u;
  value_.resize(size);
  writable_.resize(size);
  clear_on_one_.resize(size);
}

uint32_t ConfigSpace::Read(unsigned offset, unsigned size) const {
  SIM_CHECK((size == 1 || size == 2 || size == 4) && offset + size <= kExpressConfigSize, "configuration access");
  return Load(value_, offset, size);
}

void ConfigSpace::Write(unsigned offset, unsigned size, uint32_t value) {
  const uint32_t old = Read(offset, size);
  const uint32_t rw = writable(offset, size);
  const uint32_t w1c = clear_on_one(offset, size);
  Store(value_, offset, size, ((old & ~rw) | (value & rw)) & ~(value & w1c));
}

void ConfigSpace::Set(unsigned offset, unsigned size, uint32_t value) {
  SIM_CHECK(offset + size <= kExpressConfigSize, "configuration offset");
  Grow(offset + size);
  Store(value_, offset, size, value);
}

void ConfigSpace::Declare(unsigned offset, unsigned size, uint32_t reset, uint32_t writable, uint32_t clear_on_one) {
  Set(offset, size, reset);
  DeclareMasks(offset, size, writable, clear_on_one);
}

void ConfigSpace::DeclareMasks(unsigned offset, unsigned size, uint32_t writable, uint32_t clear_on_one) {
  SIM_CHECK((writable & clear_on_one) == 0, "a bit is either writable or write-1-to-clear");
  Grow(offset + size);
  Store(writable_, offset, size, writable);
  Store(clear_on_one_, offset, size, clear_on_one);
}

uint32_t ConfigSpace::writable(unsigned offset, unsigned size) const { return Load(writable_, offset, size); }
uint32_t ConfigSpace::clear_on_one(unsigned offset, unsigned size) const { return Load(clear_on_one_, offset, size); }

}  // namespace pvpci::pci
