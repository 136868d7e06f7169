// SPDX-License-Identifier: Apache-2.0
#include "scenarios/references.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "scenarios/parser.h"
#include "scenarios/store_path.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"
#include "scenarios/xen_frames.h"

namespace pvpci::scenarios {
namespace {

class Checker {
 public:
  Checker(const Scenario& scenario, std::vector<Problem>* problems) : scenario_(scenario), problems_(problems) {
    for (const DomainSpec& domain : scenario.domains) domains_.push_back(domain.name);
    for (const DeviceSpec& device : scenario.devices) devices_.push_back(device.name);
    for (const SwitchSpec& spec : scenario.switches) switches_.push_back(spec.name);
  }

  void Run(const std::vector<StepPlaces>& places) {
    Names();
    Domains();
    Devices();
    for (const ReservedSpec& reserved : scenario_.machine.reserved) Reserved(reserved);
    for (size_t i = 0; i < scenario_.steps.size(); ++i) CheckStep(scenario_.steps[i], places[i], i);
  }

 private:
  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }

  void Names() {
    std::map<std::string, Place> seen;
    const auto once = [&](const std::string& name, Place place) {
      const auto [it, fresh] = seen.emplace(name, place);
      if (!fresh) Complain(place, fmt::format("the name '{}' is taken: first used in line {}", name, it->second.line));
    };
    for (const SwitchSpec& spec : scenario_.switches) once(spec.name, spec.place);
    for (const DomainSpec& domain : scenario_.domains) once(domain.name, domain.place);
    for (const DeviceSpec& device : scenario_.devices) once(device.name, device.place);
  }

  void Domains() {
    const DomainSpec* dom0 = nullptr;
    uint64_t total = 0;
    for (const DomainSpec& domain : scenario_.domains) {
      total += domain.memory_bytes;
      if (domain.role == Role::kDom0 && dom0 != nullptr) {
        Complain(domain.place, fmt::format("'{}' is a second dom0: '{}' is it already", domain.name, dom0->name));
      }
      if (domain.role == Role::kDom0 && dom0 == nullptr) dom0 = &domain;
      if (domain.name == "xen" || domain.name == "toolstack") {
        Complain(domain.place, fmt::format("the name '{}' is reserved", domain.name));
      }
      std::set<std::string> secrets;
      uint64_t secret_bytes = 0;
      for (const SecretSpec& secret : domain.secrets) {
        secret_bytes += secret.bytes;
        if (!secrets.insert(secret.name).second) {
          Complain(secret.place, fmt::format("'{}' has two secrets '{}'", domain.name, secret.name));
        }
      }
      if (secret_bytes > domain.memory_bytes / 4) {
        Complain(domain.place, fmt::format("'{}': secrets take {}, more than a quarter of its {}", domain.name,
                                           FormatSize(secret_bytes), FormatSize(domain.memory_bytes)));
      }
      if (domain.role == Role::kDom0 && !domain.kernel) {
        Complain(domain.place, fmt::format("'{}': a dom0 runs a kernel; 'kernel: false' is for victims", domain.name));
      }
      if (domain.memory_at != 0 && domain.kernel) {
        Complain(domain.place, fmt::format("'{}': memory_at is for a domain with 'kernel: false'", domain.name));
      }
      // Xen's own frames: 3 MiB, its m2p table of 8 bytes a frame, and up to 64 pages that it shares with domains.
      const uint64_t xen_end = (3ull << 20) + (256ull << 10) + scenario_.machine.memory_bytes / 512;
      if (domain.memory_at != 0 && domain.memory_at < xen_end) {
        Complain(domain.place, fmt::format("'{}': memory_at {:#x} is Xen's own memory, which ends at {:#x}",
                                           domain.name, domain.memory_at, xen_end));
      }
      const uint64_t hole = scenario_.machine.low_memory_end();
      if (domain.memory_at != 0 && domain.memory_at < MachineSpec::kHoleEnd && domain.memory_at + domain.memory_bytes > hole) {
        Complain(domain.place, fmt::format("'{}': its memory from {:#x} on reaches into the hole for devices at {:#x}",
                                           domain.name, domain.memory_at, hole));
      }
      if (domain.memory_at + domain.memory_bytes > scenario_.machine.memory_bytes) {
        Complain(domain.place, fmt::format("'{}': its memory ends at {:#x}, the machine's at {:#x}", domain.name,
                                           domain.memory_at + domain.memory_bytes, scenario_.machine.memory_bytes));
      }
      if (domain.bare_metal && domain.role != Role::kDom0) {
        Complain(domain.place, fmt::format("'{}': bare_metal is for the one domain with 'role: dom0'", domain.name));
      }
      if (domain.role == Role::kDomU && domain.kernel && scenario_.bare_metal()) {
        Complain(domain.place, fmt::format("'{}': beside a dom0 on bare metal there is no hypervisor that runs others; "
                                           "'kernel: false' is for its neighbours in memory", domain.name));
      }
      if (domain.role == Role::kDom0 && domain.memory_bytes > scenario_.machine.low_memory_end()) {
        Complain(domain.place, fmt::format("'{}': its {} reach into the hole for devices at {:#x}", domain.name,
                                           FormatSize(domain.memory_bytes), scenario_.machine.low_memory_end()));
      }
      if (domain.role == Role::kDom0 && !domain.e820_host) {
        Complain(domain.place, fmt::format("'{}': e820_host is a domU's; dom0 has the host's map itself", domain.name));
      }
      if (domain.swiotlb_bytes > domain.memory_bytes / 2) {
        Complain(domain.place, fmt::format("'{}': swiotlb {} is more than half of its memory {}", domain.name,
                                           FormatSize(domain.swiotlb_bytes), FormatSize(domain.memory_bytes)));
      }
    }
    if (dom0 == nullptr) Complain(scenario_.domains.front().place, "no domain has 'role: dom0'");
    if (total + (32ull << 20) > scenario_.machine.ram_bytes()) {
      Complain(scenario_.machine.place.line != 0 ? scenario_.machine.place : scenario_.domains.front().place,
               fmt::format("the domains take {}, Xen needs 32 MiB, the machine has {}", FormatSize(total),
                           FormatSize(scenario_.machine.ram_bytes())));
    }
  }

  void Reserved(const ReservedSpec& reserved) {
    for (const std::string& name : reserved.devices) Device(name, reserved.place, "rmrr");
    // Xen's frames are at the bottom of RAM, see Domains.
    const uint64_t lowest = (8ull << 20) + scenario_.machine.memory_bytes / 512;
    const uint64_t end = std::min(scenario_.machine.memory_bytes, scenario_.machine.low_memory_end());
    if (reserved.at < lowest || reserved.at + reserved.bytes > end) {
      Complain(reserved.place, fmt::format("rmrr: {:#x} and {} are not in RAM from {:#x} to {:#x}", reserved.at,
                                           FormatSize(reserved.bytes), lowest, end));
    }
  }

  std::string ParameterOf(const std::string& name) const {
    for (const Parameter& parameter : scenario_.machine.fabric) {
      if (parameter.name == name) return parameter.value;
    }
    return "";
  }

  void Devices() {
    std::map<std::string, unsigned> ports, functions;
    std::map<unsigned, std::string> slots;
    for (const DeviceSpec& device : scenario_.devices) {
      if (device.slot != 0 && !slots.emplace(device.slot, device.name).second) {
        Complain(device.place, fmt::format("slot: '{}' is at {} already", slots[device.slot], device.slot));
      }
      // A clone is what its dump says: refused when the machine is built.
      const bool may_fit = device.model == DeviceModel::kEdu || device.model == DeviceModel::kI6300esb ||
                           device.model == DeviceModel::kClone;
      if (device.slot != 0 && !may_fit && ParameterOf("host_bus").rfind("pci", 0) == 0) {
        Complain(device.place, fmt::format("slot: '{}' is a PCI Express function, and bus 0 a conventional bus", device.name));
      }
      if (!device.beside.empty()) {
        const DeviceSpec* first = Device(device.beside, device.place, "beside");
        if (first != nullptr && (first->slot != 0 || !first->behind.empty() || !first->beside.empty())) {
          Complain(device.place, fmt::format("beside: '{}' does not stand behind a root port of its own", first->name));
        }
        if (++functions[device.beside] > 7) {
          Complain(device.place, fmt::format("'{}': '{}' has seven functions beside it already", device.name,
                                             device.beside));
        }
      }
      if (!device.behind.empty()) {
        const auto it = std::find_if(scenario_.switches.begin(), scenario_.switches.end(),
                                     [&](const SwitchSpec& spec) { return spec.name == device.behind; });
        if (it == scenario_.switches.end()) {
          Complain(device.place, fmt::format("'{}' is behind '{}', which is no switch{}", device.name, device.behind,
                                             DidYouMean(device.behind, switches_)));
        } else if (++ports[device.behind] > it->ports) {
          Complain(device.place, fmt::format("'{}': switch '{}' has only {} ports", device.name, device.behind,
                                             it->ports));
        }
      }
      if (!device.assigned_to.empty()) DomU(device.assigned_to, device.place, "assigned_to");
      Options(device);
      if (device.model == DeviceModel::kAttacker && device.msi_vectors + device.msix_vectors == 0 && !device.intx) {
        continue;
      }
      std::set<int> bars;
      for (const BarSpec& bar : device.bars) {
        const bool wide = bar.kind == BarSpec::Kind::kMemory64 || bar.kind == BarSpec::Kind::kPrefetch64;
        if (!bars.insert(bar.index).second || (wide && !bars.insert(bar.index + 1).second) ||
            (wide && bar.index == 5)) {
          Complain(bar.place, fmt::format("BAR {} of '{}' overlaps another or does not fit", bar.index, device.name));
        }
      }
    }
  }

  void Options(const DeviceSpec& device) {
    for (const DeviceModelInfo& info : DeviceModels()) {
      if (info.model != device.model) continue;
      for (const Parameter& option : device.options) {
        if (std::find(info.options.begin(), info.options.end(), option.name) != info.options.end()) continue;
        Complain(option.place, fmt::format("options: '{}' of '{}' is no option of {}", option.name, device.name,
                                           info.name));
      }
    }
  }

  const DomainSpec* Domain(const std::string& name, Place place, const std::string& what) {
    const DomainSpec* domain = scenario_.FindDomain(name);
    if (domain == nullptr) {
      Complain(place, fmt::format("{}: no domain '{}'{}", what, name, Hint(name, domains_)));
    }
    return domain;
  }
  void DomU(const std::string& name, Place place, const std::string& what) {
    const DomainSpec* domain = Domain(name, place, what);
    if (domain != nullptr && domain->role == Role::kDom0) {
      Complain(place, fmt::format("{}: '{}' is dom0; expected a domU", what, name));
    }
  }
  void Kernel(const std::string& name, Place place, const std::string& what) {
    const DomainSpec* domain = Domain(name, place, what);
    if (domain != nullptr && !domain->kernel) {
      Complain(place, fmt::format("{}: '{}' runs no kernel (kernel: false)", what, name));
    }
  }
  const DeviceSpec* Device(const std::string& name, Place place, const std::string& what) {
    const DeviceSpec* device = scenario_.FindDevice(name);
    if (device == nullptr) {
      Complain(place, fmt::format("{}: no device '{}'{}", what, name, Hint(name, devices_)));
    }
    return device;
  }

  static std::string Hint(const std::string& name, const std::vector<std::string>& names) {
    const std::string near = DidYouMean(name, names);
    if (!near.empty()) return near;
    return names.empty() ? "; there is none" : "; there is " + OneOf(names);
  }

  // "${domain.secret}", "${domain.secret.bytes}", "${device.bdf}".
  void Argument(const std::string& text, Place place) {
    std::vector<std::string> found;
    try {
      found = Placeholders(text);
    } catch (const std::invalid_argument& error) {
      Complain(place, error.what());
      return;
    }
    for (const std::string& inner : found) {
      const size_t dot = inner.find('.');
      const std::string owner = inner.substr(0, dot);
      const std::string rest = dot == std::string::npos ? "" : inner.substr(dot + 1);
      if (scenario_.FindDevice(owner) != nullptr) {
        static const std::vector<std::string> kDeviceWords = {"bdf",  "dom0_bdf", "bar0",        "bar1",    "bar2",
                                                              "bar3", "bar4",     "bar5", "msi_address", "msi_data"};
        if (std::find(kDeviceWords.begin(), kDeviceWords.end(), rest) == kDeviceWords.end()) {
          Complain(place, fmt::format("${{{}}}: a device has {}", inner, OneOf(kDeviceWords)));
        }
        continue;
      }
      if (owner == "xen") {
        if (!XenFrameType(rest)) Complain(place, fmt::format("${{{}}}: Xen has {}", inner, OneOf(XenFrameWords())));
        continue;
      }
      const DomainSpec* domain = scenario_.FindDomain(owner);
      if (domain == nullptr) {
        std::vector<std::string> names = domains_;
        names.insert(names.end(), devices_.begin(), devices_.end());
        Complain(place, fmt::format("${{{}}}: no domain or device '{}'{}", inner, owner, Hint(owner, names)));
        continue;
      }
      std::vector<std::string> known;
      for (const SecretSpec& secret : domain->secrets) {
        known.push_back(secret.name);
        known.push_back(secret.name + ".bytes");
      }
      if (std::find(known.begin(), known.end(), rest) == known.end()) {
        Complain(place, fmt::format("${{{}}}: '{}' has no secret '{}'{}", inner, owner, rest, Hint(rest, known)));
      }
    }
  }

  void CheckStep(const Step& step, const StepPlaces& places, size_t index) {
    const std::string what = Name(step.kind);
    switch (step.kind) {
      case StepKind::kBoot:
        Domain(step.domain, places.domain, what);
        for (size_t i = 0; i < index; ++i) {
          if (scenario_.steps[i].kind == StepKind::kBoot && scenario_.steps[i].domain == step.domain) {
            Complain(places.domain, fmt::format("'{}' is booted already in line {}", step.domain,
                                                scenario_.steps[i].place.line));
            break;
          }
        }
        break;
      case StepKind::kSeize: Device(step.device, places.device, what); break;
      case StepKind::kAttach:
      case StepKind::kDetach:
        if (Device(step.device, places.device, what) == nullptr) break;
        DomU(step.domain, places.domain, what);
        AttachedSomewhere(step, places);
        break;
      case StepKind::kDestroy: DomU(step.domain, places.domain, what); break;
      case StepKind::kPause:
      case StepKind::kUnpause: Booted(step.domain, places.domain, what, index); break;
      case StepKind::kFrontend: DomU(step.domain, places.domain, what); break;
      case StepKind::kStore:
        for (const StoreNodeSpec& node : step.nodes) StoreNode(node.path, node.place);
        break;
      case StepKind::kRefuse:
      case StepKind::kAwait: StoreNode(step.path, places.command); break;
      case StepKind::kProgram:
      case StepKind::kWrite:
      case StepKind::kRead:
      case StepKind::kCall:
      case StepKind::kAttack:
      case StepKind::kCrash:
        Booted(step.domain, places.domain, what, index);
        if ((step.kind == StepKind::kWrite || step.kind == StepKind::kRead) && step.path.substr(0, 5) != "/sys/") {
          Complain(places.command, fmt::format("{}: expected an absolute path below /sys, found '{}'", what,
                                               step.path));
        }
        break;
      case StepKind::kError: {
        const DeviceSpec* device = Device(step.device, places.device, what);
        if (device != nullptr && device->model != DeviceModel::kEndpointTest && device->model != DeviceModel::kClone) {
          Complain(places.device, fmt::format("error: '{}' is {}, which has no AER", step.device, Name(device->model)));
        }
        break;
      }
      case StepKind::kStorm:
        for (const StormSpec& storm : step.storms) Storm(storm);
        break;
      case StepKind::kEmit: {
        const DeviceSpec* device = Device(step.device, places.device, what);
        if (device != nullptr && device->model != DeviceModel::kAttacker) {
          Complain(places.device, fmt::format("emit: '{}' is {}; only an attacker sends raw TLPs", step.device,
                                              Name(device->model)));
        }
        break;
      }
      case StepKind::kIommuEdit: Device(step.device, places.device, what); break;
      case StepKind::kFail: Kernel(step.domain, places.domain, what); break;
      case StepKind::kStall:
      case StepKind::kEnters: Booted(step.domain, places.domain, what, index); break;
      case StepKind::kIntact: break;
      case StepKind::kPreempt:
        Booted(step.domain, places.domain, what, index);
        if (!step.preempt.device.empty()) Device(step.preempt.device, places.device, what);
        if (!step.preempt.only.empty() && step.preempt.blocks_only.empty()) {
          Complain(places.command, fmt::format("preempt: only: expected up to three ascending numbers of blocks, as in "
                                               "3,17,40, found '{}'", step.preempt.only));
        }
        if (step.preempt.passes != 0 && step.preempt.times == 1) {
          Complain(places.command, "preempt: passes are for those that stand still more than once: set times");
        }
        break;
      case StepKind::kCalls:
        Kernel(step.domain, places.domain, what);
        Phase(step, places, index);
        break;
      case StepKind::kWait:
      case StepKind::kJoin: break;
      case StepKind::kCompare: Phase(step, places, index); break;
    }
    for (size_t i = 0; i < step.args.size() && i < places.args.size(); ++i) {
      Argument(step.args[i], places.args[i]);
      const bool number = step.kind == StepKind::kEmit || step.kind == StepKind::kIommuEdit ||
                          step.kind == StepKind::kIntact;
      if (number && step.args[i].find("${") == std::string::npos && !ParseUnsigned(step.args[i])) {
        Complain(places.args[i], fmt::format("address: expected a number or ${{domain.secret}}, found '{}'",
                                             step.args[i]));
      }
    }
  }

  void StoreNode(const std::string& path, Place place) {
    const auto known = [this](const std::string& name) -> std::optional<unsigned> {
      const DomainSpec* domain = scenario_.FindDomain(name);
      return domain == nullptr ? std::nullopt : std::optional<unsigned>(0);
    };
    std::string error;
    if (!StorePath(path, known, &error)) Complain(place, error);
  }

  // Before the boot a device is part of the domain's configuration: then there must be a boot.
  void AttachedSomewhere(const Step& step, const StepPlaces& places) {
    const DomainSpec* domain = scenario_.FindDomain(step.domain);
    if (domain == nullptr || domain->role == Role::kDom0 || !domain->kernel) return;
    const bool booted = std::any_of(scenario_.steps.begin(), scenario_.steps.end(), [&](const Step& other) {
      return other.kind == StepKind::kBoot && other.domain == step.domain;
    });
    if (!booted) Complain(places.device, fmt::format("{}: no step boots '{}'", Name(step.kind), step.domain));
  }

  // Steps in a guest need its kernel, started by an earlier boot step.
  void Booted(const std::string& name, Place place, const std::string& what, size_t index) {
    const DomainSpec* domain = Domain(name, place, what);
    if (domain == nullptr) return;
    if (!domain->kernel) {
      Complain(place, fmt::format("{}: '{}' runs no kernel (kernel: false)", what, name));
      return;
    }
    for (size_t i = 0; i < index; ++i) {
      if (scenario_.steps[i].kind == StepKind::kBoot && scenario_.steps[i].domain == name) return;
    }
    Complain(place, fmt::format("{}: '{}' has not been booted by an earlier step", what, name));
  }

  void Storm(const StormSpec& storm) {
    const DeviceSpec* device = Device(storm.device, storm.place, "storm");
    if (device == nullptr) return;
    const bool able = storm.kind == IrqKind::kIntx  ? device->intx
                      : storm.kind == IrqKind::kMsi ? device->msi_vectors > 0
                                                    : device->msix_vectors > 0;
    if (!able) {
      Complain(storm.place, fmt::format("storm: '{}' has no {} interrupts", storm.device, Name(storm.kind)));
      return;
    }
    const unsigned vectors = storm.kind == IrqKind::kMsi ? device->msi_vectors : device->msix_vectors;
    if (storm.kind != IrqKind::kIntx && storm.vector >= vectors) {
      Complain(storm.place, fmt::format("storm: vector {}: '{}' has {} {} vectors", storm.vector, storm.device,
                                        vectors, Name(storm.kind)));
    }
  }

  void Phase(const Step& step, const StepPlaces& places, size_t index) {
    if (step.phase.empty()) return;
    std::vector<std::string> labels;
    for (size_t i = 0; i < index; ++i) {
      if (scenario_.steps[i].label == step.phase) return;
      labels.push_back(scenario_.steps[i].label);
    }
    Complain(places.command, fmt::format("since: no earlier step has the label '{}'{}", step.phase,
                                         DidYouMean(step.phase, labels)));
  }

  const Scenario& scenario_;
  std::vector<Problem>* problems_;
  std::vector<std::string> domains_;
  std::vector<std::string> devices_;
  std::vector<std::string> switches_;
};

}  // namespace

void CheckReferences(const Scenario& scenario, const std::vector<StepPlaces>& steps, std::vector<Problem>* problems) {
  Checker(scenario, problems).Run(steps);
}

}  // namespace pvpci::scenarios
