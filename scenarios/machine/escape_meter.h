// SPDX-License-Identifier: Apache-2.0
// The escape-window meter: from the moment a domain loses a frame (ownership, type, grant) or a function, until its devices
// can no longer reach it; where a kernel drives the unit itself, from the moment dma_unmap_*() has given a page back to its
// driver. threats.md S-05, S-07, S-21. Asks the unit itself: tables in memory, IOTLB, context cache.
//
// Costs O(1) per loss that is over at once, and O(windows open) per invalidation or replacement in the IOTLB.
#ifndef PVPCI_SCENARIOS_MACHINE_ESCAPE_METER_H_
#define PVPCI_SCENARIOS_MACHINE_ESCAPE_METER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "models/iommu/iommu.h"
#include "models/xen/platform.h"
#include "reports/result.h"
#include "scenarios/machine/iommu_control.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {

class EscapeMeter : public xen::FrameLossObserver {
 public:
  // `tables`: those that the hypervisor keeps; null if it keeps none.
  EscapeMeter(const sim::Simulation& simulation, iommu::Iommu& unit, const IommuTables* tables);

  void OnLoss(sim::DomId domain, sim::Mfn mfn, xen::FrameLoss loss) override;
  void OnDeviceLoss(sim::DomId domain, pci::Bdf function) override;
  // The DMA API has ended a mapping of the function.
  void OnUnmap(pci::Bdf function, uint64_t bus_address, uint64_t bytes);
  // Kinds that occurred.
  std::vector<reports::EscapeWindow> Windows() const;

 private:
  enum Kind : uint8_t { kOwnership, kType, kGrant, kDevice, kUnmap, kKinds };
  struct Open {
    Kind kind = kOwnership;
    uint16_t tag = 0;          // of the domain in the unit, when it was lost
    sim::DomId domain = 0;
    sim::Mfn mfn = 0;          // kUnmap: number of the bus page
    pci::Bdf function;         // kDevice, kUnmap
    sim::Ps since = 0;
  };
  bool Reaches(const Open& open) const;
  void Note(const Open& open);
  void Check();

  const sim::Simulation& simulation_;
  iommu::Iommu& unit_;
  const IommuTables* tables_;
  std::vector<Open> open_;
  std::array<std::vector<sim::Ps>, kKinds> ended_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_ESCAPE_METER_H_
