// SPDX-License-Identifier: Apache-2.0
// Small interfaces of one model answered by another: Xen's own PCI accesses, the tools' shell in dom0, the list of
// functions, and the trace of register accesses.
#ifndef PVPCI_SCENARIOS_MACHINE_ADAPTERS_H_
#define PVPCI_SCENARIOS_MACHINE_ADAPTERS_H_

#include <functional>
#include <optional>
#include <string>

#include "models/pci/fabric.h"
#include "models/xen/hypervisor.h"
#include "models/xen/platform.h"
#include "models/xen/toolstack/environment.h"
#include "scenarios/machine/classify.h"
#include "scenarios/machine/guest_domain.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

// Xen reads and writes devices as the hypervisor itself; its time is charged by the hypercall that made it.
class XenPci : public xen::PlatformPci {
 public:
  void SetFabric(pci::Fabric* fabric) { fabric_ = fabric; }
  uint32_t ConfigRead(pci::Bdf function, unsigned offset, unsigned size) override;
  void ConfigWrite(pci::Bdf function, unsigned offset, unsigned size, uint32_t value) override;
  uint64_t MmioRead(uint64_t machine_address, unsigned size) override;
  void MmioWrite(uint64_t machine_address, unsigned size, uint64_t value) override;

 private:
  pci::Fabric* fabric_ = nullptr;
};

class SysfsAgent : public xen::DomainAgent {
 public:
  explicit SysfsAgent(std::function<GuestDomain*(sim::DomId)> find) : find_(std::move(find)) {}
  void SysfsWrite(sim::DomId domain, const std::string& path, const std::string& value, WriteDone done) override;
  void SysfsRead(sim::DomId domain, const std::string& path, ReadDone done) override;

 private:
  std::function<GuestDomain*(sim::DomId)> find_;
};

class FabricInventory : public xen::PciInventory {
 public:
  explicit FabricInventory(const pci::Fabric& fabric) : fabric_(fabric) {}
  std::optional<xen::PciFunctionInfo> Find(pci::Bdf function) const override;

 private:
  const pci::Fabric& fabric_;
};

// Traces configuration and register accesses, and tells the classifier which writes may carry addresses.
class RegisterTrace : public pci::RegisterObserver {
 public:
  RegisterTrace(sim::Trace& trace, Classifier& classifier);
  void SetFabric(const pci::Fabric* fabric) { fabric_ = fabric; }
  void OnRegister(const pci::RegisterAccess& access) override;

 private:
  sim::Trace& trace_;
  Classifier& classifier_;
  const pci::Fabric* fabric_ = nullptr;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_ADAPTERS_H_
