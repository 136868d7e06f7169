// SPDX-License-Identifier: Apache-2.0
// INTx wires: swizzled through bridges to bus 0, routed to a GSI, wired-or there. Internal to models/pci.
#ifndef PVPCI_MODELS_PCI_INTX_ROUTER_H_
#define PVPCI_MODELS_PCI_INTX_ROUTER_H_

#include <cstdint>
#include <map>

#include "models/pci/fabric.h"

namespace pvpci::pci {

class IntxRouter {
 public:
  explicit IntxRouter(Fabric& fabric) : fabric_(fabric) {}
  // The function's wire as it arrives at the root complex. `interrupt`: of the assertion, 0 for a deassertion.
  void Set(const Function& function, bool level, uint32_t interrupt);

 private:
  Fabric& fabric_;
  std::map<const Function*, unsigned> up_;  // asserted wires and their GSI; looked up only, never walked
  std::map<unsigned, unsigned> wires_;      // GSI -> asserted wires
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_INTX_ROUTER_H_
