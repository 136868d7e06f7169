// SPDX-License-Identifier: Apache-2.0
// A PCI function as data. Offsets and capability links are computed; a misfit is refused at construction with a
// sentence (std::invalid_argument). PCI Local Bus 3.0 chapter 6, PCIe 6.0 chapter 7.
#ifndef PVPCI_MODELS_PCI_FUNCTION_SPEC_H_
#define PVPCI_MODELS_PCI_FUNCTION_SPEC_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/pci/config_space.h"

namespace pvpci::pci {

enum class BarKind : uint8_t { kNone, kMemory32, kMemory64, kMemory64Prefetchable, kIo };

struct BarSpec {
  BarKind kind = BarKind::kNone;
  uint64_t size_bytes = 0;  // power of two; memory >= 16 (128 by PCIe), I/O 4 .. 256
  uint64_t preferred = 0;   // address the firmware keeps if it is free; 0: it chooses
};

// Where the capabilities lie; 0: absent.
struct CapabilityMap {
  uint16_t power = 0, msi = 0, msix = 0, express = 0, aer = 0, serial = 0, ari = 0;
};

struct MsiXSpec {
  unsigned vectors = 0;
  unsigned table_bar = 0, pba_bar = 0;
  uint32_t table_offset = 0, pba_offset = 0;
};

class FunctionSpec {
 public:
  FunctionSpec(uint16_t vendor, uint16_t device, uint32_t class_code);
  // Type 1 header. `port_type`: PCI_EXP_TYPE of the PCIe capability (4 root port, 5 upstream, 6 downstream).
  static FunctionSpec PciBridge(uint16_t vendor, uint16_t device, unsigned port_type);
  // From a dump: every byte as read; write masks by header and capability. `bars` gives what a dump cannot: sizes.
  static FunctionSpec FromImage(const std::vector<uint8_t>& image, const std::array<BarSpec, 6>& bars);

  FunctionSpec& Revision(uint8_t revision);
  FunctionSpec& Subsystem(uint16_t vendor, uint16_t id);
  FunctionSpec& InterruptPin(unsigned pin);  // 0 none, 1..4 = A..D
  FunctionSpec& MultiFunction();
  // 64-bit kinds take `index` and `index + 1`.
  FunctionSpec& Bar(unsigned index, BarKind kind, uint64_t size_bytes, uint64_t preferred = 0);
  FunctionSpec& Rom(uint64_t size_bytes);
  FunctionSpec& PowerManagement(bool no_soft_reset = false);
  FunctionSpec& Msi(unsigned vectors, bool address64 = true, bool per_vector_mask = false);
  FunctionSpec& MsiX(unsigned vectors, unsigned bar, uint32_t table, uint32_t pba);
  FunctionSpec& MsiX(unsigned vectors, unsigned table_bar, uint32_t table, unsigned pba_bar, uint32_t pba);
  // A device's own register in configuration space, behind the capabilities declared so far.
  FunctionSpec& Register(unsigned offset, unsigned size, uint32_t reset, uint32_t writable);
  // Vendor specific capability (PCI 3.0 appendix H, id 9): its length byte, then `body`, read-only. May be repeated.
  FunctionSpec& Vendor(const std::vector<uint8_t>& body);
  // PCIe capability, version 2. `flr`: Function Level Reset capable. Link fields follow the port at elaboration.
  FunctionSpec& Express(bool flr = true, unsigned max_payload = 256);
  FunctionSpec& Aer();
  FunctionSpec& RootErrors();  // after Aer(): the registers only root ports have. PCIe 7.8.4.9
  FunctionSpec& SerialNumber(uint64_t serial);
  // The function can keep translations (a device TLB). 10.5.1.
  FunctionSpec& Ats();
  // Alternative routing id: the device may have functions 0 to 255; which is next follows at elaboration. PCIe 6.13.
  FunctionSpec& Ari();
  FunctionSpec& NextFunction(unsigned function);  // after Ari(); 0: the last one
  FunctionSpec& AriForwarding();  // of a port: software may enable it. PCIe 7.5.3.15
  // Initial value of COMMAND after power-on and FLR; what the firmware sets comes on top.
  FunctionSpec& KeepCommand(uint16_t command);

  const ConfigSpace& config() const { return config_; }
  const CapabilityMap& capabilities() const { return capabilities_; }
  const std::array<BarSpec, 6>& bars() const { return bars_; }
  uint64_t rom_size() const { return rom_size_; }
  const MsiXSpec& msix() const { return msix_; }
  bool bridge() const { return bridge_; }
  unsigned port_type() const { return port_type_; }
  bool cloned() const { return cloned_; }
  // Called by Function: last checks that need the whole (MSI-X table inside its BAR).
  void Check() const;

 private:
  FunctionSpec() = default;
  unsigned AddCapability(uint8_t id, unsigned length);
  unsigned AddExtendedCapability(uint16_t id, unsigned version, unsigned length);
  void DeclareHeader();
  void DeclareBar(unsigned index);
  void DeclareCapability(unsigned offset);
  void DeclareExtended(unsigned offset);
  void DeclareExpress(unsigned offset);
  void DeclareMsi(unsigned offset);
  void DeclareAer(unsigned offset);

  ConfigSpace config_;
  CapabilityMap capabilities_;
  std::array<BarSpec, 6> bars_{};
  uint64_t rom_size_ = 0;
  MsiXSpec msix_;
  bool bridge_ = false;
  bool cloned_ = false;
  unsigned port_type_ = 0;
  unsigned next_capability_ = 0x40;
  unsigned last_capability_ = 0;  // offset of the byte that links to the next one
  unsigned next_extended_ = 0x100;
  unsigned last_extended_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_FUNCTION_SPEC_H_
