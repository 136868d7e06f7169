// SPDX-License-Identifier: Apache-2.0
// Xen system time and its copies in shared memory (pvclock). The time-stamp counter runs at 1 GHz from Xen's boot, so
// that a TSC reading equals system time in nanoseconds. abi.md S4, pvclock ABI.
#ifndef PVPCI_MODELS_XEN_SYSTEM_TIME_H_
#define PVPCI_MODELS_XEN_SYSTEM_TIME_H_

#include <cstdint>

#include "models/xen/domain.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class SystemTime {
 public:
  explicit SystemTime(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}
  uint64_t Nanoseconds() const;
  // Simulation time at which system time reaches `ns`; never before now.
  sim::Ps When(uint64_t ns) const;
  void Update(Vcpu& vcpu);
  void UpdateWallclock(Domain& domain);

 private:
  Hypervisor& hypervisor_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_SYSTEM_TIME_H_
