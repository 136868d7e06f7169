// SPDX-License-Identifier: Apache-2.0
// Attach, detach, close. abi.md 3.3, "Cold attach", "Hot add", "Hot remove", "Close"; golden/e1000e-attach.store.
#include <fmt/format.h>

#include <cerrno>

#include "models/xen/toolstack/toolstack.h"

namespace pvpci::xen {
namespace {

constexpr const char* kPciback = "/sys/bus/pci/drivers/pciback";

const FrontendNodes kPciDevice{"pci", 0, {}, {}};

std::string Device(pci::Bdf function) { return "/sys/bus/pci/devices/" + pci::ToString(function); }

std::string DomainError(sim::DomId domain, const std::string& text) {
  return fmt::format("libxl: error: Domain {}:{}", domain, text);
}

std::string NotReady(const std::string& path) { return fmt::format("libxl: error: Backend {} not ready", path); }

// The first error of a row of store operations.
class Row {
 public:
  Row& operator<<(XsError error) {
    if (error_ == XsError::kOk) error_ = error;
    return *this;
  }
  XsError error() const { return error_; }

 private:
  XsError error_ = XsError::kOk;
};

}  // namespace

std::string BackendPath(sim::DomId domain) { return fmt::format("/local/domain/0/backend/pci/{}/0", domain); }
std::string FrontendPath(sim::DomId domain) { return DomainPath(domain) + "/device/pci/0"; }

unsigned Toolstack::num_devs(sim::DomId domain) const {
  const auto text = client_->Read(BackendPath(domain) + "/num_devs");
  return text.ok() ? ParseDecimal(text.value).value_or(0) : 0;
}

std::vector<pci::Bdf> Toolstack::attached(sim::DomId domain) const {
  std::vector<pci::Bdf> functions;
  const unsigned count = num_devs(domain);
  for (unsigned i = 0; i < count; ++i) {
    const auto name = client_->Read(fmt::format("{}/dev-{}", BackendPath(domain), i));
    for (const auto& [function, assignment] : assigned_) {
      if (name.ok() && name.value == pci::ToString(function)) functions.push_back(function);
    }
  }
  return functions;
}

std::vector<pci::Bdf> Toolstack::assigned_to(sim::DomId domain) const {
  std::vector<pci::Bdf> functions;
  for (const auto& [function, assignment] : assigned_) {
    if (assignment.domain == domain) functions.push_back(function);
  }
  return functions;
}

std::string Toolstack::CheckAttachable(sim::DomId domain, pci::Bdf function) const {
  if (assigned_.count(function) != 0) return DomainError(domain, "PCI device already attached to a domain");
  if (assignable_.count(function) == 0 || !inventory_.Find(function)) {
    return DomainError(domain, fmt::format("PCI device {:x}:{:x}:{:x}.{:x} is not assignable", function.segment,
                                           function.bus(), function.device(), function.function()));
  }
  if (!client_->Read(DomainPath(domain) + "/name").ok()) return DomainError(domain, "domain does not exist");
  return {};
}

// libxl's order: reset, BARs, interrupt, permissive, assign_device.
void Toolstack::AddAssignSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function,
                               const AttachOptions& options) {
  steps.push_back(Check([=] { return CheckAttachable(domain, function); }));
  steps.push_back(Check([=] {
    const std::string name = pci::ToString(function);
    const auto info = inventory_.Find(function);
    const auto pirq = std::make_shared<std::optional<unsigned>>();
    std::vector<Step> give;
    give.push_back(Sysfs(Device(function) + "/reset", "1", {}));
    for (const PciResource& bar : info->resources) {
      if (bar.address == 0) continue;
      if (bar.kind == PciResource::Kind::kIo) {
        const auto port = static_cast<uint32_t>(bar.address);
        const auto count = static_cast<uint32_t>(bar.size_bytes);
        give.push_back(Control(
            fmt::format("ioport_permission domain={} port={:#x} count={} allow=1", domain, port, count),
            [=] { return hypervisor_.IoportPermission(domain, port, count, true); },
            DomainError(domain, fmt::format("xc_domain_ioport_permission error {:#x}/{:#x}", port, count))));
      } else {
        const uint64_t frame = bar.address >> sim::kPageShift;
        const uint64_t count = (bar.size_bytes + sim::kPageSize - 1) >> sim::kPageShift;
        give.push_back(Control(
            fmt::format("iomem_permission domain={} mfn={:#x} count={} allow=1", domain, frame, count),
            [=] { return hypervisor_.IomemPermission(domain, frame, count, true); },
            DomainError(domain,
                        fmt::format("xc_domain_iomem_permission error {:#x}/{:#x}", bar.address, bar.size_bytes))));
      }
    }
    if (info->gsi && *info->gsi != 0) {
      const unsigned gsi = *info->gsi;
      give.push_back(Control(
          fmt::format("map_pirq domain={} gsi={}", domain, gsi),
          [=] {
            const long result = hypervisor_.MapGsiPirq(domain, gsi);
            if (result >= 0) *pirq = static_cast<unsigned>(result);
            return result;
          },
          DomainError(domain, fmt::format("xc_physdev_map_pirq irq={}", gsi))));
      give.push_back(Control(
          fmt::format("irq_permission domain={} gsi={} allow=1", domain, gsi),
          [=] { return hypervisor_.IrqPermission(domain, **pirq, true); },
          DomainError(domain, fmt::format("xc_domain_irq_permission irq={}", gsi))));
    }
    if (options.permissive) {
      give.push_back(Sysfs(std::string(kPciback) + "/permissive", name,
                           DomainError(domain, fmt::format("Setting permissive for device {}", name))));
    }
    give.push_back(Control(
        fmt::format("assign_device domain={} {}", domain, name),
        [=] {
          const long result = hypervisor_.AssignDevice(domain, function);
          // No IOMMU and a hypervisor that does not mind: libxl goes on, for PV domains only (abi.md S3).
          return result == -ENOSYS ? 0 : result;
        },
        DomainError(domain, "xc_assign_device failed")));
    give.push_back(Check([=] {
      assigned_[function] = {domain, *pirq};
      return std::string();
    }));
    Insert(std::move(give));
    return std::string();
  }));
}

void Toolstack::AddRevokeSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function) {
  // libxl logs failures here and goes on.
  const auto info = inventory_.Find(function);
  for (const PciResource& bar : info ? info->resources : std::vector<PciResource>()) {
    if (bar.address == 0) continue;
    if (bar.kind == PciResource::Kind::kIo) {
      const auto port = static_cast<uint32_t>(bar.address);
      const auto count = static_cast<uint32_t>(bar.size_bytes);
      steps.push_back(Control(
          fmt::format("ioport_permission domain={} port={:#x} count={} allow=0", domain, port, count),
          [=] { return hypervisor_.IoportPermission(domain, port, count, false); }, {}));
    } else {
      const uint64_t frame = bar.address >> sim::kPageShift;
      const uint64_t count = (bar.size_bytes + sim::kPageSize - 1) >> sim::kPageShift;
      steps.push_back(Control(
          fmt::format("iomem_permission domain={} mfn={:#x} count={} allow=0", domain, frame, count),
          [=] { return hypervisor_.IomemPermission(domain, frame, count, false); }, {}));
    }
  }
  if (const auto pirq = assigned_.at(function).pirq) {
    steps.push_back(Control(
        fmt::format("unmap_pirq domain={} pirq={}", domain, *pirq),
        [=] { return hypervisor_.UnmapPirq(domain, *pirq); }, {}));
    steps.push_back(Control(
        fmt::format("irq_permission domain={} pirq={} allow=0", domain, *pirq),
        [=] { return hypervisor_.IrqPermission(domain, *pirq, false); }, {}));
  }
  steps.push_back(Sysfs(Device(function) + "/reset", "1", {}));
  steps.push_back(Control(
      fmt::format("deassign_device domain={} {}", domain, pci::ToString(function)),
      [=] { return hypervisor_.DeassignDevice(domain, function); }, {}));
}

XsError Toolstack::WriteDirectories(TransactionId id, sim::DomId domain, const FrontendNodes& nodes) {
  const std::string device = fmt::format("{}/{}", nodes.kind, nodes.id);
  const std::string front = fmt::format("{}/device/{}", DomainPath(domain), device);
  const std::string back = fmt::format("{}/backend/{}/{}/{}", DomainPath(0), nodes.kind, domain, nodes.id);
  const auto name = client_->Read(DomainPath(domain) + "/name", id);
  Row row;
  // Usually nothing is there to remove; libxl does not look either.
  client_->Rm(back, id);
  row << client_->Mkdir(back, id)
      << client_->SetPermissions(back, {{0, StoreAccess::kNone}, {domain, StoreAccess::kRead}}, id)
      << client_->Write(back + "/frontend", front, id)
      << client_->Write(back + "/frontend-id", std::to_string(domain), id)
      << client_->Write(back + "/online", "1", id) << client_->Write(back + "/state", "1", id)
      << client_->Write(back + "/domain", name.value, id);
  for (const auto& [node, value] : nodes.back) row << client_->Write(back + "/" + node, value, id);
  client_->Rm(front, id);
  row << client_->Mkdir(front, id)
      << client_->SetPermissions(front, {{domain, StoreAccess::kNone}, {0, StoreAccess::kRead}}, id)
      << client_->Write(front + "/backend", back, id) << client_->Write(front + "/backend-id", "0", id)
      << client_->Write(front + "/state", "1", id);
  for (const auto& [node, value] : nodes.front) row << client_->Write(front + "/" + node, value, id);
  return row.error();
}

XsError Toolstack::WriteFunctions(TransactionId id, sim::DomId domain, unsigned first,
                                  const std::vector<pci::Bdf>& functions, const AttachOptions& options) {
  const std::string back = BackendPath(domain);
  unsigned n = first;
  Row row;
  for (pci::Bdf function : functions) {
    row << client_->Write(fmt::format("{}/key-{}", back, n), pci::ToString(function), id)
        << client_->Write(fmt::format("{}/dev-{}", back, n), pci::ToString(function), id)
        << client_->Write(fmt::format("{}/opts-{}", back, n),
                          fmt::format("msitranslate={:d},power_mgmt={:d},permissive={:d},rdm_policy={}",
                                      options.msitranslate, options.power_mgmt, options.permissive, options.rdm_policy),
                          id)
        << client_->Write(fmt::format("{}/state-{}", back, n), "1", id);
    ++n;
  }
  return (row << client_->Write(back + "/num_devs", std::to_string(n), id)).error();
}

void Toolstack::AddFrontend(sim::DomId domain, FrontendNodes nodes, OperationDone done) {
  Operation& operation =
      Enqueue(fmt::format("add {}/{} to {}", nodes.kind, nodes.id, domain), Begins::kAtOnce, std::move(done));
  operation.steps.push_back(Store("add a device's directories", [this, domain, nodes = std::move(nodes)](
                                                                     TransactionId id) {
    return WriteDirectories(id, domain, nodes);
  }));
}

void Toolstack::AttachCold(sim::DomId domain, std::vector<pci::Bdf> functions, AttachOptions options,
                           OperationDone done) {
  Operation& operation = Enqueue(fmt::format("attach to {}", domain), Begins::kAtOnce, std::move(done));
  std::vector<Step> steps;
  steps.push_back(Check([=] {
    const bool refused = !hypervisor_.has_iommu() && config_.no_iommu == NoIommuPolicy::kRefused;
    return refused ? DomainError(domain, "passthrough not supported on this platform") : std::string();
  }));
  for (pci::Bdf function : functions) AddAssignSteps(steps, domain, function, options);
  steps.push_back(Store("add pci devices", [=](TransactionId id) {
    const XsError error = WriteDirectories(id, domain, kPciDevice);
    return error == XsError::kOk ? WriteFunctions(id, domain, 0, functions, options) : error;
  }));
  operation.steps.assign(steps.begin(), steps.end());
}

void Toolstack::AttachHot(sim::DomId domain, pci::Bdf function, AttachOptions options, OperationDone done) {
  Operation& operation =
      Enqueue(fmt::format("attach {} to {}", pci::ToString(function), domain), Begins::kCommand, std::move(done));
  const std::string back = BackendPath(domain);
  std::vector<Step> steps;
  AddAssignSteps(steps, domain, function, options);
  steps.push_back(Check([=] {
    const unsigned count = num_devs(domain);
    std::vector<Step> add;
    if (count == 0) {
      add.push_back(Store("add the first pci device", [=](TransactionId id) {
        const XsError error = WriteDirectories(id, domain, kPciDevice);
        return error == XsError::kOk ? WriteFunctions(id, domain, 0, {function}, options) : error;
      }));
    } else {
      if (options.waits) {
        add.push_back(WaitState(back + "/state", kXenbusConnected, config_.backend_timeout, NotReady(back)));
      }
      add.push_back(Store("add a pci device", [=](TransactionId id) {
        const XsError error = WriteFunctions(id, domain, count, {function}, options);
        if (error != XsError::kOk) return error;
        return client_->Write(back + "/state", std::to_string(kXenbusReconfiguring), id);
      }));
    }
    if (options.waits) {
      add.push_back(WaitState(back + "/state", kXenbusConnected, config_.backend_timeout, NotReady(back)));
    }
    Insert(std::move(add));
    return std::string();
  }));
  operation.steps.assign(steps.begin(), steps.end());
}

XsError Toolstack::RemoveFunction(TransactionId id, sim::DomId domain, unsigned index, unsigned count) {
  const std::string back = BackendPath(domain);
  Row row;
  for (const char* node : {"state", "key", "dev", "vdev", "opts", "vdevfn", "name"}) {
    row << client_->Rm(fmt::format("{}/{}-{}", back, node, index), id);
  }
  row << client_->Write(back + "/num_devs", std::to_string(count - 1), id);
  for (unsigned j = index + 1; j < count; ++j) {
    for (const char* node : {"state", "dev", "key", "vdev", "opts", "vdevfn", "name"}) {
      const std::string path = fmt::format("{}/{}-{}", back, node, j);
      const auto value = client_->Read(path, id);
      if (!value.ok()) continue;
      row << client_->Write(fmt::format("{}/{}-{}", back, node, j - 1), value.value, id) << client_->Rm(path, id);
    }
  }
  return row.error();
}

XsError Toolstack::Cleanup(TransactionId id, std::string path) {
  XsError error = client_->Rm(path, id);
  if (error == XsError::kEnoent) return XsError::kOk;
  while (error == XsError::kOk) {
    path = ParentPath(path);
    const auto value = client_->Read(path, id);
    const auto children = client_->Directory(path, id);
    if (path == "/" || !value.ok() || !value.value.empty() || !children.value.empty()) break;
    error = client_->Rm(path, id);
  }
  return error;
}

XsError Toolstack::RemoveDirectories(TransactionId id, sim::DomId domain) {
  Row row;
  row << Cleanup(id, FrontendPath(domain)) << Cleanup(id, BackendPath(domain));
  return row.error();
}

// The guest gives the function back: state-N = 5 and state 7, then the nodes go.
void Toolstack::AddHandshakeSteps(std::vector<Step>& steps, sim::DomId domain, pci::Bdf function) {
  const std::string back = BackendPath(domain);
  auto index = std::make_shared<unsigned>(0);
  auto count = std::make_shared<unsigned>(0);
  steps.push_back(WaitState(back + "/state", kXenbusConnected, config_.backend_timeout, NotReady(back)));
  steps.push_back(Check([=] {
    *count = num_devs(domain);
    for (*index = 0; *index < *count; ++*index) {
      const auto name = client_->Read(fmt::format("{}/dev-{}", back, *index));
      if (name.ok() && name.value == pci::ToString(function)) return std::string();
    }
    assigned_.erase(function);  // an attach that failed half way
    return DomainError(domain, "Couldn't find the device on xenstore");
  }));
  steps.push_back(Store("ask for a pci device", [=](TransactionId id) {
    Row row;
    row << client_->Write(fmt::format("{}/state-{}", back, *index), std::to_string(kXenbusClosing), id)
        << client_->Write(back + "/state", std::to_string(kXenbusReconfiguring), id);
    return row.error();
  }));
  steps.push_back(WaitState(back + "/state", kXenbusConnected, config_.backend_timeout, NotReady(back)));
  steps.push_back(Store("remove a pci device",
                        [=](TransactionId id) { return RemoveFunction(id, domain, *index, *count); }));
  steps.push_back(Check([=] {
    if (*count == 1) {
      Insert({Store("remove the pci directories", [=](TransactionId id) { return RemoveDirectories(id, domain); })});
    }
    return std::string();
  }));
}

void Toolstack::Detach(sim::DomId domain, pci::Bdf function, OperationDone done) {
  Operation& operation =
      Enqueue(fmt::format("detach {} from {}", pci::ToString(function), domain), Begins::kCommand, std::move(done));
  operation.steps.push_back(Check([=] {
    const auto found = assigned_.find(function);
    if (found == assigned_.end() || found->second.domain != domain) {
      return DomainError(domain, "PCI device not attached to this domain");
    }
    std::vector<Step> steps;
    if (config_.detach_order == DetachOrder::kRevokeFirst) {
      AddRevokeSteps(steps, domain, function);
      AddHandshakeSteps(steps, domain, function);
    } else {
      AddHandshakeSteps(steps, domain, function);
      AddRevokeSteps(steps, domain, function);
    }
    steps.push_back(Check([=] {
      assigned_.erase(function);
      return std::string();
    }));
    Insert(std::move(steps));
    return std::string();
  }));
}

void Toolstack::Close(sim::DomId domain, OperationDone done) {
  Operation& operation = Enqueue(fmt::format("close the pci device of {}", domain), Begins::kCommand, std::move(done));
  const std::string back = BackendPath(domain);
  operation.steps.push_back(Check([=] {
    if (!client_->Read(back + "/state").ok()) {
      return DomainError(domain, fmt::format("unable to remove device with path {}", back));
    }
    std::vector<Step> steps;
    steps.push_back(Store("close the pci device", [=](TransactionId id) {
      Row row;
      row << client_->Write(back + "/online", "0", id)
          << client_->Write(back + "/state", std::to_string(kXenbusClosing), id);
      return row.error();
    }));
    steps.push_back(WaitState(back + "/state", kXenbusClosed, config_.backend_timeout,
                              DomainError(domain, fmt::format("unable to remove device with path {}", back))));
    steps.push_back(
        Store("remove the pci directories", [=](TransactionId id) { return RemoveDirectories(id, domain); }));
    for (pci::Bdf function : assigned_to(domain)) {
      AddRevokeSteps(steps, domain, function);
      steps.push_back(Check([=] {
        assigned_.erase(function);
        return std::string();
      }));
    }
    Insert(std::move(steps));
    return std::string();
  }));
}

void Toolstack::WaitBackend(sim::DomId domain, unsigned state, sim::Ps timeout, OperationDone done) {
  Operation& operation =
      Enqueue(fmt::format("wait for state {} of {}", state, domain), Begins::kAtOnce, std::move(done));
  const std::string back = BackendPath(domain);
  operation.steps.push_back(WaitState(back + "/state", state, timeout, NotReady(back)));
}

}  // namespace pvpci::xen
