// SPDX-License-Identifier: Apache-2.0
#include "models/pci/provenance.h"

#include <fmt/format.h>

#include "sim/check.h"

namespace pvpci::pci {

std::string RegisterName(RegisterSpace space, uint64_t offset) {
  switch (space) {
    case RegisterSpace::kConfig:
      return fmt::format("config+{:#04x}", offset);
    case RegisterSpace::kRom:
      return fmt::format("ROM+{:#04x}", offset);
    case RegisterSpace::kDescriptor:
      return fmt::format("descriptor at {:#x}", offset);
    default:
      return fmt::format("BAR{}+{:#04x}", static_cast<unsigned>(space), offset);
  }
}

std::string ProvenanceRecord::RegisterName() const { return pci::RegisterName(space, offset); }

ProvenanceId ProvenanceLog::Append(ProvenanceRecord record) {
  record.id = static_cast<ProvenanceId>(records_.size() + 1);
  records_.push_back(record);
  return record.id;
}

const ProvenanceRecord& ProvenanceLog::at(ProvenanceId id) const {
  SIM_CHECK(id >= 1 && id <= records_.size(), fmt::format("no provenance record {}", id));
  return records_[id - 1];
}

}  // namespace pvpci::pci
