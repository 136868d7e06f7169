// SPDX-License-Identifier: Apache-2.0
// The hypervisor's hand on the IOMMU: xen::IommuControl on models/iommu's table writer.
// A domain's identifier in the unit is its number plus one; a function in quarantine has one of its own from 0x8000 on.
// With XSA-399 unfixed identifiers are given out lowest first, and come free too early.
#ifndef PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_
#define PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/xen/platform.h"
#include "sim/machine_memory.h"
#include "sim/random.h"

namespace pvpci::xen {
class Hypervisor;
}

namespace pvpci::scenarios {

// What the unit sees of a function's device TLB. Translated requests carry any address (an attacker's), so that nothing
// needs to be kept; what matters is whether it answers.
class DeviceTlb : public iommu::DeviceTlbPort {
 public:
  explicit DeviceTlb(bool answers) : answers_(answers) {}
  std::optional<sim::Ps> Invalidate(uint64_t bus_address, unsigned order) override;

 private:
  const bool answers_;
};

class IommuTables : public xen::IommuControl {
 public:
  IommuTables(iommu::Iommu& unit, sim::MachineMemory& memory, uint64_t seed);

  // Table frames come from this hypervisor's heap. Builds the tables and switches the unit on.
  void Enable(xen::Hypervisor& hypervisor, iommu::TableWriterConfig config);
  iommu::TableWriter& writer() { return *writer_; }
  static uint16_t UnitDomain(sim::DomId domain) { return static_cast<uint16_t>(domain + 1); }

  // The identifier under which the domain's translations are tagged now.
  uint16_t UnitDomainOf(sim::DomId domain) const;
  // Whether functions go through the domain's table now; whether that table maps the frame.
  bool HasFunctions(sim::DomId domain) const;
  bool Maps(sim::DomId domain, sim::Mfn mfn) const { return writer_->Find(UnitDomain(domain), mfn).has_value(); }

  // Called after each change of an entry of the interrupt remapping table.
  void OnInterruptEntry(std::function<void(unsigned index)> callback) { entry_written_ = std::move(callback); }
  // The entry as it stands in memory; empty: the table has none of that number.
  std::optional<iommu::Irte> InterruptEntry(unsigned index) const;

  bool remaps_interrupts() const override { return unit_.config().remap_interrupts; }
  sim::Ps DestroyDomain(sim::DomId domain) override;
  sim::Ps AttachDevice(pci::Bdf function, sim::DomId domain) override;
  sim::Ps PassDevice(pci::Bdf function, sim::DomId domain) override;
  sim::Ps AttachQuarantine(pci::Bdf function) override;
  sim::Ps BlockDevice(pci::Bdf function) override;
  sim::Ps MakeQuarantine(pci::Bdf function, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& regions,
                         bool scratch) override;
  sim::Ps MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) override;
  sim::Ps UnmapFrame(sim::DomId domain, sim::Mfn mfn) override;
  sim::Ps MapRange(sim::DomId domain, sim::Mfn first, uint64_t count, bool writable) override;
  void BeginBatch() override { writer_->BeginBatch(); }
  sim::Ps EndBatch(sim::Ps later) override;
  void SuppressFlushes(bool suppressed) override { writer_->SuppressFlushes(suppressed); }
  std::vector<xen::DmaFaultReport> TakeFaults() override;
  std::optional<unsigned> AllocateIrtes(unsigned count) override;
  sim::Ps WriteIrte(unsigned index, const xen::RemapTarget& target) override;
  sim::Ps FreeIrtes(unsigned index, unsigned count) override;

 private:
  struct Quarantine {
    uint16_t unit_domain = 0;
    sim::Mfn scratch = 0;      // 0: none
  };
  sim::Ps FillQuarantine(Quarantine* quarantine, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& regions, bool scratch);
  void Identify(sim::DomId domain);
  void Take(pci::Bdf function, sim::DomId domain);
  void Release(pci::Bdf function);
  // Lets the unit and the function use its device TLB, if it has one and the unit knows device TLBs.
  void UseDeviceTlb(pci::Bdf function);
  // What an invalidation of the domain takes that stands behind one which a device TLB does not answer.
  sim::Ps BehindOthers(sim::DomId domain);
  sim::Ps MapPages(uint16_t unit_domain, sim::Mfn first, uint64_t count, bool writable);

  iommu::Iommu& unit_;
  sim::MachineMemory& memory_;
  sim::Random random_;
  xen::Hypervisor* hypervisor_ = nullptr;
  std::unique_ptr<iommu::TableWriter> writer_;
  std::map<pci::Bdf, Quarantine> quarantines_;
  std::map<pci::Bdf, sim::DomId> owners_;         // functions attached to a domain
  std::map<sim::DomId, unsigned> functions_;      // how many of those a domain has
  std::map<sim::DomId, uint16_t> identifiers_;    // with XSA-399 unfixed
  sim::Ps stalled_until_ = 0;                     // the queue, by a device TLB that does not answer
  sim::DomId stalled_by_ = sim::kDomNone;
  std::function<void(unsigned)> entry_written_;
  std::set<sim::DomId> behind_;                   // domains that wait for it already: once, whatever they invalidate
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_IOMMU_CONTROL_H_
