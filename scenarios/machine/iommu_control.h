// SPDX-License-Identifier: Apache-2.0
// The hypervisor's hand on the IOMMU: xen::IommuControl on models/iommu's table writer.
// A domain's identifier in the unit is its number plus one; dom_io has none: its functions fault (quarantine "basic").
#ifndef PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_
#define PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_

#include <memory>
#include <optional>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/xen/platform.h"
#include "sim/machine_memory.h"
#include "sim/random.h"

namespace pvpci::xen {
class Hypervisor;
}

namespace pvpci::scenarios {

class IommuTables : public xen::IommuControl {
 public:
  IommuTables(iommu::Iommu& unit, sim::MachineMemory& memory, uint64_t seed);

  // Table frames come from this hypervisor's heap. Builds the tables and switches the unit on.
  void Enable(xen::Hypervisor& hypervisor);
  iommu::TableWriter& writer() { return *writer_; }
  static uint16_t UnitDomain(sim::DomId domain) { return static_cast<uint16_t>(domain + 1); }

  bool remaps_interrupts() const override { return unit_.config().remap_interrupts; }
  sim::Ps CreateDomain(sim::DomId domain) override;
  sim::Ps DestroyDomain(sim::DomId domain) override;
  sim::Ps AssignDevice(pci::Bdf function, sim::DomId domain) override;
  sim::Ps MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) override;
  sim::Ps UnmapFrame(sim::DomId domain, sim::Mfn mfn) override;
  sim::Ps MapRange(sim::DomId domain, sim::Mfn first, uint64_t count, bool writable) override;
  sim::Ps Flush(sim::DomId domain) override;
  std::optional<unsigned> AllocateIrtes(unsigned count) override;
  sim::Ps WriteIrte(unsigned index, const xen::RemapTarget& target) override;
  sim::Ps FreeIrtes(unsigned index, unsigned count) override;

 private:
  void Batch();

  iommu::Iommu& unit_;
  sim::MachineMemory& memory_;
  sim::Random random_;
  xen::Hypervisor* hypervisor_ = nullptr;
  std::unique_ptr<iommu::TableWriter> writer_;
  bool batching_ = false;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_
