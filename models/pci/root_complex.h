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
  // What becomes of one access, as far as it is known.
  struct Outcome {
    uint64_t host_address;
    Target target = Target::kNowhere;
    const DmaFault* fault = nullptr;
  };
  void Interrupt(const Tlp& tlp, Lane& lane, sim::Ps issued, Outcome& outcome, Landed& landed);
  void Peer(const Tlp& tlp, const AddressRange& range, Outcome& outcome, Landed& landed);
  void Memory(const Tlp& tlp, Outcome& outcome, Landed& landed);
  // `length_bytes`: as far as it stays in one page.
  void Observe(const Tlp& tlp, uint32_t length_bytes, sim::Ps issued, const Outcome& outcome, const Landed& landed) {
    AccessObserver* const observer = fabric_.host().accesses;
    if (observer == nullptr) return;
    Access access;
    access.tlp = &tlp;
    access.length_bytes = length_bytes;
    access.bus_address = tlp.bus_address;
    access.host_address = outcome.host_address;
    access.target = outcome.target;
    access.status = landed.status;
    access.fault = outcome.fault;
    access.issued = issued;
    observer->OnAccess(access);
  }

  Fabric& fabric_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_ROOT_COMPLEX_H_
