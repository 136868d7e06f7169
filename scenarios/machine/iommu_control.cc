// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/iommu_control.h"

#include "models/xen/frames.h"
#include "models/xen/hypervisor.h"
#include "sim/check.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kSuperpageFrames = 512;  // 2 MiB
constexpr unsigned kSuperpageOrder = 9;

unsigned OrderOf(unsigned frames) {
  unsigned order = 0;
  while ((1u << order) < frames) ++order;
  return order;
}

}  // namespace

IommuTables::IommuTables(iommu::Iommu& unit, sim::MachineMemory& memory, uint64_t seed)
    : unit_(unit), memory_(memory), random_(seed, "iommu.tables") {}

void IommuTables::Enable(xen::Hypervisor& hypervisor) {
  hypervisor_ = &hypervisor;
  iommu::FrameSource source;
  source.allocate = [this](sim::FrameType type, unsigned frames) {
    const auto first = hypervisor_->frames().Allocate(sim::kDomXen, OrderOf(frames), 0, 0, random_);
    SIM_CHECK(first.has_value(), "no machine memory left for IOMMU tables");
    for (unsigned i = 0; i < (1u << OrderOf(frames)); ++i) memory_.SetType(*first + i, type);
    return *first;
  };
  source.free = [this](sim::Mfn first, unsigned frames) {
    for (unsigned i = 0; i < (1u << OrderOf(frames)); ++i) hypervisor_->frames().Free(first + i);
  };
  writer_ = std::make_unique<iommu::TableWriter>(&unit_, &memory_, source);
  writer_->Enable();
}

void IommuTables::Batch() {
  if (batching_) return;
  writer_->BeginBatch();
  batching_ = true;
}

sim::Ps IommuTables::CreateDomain(sim::DomId) { return 0; }

sim::Ps IommuTables::DestroyDomain(sim::DomId domain) {
  return Flush(domain) + writer_->DestroyDomain(UnitDomain(domain));
}

sim::Ps IommuTables::AssignDevice(pci::Bdf function, sim::DomId domain) {
  const sim::Ps flushed = Flush(domain);
  if (domain == sim::kDomIo) return flushed + writer_->ClearContext(function);
  return flushed + writer_->SetContext(function, UnitDomain(domain));
}

sim::Ps IommuTables::MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) {
  return writer_->MapPage(UnitDomain(domain), mfn, mfn, true, writable);
}

sim::Ps IommuTables::UnmapFrame(sim::DomId domain, sim::Mfn mfn) {
  Batch();
  return writer_->UnmapPage(UnitDomain(domain), mfn);
}

sim::Ps IommuTables::MapRange(sim::DomId domain, sim::Mfn first, uint64_t count, bool writable) {
  sim::Ps cost = 0;
  while (count > 0) {
    const bool large = first % kSuperpageFrames == 0 && count >= kSuperpageFrames;
    const uint64_t step = large ? kSuperpageFrames : 1;
    cost += writer_->MapPage(UnitDomain(domain), first, first, true, writable, large ? kSuperpageOrder : 0);
    first += step;
    count -= step;
  }
  return cost;
}

sim::Ps IommuTables::Flush(sim::DomId) {
  if (!batching_) return 0;
  batching_ = false;
  return writer_->EndBatch();
}

std::optional<unsigned> IommuTables::AllocateIrtes(unsigned count) { return writer_->AllocateIrte(count); }

sim::Ps IommuTables::WriteIrte(unsigned index, const xen::RemapTarget& target) {
  return writer_->WriteIrte(index, iommu::Irte::Remapped(static_cast<uint8_t>(target.vector),
                                                         static_cast<uint8_t>(target.destination), target.source,
                                                         target.level));
}

sim::Ps IommuTables::FreeIrtes(unsigned index, unsigned count) { return writer_->FreeIrte(index, count); }

}  // namespace pvpci::scenarios
