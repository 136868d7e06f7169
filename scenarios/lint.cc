// SPDX-License-Identifier: Apache-2.0
#include "scenarios/lint.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

std::string ParameterOf(const std::vector<Parameter>& parameters, const std::string& name, const std::string& otherwise) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const Parameter& parameter) { return parameter.name == name; });
  return found == parameters.end() ? otherwise : found->value;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A file of pciback's driver folder that a step of this scenario writes.
bool Writes(const Scenario& scenario, const std::string& file) {
  return std::any_of(scenario.steps.begin(), scenario.steps.end(), [&](const Step& step) {
    return step.kind == StepKind::kWrite && scenario.Applies(step.when) && EndsWith(step.path, "/pciback/" + file);
  });
}

bool OnCommandLine(const Scenario& scenario, const std::string& word) {
  return std::any_of(scenario.domains.begin(), scenario.domains.end(), [&](const DomainSpec& domain) {
    return domain.role == Role::kDom0 && domain.cmdline.find(word) != std::string::npos;
  });
}

// Devices of different domains behind a switch that lets them talk.
bool PeersWithoutAcs(const Scenario& scenario) {
  for (const SwitchSpec& spec : scenario.switches) {
    if (spec.acs) continue;
    std::set<std::string> owners;
    for (const DeviceSpec& device : scenario.devices) {
      if (device.behind == spec.name) owners.insert(device.assigned_to);
    }
    if (owners.size() > 1) return true;
  }
  return false;
}

void LintMachine(const Scenario& scenario, std::vector<LintItem>* items) {
  const MachineSpec& machine = scenario.machine;
  if (machine.iommu == IommuKind::kNone) {
    items->push_back({"no IOMMU", "every device reaches all memory and every interrupt vector; Xen gives no security support",
                      "VT-d in the firmware and iommu=1 on Xen's command line"});
    return;
  }
  if (machine.iommu == IommuKind::kDmar) {
    items->push_back({"interrupt remapping off", "a device that writes the interrupt window raises any vector",
                      "iommu=intremap on Xen's command line, and firmware that does not opt out of it"});
  }
  if (ParameterOf(machine.xen, "dom0-iommu", "relaxed") == "relaxed") {
    items->push_back({"relaxed dom0", "a device that dom0 keeps reaches the memory of every domain",
                      "dom0-iommu=strict on Xen's command line"});
  }
  if (ParameterOf(machine.xen, "dom0-iommu", "") == "passthrough") {
    items->push_back({"pass-through dom0", "nothing looks at the addresses of dom0's devices",
                      "dom0-iommu=strict on Xen's command line"});
  }
  const std::string quarantine = ParameterOf(machine.xen, "quarantine", "basic");
  if (quarantine == "none") {
    items->push_back({"quarantine off", "DMA in flight when a device is taken from a domain lands in dom0",
                      "iommu=quarantine=basic on Xen's command line"});
  }
  if (quarantine == "scratch-page") {
    items->push_back({"silent quarantine", "DMA after a device was taken away goes to a scratch page, and no fault tells",
                      "iommu=quarantine=basic on Xen's command line"});
  }
  const std::string ats = ParameterOf(machine.vtd, "device_tlbs", "false");
  if (ats == "true" || ats == "on" || ats == "1") {
    items->push_back({"ATS", "a device that says it has translated an address itself is believed",
                      "ats=false on Xen's command line, its default"});
  }
  if (const std::string unfixed = ParameterOf(machine.xen, "unfixed", ""); !unfixed.empty()) {
    items->push_back({"old hypervisor", fmt::format("flaws of the past are back: {}", unfixed), "an update of Xen"});
  }
}

}  // namespace

std::vector<LintItem> Lint(const Scenario& scenario) {
  std::vector<LintItem> items;
  LintMachine(scenario, &items);
  if (Writes(scenario, "permissive") || OnCommandLine(scenario, "xen-pciback.permissive=1")) {
    items.push_back({"permissive", "the guest writes the device's whole configuration space, MSI message and BARs included",
                     "leave pciback's permissive alone; add a quirk for the few registers that a driver needs"});
  }
  if (Writes(scenario, "allow_interrupt_control")) {
    items.push_back({"interrupt control", "the guest switches the device's INTx, MSI and MSI-X by itself",
                     "leave pciback's allow_interrupt_control alone"});
  }
  for (const DeviceSpec& device : scenario.devices) {
    if (!device.bus_master_at_boot) continue;
    items.push_back({"bus master at boot",
                     fmt::format("{} may read and write memory before any IOMMU is on and before any driver looks", device.name),
                     "firmware that clears bus mastering before it starts the hypervisor, and its DMA protection"});
  }
  if (PeersWithoutAcs(scenario)) {
    items.push_back({"no ACS", "devices of different domains reach each other's BARs below the IOMMU",
                     "a switch with ACS redirection, or both devices to one domain"});
  }
  if (Writes(scenario, "quirks")) {
    items.push_back({"quirks", "the guest writes the registers that are listed", "a list no longer than its driver needs"});
  }
  return items;
}

std::string LintText(const LintItem& item) {
  return fmt::format("{}: {}. Missing: {}", item.name, item.effect, item.missing);
}

}  // namespace pvpci::scenarios
