// SPDX-License-Identifier: Apache-2.0
// The toolstack: what xl and libxl of Xen 4.17 do for PV domains with PCI passthrough, as far as a guest or the
// hypervisor can see it. abi.md 3.3, S3; golden/e1000e-attach.store.
//
// Every operation is a small state machine on the simulation; operations run one at a time, in the order asked for
// (libxl holds the domain's lock). Each ends with exactly one call of its callback, within its deadlines.
// Left out: HVM and device models, stub domains, JSON domain configuration, and of /libxl everything but
// /libxl/pci/<bdf>/driver_path. As libxl, a failed attach takes nothing back that it gave before it failed.
#ifndef PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_H_
#define PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/pci/tlp.h"
#include "models/xen/store/store_client.h"
#include "models/xen/store/xenstored.h"
#include "models/xen/toolstack/environment.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::xen {

// XenbusState, xen/include/public/io/xenbus.h.
inline constexpr unsigned kXenbusConnected = 4;
inline constexpr unsigned kXenbusClosing = 5;
inline constexpr unsigned kXenbusClosed = 6;
inline constexpr unsigned kXenbusReconfiguring = 7;

// When a detach takes the domain's permissions away.
enum class DetachOrder : uint8_t {
  kRevokeFirst,     // as libxl: permissions, pirq, reset, deassign; then the guest is told
  kHandshakeFirst,  // the guest lets go first: what an operator would expect
};

struct ToolstackConfig {
  NoIommuPolicy no_iommu = NoIommuPolicy::kRefused;
  DetachOrder detach_order = DetachOrder::kRevokeFirst;
  // One control operation of a tool (ioctl and hypercall). Range 1 .. 50 us. Assumption.
  sim::Ps control_latency = 5 * sim::kUs;
  // One store transaction of a tool (a dozen socket round trips). Range 50 us .. 2 ms. Assumption.
  sim::Ps store_latency = 200 * sim::kUs;
  // From the end of one command to the first action of the next: a process ends, the shell starts another, which is
  // linked, reads its configuration and opens store and hypervisor. Range 0 (a daemon that uses libxl) .. 100 ms.
  // Assumption. With a gap shorter than dom0 needs for its watches, a device that is attached again at once is never
  // served: xenbus_dev_changed of dom0 looks when the new directory is there already, and keeps the old device.
  sim::Ps command_gap = 2 * sim::kMs;
  // Patience with a backend that shall reach a state. libxl: 100 polls of 100 ms.
  sim::Ps backend_timeout = 10 * sim::kSec;
  // Patience at xl destroy, where the guest may be dead. libxl waits the full backend_timeout.
  sim::Ps destroy_timeout = 1 * sim::kSec;
  // Patience with dom0's sysfs. libxl has none (write() blocks); the bench must end.
  sim::Ps agent_timeout = 10 * sim::kSec;
};

struct OperationResult {
  bool ok = false;
  std::string error;     // as the tool prints it; empty if ok
  sim::Ps elapsed = 0;   // from the start of the operation (not from when it was asked for)
};
using OperationDone = std::function<void(const OperationResult&)>;

struct ToolDomain {
  sim::DomId domain = 0;
  std::string name;
  unsigned vcpus = 1;
  uint64_t memory_kib = 16384;
  StoreRing ring;                 // ring.port and ring.gfn are written to store/port and store/ring-ref
  // config file "pci = [...]": refused at creation if the platform cannot (kRefused).
  bool wants_passthrough = false;
};

struct AttachOptions {
  bool permissive = false;        // xl: permissive=1; also written to pciback's permissive file
  bool msitranslate = false;
  bool power_mgmt = false;
  std::string rdm_policy = "strict";
  // false: hot, the nodes and state 7 are written whatever state the backend is in, and nobody waits for it
  // afterwards (tools older than libxl; T18b of abi.md 1.1).
  bool waits = true;
};

// A paravirtual device other than pci, as libxl__device_generic_add: what its kind's tools write into the two
// directories beside what every device has.
struct FrontendNodes {
  std::string kind;  // "vbd", "vif", "vkbd"
  uint64_t id = 0;
  std::vector<std::pair<std::string, std::string>> front, back;  // name and value
};

class Toolstack {
 public:
  Toolstack(sim::Simulation& simulation, sim::Trace& trace, Xenstored& store, HypervisorControl& hypervisor,
            DomainAgent& agent, const PciInventory& inventory, ToolstackConfig config = {});
  ~Toolstack();
  Toolstack(const Toolstack&) = delete;
  Toolstack& operator=(const Toolstack&) = delete;

  // Synchronous, before the first domain runs: dom0's nodes (as xen-init-dom0), and its ring.
  void InitDom0(const ToolDomain& dom0);
  // The nodes of a new PV domain (libxl__domain_make and libxl__build_post), then the introduction. The domain itself
  // is built by models/xen before, and must not run before `done`.
  void CreateDomain(ToolDomain spec, OperationDone done);

  // xl pci-assignable-add: unbind from its driver in dom0, bind to pciback; with an IOMMU also quarantine. Not
  // `quarantine`: without the assignment to dom_io, as other tools do (threats.md XSA-306).
  void Seize(pci::Bdf function, OperationDone done, bool quarantine = true);
  // The function was given to pciback at boot (xen-pciback.hide=).
  void MarkAssignable(pci::Bdf function);
  // xl pci-assignable-remove -r: from pciback back to the driver it had.
  void Release(pci::Bdf function, OperationDone done);

  // For a domain that does not run yet. All functions appear in the store in one transaction; does not wait for the
  // backend (as libxl).
  void AttachCold(sim::DomId domain, std::vector<pci::Bdf> functions, AttachOptions options, OperationDone done);
  // xl pci-attach. First function of a running domain: as cold; else state 7. `done` comes when the backend is
  // Connected again (libxl does not wait for that; the bench wants to know), or with its state after backend_timeout.
  void AttachHot(sim::DomId domain, pci::Bdf function, AttachOptions options, OperationDone done);
  // xl pci-detach. The last function takes the device's directories with it.
  void Detach(sim::DomId domain, pci::Bdf function, OperationDone done);
  // Both directories of another paravirtual device, in state 1. Nobody here is its backend.
  void AddFrontend(sim::DomId domain, FrontendNodes nodes, OperationDone done);
  // Orderly end of the pci device: online=0, state=5, wait for Closed, delete both directories.
  void Close(sim::DomId domain, OperationDone done);
  // xl destroy: Close without patience for the guest, permissions back, nodes deleted, released, destroyed.
  void Destroy(sim::DomId domain, OperationDone done);
  // Waits until the domain's pci backend is in `state` (XenbusState: 4 Connected).
  void WaitBackend(sim::DomId domain, unsigned state, sim::Ps timeout, OperationDone done);

  NoIommuPolicy no_iommu_policy() const { return config_.no_iommu; }
  // Functions attached to `domain`, in the order of their dev-N nodes.
  std::vector<pci::Bdf> attached(sim::DomId domain) const;
  bool busy() const { return running_ != nullptr; }

 private:
  // What one function was given, so that it can be taken back.
  struct Assignment {
    sim::DomId domain = 0;
    std::optional<unsigned> pirq;
  };
  using Next = std::function<void(std::string error)>;  // empty: go on
  using Step = std::function<void(Next)>;
  // Is an operation a command of its own, or part of one that is under way (xl create, a look at the store)?
  enum class Begins : uint8_t { kCommand, kAtOnce };
  struct Operation {
    std::string name;
    Begins begins = Begins::kCommand;
    OperationDone done;
    std::deque<Step> steps;
    sim::Ps started = 0;
    uint64_t turn = 0;  // counts steps begun: an answer that comes after its step is over is dropped
  };

  // Engine: toolstack.cc.
  Operation& Enqueue(std::string name, Begins begins, OperationDone done);
  void StartNext();
  void RunStep();
  void Finish(const std::string& error);
  // Puts `steps` before those that remain of the running operation.
  void Insert(std::vector<Step> steps);
  void Say(const std::string& text);
  // Steps: toolstack_steps.cc. Errors are texts as libxl prints them; an empty `failure` tolerates every failure.
  Step Check(std::function<std::string()> check);
  Step Control(std::string what, std::function<long()> call, std::string failure);
  Step Store(std::string what, std::function<XsError(TransactionId)> body);
  Step Sysfs(std::string path, std::string value, std::string failure);
  Step ReadSysfs(std::string path, std::function<std::string(long result, const std::string& text)> take);
  Step WaitState(std::string path, unsigned state, sim::Ps timeout, std::string failure);

  // toolstack_attach.cc.
  std::string CheckAttachable(sim::DomId domain, pci::Bdf function) const;
  void AddAssignSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function, const AttachOptions& options);
  void AddRevokeSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function);
  void AddHandshakeSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function);
  XsError WriteDirectories(TransactionId id, sim::DomId domain, const FrontendNodes& nodes);
  XsError WriteFunctions(TransactionId id, sim::DomId domain, unsigned first, const std::vector<pci::Bdf>& functions,
                         const AttachOptions& options);
  XsError RemoveFunction(TransactionId id, sim::DomId domain, unsigned index, unsigned count);
  XsError RemoveDirectories(TransactionId id, sim::DomId domain);
  // Removes the path and every parent that is left empty.
  XsError Cleanup(TransactionId id, std::string path);
  unsigned num_devs(sim::DomId domain) const;
  std::vector<pci::Bdf> assigned_to(sim::DomId domain) const;

  sim::Simulation& simulation_;
  sim::Trace& trace_;
  Xenstored& store_;
  HypervisorControl& hypervisor_;
  DomainAgent& agent_;
  const PciInventory& inventory_;
  ToolstackConfig config_;
  std::unique_ptr<StoreClient> client_;
  std::set<pci::Bdf> assignable_;
  std::map<pci::Bdf, Assignment> assigned_;
  std::deque<std::unique_ptr<Operation>> queue_;
  std::unique_ptr<Operation> running_;
  sim::EventHandle start_ = 0;
  sim::Ps next_command_ = 0;  // no command begins earlier
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // callbacks of agent and clock may come late
};

std::string BackendPath(sim::DomId domain);   // "/local/domain/0/backend/pci/<domain>/0"
std::string FrontendPath(sim::DomId domain);  // "/local/domain/<domain>/device/pci/0"

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TOOLSTACK_TOOLSTACK_H_
