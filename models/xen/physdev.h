// SPDX-License-Identifier: Apache-2.0
// physdev_op: what a domain asks about physical interrupts and PCI devices. abi.md 3.1, table of physdev_op.
#ifndef PVPCI_MODELS_XEN_PHYSDEV_H_
#define PVPCI_MODELS_XEN_PHYSDEV_H_

#include <set>

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class PhysdevOps {
 public:
  explicit PhysdevOps(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}
  void Register(HypercallTable& table);

  long IrqStatusQuery(Call& call, abi::PhysdevIrqStatusQuery& args);
  long SetIopl(Call& call, abi::PhysdevSetIopl& args);
  long SetIobitmap(Call& call, abi::PhysdevSetIobitmap& args);
  long ApicRead(Call& call, abi::PhysdevApic& args);
  long AllocIrqVector(Call& call, abi::PhysdevIrq& args);
  long Eoi(Call& call, abi::PhysdevEoi& args);
  long MapPirq(Call& call, abi::PhysdevMapPirq& args);
  long UnmapPirq(Call& call, abi::PhysdevUnmapPirq& args);
  long ManagePciAdd(Call& call, abi::PhysdevManagePci& args);
  long ManagePciRemove(Call& call, abi::PhysdevManagePci& args);
  long ManagePciAddExt(Call& call, abi::PhysdevManagePciExt& args);
  long EoiGmfnV1(Call& call, abi::PhysdevEoiGmfn& args);
  long EoiGmfnV2(Call& call, abi::PhysdevEoiGmfn& args);
  long RestoreMsi(Call& call, abi::PhysdevManagePci& args);
  long RestoreMsiExt(Call& call, abi::PhysdevPciDevice& args);
  long SetupGsi(Call& call, abi::PhysdevSetupGsi& args);
  long GetNrPirqs(Call& call, abi::PhysdevNrPirqs& args);
  long GetFreePirq(Call& call, abi::PhysdevGetFreePirq& args);
  long MmcfgReserved(Call& call, abi::PhysdevMmcfgReserved& args);
  long PciDeviceAdd(Call& call, abi::PhysdevPciDeviceAdd& args);
  long PciDeviceRemove(Call& call, abi::PhysdevPciDevice& args);
  long PrepareMsix(Call& call, abi::PhysdevPciDevice& args);
  long ReleaseMsix(Call& call, abi::PhysdevPciDevice& args);

  // Functions dom0 has announced.
  bool Known(pci::Bdf function) const { return functions_.count(function) != 0; }

 private:
  long AddFunction(Call& call, pci::Bdf function);
  long RemoveFunction(Call& call, pci::Bdf function);
  long SetEoiMap(Call& call, uint64_t gmfn, bool auto_unmask);

  Hypervisor& hypervisor_;
  std::set<pci::Bdf> functions_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_PHYSDEV_H_
