// SPDX-License-Identifier: Apache-2.0
// What the root complex needs from the host side. The fabric knows these interfaces only: removing the IOMMU or
// replacing Xen touches no file of models/pci.
#ifndef PVPCI_MODELS_PCI_HOST_PORTS_H_
#define PVPCI_MODELS_PCI_HOST_PORTS_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "models/pci/tlp.h"
#include "sim/time.h"

namespace pvpci::pci {

// A DMA request that the IOMMU refused. `reason` is the VT-d fault reason (VT-d 4.0, chapter 11.4.7.x / appendix).
struct DmaFault {
  uint8_t reason = 0;
  bool recorded = false;  // false: fault processing disabled in the context entry, or overflow
};

struct Translation {
  uint64_t host_address = 0;
  sim::Ps latency = 0;    // added by the lookup or walk
};

// A remapped interrupt: what the local APIC sees. Compatibility format unless remapping is on.
struct InterruptMessage {
  uint64_t address = 0;   // 0xFEExxxxx as the APIC decodes it
  uint32_t data = 0;
  sim::Ps latency = 0;
  bool posted = false;    // the IOMMU keeps it in memory: nothing goes to a local APIC
};

// The IOMMU as the root complex sees it. Absent: bus address == host address and interrupts pass.
class DmaRemapper {
 public:
  virtual ~DmaRemapper() = default;
  // One access that stays inside a 4 KiB page.
  virtual std::variant<Translation, DmaFault> Translate(Bdf requester, uint64_t bus_address, bool write) = 0;
  // A request whose address the device has translated itself (ATS, AT = 10b). Refused unless the unit knows device TLBs.
  virtual std::variant<Translation, DmaFault> Translated(Bdf requester, uint64_t host_address, bool write);
  // A write to 0xFEE0'0000..0xFEEF'FFFF. Never DMA-remapped (VT-d 3.14).
  virtual std::variant<InterruptMessage, DmaFault> Remap(Bdf requester, uint64_t address, uint32_t data) = 0;
};

inline std::variant<Translation, DmaFault> DmaRemapper::Translated(Bdf, uint64_t, bool) {
  constexpr uint8_t kTranslatedRequestBlocked = 0x0D;
  return DmaFault{kTranslatedRequestBlocked, false};
}

// The platform's interrupt inputs (models/xen/apic.h).
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;
  // An interrupt message arrived at the local APICs. `interrupt`: see Tlp. `forged`: origin was kDma.
  virtual void Message(const InterruptMessage& message, Bdf requester, uint32_t interrupt, bool forged) = 0;
  // Level of a global system interrupt; wired-or of all INTx routed to it is done by the fabric.
  // `interrupt`: id of the assertion (0 on deassertion). Called only on a change of the wired-or.
  virtual void SetGsi(unsigned gsi, bool level, uint32_t interrupt) = 0;
  // A request that nobody can serve, which chipsets may report as a system error (SERR#): a processor's access that no
  // function decodes, or a device's write to the interrupt window that is no message. `source`: who sent the latter.
  virtual void SystemError(std::optional<Bdf> /*source*/, uint64_t /*address*/) {}
};

// Where an upstream access ended.
enum class Target : uint8_t { kMemory, kInterruptWindow, kPeer, kNowhere };

// Sees every upstream access once, after its outcome is known and in landing order. (Ledger, trace, canaries.)
struct Access {
  const Tlp* tlp = nullptr;
  uint32_t offset = 0;          // of this piece in tlp->data
  uint32_t length_bytes = 0;    // never crosses a 4 KiB page
  uint64_t bus_address = 0;
  uint64_t host_address = 0;    // after remapping; == bus_address without IOMMU
  Target target = Target::kNowhere;
  Completion status = Completion::kSuccess;
  const DmaFault* fault = nullptr;  // set if the IOMMU refused it
  sim::Ps issued = 0;
};
class AccessObserver {
 public:
  virtual ~AccessObserver() = default;
  virtual void OnAccess(const Access& access) = 0;
};

// An interrupt at its source: the device raises INTx or sends its own message. t0 of abi.md 5.3.
enum class InterruptKind : uint8_t { kIntx, kMsi, kMsix };
class InterruptObserver {
 public:
  virtual ~InterruptObserver() = default;
  // `interrupt` numbers every assertion from 1 on. `vector`: MSI message number or MSI-X entry; INTx: pin 1..4.
  virtual void OnAsserted(uint32_t interrupt, Bdf function, InterruptKind kind, unsigned vector) = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_HOST_PORTS_H_
