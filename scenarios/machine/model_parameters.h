// SPDX-License-Identifier: Apache-2.0
// Which member of which model's configuration each parameter of a profile is. A scenario's own value (machine.xen,
// machine.vtd, machine.timing) goes before its profile's, that before the model's default, which is the default profile's.
#ifndef PVPCI_SCENARIOS_MACHINE_MODEL_PARAMETERS_H_
#define PVPCI_SCENARIOS_MACHINE_MODEL_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/pci/fabric.h"
#include "models/xen/config.h"
#include "models/xen/toolstack/toolstack.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// What the scenario or its profile says of it; nothing: the model's default holds.
std::optional<uint64_t> ValueOf(const MachineSpec& machine, const std::string& group, const std::string& name);
// The scenario itself says it, whatever the profile says.
bool SaysItself(const MachineSpec& machine, const std::string& group, const std::string& name);

void ApplyParameters(const MachineSpec& machine, xen::HypervisorConfig* config);
void ApplyParameters(const MachineSpec& machine, pci::FabricParameters* config);
void ApplyParameters(const MachineSpec& machine, iommu::IommuConfig* config);
void ApplyParameters(const MachineSpec& machine, iommu::TableWriterConfig* config);
void ApplyParameters(const MachineSpec& machine, xen::ToolstackConfig* config);
uint32_t CoreMhz(const MachineSpec& machine);

// Of "timing.hypercall": what the model has if nobody says anything. Nothing: no model has it.
std::optional<uint64_t> ModelDefault(const std::string& key);

// The machine has the model that the parameter is of: there is an IOMMU, a switch.
bool IsPartOf(const Scenario& scenario, const std::string& key);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_MODEL_PARAMETERS_H_
