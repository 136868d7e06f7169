// SPDX-License-Identifier: Apache-2.0
// Configuration space as a table of bytes: value, write mask and write-1-to-clear mask. Bits in no mask are read-only.
// PCI Local Bus 3.0 6.1: unimplemented registers read 0 and ignore writes.
#ifndef PVPCI_MODELS_PCI_CONFIG_SPACE_H_
#define PVPCI_MODELS_PCI_CONFIG_SPACE_H_

#include <cstdint>
#include <vector>

namespace pvpci::pci {

inline constexpr unsigned kConfigSize = 256;
inline constexpr unsigned kExpressConfigSize = 4096;

class ConfigSpace {
 public:
  // Little endian, size 1, 2 or 4; offset + size <= 4096, SIM_CHECKed. Beyond size_bytes() reads 0.
  uint32_t Read(unsigned offset, unsigned size) const;
  // As the bus does it: masks apply.
  void Write(unsigned offset, unsigned size, uint32_t value);
  // As the hardware does it: any bit may change.
  void Set(unsigned offset, unsigned size, uint32_t value);
  void SetBits(unsigned offset, unsigned size, uint32_t bits) { Set(offset, size, Read(offset, size) | bits); }
  void ClearBits(unsigned offset, unsigned size, uint32_t bits) { Set(offset, size, Read(offset, size) & ~bits); }
  // Gives the register its reset value and its masks; later declarations replace earlier ones.
  void Declare(unsigned offset, unsigned size, uint32_t reset, uint32_t writable = 0, uint32_t clear_on_one = 0);
  void DeclareMasks(unsigned offset, unsigned size, uint32_t writable, uint32_t clear_on_one = 0);
  uint32_t writable(unsigned offset, unsigned size) const;
  uint32_t clear_on_one(unsigned offset, unsigned size) const;
  // Bytes held; grows with what is declared, so that a small function stays small.
  unsigned size_bytes() const { return static_cast<unsigned>(value_.size()); }

 private:
  static uint32_t Load(const std::vector<uint8_t>& bytes, unsigned offset, unsigned size);
  static void Store(std::vector<uint8_t>& bytes, unsigned offset, unsigned size, uint32_t value);
  void Grow(unsigned end);

  std::vector<uint8_t> value_, writable_, clear_on_one_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_CONFIG_SPACE_H_
