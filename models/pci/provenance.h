// SPDX-License-Identifier: Apache-2.0
// Who programmed what: every downstream register write, in order, so that a DMA can name the write that caused it.
#ifndef PVPCI_MODELS_PCI_PROVENANCE_H_
#define PVPCI_MODELS_PCI_PROVENANCE_H_

#include <cstdint>
#include <deque>
#include <string>

#include "models/pci/tlp.h"
#include "sim/time.h"

namespace pvpci::pci {

// Given by whoever executes the access. The fabric stores it and never looks inside.
struct WriteContext {
  uint16_t domain = 0x7FF2;  // sim::DomId of the code that wrote; default the hypervisor itself
  uint16_t vcpu = 0;
  uint32_t backtrace = 0;  // caller's token, 0: none
};

// Which address space of the function was written.
enum class RegisterSpace : uint8_t { kBar0, kBar1, kBar2, kBar3, kBar4, kBar5, kRom, kConfig };

struct ProvenanceRecord {
  ProvenanceId id = 0;
  Bdf function;
  RegisterSpace space = RegisterSpace::kConfig;
  uint8_t size = 0;  // 1, 2, 4, 8
  uint64_t offset = 0;
  uint64_t value = 0;
  sim::Ps time = 0;
  WriteContext context;

  std::string RegisterName() const;  // "BAR0+0x0c", "config+0x04", "ROM+0x00"
};
std::string RegisterName(RegisterSpace space, uint64_t offset);

// Append only; references stay valid.
class ProvenanceLog {
 public:
  ProvenanceId Append(ProvenanceRecord record);
  // `id` in 1 .. count(), SIM_CHECKed.
  const ProvenanceRecord& at(ProvenanceId id) const;
  uint64_t count() const { return records_.size(); }

 private:
  std::deque<ProvenanceRecord> records_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_PROVENANCE_H_
