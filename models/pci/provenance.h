// SPDX-License-Identifier: Apache-2.0
// Who programmed what: every downstream register write, in order, so that a DMA can name the write that caused it. An
// address that the device itself found in memory, in a descriptor, is a record as well.
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

// Which address space of the function was written. kDescriptor: none; memory that the device fetched, `offset` is its bus
// address.
enum class RegisterSpace : uint8_t { kBar0, kBar1, kBar2, kBar3, kBar4, kBar5, kRom, kConfig, kDescriptor };

struct ProvenanceRecord {
  ProvenanceId id = 0;
  Bdf function;
  RegisterSpace space = RegisterSpace::kConfig;
  uint8_t size = 0;  // 1, 2, 4, 8
  uint64_t offset = 0;
  uint64_t value = 0;
  sim::Ps time = 0;
  WriteContext context;  // of a descriptor: that of the write that made the device look
  ProvenanceId via = 0;  // kDescriptor: that write

  std::string RegisterName() const;  // "BAR0+0x0c", "config+0x04", "ROM+0x00", "descriptor at 0x1f400008"
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
