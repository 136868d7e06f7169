// SPDX-License-Identifier: Apache-2.0
// Sub-page exposure: what else lies on a page which a driver has mapped for a device. The IOMMU gives pages, so the device
// reaches that, too. threats.md A6, A7, S-22.
//
// Looks at the moment of the mapping. Other buffers of the domain on the page, slots of the bounce pool among them, are known
// from their own mappings, everywhere. Kernel objects are known where the image's slab keeps their owners (driver/env/slab.c,
// slab_owners); elsewhere a mapping costs one look-up.
#ifndef PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_
#define PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
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
  void OnUnmap(const DmaCall& call);
  // One row per place in the code that maps, in the order of their first mapping.
  std::vector<reports::SubPageExposure> Rows(const std::function<std::string(sim::DomId)>& domain_name) const;

 private:
  struct Row {
    sim::DomId domain = 0;
    reports::SubPageExposure exposure;
  };
  // A live mapping, on one page of it.
  struct Buffer {
    sim::DomId domain = 0;
    pci::Bdf function;
    uint64_t first = 0, last = 0;  // bus addresses of its bytes on that page
    uint32_t backtrace = 0;
  };
  void Look(const DmaCall& call, driver::LoadedImage* image, uint64_t first, uint64_t last,
            std::vector<reports::SlabNeighbour>* found);
  void LookForBuffers(const Buffer& mapped, driver::LoadedImage* image, const std::vector<Buffer>& others,
                      std::vector<reports::SlabNeighbour>* found);
  bool Bounced(driver::LoadedImage* image, uint64_t bus_page) const;

  const sim::MachineMemory& memory_;
  Backtraces& backtraces_;
  std::unordered_map<uint64_t, std::vector<Buffer>> buffers_;  // by bus page; never iterated
  std::vector<Row> rows_;
  std::map<std::tuple<sim::DomId, uint32_t, std::string, int, int64_t>, size_t> by_place_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SUB_PAGE_H_
