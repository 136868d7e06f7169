// SPDX-License-Identifier: Apache-2.0
// A function cloned from a configuration-space dump and its BAR sizes: it looks like the original to enumeration and
// capability code; its BARs are memory that forgets nothing and does nothing.
//
// Functional: header, power management, MSI, MSI-X (table and pending bits in their BAR), PCIe with FLR, AER masks.
// Stored read-only: every other byte, as dumped.
#ifndef PVPCI_MODELS_PCI_CLONED_H_
#define PVPCI_MODELS_PCI_CLONED_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/pci/byte_store.h"
#include "models/pci/function.h"

namespace pvpci::pci {

// Reads `lspci -x`, `-xxx`, `-xxxx` or `hexdump -C` output, `*` repeats included. Throws std::invalid_argument with a
// sentence that starts with the line number: "line 3: ...".
std::vector<uint8_t> ParseConfigDump(std::string_view text);

class Cloned : public Function {
 public:
  // Sizes of BARs by index, 0 where there is none. Refuses what does not fit the dump (std::invalid_argument).
  Cloned(const std::vector<uint8_t>& image, const std::array<uint64_t, 6>& bar_bytes);

  // Asserts interrupts as a scenario asks; a clone does nothing by itself.
  using Function::RaiseMsi;
  using Function::RaiseMsix;
  using Function::ReadMemory;
  using Function::SetIntx;
  using Function::WriteMemory;

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  std::array<ByteStore, 6> memory_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_CLONED_H_
