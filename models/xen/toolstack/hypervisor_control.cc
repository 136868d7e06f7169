// SPDX-License-Identifier: Apache-2.0
#include "models/xen/toolstack/hypervisor_control.h"

#include <cerrno>

namespace pvpci::xen {

long ModelHypervisorControl::AssignDevice(sim::DomId domain, pci::Bdf function) {
  if (domain != sim::kDomIo) return hypervisor_.AssignDevice(function, domain);
  if (!has_iommu()) return -EOPNOTSUPP;
  hypervisor_.iommu()->AssignDevice(function, sim::kDomIo);
  return 0;
}

long ModelHypervisorControl::DeassignDevice(sim::DomId domain, pci::Bdf function) {
  if (domain != sim::kDomIo) return hypervisor_.DeassignDevice(function, domain);
  if (!has_iommu()) return -EOPNOTSUPP;
  hypervisor_.iommu()->AssignDevice(function, 0);  // dom0's own again
  return 0;
}

}  // namespace pvpci::xen
