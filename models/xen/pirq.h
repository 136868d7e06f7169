// SPDX-License-Identifier: Apache-2.0
// pirqs: a domain's names for physical interrupts. Mapping, permission, binding, EOI bitmap.
// xen/arch/x86/irq.c, xen/arch/x86/physdev.c (behaviour only); abi.md 3.1, 3.6, S3, S14.
#ifndef PVPCI_MODELS_XEN_PIRQ_H_
#define PVPCI_MODELS_XEN_PIRQ_H_

#include <cstdint>

#include "models/pci/tlp.h"
#include "models/xen/domain.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

// Which message a map asks for.
struct MsiRequest {
  pci::Bdf function;
  int entry_nr = 0;         // MSI-X: table entry; multi-MSI: number of vectors
  uint64_t table_base = 0;  // MSI-X: BAR start; 0: MSI
};

class Pirqs {
 public:
  explicit Pirqs(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

  // The domain may bind this pirq: it is mapped to an irq the domain has the right to.
  bool Permitted(const Domain& domain, unsigned pirq) const;
  // Maps `gsi` for `domain` at `pirq` (< 0: choose). `caller` must have the right to the irq. The pirq or -errno.
  long MapGsi(const Domain& caller, Domain& domain, int gsi, int pirq);
  // Maps MSI messages: one pirq, or `count` consecutive ones. Answers the first.
  long MapMsi(Domain& domain, const MsiRequest& request, int pirq, int count);
  long Unmap(Domain& domain, int pirq);
  // MSI pirqs come from nr_pirqs - 1 downward, above the GSIs; GSI ones from 16 upward. -ENOSPC.
  long FreePirq(const Domain& domain, bool msi) const;

  // From the event channels: the pirq's port is set.
  long Bind(Domain& domain, unsigned pirq, bool will_share);
  void Unbind(Domain& domain, unsigned pirq);
  void Retarget(Domain& domain, unsigned pirq, unsigned cpu);
  // PHYSDEVOP_eoi. -EINVAL: out of range or nothing mapped.
  long Eoi(Domain& domain, unsigned pirq);
  // Unmaps everything; the domain is going away.
  void UnmapAll(Domain& domain);

 private:
  long FreePirqs(const Domain& domain, int count) const;
  long Map(Domain& domain, unsigned pirq, int irq);
  void SetEoiBit(Domain& domain, unsigned pirq, bool needed);

  Hypervisor& hypervisor_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_PIRQ_H_
