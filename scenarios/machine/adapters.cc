// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/adapters.h"

#include <cerrno>

#include <fmt/format.h>

#include "scenarios/machine/trace_records.h"

namespace pvpci::scenarios {
namespace {

std::string Format(const sim::RecordView& view) {
  const auto record = RecordAs<RegisterRecord>(view);
  pci::Bdf function = pci::Bdf::FromId(record.function);
  function.segment = record.segment;
  return fmt::format("{} {} {} {} size={} value={:#x}{}", view.kind == sim::RecordKind::kMmio ? "mmio" : "config",
                     record.write != 0 ? "write" : "read", pci::ToString(function),
                     pci::RegisterName(static_cast<pci::RegisterSpace>(record.space), record.offset), record.size,
                     record.value,
                     record.status == 0 ? ""
                                        : fmt::format(" {}", pci::Name(static_cast<pci::Completion>(record.status))));
}

}  // namespace

uint32_t XenPci::ConfigRead(pci::Bdf function, unsigned offset, unsigned size) {
  return static_cast<uint32_t>(fabric_->ConfigRead(function, offset, size).value);
}
void XenPci::ConfigWrite(pci::Bdf function, unsigned offset, unsigned size, uint32_t value) {
  fabric_->ConfigWrite(function, offset, size, value, {});
}
uint64_t XenPci::MmioRead(uint64_t machine_address, unsigned size) {
  return fabric_->MmioRead(machine_address, size).value;
}
void XenPci::MmioWrite(uint64_t machine_address, unsigned size, uint64_t value) {
  fabric_->MmioWrite(machine_address, size, value, {});
}

void SysfsAgent::SysfsWrite(sim::DomId domain, const std::string& path, const std::string& value, WriteDone done) {
  GuestDomain* guest = find_(domain);
  if (guest == nullptr) return done(-ESRCH);
  // A store method answers the number of bytes it took.
  guest->Post(SEAM_WORK_SYSFS_WRITE, {path, value},
              [done = std::move(done)](long result, const std::string&) { done(result > 0 ? 0 : result); });
}

void SysfsAgent::SysfsRead(sim::DomId domain, const std::string& path, ReadDone done) {
  GuestDomain* guest = find_(domain);
  if (guest == nullptr) return done(-ESRCH, "");
  guest->Post(SEAM_WORK_SYSFS_READ, {path}, [done = std::move(done)](long result, const std::string& text) {
    done(result > 0 ? 0 : result, result >= 0 ? text : "");
  });
}

std::optional<xen::PciFunctionInfo> FabricInventory::Find(pci::Bdf bdf) const {
  const pci::Function* function = fabric_.Find(bdf);
  if (function == nullptr) return std::nullopt;
  xen::PciFunctionInfo info;
  for (unsigned bar = 0; bar < 6; ++bar) {
    const pci::BarKind kind = function->spec().bars()[bar].kind;
    if (kind == pci::BarKind::kNone) continue;
    info.resources.push_back({kind == pci::BarKind::kIo ? xen::PciResource::Kind::kIo : xen::PciResource::Kind::kMemory,
                              bar, function->bar_address(bar), function->bar_size(bar)});
  }
  if (function->interrupt_pin() != 0) info.gsi = fabric_.GsiOf(bdf, function->interrupt_pin());
  return info;
}

RegisterTrace::RegisterTrace(sim::Trace& trace, Classifier& classifier) : trace_(trace), classifier_(classifier) {
  trace_.SetFormatter(sim::RecordKind::kConfigAccess, Format);
  trace_.SetFormatter(sim::RecordKind::kMmio, Format);
}

void RegisterTrace::OnRegister(const pci::RegisterAccess& access) {
  RegisterRecord record{access.offset,
                        access.value,
                        access.function.segment,
                        access.function.id,
                        static_cast<uint8_t>(access.space),
                        access.size,
                        static_cast<uint8_t>(access.write ? 1 : 0),
                        static_cast<uint8_t>(access.status)};
  const bool config = access.space == pci::RegisterSpace::kConfig;
  trace_.Emit(config ? sim::RecordKind::kConfigAccess : sim::RecordKind::kMmio, access.context.domain, record);
  if (access.write && !config && access.size >= 4 && fabric_ != nullptr) {
    classifier_.OnProgrammed(static_cast<pci::ProvenanceId>(fabric_->provenance_log().count()), access.value);
  }
}

}  // namespace pvpci::scenarios
