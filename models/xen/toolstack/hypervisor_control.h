// SPDX-License-Identifier: Apache-2.0
// The tools' control interface on the hypervisor model.
#ifndef PVPCI_MODELS_XEN_TOOLSTACK_HYPERVISOR_CONTROL_H_
#define PVPCI_MODELS_XEN_TOOLSTACK_HYPERVISOR_CONTROL_H_

#include "models/xen/hypervisor.h"
#include "models/xen/toolstack/environment.h"

namespace pvpci::xen {

class ModelHypervisorControl : public HypervisorControl {
 public:
  explicit ModelHypervisorControl(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

  long IomemPermission(sim::DomId domain, uint64_t first_mfn, uint64_t count, bool allow) override {
    return hypervisor_.PermitIomem(domain, first_mfn, count, allow);
  }
  long IoportPermission(sim::DomId domain, uint32_t first_port, uint32_t count, bool allow) override {
    return hypervisor_.PermitIoPort(domain, first_port, count, allow);
  }
  long IrqPermission(sim::DomId domain, unsigned pirq, bool allow) override {
    return hypervisor_.PermitIrq(domain, pirq, allow);
  }
  long MapGsiPirq(sim::DomId domain, unsigned gsi) override { return hypervisor_.MapGsi(domain, gsi); }
  long UnmapPirq(sim::DomId domain, unsigned pirq) override { return hypervisor_.UnmapPirq(domain, pirq); }
  long AssignDevice(sim::DomId domain, pci::Bdf function) override {
    return hypervisor_.AssignDevice(function, domain);
  }
  long DeassignDevice(sim::DomId domain, pci::Bdf function) override {
    return hypervisor_.DeassignDevice(function, domain);
  }
  long DestroyDomain(sim::DomId domain) override { return hypervisor_.DestroyDomain(domain); }
  bool has_iommu() const override { return hypervisor_.iommu() != nullptr; }

 private:
  Hypervisor& hypervisor_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TOOLSTACK_HYPERVISOR_CONTROL_H_
