// SPDX-License-Identifier: Apache-2.0
// Domains and the assignable list: xl create, xl destroy, xl pci-assignable-add, xl pci-assignable-remove.
#include <fmt/format.h>

#include <cerrno>

#include "models/xen/toolstack/toolstack.h"

namespace pvpci::xen {
namespace {

constexpr const char* kPciback = "/sys/bus/pci/drivers/pciback";

std::string Device(pci::Bdf function) { return "/sys/bus/pci/devices/" + pci::ToString(function); }

std::string InfoPath(pci::Bdf function) {
  return fmt::format("/libxl/pci/{:04x}-{:02x}-{:02x}-{:x}", function.segment, function.bus(), function.device(),
                     function.function());
}

// A fixed identity per domain id: nothing random in the store.
std::string VmPath(sim::DomId domain) { return fmt::format("/vm/00000000-0000-0000-0000-{:012x}", domain); }

bool HasSlot(const std::string& slots, pci::Bdf function) {
  return slots.find(pci::ToString(function)) != std::string::npos;
}

}  // namespace

void Toolstack::InitDom0(const ToolDomain& dom0) {
  client_->Write("/local/domain/0/domid", "0");
  client_->Write("/local/domain/0/name", dom0.name);
  if (dom0.ring.page != nullptr) store_.Introduce(0, dom0.ring);
}

void Toolstack::CreateDomain(ToolDomain spec, OperationDone done) {
  Operation& operation = Enqueue(fmt::format("create {}", spec.domain), Begins::kAtOnce, std::move(done));
  const sim::DomId domain = spec.domain;
  const std::string path = DomainPath(domain);
  const std::string vm = VmPath(domain);
  operation.steps.push_back(Check([=, wanted = spec.wants_passthrough] {
    const bool refused = wanted && !hypervisor_.has_iommu() && config_.no_iommu == NoIommuPolicy::kRefused;
    return refused ? fmt::format("libxl: error: Domain {}:passthrough not supported on this platform", domain)
                   : std::string();
  }));
  operation.steps.push_back(Store("create the domain's nodes", [=, name = spec.name](TransactionId id) {
    const StorePermissions readable{{0, StoreAccess::kNone}, {domain, StoreAccess::kRead}};
    const StorePermissions own{{domain, StoreAccess::kNone}};
    XsError error = XsError::kOk;
    const auto directory = [&](const std::string& node, const StorePermissions& permissions) {
      if (error == XsError::kOk) error = client_->Mkdir(node, id);
      if (error == XsError::kOk) error = client_->SetPermissions(node, permissions, id);
    };
    const auto write = [&](const std::string& node, const std::string& value) {
      if (error == XsError::kOk) error = client_->Write(node, value, id);
    };
    client_->Rm(path, id);  // a leftover of the same number, if any
    directory(path, readable);
    client_->Rm(vm, id);
    directory(vm, readable);
    write(path + "/vm", vm);
    write(path + "/name", name);
    for (const char* node : {"/cpu", "/memory", "/device", "/control"}) directory(path + node, readable);
    for (const char* node : {"/control/shutdown", "/control/feature-poweroff", "/control/feature-reboot",
                             "/control/feature-suspend", "/control/sysrq", "/data", "/drivers", "/feature", "/attr",
                             "/error"}) {
      directory(path + node, own);
    }
    write(vm + "/uuid", vm.substr(4));
    write(vm + "/name", name);
    write(path + "/control/platform-feature-multiprocessor-suspend", "1");
    write(path + "/control/platform-feature-xs_reset_watches", "1");
    return error;
  }));
  operation.steps.push_back(Store("describe the domain", [=](TransactionId id) {
    XsError error = XsError::kOk;
    const auto write = [&](const std::string& node, const std::string& value) {
      if (error == XsError::kOk) error = client_->Write(path + node, value, id);
    };
    write("/memory/static-max", std::to_string(spec.memory_kib));
    write("/memory/target", std::to_string(spec.memory_kib));
    write("/memory/videoram", "0");
    write("/domid", std::to_string(domain));
    write("/store/port", std::to_string(spec.ring.port));
    write("/store/ring-ref", std::to_string(spec.ring.gfn));
    for (unsigned vcpu = 0; vcpu < spec.vcpus; ++vcpu) write(fmt::format("/cpu/{}/availability", vcpu), "online");
    return error;
  }));
  operation.steps.push_back(Control(
      fmt::format("introduce domain={} port={}", domain, spec.ring.port),
      [=] { return store_.Introduce(domain, spec.ring) == XsError::kOk ? 0L : -EINVAL; },
      fmt::format("libxl: error: Domain {}:xs_introduce_domain failed", domain)));
}

void Toolstack::Destroy(sim::DomId domain, OperationDone done) {
  Operation& operation = Enqueue(fmt::format("destroy {}", domain), Begins::kCommand, std::move(done));
  const std::string back = BackendPath(domain);
  operation.steps.push_back(Check([=] {
    std::vector<Step> steps;
    for (pci::Bdf function : assigned_to(domain)) {
      AddRevokeSteps(steps, domain, function);
      steps.push_back(Check([=] {
        assigned_.erase(function);
        return std::string();
      }));
    }
    if (client_->Read(back + "/state").ok()) {
      // A frontend whose directory is gone counts as dead: the backend does not wait for it.
      steps.push_back(Store("close the pci device", [=](TransactionId id) {
        XsError error = client_->Write(back + "/online", "0", id);
        if (error == XsError::kOk) error = client_->Write(back + "/state", std::to_string(kXenbusClosing), id);
        return error == XsError::kOk ? Cleanup(id, FrontendPath(domain)) : error;
      }));
      steps.push_back(WaitState(back + "/state", kXenbusClosed, config_.destroy_timeout, {}));
      steps.push_back(Store("remove the backend directory", [=](TransactionId id) { return Cleanup(id, back); }));
    }
    steps.push_back(Store("remove the domain's nodes", [=](TransactionId id) {
      for (const std::string& path : {VmPath(domain), DomainPath(domain)}) {
        const XsError error = client_->Rm(path, id);
        if (error != XsError::kOk && error != XsError::kEnoent) return error;
      }
      return XsError::kOk;
    }));
    steps.push_back(Control(
        fmt::format("release domain={}", domain),
        [=] { return store_.Release(domain) == XsError::kOk ? 0L : -ENOENT; }, {}));
    steps.push_back(Control(
        fmt::format("destroydomain domain={}", domain), [=] { return hypervisor_.DestroyDomain(domain); },
        fmt::format("libxl: error: Domain {}:xc_domain_destroy failed", domain)));
    Insert(std::move(steps));
    return std::string();
  }));
}

void Toolstack::MarkAssignable(pci::Bdf function) { assignable_.insert(function); }

void Toolstack::Seize(pci::Bdf function, OperationDone done, bool quarantine) {
  const std::string name = pci::ToString(function);
  Operation& operation = Enqueue("seize " + name, Begins::kCommand, std::move(done));
  operation.steps.push_back(Check([=] {
    if (!inventory_.Find(function)) return fmt::format("libxl: error: Couldn't lstat {}", Device(function));
    if (assignable_.count(function) != 0) {
      Say(name + " already assigned to pciback");
      return std::string();
    }
    std::vector<Step> steps;
    auto driver = std::make_shared<std::string>();
    auto mine = std::make_shared<bool>(false);
    steps.push_back(ReadSysfs(Device(function) + "/driver", [=](long result, const std::string& target) {
      if (result == 0) *driver = target.substr(target.rfind('/') + 1);
      if (!driver->empty() && driver->back() == '\n') driver->pop_back();
      *mine = *driver == "pciback";
      return std::string();
    }));
    steps.push_back(Check([=] {
      std::vector<Step> rest;
      if (!*mine) {
        // Where sysfs did not name a driver there may be none, or it does not follow links: try, and do not mind.
        rest.push_back(Sysfs(Device(function) + "/driver/unbind", name,
                             driver->empty() ? std::string()
                                             : fmt::format("libxl: error: Couldn't unbind {} from driver", name)));
        if (!driver->empty()) {
          rest.push_back(Store("remember the driver", [=](TransactionId id) {
            return client_->Write(InfoPath(function) + "/driver_path", "/sys/bus/pci/drivers/" + *driver, id);
          }));
        }
        rest.push_back(ReadSysfs(std::string(kPciback) + "/slots", [=](long result, const std::string& slots) {
          if (result == -ENOENT) return std::string("libxl: error: Looks like pciback driver is not loaded");
          if (result < 0 || !HasSlot(slots, function)) {
            Insert({Sysfs(std::string(kPciback) + "/new_slot", name,
                          "libxl: error: Couldn't bind device to pciback!")});
          }
          return std::string();
        }));
        rest.push_back(
            Sysfs(std::string(kPciback) + "/bind", name, "libxl: error: Couldn't bind device to pciback!"));
      }
      if (hypervisor_.has_iommu() && quarantine) {
        rest.push_back(Control(
            "assign_device domain=DOMID_IO " + name,
            [=] { return hypervisor_.AssignDevice(sim::kDomIo, function); },
            "libxl: error: failed to quarantine " + name));
      }
      rest.push_back(Check([=] {
        assignable_.insert(function);
        return std::string();
      }));
      Insert(std::move(rest));
      return std::string();
    }));
    Insert(std::move(steps));
    return std::string();
  }));
}

void Toolstack::Release(pci::Bdf function, OperationDone done) {
  const std::string name = pci::ToString(function);
  Operation& operation = Enqueue("release " + name, Begins::kCommand, std::move(done));
  operation.steps.push_back(Check([=] {
    if (assigned_.count(function) != 0) return "libxl: error: failed to de-quarantine " + name;
    if (assignable_.count(function) == 0) return std::string("libxl: error: Not bound to pciback");
    std::vector<Step> steps;
    if (hypervisor_.has_iommu()) {
      steps.push_back(Control(
          "deassign_device domain=DOMID_IO " + name,
          [=] { return hypervisor_.DeassignDevice(sim::kDomIo, function); },
          "libxl: error: failed to de-quarantine " + name));
    }
    steps.push_back(Sysfs(std::string(kPciback) + "/unbind", name, "libxl: error: Couldn't unbind device!"));
    steps.push_back(ReadSysfs(std::string(kPciback) + "/slots", [=](long result, const std::string& slots) {
      if (result == 0 && HasSlot(slots, function)) {
        Insert({Sysfs(std::string(kPciback) + "/remove_slot", name, "libxl: error: Couldn't remove pciback slot")});
      }
      return std::string();
    }));
    steps.push_back(Check([=] {
      assignable_.erase(function);
      const auto driver = client_->Read(InfoPath(function) + "/driver_path");
      if (!driver.ok()) {
        Say("Couldn't find path for original driver; not rebinding");
        return std::string();
      }
      Insert({Sysfs(driver.value + "/bind", name, "libxl: error: Couldn't bind device to " + driver.value),
              Store("forget the driver",
                    [=](TransactionId id) { return client_->Rm(InfoPath(function) + "/driver_path", id); })});
      return std::string();
    }));
    Insert(std::move(steps));
    return std::string();
  }));
}

}  // namespace pvpci::xen
