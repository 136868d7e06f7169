// SPDX-License-Identifier: Apache-2.0
// The machine room of one scenario: owns every model and connects them. One per process.
//
//   domains (driver/) -- hypercalls, MMIO -- Hypervisor, Fabric -- DMA -- [Iommu] -- MachineMemory
//                                            xenstored, toolstack          Classifier, Spans, RingProbe watch
#ifndef PVPCI_SCENARIOS_MACHINE_MACHINE_H_
#define PVPCI_SCENARIOS_MACHINE_MACHINE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/iommu/iommu.h"
#include "models/pci/fabric.h"
#include "models/xen/hypervisor.h"
#include "models/xen/store/store_client.h"
#include "models/xen/store/xenstored.h"
#include "models/xen/toolstack/hypervisor_control.h"
#include "models/xen/toolstack/toolstack.h"
#include "scenarios/machine/adapters.h"
#include "scenarios/machine/backtraces.h"
#include "scenarios/machine/classify.h"
#include "scenarios/machine/escape_meter.h"
#include "scenarios/machine/guest_domain.h"
#include "scenarios/machine/iommu_control.h"
#include "scenarios/machine/ring_probe.h"
#include "scenarios/machine/secrets.h"
#include "scenarios/machine/spans.h"
#include "scenarios/machine/sub_page.h"
#include "scenarios/scenario.h"
#include "scenarios/store_path.h"
#include "sim/dma_ledger.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

// What is switched on in a mutated image.
struct MutantSwitch {
  int number = 0;          // value of `pvpci_mutant` in every domain; 0: every fix is in place
  std::string id;          // "XSA-155"
  std::string sha256;      // digest of the mutated copy
  std::string what;        // for the result: where, and what is taken back
};

// Files of a guest image: NAME.elf, NAME.blocks.tsv, NAME.lines.tsv, NAME.kernel.json, NAME.originals.json,
// NAME.changes.json, NAME.sha256 (digest of the first), and the folder NAME.sources.
struct ImageFiles {
  std::string folder;
  std::string name;        // "linux_6_1"
  bool accounted = true;   // false: the plain image, which has no blocks.tsv and no lines.tsv
  std::optional<MutantSwitch> mutant;  // set: a mutated image (scenarios/mutants.h)
  std::string Path(const std::string& extension) const { return folder + "/" + name + "." + extension; }
};

// kNothing: no trace, ledger, classes, backtraces and interrupt records, to measure what they cost. Such a run has no result.
enum class Watch { kEverything, kNothing };

class Machine : public Ownership, public xen::DomainObserver {
 public:
  // Elaborates. Domains are reserved but not built: dom0's memory comes first, in the order of the file.
  Machine(const Scenario& scenario, const ImageFiles& image, Watch watch = Watch::kEverything);
  ~Machine() override;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const Scenario& scenario() const { return scenario_; }
  const ImageFiles& image_files() const { return image_files_; }
  sim::Simulation& simulation() { return simulation_; }
  sim::Trace& trace() { return trace_; }
  sim::MachineMemory& memory() { return *memory_; }
  pci::Fabric& fabric() { return *fabric_; }
  iommu::Iommu* iommu() { return iommu_.get(); }
  IommuTables* iommu_tables() { return tables_.get(); }
  const EscapeMeter* escape_meter() const { return meter_.get(); }
  const SubPage& sub_page() const { return *sub_page_; }
  xen::Hypervisor& hypervisor() { return *hypervisor_; }
  xen::Xenstored& store() { return *store_; }
  const RingProbe& rings() const { return *rings_; }
  xen::Toolstack& toolstack() { return *toolstack_; }
  Classifier& classifier() { return *classifier_; }
  Spans& spans() { return *spans_; }
  Secrets& secrets() { return *secrets_; }
  const std::map<sim::DomId, std::unique_ptr<GuestDomain>>& guests() const { return guests_; }

  GuestDomain& guest(const std::string& name);
  GuestDomain* FindGuest(sim::DomId id);
  pci::Function& device(const std::string& name);

  // Builds dom0 and every domain without a kernel at once; the others at Boot.
  void BuildFirstDomains();
  // Tools make the domain, then it runs. `done`: "" when its kernel is up, else why not.
  using Done = std::function<void(const std::string& error)>;
  void Boot(GuestDomain& guest, Done done);
  // `quarantine`: the tools assign it to dom_io, too.
  void Seize(pci::Function& device, Done done, bool quarantine = true);
  // Done when the backend is Connected and the frontend too. Before Boot it becomes part of the domain's configuration
  // and is done at once; then Boot ends when the frontend is Connected.
  // Not `waits`: done when the nodes are written, whatever anybody's state is.
  void Attach(pci::Function& device, GuestDomain& guest, Done done, bool waits = true);
  void Detach(pci::Function& device, GuestDomain& guest, Done done);
  void Destroy(GuestDomain& guest, Done done);
  // The tools make the directories of a paravirtual device that has no backend.
  void AddFrontend(GuestDomain& guest, const FrontendSpec& spec, Done done);
  // What the tools write by hand, in one transaction. "" or why not.
  std::string WriteStore(const std::vector<StoreNodeSpec>& nodes);
  // `done` when the node has that value, which may be at once.
  void AwaitStore(const std::string& path, const std::string& value, Done done);

  // Text with "${...}" replaced. Throws std::runtime_error with a sentence if a value does not exist now.
  std::string Expand(const std::string& text);
  DomainIds domain_ids() const;
  // BDF under which the domain that has the device sees it.
  std::optional<pci::Bdf> GuestBdf(pci::Bdf function) const;
  std::optional<pci::Bdf> PhysicalBdf(sim::DomId domain, const std::string& guest_name) const;
  bool assigned(pci::Bdf function) const { return OwnerOf(function) != 0; }

  // Called when a domain stopped by itself.
  void OnDomainStopped(std::function<void(GuestDomain&)> callback) { stopped_ = std::move(callback); }

  // Ownership
  sim::DomId OwnerOf(pci::Bdf function) const override;
  std::string DomainName(sim::DomId domain) const override;
  std::string DomainRole(sim::DomId domain) const override;
  bool MapsByGrant(sim::DomId domain, sim::Mfn mfn) const override;
  std::string MessageStory(uint64_t address, uint32_t data) const override;
  reports::MessagePath PathOfMessage(uint64_t address, uint32_t data) const override;
  std::string StepUnderWay() const override { return step_under_way_; }
  sim::DomId MessageReceiver(uint64_t address, uint32_t data) const override;
  bool MessageIsAGuests(uint64_t address, uint32_t data) const override;

  void SetStepUnderWay(const std::string& label) { step_under_way_ = label; }

  // xen::DomainObserver
  void OnShutdown(sim::DomId domain, unsigned reason) override;

 private:
  std::string MaskedIn(sim::DomId domain, unsigned vcpu);
  void WaitFrontend(sim::DomId domain, Done done);
  std::string CommandLine(const GuestDomain& guest) const;
  void BuildDomain(GuestDomain& guest);
  bool BuiltLater(const GuestDomain& guest) const;
  std::optional<sim::Mfn> FirstFrame(sim::FrameType type) const;
  xen::StoreRing RingOf(GuestDomain& guest);
  xen::ToolDomain ToolDomainOf(GuestDomain& guest);
  void AttachDeviceTlbs();
  void ApplyPassthroughParameters(xen::HypervisorConfig* config) const;
  // The irq of a guest with that vector on that processor; -1: there is none.
  int IrqOf(unsigned vector, unsigned cpu) const;
  // Notes who has written that entry of the interrupt remapping table.
  void OnInterruptEntry(unsigned index);
  void FollowEntry(reports::MessagePath* path) const;

  struct EntryWritten {
    sim::DomId domain = sim::kDomXen;
    std::string hypercall;
    sim::Ps time = 0;
    uint32_t backtrace = 0;
  };

  const Scenario scenario_;
  const ImageFiles image_files_;
  std::shared_ptr<const driver::Image> image_;
  sim::Simulation simulation_;
  sim::Trace trace_;
  std::unique_ptr<sim::MachineMemory> memory_;
  sim::DmaLedger ledger_;
  mutable Backtraces backtraces_;  // asking it reads symbols
  std::map<unsigned, EntryWritten> entries_written_;  // of the interrupt remapping table, by whom last
  std::unique_ptr<Secrets> secrets_;
  std::unique_ptr<Spans> spans_;
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<RegisterTrace> register_trace_;
  std::unique_ptr<pci::Fabric> fabric_;
  std::unique_ptr<iommu::Iommu> iommu_;
  std::unique_ptr<IommuTables> tables_;
  std::vector<std::unique_ptr<DeviceTlb>> device_tlbs_;
  std::unique_ptr<EscapeMeter> meter_;
  std::unique_ptr<SubPage> sub_page_;
  XenPci xen_pci_;
  std::unique_ptr<xen::Hypervisor> hypervisor_;
  std::unique_ptr<xen::Xenstored> store_;
  std::unique_ptr<xen::StoreClient> watcher_;
  std::unique_ptr<RingProbe> rings_;
  std::unique_ptr<xen::ModelHypervisorControl> control_;
  std::unique_ptr<SysfsAgent> agent_;
  std::unique_ptr<FabricInventory> inventory_;
  std::unique_ptr<xen::Toolstack> toolstack_;
  std::map<sim::DomId, std::unique_ptr<GuestDomain>> guests_;
  std::map<pci::Bdf, sim::DomId> owners_;   // functions given to a domU
  std::map<sim::DomId, std::vector<pci::Bdf>> configured_;  // given to domains that are not built yet
  std::function<void(GuestDomain&)> stopped_;
  std::string step_under_way_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_MACHINE_H_
