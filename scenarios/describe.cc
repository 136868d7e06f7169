// SPDX-License-Identifier: Apache-2.0
#include "scenarios/describe.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "scenarios/lint.h"
#include "scenarios/parameters.h"
#include "scenarios/profile.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

const char* PolicyText(NoIommuPolicy policy) {
  switch (policy) {
    case NoIommuPolicy::kRefused: return "refuse passthrough without IOMMU, as today";
    case NoIommuPolicy::kIntxOnly: return "INTx only without IOMMU, as Xen 4.5 to 4.12";
    case NoIommuPolicy::kMsiToo: return "MSI too without IOMMU, as Xen up to 4.4";
  }
  return "?";
}

std::string DomainLine(const DomainSpec& domain, unsigned id) {
  std::string text = fmt::format("  {:<14} {}, {}", domain.name, Name(domain.role), FormatSize(domain.memory_bytes));
  text += fmt::format(", {} vCPU{}", domain.vcpus, domain.vcpus == 1 ? "" : "s");
  if (domain.bare_metal) {
    text += ", bare metal: it drives the IOMMU";
  } else if (domain.memory_at != 0) {
    text += fmt::format(", machine memory from {:#x} on", domain.memory_at);
  } else {
    text += domain.p2m == P2mLayout::kExtents2M ? ", p2m in 2 MiB extents" : ", p2m scattered page by page";
  }
  if (!domain.e820_host) text += ", no host e820";
  text += domain.kernel ? fmt::format(", {} event channels", Name(domain.events)) : ", no kernel";
  if (domain.swiotlb_bytes != 0) text += fmt::format(", swiotlb {}", FormatSize(domain.swiotlb_bytes));
  for (const SecretSpec& secret : domain.secrets) {
    text += fmt::format(", secret '{}' of {}", secret.name, FormatSize(secret.bytes));
  }
  return text + fmt::format("  (domain {})\n", id);
}

std::string DeviceLine(const DeviceSpec& device) {
  std::string text = fmt::format("  {:<14} {}, {}, {}", device.name, Name(device.model), FormatLink(device.link),
                                 device.slot != 0        ? fmt::format("at 0000:00:{:02x}.0", device.slot)
                                 : !device.beside.empty() ? "beside " + device.beside
                                 : device.behind.empty() ? "on its own root port"
                                                         : "behind " + device.behind);
  if (device.intx) text += ", INTx";
  if (device.bus_master_at_boot) text += ", bus master from boot on";
  if (device.msi_vectors != 0) {
    text += fmt::format(", MSI x{}{}", device.msi_vectors, device.msi_maskable ? " maskable" : "");
  }
  if (device.msix_vectors != 0) text += fmt::format(", MSI-X x{}", device.msix_vectors);
  for (const Parameter& option : device.options) text += fmt::format(", {} {}", option.name, option.value);
  if (!device.assigned_to.empty()) text += ", for " + device.assigned_to;
  if (!device.config_dump.empty()) text += ", from " + device.config_dump;
  return text + "\n";
}

// Every setting of the IOMMU and of its upkeep, given or not: unit, range and origin beside it.
std::string IommuSettings(const MachineSpec& machine) {
  std::string text;
  for (const ParameterSpec& spec : KnownParameters()) {
    const bool xen = spec.group == std::string("xen");
    if (*spec.standard == 0 || (!xen && spec.group != std::string("vtd"))) continue;
    std::string value = fmt::format("{} (default)", spec.standard);
    for (const Parameter& parameter : xen ? machine.xen : machine.vtd) {
      if (parameter.name == spec.name) value = parameter.value;
    }
    text += fmt::format("  {:<30} {:<16} {}; {}\n", fmt::format("{}.{}", spec.group, spec.name), value,
                        spec.unit == ParameterUnit::kWords ? spec.help : DescribeRange(spec), spec.origin);
  }
  for (const ReservedSpec& reserved : machine.reserved) {
    text += fmt::format("  rmrr at {:#x}, {}, for {}\n", reserved.at, FormatSize(reserved.bytes),
                        fmt::join(reserved.devices, ", "));
  }
  return text;
}

// What the scenario says of root complex, links and memory.
std::string FabricSettings(const MachineSpec& machine) {
  std::string text;
  for (const Parameter& parameter : machine.fabric) {
    const ParameterSpec& spec = *FindParameter("fabric", parameter.name);
    text += fmt::format("  {:<30} {:<16} {}; {}\n", "fabric." + parameter.name, parameter.value, DescribeRange(spec), spec.help);
  }
  return text;
}

// "M1 M2 on 6.12 with MSI_FLAG_NO_MASK"; empty where nothing is left out.
std::string ScopeText(const Scope& scope) {
  std::string text = scope.modes.empty() ? "" : ModeNames(scope.modes);
  if (!scope.kernels.empty()) text += fmt::format("{}on {}", text.empty() ? "" : " ", fmt::join(scope.kernels, " "));
  for (const std::string& feature : scope.features) {
    const bool absent = feature.rfind("no ", 0) == 0;
    text += fmt::format("{}{}", text.empty() ? "" : " ", absent ? "without " + feature.substr(3) : "with " + feature);
  }
  return text;
}

std::string When(const Scope& scope) {
  const std::string text = ScopeText(scope);
  return text.empty() ? "" : fmt::format("  [only {}]", text);
}

std::string ReviewText(const Scenario& scenario) {
  const ReviewSpec& review = *scenario.review;
  std::string text = fmt::format("\nAn attack: it escapes if an access of {} lands\n", fmt::join(review.escapes, ", "));
  const auto add = [&](const char* what, const std::vector<ConditionSpec>& conditions) {
    for (const ConditionSpec& condition : conditions) {
      text += fmt::format("   {} {} if {}{}\n", scenario.Applies(condition.when) ? "-" : "x", what, condition.text,
                          When(condition.when));
      if (!condition.because.empty()) text += fmt::format("       because {}\n", condition.because);
    }
  };
  add("it escapes", review.escaped_if);
  add("the host is down", review.host_fault_if);
  add("a guest is down", review.guest_fault_if);
  add("service suffers", review.degraded_if);
  return text;
}

}  // namespace

std::string ModeNames(const std::vector<IommuKind>& modes) {
  std::string text;
  for (const IommuKind kind : {IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr}) {
    if (!modes.empty() && std::find(modes.begin(), modes.end(), kind) == modes.end()) continue;
    text += (text.empty() ? "" : " ") + std::string(ModeName(kind));
  }
  return text;
}

std::string Describe(const Step& step) {
  switch (step.kind) {
    case StepKind::kBoot: return fmt::format("boot {}, wait until its init is done", step.domain);
    case StepKind::kSeize:
      return fmt::format("dom0's pciback seizes {}{}", step.device,
                         step.quarantine ? "" : "; the tools do not assign it to dom_io");
    case StepKind::kAttach:
      if (!step.refused.empty()) {
        return fmt::format("try to give {} to {}; the tools refuse: '{}'", step.device, step.domain, step.refused);
      }
      if (!step.waits) return fmt::format("give {} to {}, look at nobody's state", step.device, step.domain);
      return fmt::format("give {} to {}, wait until both ends are Connected", step.device, step.domain);
    case StepKind::kDetach: return fmt::format("take {} away from {}", step.device, step.domain);
    case StepKind::kDestroy: return fmt::format("destroy {}", step.domain);
    case StepKind::kPause: return fmt::format("pause {}", step.domain);
    case StepKind::kUnpause: return fmt::format("let {} go on", step.domain);
    case StepKind::kFrontend:
      return fmt::format("the tools make the directories of {}/{} for {}", step.frontend.kind, step.frontend.id,
                         step.domain);
    case StepKind::kStore: {
      std::string text = "the tools, in one transaction,";
      for (const StoreNodeSpec& node : step.nodes) {
        text += node.value ? fmt::format(" write {} = {};", node.path, *node.value)
                           : fmt::format(" remove {};", node.path);
      }
      text.pop_back();
      return text;
    }
    case StepKind::kRefuse: return fmt::format("the store refuses a domain's next write of {}", step.path);
    case StepKind::kAwait: return fmt::format("wait until {} is {}", step.path, step.value.value_or(""));
    case StepKind::kJoin: return "wait for the steps in the background";
    case StepKind::kProgram: {
      std::string text = fmt::format("run '{}' in {}", fmt::join(step.argv, " "), step.domain);
      if (step.exit) text += fmt::format("; exit {}", *step.exit);
      for (const std::string& line : step.prints) text += fmt::format("; prints '{}'", line);
      if (step.stops) text += "; the domain does not survive it";
      return text;
    }
    case StepKind::kWrite: return fmt::format("write '{}' to {} in {}", step.value.value_or(""), step.path, step.domain);
    case StepKind::kRead: {
      std::string text = fmt::format("read {} in {}", step.path, step.domain);
      return step.value ? text + fmt::format("; it says '{}'", *step.value) : text;
    }
    case StepKind::kCall:
    case StepKind::kAttack: {
      std::string text = fmt::format("call hostile {}({}) in {}", step.function, fmt::join(step.args, ", "),
                                     step.domain);
      if (step.stops) return text + "; the domain does not survive it";
      return step.result ? text + fmt::format("; it returns {}", *step.result) : text;
    }
    case StepKind::kCrash: return fmt::format("make {} end in: {}", step.domain, Name(step.crash));
    case StepKind::kError: return fmt::format("{} detects an error: {}", step.device, Name(step.error));
    case StepKind::kStorm: {
      std::string text;
      for (const StormSpec& storm : step.storms) {
        text += fmt::format("{}{} sends {} {} interrupts, one every {}", text.empty() ? "" : "; ", storm.device,
                            storm.count, Name(storm.kind), FormatDuration(storm.interval));
      }
      return text + "; wait until all are served";
    }
    case StepKind::kEmit:
      return fmt::format("{} sends {} {} TLP of {} bytes to {}{}", step.device, step.count,
                         step.write ? "write" : "read", step.bytes, step.address,
                         step.translated ? ", which it calls a machine address" : "");
    case StepKind::kIommuEdit:
      return fmt::format("set the IOMMU entry of {} for {} to {:#x}{}", step.address, step.device,
                         step.data.value_or(0), step.invalidate ? ", then invalidate" : ", do not invalidate");
    case StepKind::kFail:
      return fmt::format("{} {} of {} answer {}{}",
                         step.count == 0 ? "all" : step.count == 1 ? "the next" : fmt::format("the next {}", step.count),
                         step.hypercall, step.domain, step.result.value_or(0),
                         step.skip == 0 ? "" : fmt::format(", after {} more", step.skip));
    case StepKind::kStall:
      return fmt::format("the next {} of {} to enter {} held there for {}",
                         step.count == 1 ? "vCPU" : fmt::format("{} vCPUs", step.count), step.domain,
                         step.function + (step.count == 1 ? " is" : " are"),
                         FormatDuration(step.duration));
    case StepKind::kEnters:
      return fmt::format("from now on {} enters {} {} times{}", step.domain, step.function, step.count,
                         step.within == 0 ? "" : fmt::format(", {} more or less", step.within));
    case StepKind::kIntact:
      return fmt::format("from now on {} of {} at {} change", step.count == 0 ? "none" : std::to_string(step.count),
                         FormatSize(step.bytes), step.address);
    case StepKind::kPreempt:
      return fmt::format("each pass of {} from {} to {} stands still for {}, {}{}", step.domain, step.preempt.from,
                         step.preempt.until, FormatDuration(step.duration),
                         step.preempt.blocks_only.empty() ? "one block later than the one before"
                                                              : fmt::format("before block {}", step.preempt.only),
                         step.preempt.device.empty() ? "" : "; meanwhile " + step.preempt.device + " interrupts");
    case StepKind::kCalls: {
      std::string text = fmt::format("since '{}' {} called exactly:", step.phase, step.domain);
      for (const std::string& call : step.calls) text += "\n         " + call;
      return text;
    }
    case StepKind::kWait: return "let " + FormatDuration(step.duration) + " pass";
    case StepKind::kCompare:
      return fmt::format("compare the trace{} with {}, rate at least {}",
                         step.phase.empty() ? "" : " since '" + step.phase + "'", step.golden, step.min_rate);
  }
  return "?";
}

std::string Describe(const Scenario& scenario) {
  std::string text = fmt::format("{}\n\n  {}\n\n", scenario.name, scenario.claim);
  text += fmt::format("Machine: {} of memory, IOMMU {} ({}), profile {}, seed {}, kernel {}\n",
                      FormatSize(scenario.machine.memory_bytes), Name(scenario.machine.iommu),
                      ModeName(scenario.machine.iommu), scenario.machine.profile, scenario.seed, scenario.kernel);
  if (scenario.machine.bar_window != 0) {
    text += fmt::format("  BARs from {:#x} on, RAM up to {:#x} and from 4 GiB.\n", scenario.machine.bar_window,
                        scenario.machine.low_memory_end());
  }
  if (scenario.machine.iommu == IommuKind::kNone) {
    text += fmt::format("  The tools {}.\n", PolicyText(scenario.machine.policy));
  }
  for (const Parameter& parameter : scenario.machine.xen) {
    const ParameterSpec* spec = FindParameter("xen", parameter.name);
    const bool below = scenario.machine.iommu != IommuKind::kNone && spec != nullptr && *spec->standard != 0;
    if (!below) text += fmt::format("  xen.{} = {}\n", parameter.name, parameter.value);
  }
  if (scenario.machine.iommu != IommuKind::kNone) text += IommuSettings(scenario.machine);
  text += FabricSettings(scenario.machine);
  for (const ProfileValue& assumed : scenario.machine.assumed) {
    const ParameterSpec* spec = FindParameter(assumed.group, assumed.name);
    text += fmt::format("  {}.{} = {} (profile)\n", assumed.group, assumed.name, FormatParameter(*spec, assumed.value));
  }
  for (const Parameter& parameter : scenario.machine.timing) {
    text += fmt::format("  timing.{} = {}\n", parameter.name, parameter.value);
  }
  text += fmt::format("  Applies in {} on {}.\n\nDomains\n", ModeNames(scenario.scope.modes),
                      fmt::join(scenario.kernels(), " "));
  for (size_t i = 0; i < scenario.domains.size(); ++i) text += DomainLine(scenario.domains[i], static_cast<unsigned>(i));
  if (!scenario.switches.empty()) text += "\nSwitches\n";
  for (const SwitchSpec& spec : scenario.switches) {
    text += fmt::format("  {:<14} {} ports, {}, {}\n", spec.name, spec.ports, FormatLink(spec.link),
                        spec.acs ? "peer requests redirected (ACS)" : "no ACS: peers reach each other");
  }
  if (!scenario.devices.empty()) text += "\nDevices\n";
  for (const DeviceSpec& device : scenario.devices) text += DeviceLine(device);
  text += "\nSteps\n";
  size_t number = 0;
  for (const Step& step : scenario.steps) {
    text += fmt::format("  {:>3}. {}{}{}{}\n", ++number, Describe(step),
                        step.background ? " (in the background)" : "", When(step.when),
                        scenario.Applies(step.when) ? "" : " (not now)");
    if (!step.because.empty()) text += fmt::format("       because {}\n", step.because);
  }
  text += "\nMust hold at the end\n";
  for (const ExpectationSpec& spec : scenario.expect) {
    text += fmt::format("   {} {}{}\n", scenario.Applies(spec.when) ? "-" : "x", spec.text,
                        When(spec.when));
    if (!spec.because.empty()) text += fmt::format("       because {}\n", spec.because);
  }
  if (scenario.review) text += ReviewText(scenario);
  const std::vector<LintItem> open = Lint(scenario);
  if (!open.empty()) text += "\nThis configuration leaves open\n";
  for (const LintItem& item : open) text += fmt::format("   - {}\n", LintText(item));
  text += fmt::format("\nRun it: ./pvpci run {}\n", scenario.name);
  return text;
}

nlohmann::ordered_json DescribeJson(const Scenario& scenario) {
  nlohmann::ordered_json json;
  json["name"] = scenario.name;
  json["claim"] = scenario.claim;
  json["file"] = scenario.file;
  json["kernel"] = scenario.kernel;
  json["seed"] = scenario.seed;
  json["mode"] = ModeName(scenario.machine.iommu);
  json["machine"] = {{"memory_bytes", scenario.machine.memory_bytes},
                     {"iommu", Name(scenario.machine.iommu)},
                     {"policy", Name(scenario.machine.policy)},
                     {"profile", scenario.machine.profile}};
  json["domains"] = nlohmann::ordered_json::array();
  for (const DomainSpec& domain : scenario.domains) {
    json["domains"].push_back({{"name", domain.name},
                               {"role", Name(domain.role)},
                               {"memory_bytes", domain.memory_bytes},
                               {"vcpus", domain.vcpus},
                               {"p2m", Name(domain.p2m)},
                               {"memory_at", domain.memory_at},
                               {"bare_metal", domain.bare_metal},
                               {"e820_host", domain.e820_host},
                               {"events", Name(domain.events)},
                               {"kernel", domain.kernel}});
  }
  json["devices"] = nlohmann::ordered_json::array();
  for (const DeviceSpec& device : scenario.devices) {
    json["devices"].push_back({{"name", device.name},
                               {"model", Name(device.model)},
                               {"link", FormatLink(device.link)},
                               {"behind", device.behind},
                               {"slot", device.slot},
                               {"assigned_to", device.assigned_to}});
  }
  json["lint"] = nlohmann::ordered_json::array();
  for (const LintItem& item : Lint(scenario)) {
    json["lint"].push_back({{"name", item.name}, {"effect", item.effect}, {"missing", item.missing}});
  }
  json["steps"] = nlohmann::ordered_json::array();
  for (const Step& step : scenario.steps) {
    json["steps"].push_back({{"action", Name(step.kind)},
                             {"label", step.label},
                             {"text", Describe(step)},
                             {"runs", scenario.Applies(step.when)}});
  }
  json["expect"] = nlohmann::ordered_json::array();
  for (const ExpectationSpec& spec : scenario.expect) {
    json["expect"].push_back({{"text", spec.text},
                              {"because", spec.because},
                              {"judged", scenario.Applies(spec.when)}});
  }
  return json;
}

std::string ListTable(const std::vector<Scenario>& scenarios) {
  size_t width = 8;
  for (const Scenario& scenario : scenarios) width = std::max(width, scenario.name.size());
  std::string text = fmt::format("{:<{}}  {:<8}  {}\n", "scenario", width, "modes", "claim");
  for (const Scenario& scenario : scenarios) {
    text += fmt::format("{:<{}}  {:<8}  {}\n", scenario.name, width, ModeNames(scenario.scope.modes), scenario.claim);
  }
  return text;
}

nlohmann::ordered_json ListJson(const std::vector<Scenario>& scenarios) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Scenario& scenario : scenarios) {
    nlohmann::ordered_json modes = nlohmann::ordered_json::array();
    for (const IommuKind kind : scenario.modes()) modes.push_back(ModeName(kind));
    json.push_back({{"name", scenario.name},
                    {"claim", scenario.claim},
                    {"modes", modes},
                    {"kernels", scenario.kernels()},
                    {"file", scenario.file}});
  }
  return json;
}

}  // namespace pvpci::scenarios
