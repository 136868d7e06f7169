// SPDX-License-Identifier: Apache-2.0
#include "models/pci/bridge.h"

#include "models/pci/registers.h"
#include "models/pci/topology.h"

namespace pvpci::pci {
namespace {

// Identities as emulated boards use them, so that Linux shows known names.
FunctionSpec PortSpecOf(unsigned port_type, bool errors, bool ari) {
  switch (port_type) {
    case reg::kUpstreamPort:
      return FunctionSpec::PciBridge(0x104c, 0x8232, port_type);
    case reg::kDownstreamPort:
      return ari ? FunctionSpec::PciBridge(0x104c, 0x8233, port_type).AriForwarding()
                 : FunctionSpec::PciBridge(0x104c, 0x8233, port_type);
    default: {
      FunctionSpec spec = FunctionSpec::PciBridge(0x1b36, 0x000c, reg::kRootPort);
      if (errors) spec.Msi(1).Aer().RootErrors();
      if (ari) spec.AriForwarding();
      return spec;
    }
  }
}

Window MakeWindow(uint64_t base, uint64_t limit) { return base <= limit ? Window{base, limit} : Window{}; }

}  // namespace

Bridge::Bridge(unsigned port_type, bool errors, bool ari) : Function(PortSpecOf(port_type, errors, ari)) {}

bool Bridge::forwards_ari() const {
  return (config().Read(spec().capabilities().express + reg::kDevCtl2, 2) & reg::kDevCtl2AriForwarding) != 0;
}

uint8_t Bridge::secondary() const { return static_cast<uint8_t>(config().Read(reg::kSecondaryBus, 1)); }
uint8_t Bridge::subordinate() const { return static_cast<uint8_t>(config().Read(reg::kSubordinateBus, 1)); }

Window Bridge::memory_window() const {
  if (!memory_enabled()) return {};
  return MakeWindow(uint64_t{config().Read(reg::kMemoryBase, 2) & 0xfff0} << 16,
                    uint64_t{config().Read(reg::kMemoryLimit, 2) & 0xfff0} << 16 | 0xfffff);
}

Window Bridge::prefetchable_window() const {
  if (!memory_enabled()) return {};
  return MakeWindow(uint64_t{config().Read(reg::kPrefetchBaseHigh, 4)} << 32 |
                        uint64_t{config().Read(reg::kPrefetchBase, 2) & 0xfff0} << 16,
                    uint64_t{config().Read(reg::kPrefetchLimitHigh, 4)} << 32 |
                        uint64_t{config().Read(reg::kPrefetchLimit, 2) & 0xfff0} << 16 | 0xfffff);
}

Window Bridge::io_window() const {
  if (!io_enabled()) return {};
  return MakeWindow((config().Read(reg::kIoBase, 1) & 0xf0) << 8,
                    (config().Read(reg::kIoLimit, 1) & 0xf0) << 8 | 0xfff);
}

void Bridge::ConfigWrite(unsigned offset, unsigned size, uint32_t value, ProvenanceId provenance) {
  const uint32_t reset = config().Read(reg::kBridgeControl, 2) & reg::kBridgeControlReset;
  Function::ConfigWrite(offset, size, value, provenance);
  if (!attached()) return;
  Topology& topology = *fabric().topology_;
  const auto touches = [&](unsigned start, unsigned end) { return offset + size > start && offset < end; };
  if (touches(reg::kPrimaryBus, reg::kCapabilities)) topology.BusesChanged();
  if (!reset && (config().Read(reg::kBridgeControl, 2) & reg::kBridgeControlReset)) topology.ResetBelow(secondary_bus_);
  if (spec().capabilities().aer) SignalErrors();
}

bool Bridge::forwards_errors() const { return config().Read(reg::kBridgeControl, 2) & reg::kBridgeControlSerr; }

void Bridge::ReceiveError(Bdf source, ErrorSeverity severity) {
  const unsigned aer = spec().capabilities().aer;
  if (!aer) return;
  ConfigSpace& config = mutable_config();
  const uint32_t status = config.Read(aer + reg::kAerRootStatus, 4);
  uint32_t add = 0;
  if (severity == ErrorSeverity::kCorrectable) {
    const bool again = status & reg::kRootStaCorrectable;
    add = again ? reg::kRootStaMultipleCorrectable : reg::kRootStaCorrectable;
    if (!again) config.Set(aer + reg::kAerRootSource, 2, source.id);
  } else {
    const bool fatal = severity == ErrorSeverity::kFatal;
    const bool again = status & reg::kRootStaUncorrectable;
    add = (again ? reg::kRootStaMultipleUncorrectable : reg::kRootStaUncorrectable) |
          (fatal ? reg::kRootStaFatal : reg::kRootStaNonFatal);
    if (!again && fatal) add |= reg::kRootStaFirstFatal;
    if (!again) config.Set(aer + reg::kAerRootSource + 2, 2, source.id);
  }
  config.SetBits(aer + reg::kAerRootStatus, 4, add);
  SignalErrors();
}

void Bridge::SignalErrors() {
  const unsigned aer = spec().capabilities().aer;
  const uint32_t enabled = config().Read(aer + reg::kAerRootCommand, 4);
  const uint32_t status = config().Read(aer + reg::kAerRootStatus, 4);
  const bool signal = ((enabled & reg::kRootCorrectable) && (status & reg::kRootStaCorrectable)) ||
                      ((enabled & reg::kRootNonFatal) && (status & reg::kRootStaNonFatal)) ||
                      ((enabled & reg::kRootFatal) && (status & reg::kRootStaFatal));
  if (signal == errors_signalled_) return;
  errors_signalled_ = signal;
  if (signal) RaiseMsi(0);
}

}  // namespace pvpci::pci
