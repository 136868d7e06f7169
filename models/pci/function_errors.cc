// SPDX-License-Identifier: Apache-2.0
// Error logging and signalling of a function. PCIe 6.0 6.2, 7.8.4.
#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "models/pci/registers.h"
#include "models/pci/upstream.h"

namespace pvpci::pci {

bool Function::MayReport(ErrorSeverity severity) const {
  static constexpr uint16_t kEnables[] = {reg::kDevCtlCorrectable, reg::kDevCtlNonFatal, reg::kDevCtlFatal};
  const unsigned express = spec_.capabilities().express;
  if (config_.Read(express + reg::kDevCtl, 2) & kEnables[static_cast<unsigned>(severity)]) return true;
  // SERR# enable stands for both uncorrectable kinds. 7.5.1.1.3.
  return severity != ErrorSeverity::kCorrectable && (config_.Read(reg::kCommand, 2) & reg::kCommandSerr);
}

bool Function::DetectError(bool correctable, unsigned bit) {
  const CapabilityMap& caps = spec_.capabilities();
  const uint32_t defined = correctable ? reg::kAerCorrectableBits : reg::kAerUncorrectableBits;
  if (!caps.aer || !caps.express || bit > 31 || !(defined >> bit & 1) || !present_) return false;
  const uint32_t mask = 1u << bit;
  const unsigned status = caps.aer + (correctable ? reg::kAerCorrectable : reg::kAerUncorrectable);
  const unsigned masks = caps.aer + (correctable ? reg::kAerCorrectableMask : reg::kAerUncorrectableMask);
  ErrorSeverity severity = ErrorSeverity::kCorrectable;
  uint16_t detected = reg::kDevStaCorrectable;
  if (!correctable) {
    const bool fatal = config_.Read(caps.aer + reg::kAerSeverity, 4) & mask;
    severity = fatal ? ErrorSeverity::kFatal : ErrorSeverity::kNonFatal;
    detected = fatal ? reg::kDevStaFatal : reg::kDevStaNonFatal;
    if (bit == reg::kAerUnsupportedRequest) detected |= reg::kDevStaUnsupported;
  }
  const uint32_t masked = config_.Read(masks, 4);
  const bool first = !(config_.Read(status, 4) & ~masked);
  config_.SetBits(caps.express + reg::kDevSta, 2, detected);
  config_.SetBits(status, 4, mask);
  if (masked & mask) return true;
  if (!correctable && first) {
    config_.ClearBits(caps.aer + reg::kAerControl, 4, reg::kAerFirstError);
    config_.SetBits(caps.aer + reg::kAerControl, 4, bit);
  }
  if (attached() && MayReport(severity)) fabric_->upstream_->SubmitError(*this, severity);
  return true;
}

// What a reset leaves alone: the AER registers up to the header log. 7.8.4, "sticky".
void Function::KeepStickyErrors(const ConfigSpace& before) {
  const unsigned aer = spec_.capabilities().aer;
  if (!aer) return;
  for (unsigned at = reg::kAerUncorrectable; at < reg::kAerRootCommand; at += 4) {
    config_.Set(aer + at, 4, before.Read(aer + at, 4));
  }
}

}  // namespace pvpci::pci
