// SPDX-License-Identifier: Apache-2.0
// Accesses by processors: configuration (ECAM, conf1), memory and I/O BARs, with their time and their provenance.
// Internal to models/pci. PCIe 6.0 7.2, PCI Local Bus 3.0 3.2.2.3.
#ifndef PVPCI_MODELS_PCI_DOWNSTREAM_H_
#define PVPCI_MODELS_PCI_DOWNSTREAM_H_

#include <cstdint>

#include "models/pci/fabric.h"

namespace pvpci::pci {

struct AddressRange;

class Downstream {
 public:
  explicit Downstream(Fabric& fabric) : fabric_(fabric) {}

  AccessResult Config(Bdf bdf, unsigned offset, unsigned size, bool write, uint32_t value, const WriteContext& context);
  AccessResult Mmio(uint64_t address, unsigned size, bool write, uint64_t value, const WriteContext& context);
  AccessResult Port(uint16_t port, unsigned size, bool write, uint32_t value, const WriteContext& context);

 private:
  AccessResult Range(const AddressRange& range, uint64_t address, unsigned size, bool write, uint64_t value,
                     const WriteContext& context);
  AccessResult Refused(bool write) const;
  sim::Ps Lead(const Function& function) const;
  sim::Ps ReadLatency(const Function& function) const;
  ProvenanceId Record(const Function& function, RegisterSpace space, uint64_t offset, uint64_t value, unsigned size,
                      const WriteContext& context);
  void Report(Bdf bdf, RegisterSpace space, uint64_t offset, unsigned size, bool write, const AccessResult& result,
              uint64_t written, const WriteContext& context);
  bool InEcam(uint64_t address) const;

  Fabric& fabric_;
  uint32_t config_address_ = 0;  // port 0xCF8
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_DOWNSTREAM_H_
