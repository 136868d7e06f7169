// SPDX-License-Identifier: Apache-2.0
#include "models/pci/function_spec.h"

#include <fmt/format.h>

#include <stdexcept>

#include "models/pci/registers.h"

namespace pvpci::pci {
namespace {

template <typename... Args>
[[noreturn]] void Refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw std::invalid_argument(fmt::format(format, std::forward<Args>(args)...));
}

bool PowerOfTwo(uint64_t v) { return v != 0 && (v & (v - 1)) == 0; }

unsigned Log2(uint64_t v) {
  unsigned n = 0;
  while (v >>= 1) ++n;
  return n;
}

bool Is64(BarKind kind) { return kind == BarKind::kMemory64 || kind == BarKind::kMemory64Prefetchable; }

uint32_t TypeBits(BarKind kind) {
  switch (kind) {
    case BarKind::kIo:
      return 1;
    case BarKind::kMemory64:
      return 4;
    case BarKind::kMemory64Prefetchable:
      return 12;
    default:
      return 0;
  }
}

}  // namespace

FunctionSpec::FunctionSpec(uint16_t vendor, uint16_t device, uint32_t class_code) {
  if (vendor == 0xffff) Refuse("vendor 0xffff means that no function is there");
  if (class_code > 0xffffff) Refuse("class code {:#x} has more than 24 bits", class_code);
  config_.Declare(reg::kVendorId, 2, vendor);
  config_.Declare(reg::kDeviceId, 2, device);
  config_.Declare(reg::kClass, 1, class_code & 0xff);
  config_.Declare(reg::kClass + 1, 2, class_code >> 8);
  DeclareHeader();
}

void FunctionSpec::DeclareHeader() {
  config_.DeclareMasks(reg::kCommand, 2, reg::kCommandWritable);
  config_.DeclareMasks(reg::kStatus, 2, 0, reg::kStatusErrors);
  config_.DeclareMasks(reg::kCacheLine, 1, 0xff);
  config_.DeclareMasks(reg::kInterruptLine, 1, 0xff);
}

FunctionSpec FunctionSpec::PciBridge(uint16_t vendor, uint16_t device, unsigned port_type) {
  FunctionSpec spec(vendor, device, 0x060400);
  spec.bridge_ = true;
  spec.port_type_ = port_type;
  spec.config_.Declare(reg::kHeaderType, 1, reg::kHeaderBridge);
  spec.config_.DeclareMasks(reg::kPrimaryBus, 4, 0x00ffffff);
  spec.config_.Declare(reg::kIoBase, 2, 0x0000, 0xf0f0);
  spec.config_.DeclareMasks(reg::kSecondaryStatus, 2, 0, 0xf900);
  spec.config_.DeclareMasks(reg::kMemoryBase, 4, 0xfff0fff0);
  spec.config_.Declare(reg::kPrefetchBase, 4, 0x00010001, 0xfff0fff0);
  spec.config_.DeclareMasks(reg::kPrefetchBaseHigh, 4, 0xffffffff);
  spec.config_.DeclareMasks(reg::kPrefetchLimitHigh, 4, 0xffffffff);
  spec.config_.DeclareMasks(reg::kBridgeControl, 2, 0x0053);
  spec.PowerManagement(true);
  spec.Express(false, 256);
  return spec;
}

FunctionSpec& FunctionSpec::Revision(uint8_t revision) {
  config_.Set(reg::kRevision, 1, revision);
  return *this;
}

FunctionSpec& FunctionSpec::Subsystem(uint16_t vendor, uint16_t id) {
  if (bridge_) Refuse("a type 1 header has no subsystem registers");
  config_.Set(reg::kSubsystemVendor, 2, vendor);
  config_.Set(reg::kSubsystemId, 2, id);
  return *this;
}

FunctionSpec& FunctionSpec::InterruptPin(unsigned pin) {
  if (pin > 4) Refuse("interrupt pin {}: 0 is none, 1 to 4 are A to D", pin);
  config_.Set(reg::kInterruptPin, 1, pin);
  return *this;
}

FunctionSpec& FunctionSpec::MultiFunction() {
  config_.SetBits(reg::kHeaderType, 1, reg::kHeaderMultiFunction);
  return *this;
}

FunctionSpec& FunctionSpec::Bar(unsigned index, BarKind kind, uint64_t size_bytes, uint64_t preferred) {
  const unsigned bars = bridge_ ? 2 : 6;
  if (index >= bars) Refuse("BAR {}: this header has BARs 0 to {}", index, bars - 1);
  if (kind == BarKind::kNone) Refuse("BAR {} has no kind", index);
  if (Is64(kind) && index + 1 >= bars) Refuse("BAR {} is 64 bits wide and has no register for its upper half", index);
  if (index > 0 && Is64(bars_[index - 1].kind)) Refuse("BAR {} is the upper half of BAR {}", index, index - 1);
  if (bars_[index].kind != BarKind::kNone || (Is64(kind) && bars_[index + 1].kind != BarKind::kNone)) {
    Refuse("BAR {} is declared twice", index);
  }
  if (!PowerOfTwo(size_bytes)) Refuse("BAR {}: size {:#x} is not a power of two", index, size_bytes);
  if (kind == BarKind::kIo && (size_bytes < 4 || size_bytes > 256)) {
    Refuse("BAR {}: I/O size {} is outside 4 to 256 bytes", index, size_bytes);
  }
  if (kind != BarKind::kIo && size_bytes < 16) Refuse("BAR {}: memory size {} is below 16 bytes", index, size_bytes);
  if (kind == BarKind::kMemory32 && size_bytes > 0x80000000) {
    Refuse("BAR {}: size {:#x} does not fit a 32-bit BAR", index, size_bytes);
  }
  if (preferred & (size_bytes - 1)) {
    Refuse("BAR {}: address {:#x} is not aligned to its size {:#x}", index, preferred, size_bytes);
  }
  bars_[index] = BarSpec{kind, size_bytes, preferred};
  DeclareBar(index);
  return *this;
}

void FunctionSpec::DeclareBar(unsigned index) {
  const BarSpec& bar = bars_[index];
  const unsigned offset = reg::kBar0 + 4 * index;
  const uint64_t mask = ~(bar.size_bytes - 1);
  const uint32_t fixed = bar.kind == BarKind::kIo ? 3 : 15;
  config_.Declare(offset, 4, TypeBits(bar.kind), static_cast<uint32_t>(mask) & ~fixed);
  if (Is64(bar.kind)) config_.Declare(offset + 4, 4, 0, static_cast<uint32_t>(mask >> 32));
}

FunctionSpec& FunctionSpec::Rom(uint64_t size_bytes) {
  if (!PowerOfTwo(size_bytes) || size_bytes < 2048 || size_bytes > (16u << 20)) {
    Refuse("expansion ROM of {:#x} bytes: a power of two from 2 KiB to 16 MiB", size_bytes);
  }
  rom_size_ = size_bytes;
  config_.Declare(bridge_ ? reg::kBridgeRom : reg::kRom, 4, 0,
                  (static_cast<uint32_t>(~(size_bytes - 1)) & 0xfffff800) | reg::kRomEnable);
  return *this;
}

unsigned FunctionSpec::AddCapability(uint8_t id, unsigned length) {
  const unsigned offset = next_capability_;
  if (offset + length > kConfigSize) {
    Refuse("capability {:#x} of {} bytes does not fit behind {:#x} in the first 256 bytes", id, length, offset);
  }
  config_.Declare(offset, 1, id);
  config_.Declare(offset + 1, 1, 0);
  config_.Set(last_capability_ ? last_capability_ : reg::kCapabilities, 1, offset);
  config_.SetBits(reg::kStatus, 2, reg::kStatusCapabilities);
  last_capability_ = offset + 1;
  next_capability_ = (offset + length + 3) & ~3u;
  return offset;
}

unsigned FunctionSpec::AddExtendedCapability(uint16_t id, unsigned version, unsigned length) {
  if (!capabilities_.express) Refuse("extended capability {:#x} needs the PCI Express capability first", id);
  const unsigned offset = next_extended_;
  if (offset + length > kExpressConfigSize) Refuse("extended capability {:#x} does not fit behind {:#x}", id, offset);
  config_.Declare(offset, 4, id | version << 16);
  if (last_extended_) config_.Set(last_extended_ + 2, 2, (config_.Read(last_extended_ + 2, 2) & 0xf) | offset << 4);
  last_extended_ = offset;
  next_extended_ = (offset + length + 3) & ~3u;
  return offset;
}

FunctionSpec& FunctionSpec::PowerManagement(bool no_soft_reset) {
  if (capabilities_.power) Refuse("power management is declared twice");
  capabilities_.power = static_cast<uint16_t>(AddCapability(reg::kCapPower, 8));
  config_.Set(capabilities_.power + reg::kPmc, 2, 0x0003);
  config_.Set(capabilities_.power + reg::kPmcsr, 2, no_soft_reset ? reg::kPmcsrNoSoftReset : 0);
  DeclareCapability(capabilities_.power);
  return *this;
}

FunctionSpec& FunctionSpec::Msi(unsigned vectors, bool address64, bool per_vector_mask) {
  if (capabilities_.msi) Refuse("MSI is declared twice");
  if (!PowerOfTwo(vectors) || vectors > 32) Refuse("MSI with {} messages: 1, 2, 4, 8, 16 or 32", vectors);
  const unsigned length = 10 + (address64 ? 4 : 0) + (per_vector_mask ? 10 : 0);
  capabilities_.msi = static_cast<uint16_t>(AddCapability(reg::kCapMsi, length));
  config_.Set(capabilities_.msi + reg::kMsiControl, 2,
              Log2(vectors) << 1 | (address64 ? reg::kMsi64 : 0) | (per_vector_mask ? reg::kMsiMaskable : 0));
  DeclareMsi(capabilities_.msi);
  return *this;
}

void FunctionSpec::DeclareMsi(unsigned offset) {
  const uint32_t control = config_.Read(offset + reg::kMsiControl, 2);
  const unsigned vectors = 1u << ((control >> 1) & 7);
  const bool address64 = control & reg::kMsi64;
  config_.DeclareMasks(offset + reg::kMsiControl, 2, reg::kMsiEnable | 0x70);
  config_.DeclareMasks(offset + reg::kMsiAddress, 4, 0xfffffffc);
  if (address64) config_.DeclareMasks(offset + reg::kMsiAddressHigh, 4, 0xffffffff);
  const unsigned data = offset + (address64 ? 12 : 8);
  config_.DeclareMasks(data, 2, 0xffff);
  if (control & reg::kMsiMaskable) {
    config_.DeclareMasks(data + 4, 4, vectors == 32 ? 0xffffffff : (1u << vectors) - 1);
    config_.DeclareMasks(data + 8, 4, 0);
  }
}

FunctionSpec& FunctionSpec::MsiX(unsigned vectors, unsigned bar, uint32_t table, uint32_t pba) {
  return MsiX(vectors, bar, table, bar, pba);
}

FunctionSpec& FunctionSpec::MsiX(unsigned vectors, unsigned table_bar, uint32_t table, unsigned pba_bar, uint32_t pba) {
  if (capabilities_.msix) Refuse("MSI-X is declared twice");
  if (vectors == 0 || vectors > 2048) Refuse("MSI-X with {} entries: 1 to 2048", vectors);
  if (table_bar > 5 || pba_bar > 5) Refuse("MSI-X BAR indicator {} is reserved", table_bar > 5 ? table_bar : pba_bar);
  if ((table | pba) & 7) Refuse("MSI-X table {:#x} and pending bits {:#x} must be aligned to 8 bytes", table, pba);
  capabilities_.msix = static_cast<uint16_t>(AddCapability(reg::kCapMsix, 12));
  config_.Set(capabilities_.msix + reg::kMsixControl, 2, vectors - 1);
  config_.Set(capabilities_.msix + reg::kMsixTable, 4, table | table_bar);
  config_.Set(capabilities_.msix + reg::kMsixPba, 4, pba | pba_bar);
  DeclareCapability(capabilities_.msix);
  return *this;
}

FunctionSpec& FunctionSpec::Register(unsigned offset, unsigned size, uint32_t reset, uint32_t writable) {
  if (offset < next_capability_ || offset + size > kConfigSize) {
    Refuse("register of {} bytes at {:#x}: a device's own lie between {:#x} and {:#x}", size, offset, next_capability_,
           kConfigSize);
  }
  config_.Declare(offset, size, reset, writable);
  next_capability_ = (offset + size + 3) & ~3u;
  return *this;
}

FunctionSpec& FunctionSpec::Vendor(const std::vector<uint8_t>& body) {
  const unsigned length = 3 + static_cast<unsigned>(body.size());
  const unsigned at = AddCapability(reg::kCapVendor, length);
  config_.Set(at + 2, 1, length);
  for (unsigned i = 0; i < body.size(); ++i) config_.Set(at + 3 + i, 1, body[i]);
  return *this;
}

FunctionSpec& FunctionSpec::Express(bool flr, unsigned max_payload) {
  if (capabilities_.express) Refuse("the PCI Express capability is declared twice");
  if (!PowerOfTwo(max_payload) || max_payload < 128 || max_payload > 4096) {
    Refuse("maximum payload {}: 128 to 4096, a power of two", max_payload);
  }
  capabilities_.express = static_cast<uint16_t>(AddCapability(reg::kCapExpress, reg::kExpressLength));
  const unsigned at = capabilities_.express;
  // Version 2; role-based error reporting; phantom functions, extended tags: none.
  config_.Set(at + reg::kExpCapabilities, 2, 2 | port_type_ << 4);
  config_.Set(at + reg::kDevCap, 4, (Log2(max_payload) - 7) | 1u << 15 | (flr ? reg::kDevCapFlr : 0));
  config_.Set(at + reg::kDevCtl, 2, 0x2810);  // relaxed ordering, no snoop, MRRS 512: the defaults of 7.5.3.4
  config_.Set(at + reg::kDevCap2, 4, 0x1f);   // completion timeout ranges and disable
  DeclareExpress(at);
  return *this;
}

void FunctionSpec::DeclareExpress(unsigned offset) {
  const unsigned version = config_.Read(offset + reg::kExpCapabilities, 2) & 0xf;
  // Bit 15 starts a Function Level Reset and always reads 0: it is not stored.
  config_.DeclareMasks(offset + reg::kDevCtl, 2, 0x7fff & ~0x0300);
  config_.DeclareMasks(offset + reg::kDevSta, 2, 0, 0x000f);
  config_.DeclareMasks(offset + reg::kLinkCtl, 2, 0x01c3);
  if (port_type_ == reg::kRootPort || port_type_ == reg::kDownstreamPort) {
    config_.DeclareMasks(offset + reg::kLinkCtl, 2, 0x0fd3);
    config_.DeclareMasks(offset + reg::kLinkSta, 2, 0, 0xc000);
  }
  if (port_type_ == reg::kRootPort) config_.DeclareMasks(offset + reg::kRootCtl, 2, 0x001f);
  if (version >= 2) {
    config_.DeclareMasks(offset + reg::kDevCtl2, 2, 0x001f);
    config_.DeclareMasks(offset + reg::kLinkCtl2, 2, 0x000f);
  }
}

FunctionSpec& FunctionSpec::Aer() {
  if (capabilities_.aer) Refuse("AER is declared twice");
  capabilities_.aer = static_cast<uint16_t>(AddExtendedCapability(reg::kExtAer, 2, reg::kAerLength));
  config_.Set(capabilities_.aer + reg::kAerSeverity, 4, 0x00462030);  // defaults, 7.8.4.4
  config_.Set(capabilities_.aer + reg::kAerCorrectableMask, 4, 0x00002000);  // advisory non-fatal masked
  DeclareAer(capabilities_.aer);
  return *this;
}

void FunctionSpec::DeclareAer(unsigned offset) {
  config_.DeclareMasks(offset + reg::kAerUncorrectable, 4, 0, reg::kAerUncorrectableBits);
  config_.DeclareMasks(offset + reg::kAerUncorrectableMask, 4, reg::kAerUncorrectableBits);
  config_.DeclareMasks(offset + reg::kAerSeverity, 4, reg::kAerUncorrectableBits);
  config_.DeclareMasks(offset + reg::kAerCorrectable, 4, 0, reg::kAerCorrectableBits);
  config_.DeclareMasks(offset + reg::kAerCorrectableMask, 4, reg::kAerCorrectableBits);
  config_.DeclareMasks(offset + reg::kAerControl, 4, 0x00000140);
}

FunctionSpec& FunctionSpec::RootErrors() {
  const unsigned at = capabilities_.aer;
  if (at == 0 || port_type_ != reg::kRootPort) Refuse("root error registers belong to the AER of a root port");
  config_.DeclareMasks(at + reg::kAerRootCommand, 4, reg::kRootCorrectable | reg::kRootNonFatal | reg::kRootFatal);
  config_.DeclareMasks(at + reg::kAerRootStatus, 4, 0, reg::kRootStaBits);
  return *this;
}

FunctionSpec& FunctionSpec::Ari() {
  if (capabilities_.ari) Refuse("ARI is declared twice");
  capabilities_.ari = static_cast<uint16_t>(AddExtendedCapability(reg::kExtAri, 1, reg::kAriLength));
  return *this;
}

FunctionSpec& FunctionSpec::NextFunction(unsigned function) {
  config_.Set(capabilities_.ari + reg::kAriNextFunction, 1, function);
  return *this;
}

FunctionSpec& FunctionSpec::AriForwarding() {
  if (port_type_ != reg::kRootPort && port_type_ != reg::kDownstreamPort) Refuse("only a port forwards ARI");
  config_.SetBits(capabilities_.express + reg::kDevCap2, 4, reg::kDevCap2AriForwarding);
  config_.DeclareMasks(capabilities_.express + reg::kDevCtl2, 2, 0x001f | reg::kDevCtl2AriForwarding);
  return *this;
}

FunctionSpec& FunctionSpec::Ats() {
  const unsigned at = AddExtendedCapability(reg::kExtAts, 1, 8);
  config_.Set(at + 4, 2, 0x0020);           // page aligned requests
  config_.DeclareMasks(at + 6, 2, 0x801f);  // enable, smallest translation unit
  return *this;
}

FunctionSpec& FunctionSpec::SerialNumber(uint64_t serial) {
  if (capabilities_.serial) Refuse("the serial number is declared twice");
  capabilities_.serial = static_cast<uint16_t>(AddExtendedCapability(reg::kExtSerial, 1, 12));
  config_.Set(capabilities_.serial + 4, 4, static_cast<uint32_t>(serial));
  config_.Set(capabilities_.serial + 8, 4, static_cast<uint32_t>(serial >> 32));
  return *this;
}

FunctionSpec& FunctionSpec::KeepCommand(uint16_t command) {
  config_.Set(reg::kCommand, 2, command);
  return *this;
}

void FunctionSpec::DeclareCapability(unsigned offset) {
  switch (config_.Read(offset, 1)) {
    case reg::kCapPower:
      config_.DeclareMasks(offset + reg::kPmcsr, 2, reg::kPmcsrState | reg::kPmcsrPmeEnable, reg::kPmcsrPmeStatus);
      break;
    case reg::kCapMsi:
      DeclareMsi(offset);
      break;
    case reg::kCapMsix: {
      config_.DeclareMasks(offset + reg::kMsixControl, 2, reg::kMsixEnable | reg::kMsixFunctionMask);
      const uint32_t table = config_.Read(offset + reg::kMsixTable, 4), pba = config_.Read(offset + reg::kMsixPba, 4);
      msix_ = MsiXSpec{(config_.Read(offset + reg::kMsixControl, 2) & 0x7ff) + 1, table & 7, pba & 7, table & ~7u,
                       pba & ~7u};
      break;
    }
    case reg::kCapExpress:
      port_type_ = (config_.Read(offset + reg::kExpCapabilities, 2) >> 4) & 0xf;
      DeclareExpress(offset);
      break;
    default:
      break;  // stored, read-only
  }
}

void FunctionSpec::DeclareExtended(unsigned offset) {
  if ((config_.Read(offset, 4) & 0xffff) == reg::kExtAer) DeclareAer(offset);
}

FunctionSpec FunctionSpec::FromImage(const std::vector<uint8_t>& image, const std::array<BarSpec, 6>& bars) {
  if (image.size() < 64) Refuse("a configuration space of {} bytes has no header", image.size());
  if (image.size() > kExpressConfigSize) Refuse("a configuration space has at most 4096 bytes, not {}", image.size());
  FunctionSpec spec;
  spec.cloned_ = true;
  for (unsigned i = 0; i < image.size(); ++i) {
    if (image[i] || i < kConfigSize) spec.config_.Set(i, 1, image[i]);
  }
  ConfigSpace& config = spec.config_;
  if (config.Read(reg::kVendorId, 2) == 0xffff) Refuse("the dump is of an absent function: vendor 0xffff");
  const unsigned header = config.Read(reg::kHeaderType, 1) & 0x7f;
  if (header != 0) Refuse("the dump has header type {}: only endpoints (type 0) can be cloned", header);
  spec.DeclareHeader();

  for (unsigned i = 0; i < 6; ++i) {
    const uint32_t dumped = config.Read(reg::kBar0 + 4 * i, 4);
    const BarSpec& bar = bars[i];
    if (i > 0 && Is64(spec.bars_[i - 1].kind)) {
      if (bar.size_bytes) Refuse("BAR {} is the upper half of BAR {}: it has no size of its own", i, i - 1);
      continue;
    }
    if (!bar.size_bytes) {
      if (dumped) Refuse("BAR {} reads {:#010x} in the dump: give its size", i, dumped);
      continue;
    }
    BarKind kind = BarKind::kMemory32;
    if (dumped & 1) {
      kind = BarKind::kIo;
    } else if ((dumped & 6) == 4) {
      kind = dumped & 8 ? BarKind::kMemory64Prefetchable : BarKind::kMemory64;
    }
    if (bar.kind != BarKind::kNone && bar.kind != kind && dumped) {
      Refuse("BAR {} reads {:#010x} in the dump, which is another kind than given", i, dumped);
    }
    if (bar.kind != BarKind::kNone && !dumped) kind = bar.kind;
    uint64_t address = dumped & (kind == BarKind::kIo ? ~3u : ~15u);
    uint32_t high = 0;
    if (Is64(kind) && i < 5) {
      high = config.Read(reg::kBar0 + 4 * i + 4, 4);
      address |= uint64_t{high} << 32;
    }
    if (address & (bar.size_bytes - 1)) {
      Refuse("BAR {} lies at {:#x} in the dump, not aligned to the size {:#x} given", i, address, bar.size_bytes);
    }
    spec.Bar(i, kind, bar.size_bytes, address);
    config.Set(reg::kBar0 + 4 * i, 4, dumped ? dumped : TypeBits(kind));
    if (Is64(kind)) config.Set(reg::kBar0 + 4 * i + 4, 4, high);
  }

  if (config.Read(reg::kStatus, 2) & reg::kStatusCapabilities) {
    // A loop in the list is a property of the dump and stays; it is walked once.
    unsigned at = config.Read(reg::kCapabilities, 1) & ~3u;
    for (unsigned steps = 0; at >= 0x40 && steps < 48; ++steps) {
      const uint8_t id = static_cast<uint8_t>(config.Read(at, 1));
      CapabilityMap& map = spec.capabilities_;
      uint16_t* slot = id == reg::kCapPower     ? &map.power
                       : id == reg::kCapMsi     ? &map.msi
                       : id == reg::kCapMsix    ? &map.msix
                       : id == reg::kCapExpress ? &map.express
                                                : nullptr;
      if (slot && !*slot) *slot = static_cast<uint16_t>(at);
      spec.DeclareCapability(at);
      at = config.Read(at + 1, 1) & ~3u;
    }
  }
  unsigned at = kConfigSize;
  for (unsigned steps = 0; at >= kConfigSize && at < image.size() && steps < 240; ++steps) {
    const uint32_t header_word = config.Read(at, 4);
    if (header_word == 0 || header_word == 0xffffffff) break;
    if ((header_word & 0xffff) == reg::kExtAer) spec.capabilities_.aer = static_cast<uint16_t>(at);
    if ((header_word & 0xffff) == reg::kExtSerial) spec.capabilities_.serial = static_cast<uint16_t>(at);
    spec.DeclareExtended(at);
    at = (header_word >> 20) & ~3u;
  }
  return spec;
}

void FunctionSpec::Check() const {
  if (!capabilities_.msix) return;
  struct Part {
    const char* what;
    unsigned bar;
    uint64_t offset, length;
  };
  const Part parts[] = {
      {"table", msix_.table_bar, msix_.table_offset, uint64_t{msix_.vectors} * reg::kMsixEntryBytes},
      {"pending bits", msix_.pba_bar, msix_.pba_offset, (msix_.vectors + 63u) / 64 * 8},
  };
  for (const Part& part : parts) {
    if (part.bar > 5) Refuse("MSI-X {}: BAR indicator {} is reserved", part.what, part.bar);
    const BarSpec& bar = bars_[part.bar];
    if (bar.kind == BarKind::kNone || bar.kind == BarKind::kIo) {
      Refuse("MSI-X {}: BAR {} is not a memory BAR", part.what, part.bar);
    }
    if (part.offset + part.length > bar.size_bytes) {
      Refuse("MSI-X {} at {:#x} with {} bytes does not fit BAR {} of {:#x} bytes", part.what, part.offset, part.length,
             part.bar, bar.size_bytes);
    }
  }
  if (parts[0].bar == parts[1].bar && parts[0].offset < parts[1].offset + parts[1].length &&
      parts[1].offset < parts[0].offset + parts[0].length) {
    Refuse("MSI-X table and pending bits overlap at {:#x} of BAR {}", parts[1].offset, parts[0].bar);
  }
}

}  // namespace pvpci::pci
