// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/iommu_control.h"

#include <array>
#include <set>

#include "models/iommu/faults.h"
#include "models/xen/frames.h"
#include "models/xen/hypervisor.h"
#include "models/xen/passthrough.h"
#include "sim/out_of_resources.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kSuperpageFrames = 512;  // 2 MiB
constexpr unsigned kSuperpageOrder = 9;
constexpr uint16_t kFirstQuarantine = 0x7FFF;  // their count is added
// The unit's own interrupt goes to Xen and nobody else.
constexpr uint64_t kFaultMessage = 0xFEE0'0000;
constexpr uint32_t kFaultVector = 0xF0;

unsigned OrderOf(unsigned frames) {
  unsigned order = 0;
  while ((1u << order) < frames) ++order;
  return order;
}

constexpr sim::Ps kDeviceTlbAnswer = sim::kUs;  // a round trip and the device's own time. 0.5 .. 10 us, A.

// PCIe 6.0, 7.6.3, 10.5.1.
constexpr unsigned kFirstExtended = 0x100, kAtsControl = 6;
constexpr uint32_t kAtsCapability = 0x000f, kAtsEnable = 0x8000;

}  // namespace

std::optional<sim::Ps> DeviceTlb::Invalidate(uint64_t, unsigned) {
  return answers_ ? std::optional<sim::Ps>(kDeviceTlbAnswer) : std::nullopt;
}

IommuTables::IommuTables(iommu::Iommu& unit, sim::MachineMemory& memory, uint64_t seed)
    : unit_(unit), memory_(memory), random_(seed, "iommu.tables") {}

void IommuTables::Enable(xen::Hypervisor& hypervisor, iommu::TableWriterConfig config) {
  hypervisor_ = &hypervisor;
  iommu::FrameSource source;
  source.allocate = [this](sim::FrameType type, unsigned frames) {
    const auto first = hypervisor_->frames().Allocate(sim::kDomXen, OrderOf(frames), 0, 0, random_);
    if (!first) throw sim::OutOfResources("no machine memory is left for a table of the IOMMU");
    for (unsigned i = 0; i < (1u << OrderOf(frames)); ++i) memory_.SetType(*first + i, type);
    return *first;
  };
  source.free = [this](sim::Mfn first, unsigned frames) {
    for (unsigned i = 0; i < (1u << OrderOf(frames)); ++i) hypervisor_->frames().Free(first + i);
  };
  const xen::HypervisorConfig& xen = hypervisor.config();
  config.device_tlb_timeout = xen.iommu_dev_iotlb_timeout;
  config.flaws.unmap_not_flushed = xen.has(xen::Unfixed::kXsa78);
  config.flaws.context_not_flushed = xen.has(xen::Unfixed::kXsa442);
  config.flaws.torn_entries = xen.has(xen::Unfixed::kXsa347);
  config.flaws.no_write_back = xen.has(xen::Unfixed::kXsa321);
  config.later = [this](sim::Ps time, std::function<void()> action) {
    hypervisor_->simulation().After(time, std::move(action));
  };
  writer_ = std::make_unique<iommu::TableWriter>(&unit_, &memory_, source, config);
  writer_->Enable();
  writer_->OnDeviceTlbTimeout([this](uint16_t, pci::Bdf function) {
    const auto owner = owners_.find(function);
    if (owner == owners_.end()) return;
    writer_->UseDeviceTlb(function, false);
    stalled_by_ = owner->second;
    behind_.clear();
    stalled_until_ = hypervisor_->simulation().now() + hypervisor_->config().iommu_dev_iotlb_timeout;
    hypervisor_->passthrough().DeviceTlbSilent(function, stalled_by_);
  });
  unit_.OnEvent([this](uint64_t, uint32_t) { hypervisor_->passthrough().FaultInterrupt(); });
  writer_->SetFaultEvent(kFaultMessage, kFaultVector);
}

// --- Identifiers ---

uint16_t IommuTables::UnitDomainOf(sim::DomId domain) const {
  const auto found = identifiers_.find(domain);
  return found == identifiers_.end() ? UnitDomain(domain) : found->second;
}

// With the flaw: the lowest number that no domain is known to have.
void IommuTables::Identify(sim::DomId domain) {
  if (!hypervisor_->config().has(xen::Unfixed::kXsa399) || identifiers_.count(domain) != 0) return;
  std::set<uint16_t> taken;
  for (const auto& [other, identifier] : identifiers_) taken.insert(identifier);
  uint16_t lowest = 1;
  while (taken.count(lowest) != 0) ++lowest;
  writer_->SetTag(UnitDomain(domain), lowest);
  identifiers_[domain] = lowest;
}

// The function leaves its domain.
void IommuTables::Release(pci::Bdf function) {
  const auto found = owners_.find(function);
  if (found == owners_.end()) return;
  const sim::DomId domain = found->second;
  owners_.erase(found);
  if (--functions_[domain] == 0) functions_.erase(domain);
  // XSA-399: the domain's identifier comes free although it may have other functions.
  if (identifiers_.erase(domain) != 0) writer_->SetTag(UnitDomain(domain), 0);
}

void IommuTables::Take(pci::Bdf function, sim::DomId domain) {
  Release(function);
  UseDeviceTlb(function);
  owners_[function] = domain;
  ++functions_[domain];
  Identify(domain);
}

// --- Device TLBs ---

// X:xen/drivers/passthrough/ats.c, enable_ats_device.
void IommuTables::UseDeviceTlb(pci::Bdf function) {
  if (!unit_.config().device_tlbs) return;
  xen::PlatformPci& pci = hypervisor_->pci();
  for (unsigned at = kFirstExtended; at != 0;) {
    const uint32_t header = pci.ConfigRead(function, at, 4);
    if (header == 0 || header == ~uint32_t{0}) break;
    if ((header & 0xffff) == kAtsCapability) {
      pci.ConfigWrite(function, at + kAtsControl, 2, kAtsEnable);
      writer_->UseDeviceTlb(function, true);
      return;
    }
    at = header >> 20;
  }
}

// One queue serves every domain: who invalidates now gets its turn when the unit has given up on the silent device.
sim::Ps IommuTables::BehindOthers(sim::DomId domain) {
  const sim::Ps now = hypervisor_->simulation().now();
  if (now >= stalled_until_ || domain == stalled_by_ || !behind_.insert(domain).second) return 0;
  if (hypervisor_->config().has(xen::Unfixed::kXsa373)) hypervisor_->passthrough().WaitedTooLong(domain);
  return stalled_until_ - now;
}

bool IommuTables::HasFunctions(sim::DomId domain) const { return functions_.count(domain) != 0; }

// --- Contexts ---

sim::Ps IommuTables::DestroyDomain(sim::DomId domain) {
  identifiers_.erase(domain);
  return writer_->DestroyDomain(UnitDomain(domain));
}

sim::Ps IommuTables::AttachDevice(pci::Bdf function, sim::DomId domain) {
  writer_->Prepare(function, UnitDomain(domain));
  Take(function, domain);
  return writer_->SetContext(function, UnitDomain(domain));
}

sim::Ps IommuTables::PassDevice(pci::Bdf function, sim::DomId domain) {
  writer_->Prepare(function, UnitDomain(domain));
  Take(function, domain);
  return writer_->SetPassThrough(function, UnitDomain(domain));
}

sim::Ps IommuTables::AttachQuarantine(pci::Bdf function) {
  Release(function);
  return writer_->SetContext(function, quarantines_.at(function).unit_domain);
}

sim::Ps IommuTables::BlockDevice(pci::Bdf function) {
  Release(function);
  return writer_->ClearContext(function);
}

sim::Ps IommuTables::MakeQuarantine(pci::Bdf function, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& regions,
                                    bool scratch) {
  const auto [it, fresh] = quarantines_.try_emplace(function);
  Quarantine& quarantine = it->second;
  if (!fresh) {
    static constexpr std::array<std::byte, sim::kPageSize> kZeros{};
    if (quarantine.scratch != 0) memory_.Write(quarantine.scratch << sim::kPageShift, kZeros.data(), kZeros.size());
    return 0;
  }
  quarantine.unit_domain = static_cast<uint16_t>(kFirstQuarantine + quarantines_.size());
  try {
    return FillQuarantine(&quarantine, regions, scratch);
  } catch (const sim::OutOfResources&) {
    writer_->DestroyDomain(quarantine.unit_domain);
    if (quarantine.scratch != 0) hypervisor_->frames().Free(quarantine.scratch);
    quarantines_.erase(it);
    throw;
  }
}

sim::Ps IommuTables::FillQuarantine(Quarantine* quarantine, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& regions,
                                    bool scratch) {
  sim::Ps spent = 0;
  for (const auto& [first, last] : regions) spent += MapPages(quarantine->unit_domain, first, last - first + 1, true);
  if (!scratch) return spent;
  const auto page = hypervisor_->frames().Allocate(sim::kDomXen, 0, 0, 0, random_);
  if (!page) throw sim::OutOfResources("no machine memory is left for a scratch page");
  memory_.SetType(*page, sim::FrameType::kScratch);
  quarantine->scratch = *page;
  return spent + writer_->FillWith(quarantine->unit_domain, *page);
}

// --- Pages ---

sim::Ps IommuTables::MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) {
  return writer_->MapPage(UnitDomain(domain), mfn, mfn, true, writable);
}

sim::Ps IommuTables::UnmapFrame(sim::DomId domain, sim::Mfn mfn) {
  return BehindOthers(domain) + writer_->UnmapPage(UnitDomain(domain), mfn);
}

sim::Ps IommuTables::MapPages(uint16_t unit_domain, sim::Mfn first, uint64_t count, bool writable) {
  sim::Ps cost = 0;
  while (count > 0) {
    const bool large = first % kSuperpageFrames == 0 && count >= kSuperpageFrames;
    const uint64_t step = large ? kSuperpageFrames : 1;
    cost += writer_->MapPage(unit_domain, first, first, true, writable, large ? kSuperpageOrder : 0);
    first += step;
    count -= step;
  }
  return cost;
}

sim::Ps IommuTables::MapRange(sim::DomId domain, sim::Mfn first, uint64_t count, bool writable) {
  return MapPages(UnitDomain(domain), first, count, writable);
}

sim::Ps IommuTables::EndBatch(sim::Ps later) {
  if (later == 0) return writer_->EndBatch();
  hypervisor_->simulation().After(later, [this, touched = writer_->TakeBatch()] {
    for (const uint16_t unit_domain : touched) writer_->FlushIotlbDomain(unit_domain);
  });
  return 0;
}

std::vector<xen::DmaFaultReport> IommuTables::TakeFaults() {
  bool overflow = false;
  std::vector<xen::DmaFaultReport> reports;
  for (const iommu::FaultRecorded& fault : writer_->ReadFaults(&overflow)) {
    pci::Bdf source = pci::Bdf::FromId(fault.requester);
    source.segment = fault.segment;
    reports.push_back({source, fault.address, fault.reason, fault.write != 0, fault.interrupt != 0,
                       iommu::FaultText(fault.reason)});
  }
  return reports;
}

std::optional<unsigned> IommuTables::AllocateIrtes(unsigned count) { return writer_->AllocateIrte(count); }

std::optional<iommu::Irte> IommuTables::InterruptEntry(unsigned index) const {
  if (!writer_->has_interrupt_table() || index >= writer_->interrupt_entries()) return std::nullopt;
  return writer_->ReadIrte(index);
}

sim::Ps IommuTables::WriteIrte(unsigned index, const xen::RemapTarget& target) {
  const sim::Ps spent = writer_->WriteIrte(index, iommu::Irte::Remapped(static_cast<uint8_t>(target.vector),
                                                                        static_cast<uint8_t>(target.destination),
                                                                        target.source, target.level));
  if (entry_written_) entry_written_(index);
  return spent;
}

sim::Ps IommuTables::FreeIrtes(unsigned index, unsigned count) {
  const sim::Ps spent = writer_->FreeIrte(index, count);
  for (unsigned i = index; entry_written_ && i < index + count; ++i) entry_written_(i);
  return spent;
}

}  // namespace pvpci::scenarios
