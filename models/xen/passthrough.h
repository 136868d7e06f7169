// SPDX-License-Identifier: Apache-2.0
// Who reaches what through the IOMMU: assignment of functions, quarantine, the 1:1 maps of PV domains and their upkeep,
// identity maps of firmware regions, the fault throttle. Behaviour of xen/drivers/passthrough/ (iommu.c, pci.c,
// x86/iommu.c, vtd/iommu.c), xen/arch/x86/mm.c and xen/common/grant_table.c; threats.md 2A and 9.
//
// Does nothing without an IOMMU. Times are collected and paid by the hypercall that caused them (TakeCost);
// what the tools ask for costs no guest anything.
#ifndef PVPCI_MODELS_XEN_PASSTHROUGH_H_
#define PVPCI_MODELS_XEN_PASSTHROUGH_H_

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "models/xen/config.h"
#include "models/xen/domain.h"
#include "models/xen/platform.h"
#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::xen {

class Hypervisor;

class Passthrough {
 public:
  explicit Passthrough(Hypervisor& hypervisor);

  // --- Functions ---
  // Xen found it at its start, or dom0 reported it: it is dom0's until assigned.
  void AddFunction(pci::Bdf function);
  // To a domain, or to dom_io (sim::kDomIo: quarantine). From its present owner, whoever that is.
  // false: there is no memory for the tables that this needs, and nothing has changed.
  bool Assign(pci::Bdf function, sim::DomId domain);
  // From a domain, or from dom_io back to dom0. threats.md XSA-302, XSA-306.
  void Deassign(pci::Bdf function, sim::DomId domain);
  // Whose table its requests go through: a domain, sim::kDomIo, or kDomNone: Xen does not know it.
  sim::DomId OwnerOf(pci::Bdf function) const;

  // --- Maps ---
  // dom0 as Dom0Iommu says, and the functions found so far.
  void EnableDom0(Domain& dom0);
  // Before a domain's first function: its writable-typed frames, and from now on what becomes one.
  // false: no memory for its tables. Xen crashes the domain then.
  bool Enable(Domain& domain);
  // The domain ends: no more upkeep, its table is freed.
  void Destroy(Domain& domain);
  // A frame of `domain` became writable-typed; stopped to be, for `loss`. false: no memory for its tables; any domain but
  // dom0 is crashed.
  bool MapOwn(sim::DomId domain, sim::Mfn mfn);
  void UnmapOwn(sim::DomId domain, sim::Mfn mfn, FrameLoss loss);
  // `mapper` maps another domain's frame by grant; ends such a mapping. The entry lives from the first to the last. false:
  // as MapOwn.
  bool MapGrant(sim::DomId mapper, sim::Mfn mfn, bool writable);
  void UnmapGrant(sim::DomId mapper, sim::Mfn mfn, bool writable);

  // --- One memory operation. Under IommuFlush::kOperation frames are not free before their invalidation. ---
  void BeginMemoryOp();
  // `failed`: it answered an error. `cost`: its time so far, without what TakeCost will answer.
  void EndMemoryOp(bool failed, sim::Ps cost);
  // Whether a frame that is being freed must wait; then Frames hands it over, and gets it back by FinishFree.
  bool HoldBack(sim::Mfn mfn);
  sim::Ps TakeCost();

  // --- Faults ---
  // The unit's fault interrupt. Logs as Xen does, and takes bus mastering away from functions that do not stop.
  void FaultInterrupt();

  // The function's device TLB did not answer an invalidation of its domain within iommu_dev_iotlb_timeout: that domain
  // crashes, the function reaches nothing more. Releases with the fix of XSA-373 wait without end; before, as here.
  void DeviceTlbSilent(pci::Bdf function, sim::DomId domain);
  // XSA-373: the wait of this domain timed out behind another's device, and it pays for it.
  void WaitedTooLong(sim::DomId domain);

  // Functions whose bus mastering was taken away, each once.
  const std::set<pci::Bdf>& silenced() const { return silenced_; }

  void SetLossObserver(FrameLossObserver* observer) { losses_ = observer; }

 private:
  struct Function {
    sim::DomId owner = 0;
    bool quarantine = false;      // assigned to dom_io by the tools: goes back there. pdev->quarantine
    bool own_table = false;       // for quarantine
    unsigned faults = 0;
    sim::Ps last_fault = 0;
    bool faulted = false;
  };
  struct GrantMaps {
    unsigned readers = 0;
    unsigned writers = 0;
  };
  using Range = std::pair<sim::Mfn, sim::Mfn>;

  IommuControl* iommu() const;
  const HypervisorConfig& config() const;
  bool Flaw(Unfixed flaw) const { return config().has(flaw); }
  bool synced(sim::DomId domain) const { return domain < synced_.size() && synced_[domain]; }
  void SetSynced(sim::DomId domain, bool value);
  std::vector<Range> RegionsOf(pci::Bdf function) const;
  bool Populate(const Domain& domain);
  bool Map(sim::DomId domain, sim::Mfn mfn, bool writable);
  void Reassign(pci::Bdf function, sim::DomId domain);
  void MapAllRam(const Domain& dom0);
  void MapReserved(sim::DomId dom0);
  void MapIdentity(sim::DomId domain, pci::Bdf function);
  void UnmapIdentity(sim::DomId domain, pci::Bdf function);
  void Attach(pci::Bdf function, Function& state, sim::DomId domain);
  void Lost(sim::DomId domain, sim::Mfn mfn, FrameLoss loss);
  void HandleFaults();
  void Throttle(const DmaFaultReport& fault);
  void CrashLater(sim::DomId domain, const std::string& reason);

  Hypervisor& hypervisor_;
  FrameLossObserver* losses_ = nullptr;
  std::map<pci::Bdf, Function> functions_;
  std::vector<bool> synced_;                                            // by domain id: its table follows its frames
  std::map<std::pair<sim::DomId, sim::Mfn>, GrantMaps> grants_;
  std::map<std::pair<sim::DomId, Range>, unsigned> identity_;           // by how many functions
  std::vector<sim::Mfn> held_;                                          // frames that wait for their invalidation
  std::vector<std::pair<sim::DomId, sim::Mfn>> freed_;                  // and who loses them then
  std::set<pci::Bdf> silenced_;
  bool dom0_enabled_ = false;
  bool batch_ = false;
  bool fault_pending_ = false;
  sim::Ps cost_ = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_PASSTHROUGH_H_
