// SPDX-License-Identifier: Apache-2.0
// Type 1 functions: root ports and the ports of a switch. PCI-to-PCI Bridge 1.2 chapter 3, PCIe 6.0 7.5.1.3.
// Functional: bus numbers, memory, prefetchable and I/O windows, COMMAND gates, secondary bus reset. Stored: the rest.
#ifndef PVPCI_MODELS_PCI_BRIDGE_H_
#define PVPCI_MODELS_PCI_BRIDGE_H_

#include <cstdint>

#include "models/pci/function.h"

namespace pvpci::pci {

// First and last address; empty if first > last.
struct Window {
  uint64_t first = 1, last = 0;
  bool empty() const { return first > last; }
  bool Holds(uint64_t address, uint64_t length) const {
    return !empty() && address >= first && address + (length - 1) <= last;
  }
};

class Bridge : public Function {
 public:
  // `port_type`: reg::PortType.
  explicit Bridge(unsigned port_type);

  unsigned port_type() const { return spec().port_type(); }
  uint8_t secondary() const;
  uint8_t subordinate() const;
  Window memory_window() const;
  Window prefetchable_window() const;
  Window io_window() const;
  Bus* secondary_bus() const { return secondary_bus_; }
  void set_secondary_bus(Bus* bus) { secondary_bus_ = bus; }

  void ConfigWrite(unsigned offset, unsigned size, uint32_t value, ProvenanceId provenance) override;

 private:
  Bus* secondary_bus_ = nullptr;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_BRIDGE_H_
