// SPDX-License-Identifier: Apache-2.0
// The interrupt half of a function: INTx, MSI, MSI-X. PCI Local Bus 3.0 6.8, PCIe 6.0 6.1.4, 7.7.
#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "models/pci/registers.h"
#include "models/pci/upstream.h"

namespace pvpci::pci {
namespace {

// Where the MSI registers behind the address lie.
struct MsiLayout {
  unsigned data, mask, pending;
  bool address64, maskable;
};
MsiLayout LayoutOf(const ConfigSpace& config, unsigned at) {
  const uint32_t control = config.Read(at + reg::kMsiControl, 2);
  const bool wide = control & reg::kMsi64;
  const unsigned data = at + (wide ? 12 : 8);
  return {data, data + 4, data + 8, wide, (control & reg::kMsiMaskable) != 0};
}

}  // namespace

unsigned Function::msi_messages() const {
  if (!msi_enabled()) return 0;
  const uint32_t control = config_.Read(spec_.capabilities().msi + reg::kMsiControl, 2);
  const unsigned granted = (control >> 4) & 7, capable = (control >> 1) & 7;
  return 1u << (granted < capable ? granted : capable);
}

void Function::AssertInterrupt(InterruptKind kind, unsigned vector) {
  switch (kind) {
    case InterruptKind::kIntx: SetIntx(true); return;
    case InterruptKind::kMsi: RaiseMsi(vector); return;
    case InterruptKind::kMsix: RaiseMsix(vector); return;
  }
}

bool Function::interrupt_pending(InterruptKind kind, unsigned vector) const {
  const std::vector<uint32_t>& pending = kind == InterruptKind::kMsix ? msix_pending_ : msi_pending_;
  return kind != InterruptKind::kIntx && vector < pending.size() && pending[vector] != 0;
}

uint32_t Function::RaiseMsi(unsigned message) {
  if (lead_ > 0) {
    After(0, [this, message] { RaiseMsiNow(message); });
    return 0;
  }
  return RaiseMsiNow(message);
}

uint32_t Function::RaiseMsiNow(unsigned message) {
  if (message >= msi_messages()) return 0;
  if (!bus_master()) {
    ++counters_.messages_discarded;
    return 0;
  }
  const unsigned at = spec_.capabilities().msi;
  const MsiLayout layout = LayoutOf(config_, at);
  if (layout.maskable && (config_.Read(layout.mask, 4) >> message & 1)) {
    msi_pending_.resize(32);
    if (!msi_pending_[message]) {
      msi_pending_[message] = fabric_->NextInterrupt(bdf_, InterruptKind::kMsi, message);
      config_.SetBits(layout.pending, 4, 1u << message);
    }
    return msi_pending_[message];
  }
  const uint32_t interrupt = fabric_->NextInterrupt(bdf_, InterruptKind::kMsi, message);
  uint64_t address = config_.Read(at + reg::kMsiAddress, 4);
  if (layout.address64) address |= uint64_t{config_.Read(at + reg::kMsiAddressHigh, 4)} << 32;
  const uint32_t data = config_.Read(layout.data, 2);
  SendMessage(address, (data & ~(msi_messages() - 1)) | message, interrupt);
  return interrupt;
}

uint32_t Function::RaiseMsix(unsigned entry) {
  if (lead_ > 0) {
    After(0, [this, entry] { RaiseMsixNow(entry); });
    return 0;
  }
  return RaiseMsixNow(entry);
}

uint32_t Function::RaiseMsixNow(unsigned entry) {
  if (entry >= msix_entries()) return 0;
  if (!bus_master()) {
    ++counters_.messages_discarded;
    return 0;
  }
  if (!msix_pending_[entry]) {
    msix_pending_[entry] = fabric_->NextInterrupt(bdf_, InterruptKind::kMsix, entry);
  }
  const uint32_t interrupt = msix_pending_[entry];
  SendPendingEntry(entry);
  return interrupt;
}

// Sends what is pending at `entry` unless a mask or the command register holds it back.
void Function::SendPendingEntry(unsigned entry) {
  const uint32_t control = config_.Read(spec_.capabilities().msix + reg::kMsixControl, 2);
  const MsixEntry& slot = msix_table_[entry];
  if (!msix_pending_[entry] || !msix_enabled() || (control & reg::kMsixFunctionMask) || slot.masked()) return;
  if (!bus_master()) return;
  const uint32_t interrupt = msix_pending_[entry];
  msix_pending_[entry] = 0;
  SendMessage(uint64_t{slot.address_high} << 32 | slot.address_low, slot.data, interrupt);
}

void Function::SendPendingMessages() {
  if (msi_enabled() && !msi_pending_.empty() && bus_master()) {
    const unsigned at = spec_.capabilities().msi;
    const MsiLayout layout = LayoutOf(config_, at);
    for (unsigned i = 0; i < msi_messages(); ++i) {
      if (!msi_pending_[i] || (config_.Read(layout.mask, 4) >> i & 1)) continue;
      const uint32_t interrupt = msi_pending_[i];
      msi_pending_[i] = 0;
      config_.ClearBits(layout.pending, 4, 1u << i);
      uint64_t address = config_.Read(at + reg::kMsiAddress, 4);
      if (layout.address64) address |= uint64_t{config_.Read(at + reg::kMsiAddressHigh, 4)} << 32;
      SendMessage(address, (config_.Read(layout.data, 2) & ~(msi_messages() - 1)) | i, interrupt);
    }
  }
  if (msix_enabled()) {
    for (unsigned i = 0; i < msix_pending_.size(); ++i) {
      if (msix_pending_[i]) SendPendingEntry(i);
    }
  }
}

void Function::SendMessage(uint64_t address, uint32_t data, uint32_t interrupt) {
  fabric_->upstream_->SubmitMessage(*this, address, data, interrupt);
}

uint64_t Function::MsixRead(uint64_t offset, unsigned size) const {
  const MsixEntry& entry = msix_table_[offset / reg::kMsixEntryBytes];
  const uint32_t words[4] = {entry.address_low, entry.address_high, entry.data, entry.control};
  const unsigned word = (offset / 4) & 3;
  if (size == 8) return uint64_t{words[word | 1]} << 32 | words[word & ~1u];
  return words[word] >> 8 * (offset & 3);
}

void Function::MsixWrite(uint64_t offset, unsigned size, uint64_t value) {
  if (size == 8) {
    MsixWrite(offset, 4, value & 0xffffffff);
    MsixWrite(offset + 4, 4, value >> 32);
    return;
  }
  if (size != 4) return;  // undefined by PCI 3.0 6.8.2; ignored here
  const unsigned index = static_cast<unsigned>(offset / reg::kMsixEntryBytes);
  MsixEntry& entry = msix_table_[index];
  const uint32_t word = static_cast<uint32_t>(value);
  switch ((offset / 4) & 3) {
    case 0:
      entry.address_low = word & ~3u;
      break;
    case 1:
      entry.address_high = word;
      break;
    case 2:
      entry.data = word;
      break;
    default:
      entry.control = word & 1;
      SendPendingEntry(index);
  }
}

uint64_t Function::MsixPendingRead(uint64_t offset, unsigned size) const {
  uint64_t bits = 0;
  const size_t first = static_cast<size_t>(offset * 8);
  for (unsigned i = 0; i < size * 8 && first + i < msix_pending_.size(); ++i) {
    if (msix_pending_[first + i]) bits |= uint64_t{1} << i;
  }
  return bits;
}

uint32_t Function::SetIntx(bool level) {
  if (lead_ > 0) {
    After(0, [this, level] { SetIntx(level); });
    return 0;
  }
  if (level == intx_level_) return 0;
  intx_level_ = level;
  return UpdateIntx();
}

uint32_t Function::UpdateIntx() {
  const bool here = present_ && power_state() == 0;
  if (intx_level_ && here) {
    config_.SetBits(reg::kStatus, 2, reg::kStatusInterrupt);
  } else {
    config_.ClearBits(reg::kStatus, 2, reg::kStatusInterrupt);
  }
  const bool disabled = config_.Read(reg::kCommand, 2) & reg::kCommandIntxDisable;
  const bool wire = intx_level_ && here && !disabled && interrupt_pin() && !msi_enabled() && !msix_enabled();
  if (wire == intx_asserted_ || !attached()) return 0;
  intx_asserted_ = wire;
  const uint32_t interrupt = wire ? fabric_->NextInterrupt(bdf_, InterruptKind::kIntx, interrupt_pin()) : 0;
  fabric_->upstream_->SubmitIntx(*this, wire, interrupt);
  return interrupt;
}

}  // namespace pvpci::pci
