// SPDX-License-Identifier: Apache-2.0
// Sub-page exposure: kernel objects that lie on a page which a driver has mapped for a device. The IOMMU gives pages, so the
// device reaches them, too. threats.md A6, A7, S-22.
//
// Looks, at the moment of the mapping, at what the image's slab keeps while `slab_owners on` (driver/env/slab.c). Costs
// nothing where nobody has switched that on. Pages that the slab does not have (bounce buffers, whole pages) tell nothing.
#ifndef PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_
#define PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "driver/loader/image.h"
#include "reports/result.h"
#include "scenarios/machine/backtraces.h"
#include "scenarios/machine/guest_domain.h"
#include "sim/machine_memory.h"

namespace pvpci::scenarios {

class SubPage {
 public:
  SubPage(const sim::MachineMemory& memory, Backtraces& backtraces) : memory_(memory), backtraces_(backtraces) {}

  // `image`: of the domain that mapped; null: it has none.
  void OnMap(const DmaCall& call, driver::LoadedImage* image);
  // One row per place in the code that maps, in the order of their first mapping.
  std::vector<reports::SubPageExposure> Rows(const std::function<std::string(sim::DomId)>& domain_name) const;

 private:
  struct Row {
    sim::DomId domain = 0;
    reports::SubPageExposure exposure;
  };
  void Look(const DmaCall& call, driver::LoadedImage* image, uint64_t first, uint64_t last,
            std::vector<reports::SlabNeighbour>* found);

  const sim::MachineMemory& memory_;
  Backtraces& backtraces_;
  std::vector<Row> rows_;
  std::map<std::tuple<sim::DomId, uint32_t, std::string, int, int64_t>, size_t> by_place_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_
