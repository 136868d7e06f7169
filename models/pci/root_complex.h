// SPDX-License-Identifier: Apache-2.0
// Where upstream requests end: translation, target decision, copy, observer. Internal to models/pci.
// PCIe 6.0 2.3.1 (handling of requests), VT-d 4.0 3.14 (the interrupt window is never DMA-remapped).
#ifndef PVPCI_MODELS_PCI_ROOT_COMPLEX_H_
#define PVPCI_MODELS_PCI_ROOT_COMPLEX_H_

#include <cstdint>

#include "models/pci/fabric.h"
#include "models/pci/host_ports.h"
#include "sim/time.h"

namespace pvpci::pci {

struct Bus;
struct Lane;
struct AddressRange;

inline constexpr uint64_t kInterruptWindow = 0xFEE0'0000;
inline constexpr uint64_t kInterruptWindowMask = ~uint64_t{0xF'FFFF};

struct Landed {
  Completion status = Completion::kSuccess;
  sim::Ps latency = 0;   // added by translation
  sim::Ps visible = 0;   // of a write, more until reads behind it may go: its line was not in the cache
  sim::Ps memory = 0;    // added to a read by memory: refresh, the other node
  sim::Ps saved = 0;     // of a read of cold memory, because the cache holds the line
  bool answered = true;  // false: a read whose completion never comes
};

class RootComplex {
 public:
  explicit RootComplex(Fabric& fabric) : fabric_(fabric) {}
  // One TLP arrives from `bus` now. `issued`: when the device sent it.
  Landed Land(const Tlp& tlp, Bus& bus, sim::Ps issued);
  // An error message of `source` on `bus`. Bridges that do not forward it drop it; so does bus 0: there is no event
  // collector for integrated functions.
  void LandError(Bdf source, const Bus& bus, ErrorSeverity severity);

 private:
  void Interrupt(const Tlp& tlp, Lane& lane, Access& access, Landed& landed);
  void Peer(const Tlp& tlp, const AddressRange& range, Access& access, Landed& landed);
  void Memory(const Tlp& tlp, Access& access, Landed& landed);
  void Observe(const Access& access) {
    if (fabric_.host().accesses) fabric_.host().accesses->OnAccess(access);
  }

  Fabric& fabric_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_ROOT_COMPLEX_H_
