// SPDX-License-Identifier: Apache-2.0
// Grant table, version 1: sharing frames between domains. abi.md 3.1, 3.3; xen/common/grant_table.c (behaviour only).
// Granting uses no hypercall: the granter writes its shared table, the mapper asks here.
#ifndef PVPCI_MODELS_XEN_GRANT_TABLE_H_
#define PVPCI_MODELS_XEN_GRANT_TABLE_H_

#include <map>
#include <utility>

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class Grants {
 public:
  explicit Grants(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}
  void Register(HypercallTable& table);

  // Each structure carries its own status; the calls themselves answer 0.
  long Map(Call& call, abi::GrantMap& args);
  long Unmap(Call& call, abi::GrantUnmap& args);
  long SetupTable(Call& call, abi::GrantSetupTable& args);
  long QuerySize(Call& call, abi::GrantQuerySize& args);
  // Version 2 answers -ENOSYS: Linux then stays with version 1.
  long SetVersion(Call& call, abi::GrantVersion& args);
  long GetVersion(Call& call, abi::GrantGetVersion& args);
  // Live mappings of a reference, over all domains.
  unsigned MapCount(sim::DomId granter, uint32_t ref) const;
  // Releases every mapping the domain holds.
  void ReleaseAll(Domain& domain);
  // The shared entry, null if beyond the table.
  abi::GrantEntryV1* Entry(Domain& granter, uint32_t ref) const;

 private:
  struct Pins {
    unsigned readers = 0;
    unsigned writers = 0;
  };
  Domain* Subject(Call& call, uint16_t domid) const;
  bool Grow(Domain& domain, unsigned frames);
  int16_t Release(Domain& domain, GrantMapping& mapping);

  Hypervisor& hypervisor_;
  std::map<std::pair<sim::DomId, uint32_t>, Pins> pins_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_GRANT_TABLE_H_
