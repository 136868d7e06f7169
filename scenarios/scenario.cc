// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

#include <algorithm>

namespace pvpci::scenarios {

const char* Name(IommuKind kind) {
  switch (kind) {
    case IommuKind::kNone: return "none";
    case IommuKind::kDmar: return "dmar";
    case IommuKind::kDmarIr: return "dmar+ir";
  }
  return "?";
}

const char* ModeName(IommuKind kind) {
  switch (kind) {
    case IommuKind::kNone: return "M0";
    case IommuKind::kDmar: return "M1";
    case IommuKind::kDmarIr: return "M2";
  }
  return "?";
}

const std::vector<std::string>& KernelFamilies() {
  static const std::vector<std::string> families = {"6.1", "6.12"};
  return families;
}

const std::vector<std::string>& KernelFeatures() {
  static const std::vector<std::string> features = {"IRQ_EVTCHN_FROM_VIRQ", "MSI_FLAG_NO_MASK", "PCIFRONT_AER_CHECKS",
                                                    "VIRQ_ELSEWHERE"};
  return features;
}

bool IsKernelPath(const std::string& kernel) { return kernel.find('/') != std::string::npos; }

const char* Name(NoIommuPolicy policy) {
  switch (policy) {
    case NoIommuPolicy::kRefused: return "refused";
    case NoIommuPolicy::kIntxOnly: return "intx_only";
    case NoIommuPolicy::kMsiToo: return "msi_too";
  }
  return "?";
}

const char* Name(Role role) { return role == Role::kDom0 ? "dom0" : "domU"; }

const char* Name(P2mLayout layout) { return layout == P2mLayout::kExtents2M ? "extents_2m" : "scatter_4k"; }

const char* Name(EventAbi abi) { return abi == EventAbi::k2L ? "2l" : "fifo"; }

const std::vector<DeviceModelInfo>& DeviceModels() {
  static const std::vector<DeviceModelInfo> models = {
      {DeviceModel::kEndpointTest, "endpoint_test", "PCI endpoint test", {}},
      {DeviceModel::kEdu, "edu", "QEMU edu", {}},
      {DeviceModel::kVirtioRng, "virtio_rng", "virtio entropy source", {"gather_time"}},
      {DeviceModel::kPlxDma, "plx_dma", "PLX switch DMA channel", {"corrupt_every"}},
      {DeviceModel::kI6300esb, "i6300esb", "Intel 6300ESB watchdog", {}},
      {DeviceModel::kDwXdata, "dw_xdata", "DesignWare traffic generator", {}},
      {DeviceModel::kClone, "clone", "cloned function", {}},
      {DeviceModel::kAttacker, "attacker", "attack device", {"deaf", "flr", "ats", "mute"}},
  };
  return models;
}

static const DeviceModelInfo& Info(DeviceModel model) {
  const auto& models = DeviceModels();
  return *std::find_if(models.begin(), models.end(), [&](const DeviceModelInfo& info) { return info.model == model; });
}

const char* Name(DeviceModel model) { return Info(model).name; }
const char* Label(DeviceModel model) { return Info(model).label; }

const char* Name(IrqKind kind) {
  switch (kind) {
    case IrqKind::kIntx: return "intx";
    case IrqKind::kMsi: return "msi";
    case IrqKind::kMsix: return "msix";
  }
  return "?";
}

const char* Name(BarSpec::Kind kind) {
  switch (kind) {
    case BarSpec::Kind::kMemory32: return "memory32";
    case BarSpec::Kind::kMemory64: return "memory64";
    case BarSpec::Kind::kPrefetch64: return "prefetch64";
    case BarSpec::Kind::kIo: return "io";
  }
  return "?";
}

const char* Name(StepKind kind) {
  switch (kind) {
    case StepKind::kBoot: return "boot";
    case StepKind::kSeize: return "seize";
    case StepKind::kAttach: return "attach";
    case StepKind::kDetach: return "detach";
    case StepKind::kDestroy: return "destroy";
    case StepKind::kPause: return "pause";
    case StepKind::kUnpause: return "unpause";
    case StepKind::kFrontend: return "frontend";
    case StepKind::kStore: return "store";
    case StepKind::kRefuse: return "refuse";
    case StepKind::kAwait: return "await";
    case StepKind::kProgram: return "program";
    case StepKind::kWrite: return "write";
    case StepKind::kRead: return "read";
    case StepKind::kCall: return "call";
    case StepKind::kAttack: return "attack";
    case StepKind::kCrash: return "crash";
    case StepKind::kError: return "error";
    case StepKind::kStorm: return "storm";
    case StepKind::kEmit: return "emit";
    case StepKind::kIommuEdit: return "iommu_edit";
    case StepKind::kWait: return "wait";
    case StepKind::kJoin: return "join";
    case StepKind::kCompare: return "compare";
    case StepKind::kFail: return "fail";
    case StepKind::kStall: return "stall";
    case StepKind::kEnters: return "enters";
    case StepKind::kIntact: return "intact";
    case StepKind::kPreempt: return "preempt";
    case StepKind::kCalls: return "calls";
  }
  return "?";
}

const char* Name(CrashKind kind) {
  switch (kind) {
    case CrashKind::kOops: return "oops";
    case CrashKind::kBug: return "bug";
    case CrashKind::kPanic: return "panic";
    case CrashKind::kStackOverflow: return "stack_overflow";
    case CrashKind::kSpin: return "spin";
    case CrashKind::kWildJump: return "wild_jump";
  }
  return "?";
}

const char* Name(DeviceError error) {
  switch (error) {
    case DeviceError::kReceiverError: return "receiver_error";
    case DeviceError::kBadTlp: return "bad_tlp";
    case DeviceError::kCompletionTimeout: return "completion_timeout";
    case DeviceError::kCompleterAbort: return "completer_abort";
    case DeviceError::kUnsupportedRequest: return "unsupported_request";
    case DeviceError::kDataLinkProtocol: return "data_link_protocol";
    case DeviceError::kMalformedTlp: return "malformed_tlp";
  }
  return "?";
}

bool Scenario::Applies(const Scope& where) const {
  const auto includes = [](const auto& list, const auto& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  const auto holds = [this](const std::string& feature) {
    if (!features) return true;
    const bool absent = feature.rfind("no ", 0) == 0;
    const std::string name = absent ? feature.substr(3) : feature;
    return absent != (std::find(features->begin(), features->end(), name) != features->end());
  };
  return includes(where.modes, machine.iommu) && includes(where.kernels, kernel_family) &&
         std::all_of(where.features.begin(), where.features.end(), holds);
}

std::vector<IommuKind> Scenario::modes() const {
  return scope.modes.empty() ? std::vector{IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr} : scope.modes;
}

std::vector<std::string> Scenario::kernels() const { return scope.kernels.empty() ? KernelFamilies() : scope.kernels; }

const DomainSpec* Scenario::FindDomain(const std::string& domain_name) const {
  for (const DomainSpec& domain : domains) {
    if (domain.name == domain_name) return &domain;
  }
  return nullptr;
}

bool Scenario::bare_metal() const {
  return std::any_of(domains.begin(), domains.end(), [](const DomainSpec& domain) { return domain.bare_metal; });
}

const DeviceSpec* Scenario::FindDevice(const std::string& device_name) const {
  for (const DeviceSpec& device : devices) {
    if (device.name == device_name) return &device;
  }
  return nullptr;
}

}  // namespace pvpci::scenarios
