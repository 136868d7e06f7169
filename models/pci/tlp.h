// SPDX-License-Identifier: Apache-2.0
// Transaction layer packets as the fabric carries them. PCI Express Base Specification 6.0, chapter 2.
#ifndef PVPCI_MODELS_PCI_TLP_H_
#define PVPCI_MODELS_PCI_TLP_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/time.h"

namespace pvpci::pci {

// Segment, bus, device, function. The low 16 bits are the requester id on the wire.
struct Bdf {
  uint16_t segment = 0;
  uint16_t id = 0;  // bus << 8 | device << 3 | function

  constexpr Bdf() = default;
  constexpr Bdf(uint16_t seg, unsigned bus, unsigned device, unsigned function)
      : segment(seg), id(static_cast<uint16_t>(bus << 8 | device << 3 | function)) {}
  static constexpr Bdf FromId(uint16_t id) { Bdf b; b.id = id; return b; }
  constexpr unsigned bus() const { return id >> 8; }
  constexpr unsigned device() const { return (id >> 3) & 31; }
  constexpr unsigned function() const { return id & 7; }
  constexpr unsigned devfn() const { return id & 0xff; }
  friend constexpr bool operator==(Bdf a, Bdf b) { return a.segment == b.segment && a.id == b.id; }
  friend constexpr bool operator<(Bdf a, Bdf b) {
    return a.segment != b.segment ? a.segment < b.segment : a.id < b.id;
  }
};
std::string ToString(Bdf bdf);  // "0000:02:00.0"

// PCIe 6.0 2.2.9: completion status; kTimeout: no completion came (2.8).
enum class Completion : uint8_t { kSuccess, kUnsupportedRequest, kCompleterAbort, kTimeout };
const char* Name(Completion status);

enum class TlpType : uint8_t { kMemoryRead, kMemoryWrite };

// Why a write to the interrupt window was sent.
enum class TlpOrigin : uint8_t {
  kDma,        // data; a write to 0xFEExxxxx with this origin is forged (class E9)
  kMessage,    // the message that the function's MSI or MSI-X registers hold
};

// Tag of the register or descriptor write that carried an address: index + 1 into Fabric::provenance(), 0: unknown.
using ProvenanceId = uint32_t;

// A memory request on its way upstream. `data` points to `length_bytes` bytes: source of a write, sink of a read.
struct Tlp {
  TlpType type = TlpType::kMemoryRead;
  TlpOrigin origin = TlpOrigin::kDma;
  Bdf requester;            // as on the wire: an attack device may lie
  Bdf function;             // the function that really sent it
  uint64_t bus_address = 0; // before remapping
  bool translated = false;  // address type 10b: the device says that it is a machine address already. PCIe 6.0, 2.2.4.1
  uint32_t length_bytes = 0;
  std::byte* data = nullptr;
  ProvenanceId provenance = 0;
  uint32_t interrupt = 0;   // with origin kMessage: id of the interrupt (interrupts are numbered from 1), else 0
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_TLP_H_
