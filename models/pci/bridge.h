// SPDX-License-Identifier: Apache-2.0
// Type 1 functions: root ports and the ports of a switch. PCI-to-PCI Bridge 1.2 chapter 3, PCIe 6.0 7.5.1.3.
// Functional: bus numbers, memory, prefetchable and I/O windows, COMMAND gates, secondary bus reset, error messages.
// Stored: the rest.
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
  // `port_type`: reg::PortType. `errors`: a root port with AER and an MSI of its own to report by. `ari`: a port that can
  // forward to functions beyond 7.
  explicit Bridge(unsigned port_type, bool errors = false, bool ari = false);

  unsigned port_type() const { return spec().port_type(); }
  uint8_t secondary() const;
  uint8_t subordinate() const;
  Window memory_window() const;
  Window prefetchable_window() const;
  Window io_window() const;
  Bus* secondary_bus() const { return secondary_bus_; }
  void set_secondary_bus(Bus* bus) { secondary_bus_ = bus; }

  // Configuration requests reach functions beyond 7 of the device below. PCIe 6.13.
  bool forwards_ari() const;

  // Error messages from the secondary side go on. PCI-to-PCI Bridge 1.2, 3.2.5.17; PCIe 6.2.5.
  bool forwards_errors() const;
  // Root port: an error message arrived. Logged, and signalled if enabled. PCIe 6.2.4.1, 7.8.4.9 .. 7.8.4.11.
  void ReceiveError(Bdf source, ErrorSeverity severity);

  void ConfigWrite(unsigned offset, unsigned size, uint32_t value, ProvenanceId provenance) override;

 private:
  void SignalErrors();

  bool errors_signalled_ = false;  // some enabled kind of message is logged
  Bus* secondary_bus_ = nullptr;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_BRIDGE_H_
