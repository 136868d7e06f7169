// SPDX-License-Identifier: Apache-2.0
// From a scenario's devices and switches to a fabric specification, and what scenarios ask of devices beyond
// registers: assert interrupts by themselves, tell the message they hold.
#ifndef PVPCI_SCENARIOS_MACHINE_FABRIC_BUILDER_H_
#define PVPCI_SCENARIOS_MACHINE_FABRIC_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// Devices stand behind root ports in the order of the file, one each, or behind their switch. Throws
// std::invalid_argument with a sentence if a device does not fit (a dump that is no dump).
pci::FabricSpec BuildFabricSpec(const Scenario& scenario);

// An option as the scenario gives it, else the model's own default.
uint64_t DeviceOption(const DeviceSpec& device, const std::string& name, uint64_t fallback);

// Address and data in the function's MSI registers; nothing if it has no MSI or the message was never written.
struct MessageRegisters {
  uint64_t address = 0;
  uint32_t data = 0;
};
std::optional<MessageRegisters> MsiMessage(const pci::Function& function);

// "PCI endpoint test (104c:b500)".
std::string DeviceLabel(const pci::Function& function, DeviceModel model);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_FABRIC_BUILDER_H_
