// SPDX-License-Identifier: Apache-2.0
#include "models/pci/function.h"

#include <utility>

#include "models/pci/fabric.h"
#include "models/pci/registers.h"
#include "models/pci/topology.h"
#include "models/pci/upstream.h"
#include "sim/check.h"

namespace pvpci::pci {
namespace {

bool Overlaps(unsigned offset, unsigned size, unsigned start, unsigned length) {
  return offset < start + length && start < offset + size;
}

}  // namespace

Function::Function(FunctionSpec spec) : spec_(std::move(spec)), config_(spec_.config()) {
  spec_.Check();
  msix_table_.resize(spec_.msix().vectors);
  msix_pending_.resize(spec_.msix().vectors);
  Refresh();
}

Function::~Function() = default;

unsigned Function::power_state() const {
  if (!spec_.capabilities().power) return 0;
  return config_.Read(spec_.capabilities().power + reg::kPmcsr, 2) & reg::kPmcsrState;
}

bool Function::memory_enabled() const {
  return (config_.Read(reg::kCommand, 2) & reg::kCommandMemory) && power_state() == 0;
}

bool Function::io_enabled() const { return (config_.Read(reg::kCommand, 2) & reg::kCommandIo) && power_state() == 0; }

bool Function::msi_enabled() const {
  const unsigned at = spec_.capabilities().msi;
  return at && (config_.Read(at + reg::kMsiControl, 2) & reg::kMsiEnable);
}

bool Function::msix_enabled() const {
  const unsigned at = spec_.capabilities().msix;
  return at && (config_.Read(at + reg::kMsixControl, 2) & reg::kMsixEnable);
}

uint64_t Function::bar_address(unsigned bar) const {
  const BarSpec& spec = spec_.bars()[bar];
  if (spec.kind == BarKind::kNone) return 0;
  const uint32_t low = config_.Read(reg::kBar0 + 4 * bar, 4);
  if (spec.kind == BarKind::kIo) return low & ~3u;
  uint64_t address = low & ~15u;
  if (spec.kind != BarKind::kMemory32) address |= uint64_t{config_.Read(reg::kBar0 + 4 * bar + 4, 4)} << 32;
  return address;
}

uint64_t Function::rom_address() const {
  if (!spec_.rom_size()) return 0;
  const uint32_t rom = config_.Read(spec_.bridge() ? reg::kBridgeRom : reg::kRom, 4);
  return rom & reg::kRomEnable ? rom & ~uint32_t{0x7ff} : 0;
}

uint64_t Function::msix_table_address() const {
  const MsiXSpec& msix = spec_.msix();
  return msix.vectors ? bar_address(msix.table_bar) + msix.table_offset : 0;
}

unsigned Function::interrupt_pin() const { return config_.Read(reg::kInterruptPin, 1); }

void Function::BecomeMultiFunction() {
  spec_.MultiFunction();
  config_.SetBits(reg::kHeaderType, 1, reg::kHeaderMultiFunction);
}

void Function::Refresh() {
  const bool allowed = (config_.Read(reg::kCommand, 2) & reg::kCommandMaster) && power_state() == 0;
  master_ = present_ && (allowed || ignores_master_bit_);
  if (const unsigned at = spec_.capabilities().express) {
    const uint32_t control = config_.Read(at + reg::kDevCtl, 2);
    max_payload_ = 128u << ((control >> reg::kDevCtlPayloadShift) & 7);
    max_read_request_ = 128u << ((control >> reg::kDevCtlReadShift) & 7);
  } else if (fabric_) {
    max_payload_ = fabric_->parameters().max_payload;
    max_read_request_ = fabric_->parameters().max_read_request;
  }
  if (max_payload_ > 4096) max_payload_ = 4096;
  if (max_read_request_ > 4096) max_read_request_ = 4096;
}

void Function::ConfigWrite(unsigned offset, unsigned size, uint32_t value, ProvenanceId) {
  const CapabilityMap& caps = spec_.capabilities();
  const uint32_t command = config_.Read(reg::kCommand, 2);
  const unsigned state = power_state();
  config_.Write(offset, size, value);

  if (caps.express && Overlaps(offset, size, caps.express + reg::kDevCtl, 2)) {
    // Accesses are aligned: they start at the register or inside it.
    const uint32_t written = value << 8 * (offset - (caps.express + reg::kDevCtl));
    if ((written & reg::kDevCtlFlr) && (config_.Read(caps.express + reg::kDevCap, 4) & reg::kDevCapFlr)) {
      ResetFunction(ResetKind::kFunctionLevel);
      return;
    }
    Refresh();
  }
  if (Overlaps(offset, size, reg::kCommand, 2) && command != config_.Read(reg::kCommand, 2)) {
    Refresh();
    if (attached()) fabric_->RoutesChanged(spec_.bridge());
    SendPendingMessages();
    UpdateIntx();
  }
  if (caps.power && Overlaps(offset, size, caps.power + reg::kPmcsr, 2)) ApplyPowerState(state);
  const unsigned bars_end = spec_.bridge() ? reg::kPrimaryBus : reg::kBar0 + 24;
  if ((Overlaps(offset, size, reg::kBar0, bars_end - reg::kBar0) ||
       Overlaps(offset, size, spec_.bridge() ? reg::kBridgeRom : reg::kRom, 4)) &&
      attached()) {
    fabric_->RoutesChanged(spec_.bridge());
  }
  if ((caps.msi && Overlaps(offset, size, caps.msi, 24)) || (caps.msix && Overlaps(offset, size, caps.msix, 4))) {
    SendPendingMessages();
    UpdateIntx();
  }
  OnConfigWritten(offset, size);
}

void Function::ApplyPowerState(unsigned before) {
  const unsigned at = spec_.capabilities().power + reg::kPmcsr;
  unsigned after = power_state();
  if (after == 1 || after == 2) {
    // Unsupported states: the write is accepted and the field keeps its value. PCI PM 1.2, 3.2.4.
    config_.Set(at, 2, (config_.Read(at, 2) & ~uint32_t{reg::kPmcsrState}) | before);
    after = before;
  }
  if (after == before) return;
  const bool no_soft_reset = config_.Read(at, 2) & reg::kPmcsrNoSoftReset;
  if (before == 3 && after == 0 && !no_soft_reset) {
    ResetFunction(ResetKind::kPowerState);
    return;
  }
  Refresh();
  if (attached()) fabric_->RoutesChanged(spec_.bridge());
  UpdateIntx();
}

void Function::ResetFunction(ResetKind kind) {
  const CapabilityMap& caps = spec_.capabilities();
  ++epoch_;
  ++counters_.function_resets;
  if (attached()) fabric_->upstream_->Drop(*this);
  // These survive everything but a reset of the link. PCIe 6.6.2.
  const bool keep = kind != ResetKind::kHot && caps.express;
  const uint32_t kept_control =
      keep ? config_.Read(caps.express + reg::kDevCtl, 2) & (7u << reg::kDevCtlPayloadShift) : 0;
  const uint32_t kept_link = keep ? config_.Read(caps.express + reg::kLinkCtl, 2) : 0;
  const uint32_t link_status = caps.express ? config_.Read(caps.express + reg::kLinkSta, 2) : 0;
  const uint32_t link_caps = caps.express ? config_.Read(caps.express + reg::kLinkCap, 4) : 0;

  const ConfigSpace before = std::exchange(config_, spec_.config());
  KeepStickyErrors(before);
  config_.Set(reg::kCommand, 2, 0);
  config_.Set(reg::kInterruptLine, 1, 0);
  config_.Set(reg::kCacheLine, 1, 0);
  const unsigned bars = spec_.bridge() ? 2 : 6;
  for (unsigned i = 0; i < bars; ++i) {
    const unsigned at = reg::kBar0 + 4 * i;
    config_.ClearBits(at, 4, config_.writable(at, 4));
  }
  if (caps.msi) config_.ClearBits(caps.msi + reg::kMsiControl, 2, config_.writable(caps.msi + reg::kMsiControl, 2));
  if (caps.msix) config_.ClearBits(caps.msix + reg::kMsixControl, 2, reg::kMsixEnable | reg::kMsixFunctionMask);
  if (caps.power) config_.ClearBits(caps.power + reg::kPmcsr, 2, reg::kPmcsrState | reg::kPmcsrPmeEnable);
  if (caps.express) {
    if (keep) {
      const uint32_t control = config_.Read(caps.express + reg::kDevCtl, 2) & ~(7u << reg::kDevCtlPayloadShift);
      config_.Set(caps.express + reg::kDevCtl, 2, control | kept_control);
      config_.Set(caps.express + reg::kLinkCtl, 2, kept_link);
    }
    config_.Set(caps.express + reg::kLinkSta, 2, link_status);
    config_.Set(caps.express + reg::kLinkCap, 4, link_caps);
  }
  msix_table_.assign(msix_table_.size(), MsixEntry{});
  msix_pending_.assign(msix_pending_.size(), 0);
  msi_pending_.clear();
  intx_level_ = false;
  Refresh();
  if (attached()) fabric_->RoutesChanged(spec_.bridge());
  UpdateIntx();
  OnReset(kind);
}

void Function::Remove() {
  present_ = false;
  ++epoch_;
  if (attached()) fabric_->upstream_->Drop(*this);
  intx_level_ = false;
  Refresh();
  UpdateIntx();
}

uint64_t Function::BarRead(unsigned bar, uint64_t offset, unsigned size) {
  const MsiXSpec& msix = spec_.msix();
  if (msix.vectors) {
    if (bar == msix.table_bar && offset - msix.table_offset < uint64_t{msix.vectors} * reg::kMsixEntryBytes) {
      return MsixRead(offset - msix.table_offset, size);
    }
    if (bar == msix.pba_bar && offset - msix.pba_offset < (msix.vectors + 63u) / 64 * 8) {
      return MsixPendingRead(offset - msix.pba_offset, size);
    }
  }
  return OnBarRead(bar, offset, size);
}

void Function::BarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  const MsiXSpec& msix = spec_.msix();
  if (msix.vectors) {
    if (bar == msix.table_bar && offset - msix.table_offset < uint64_t{msix.vectors} * reg::kMsixEntryBytes) {
      MsixWrite(offset - msix.table_offset, size, value);
      return;
    }
    if (bar == msix.pba_bar && offset - msix.pba_offset < (msix.vectors + 63u) / 64 * 8) return;  // read-only
  }
  OnBarWrite(bar, offset, size, value, provenance);
}

uint64_t Function::OnBarRead(unsigned, uint64_t, unsigned) { return 0; }
void Function::OnBarWrite(unsigned, uint64_t, unsigned, uint64_t, ProvenanceId) {}
uint8_t Function::OnRomRead(uint64_t) { return 0xff; }
void Function::OnConfigWritten(unsigned, unsigned) {}
void Function::OnReset(ResetKind) {}

void Function::ReadMemory(uint64_t bus_address, uint64_t length_bytes, std::byte* sink, ProvenanceId provenance,
                          DmaDone done) {
  DmaRequest request;
  request.bus_address = bus_address;
  request.length_bytes = length_bytes;
  request.data = sink;
  request.provenance = provenance;
  Send(request, std::move(done));
}

void Function::WriteMemory(uint64_t bus_address, uint64_t length_bytes, const std::byte* source,
                           ProvenanceId provenance, DmaDone done) {
  DmaRequest request;
  request.type = TlpType::kMemoryWrite;
  request.bus_address = bus_address;
  request.length_bytes = length_bytes;
  request.data = const_cast<std::byte*>(source);  // a write never stores through it
  request.provenance = provenance;
  Send(request, std::move(done));
}

ProvenanceId Function::Fetched(uint64_t bus_address, unsigned size, uint64_t value, ProvenanceId via) {
  SIM_CHECK(attached(), "a function fetches nothing before it is placed");
  if (via == 0) return 0;
  ProvenanceRecord record;
  record.function = bdf();
  record.space = RegisterSpace::kDescriptor;
  record.size = static_cast<uint8_t>(size);
  record.offset = bus_address;
  record.value = value;
  record.time = fabric_->simulation().now();
  record.context = fabric_->provenance(via).context;
  record.via = via;
  return fabric_->provenance_.Append(record);
}

void Function::Send(const DmaRequest& request, DmaDone done) {
  SIM_CHECK(attached(), "a function sends nothing before it is placed");
  fabric_->upstream_->Submit(*this, request, std::move(done));
}

void Function::Schedule(sim::Ps delay, sim::Action action) {
  SIM_CHECK(attached(), "a function has no clock before it is placed");
  fabric_->simulation().After(lead_ + delay, std::move(action));
}

}  // namespace pvpci::pci
