// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/fabric_builder.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "models/pci/attacker.h"
#include "models/pci/cloned.h"
#include "models/pci/dw_xdata.h"
#include "models/pci/edu.h"
#include "models/pci/endpoint_test.h"
#include "models/pci/i6300esb.h"
#include "models/pci/plx_dma.h"
#include "models/pci/virtio_rng.h"
#include "scenarios/machine/model_parameters.h"
#include "scenarios/parameters.h"

namespace pvpci::scenarios {
namespace {

// Standard header and MSI capability: PCI Local Bus 3.0, 6.8.1.
constexpr unsigned kMsiAddressLow = 4;
constexpr unsigned kMsiAddressHigh = 8;

pci::LinkSpec ToLink(const Link& link) { return {link.generation, link.width}; }

std::unique_ptr<pci::Function> BuildFunction(const DeviceSpec& device, uint64_t seed) {
  switch (device.model) {
    case DeviceModel::kEndpointTest: {
      pci::EndpointTestConfig config;
      config.msi_messages = device.msi_vectors;
      config.msi_maskable = device.msi_maskable;
      config.msix_entries = device.msix_vectors;
      config.seed = seed;
      return std::make_unique<pci::EndpointTest>(config);
    }
    case DeviceModel::kEdu: return std::make_unique<pci::Edu>();
    case DeviceModel::kVirtioRng: {
      pci::VirtioRngConfig config;
      config.seed = seed;
      config.msix_vectors = device.msix_vectors;
      config.gather_time = DeviceOption(device, "gather_time", config.gather_time);
      return std::make_unique<pci::VirtioRng>(config);
    }
    case DeviceModel::kPlxDma: {
      pci::PlxDmaConfig config;
      config.corrupt_every = static_cast<unsigned>(DeviceOption(device, "corrupt_every", config.corrupt_every));
      return std::make_unique<pci::PlxDma>(config);
    }
    case DeviceModel::kI6300esb: return std::make_unique<pci::I6300esb>();
    case DeviceModel::kDwXdata: return std::make_unique<pci::DwXdata>();
    case DeviceModel::kAttacker: {
      pci::AttackerConfig config;
      config.deaf = DeviceOption(device, "deaf", 0) != 0;
      config.function_level_reset = DeviceOption(device, "flr", 1) != 0;
      config.ats = DeviceOption(device, "ats", 0) != 0;
      return std::make_unique<pci::Attacker>(config);
    }
    case DeviceModel::kClone: break;
  }
  std::ifstream stream(device.config_dump);
  const std::string text(std::istreambuf_iterator<char>(stream), {});
  std::array<uint64_t, 6> bars{};
  for (const BarSpec& bar : device.bars) bars[static_cast<size_t>(bar.index)] = bar.bytes;
  try {
    return std::make_unique<pci::Cloned>(pci::ParseConfigDump(text), bars);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", device.config_dump, error.what()));
  }
}

pci::FunctionSlot Slot(const DeviceSpec& device, uint64_t seed) {
  pci::FunctionSlot slot;
  slot.name = device.name;
  slot.model = BuildFunction(device, seed);
  return slot;
}

}  // namespace

uint64_t DeviceOption(const DeviceSpec& device, const std::string& name, uint64_t fallback) {
  const ParameterSpec* spec = FindParameter("device", name);
  for (const Parameter& option : device.options) {
    if (option.name == name && spec != nullptr) return ParseParameter(*spec, option.value).value_or(fallback);
  }
  return fallback;
}

pci::FabricSpec BuildFabricSpec(const Scenario& scenario) {
  pci::FabricSpec spec;
  ApplyParameters(scenario.machine, &spec.parameters);
  spec.firmware.native_aer = scenario.machine.native_aer;
  if (scenario.machine.bar_window != 0) {
    spec.firmware.memory_base = scenario.machine.bar_window;
    spec.firmware.memory_end = spec.firmware.ecam_base;
  }
  std::set<unsigned> taken = {0};  // the host bridge
  for (const DeviceSpec& device : scenario.devices) {
    if (device.slot == 0) continue;
    taken.insert(device.slot);
    spec.integrated.push_back(Slot(device, scenario.seed));
    spec.integrated.back().device = device.slot;
  }
  unsigned device_number = 0;
  const auto root_port = [&](const std::string& name, const Link& link) -> pci::PortSpec& {
    while (taken.count(device_number) != 0) ++device_number;
    pci::PortSpec port;
    port.name = name;
    port.device = device_number++;
    port.link = ToLink(link);
    spec.root_ports.push_back(std::move(port));
    return spec.root_ports.back();
  };
  for (const DeviceSpec& device : scenario.devices) {
    if (!device.behind.empty() || !device.beside.empty() || device.slot != 0) continue;
    std::vector<pci::FunctionSlot>& functions = root_port("port." + device.name, device.link).functions;
    functions.push_back(Slot(device, scenario.seed));
    for (const DeviceSpec& other : scenario.devices) {
      if (other.beside != device.name) continue;
      functions.push_back(Slot(other, scenario.seed));
      functions.back().function = static_cast<unsigned>(functions.size() - 1);
    }
  }
  for (const SwitchSpec& spec_of_switch : scenario.switches) {
    auto attached = std::make_unique<pci::SwitchSpec>();
    attached->name = spec_of_switch.name;
    attached->acs_redirect = spec_of_switch.acs;
    unsigned number = 0;
    for (const DeviceSpec& device : scenario.devices) {
      if (device.behind != spec_of_switch.name) continue;
      pci::PortSpec port;
      port.name = spec_of_switch.name + "." + device.name;
      port.device = number++;
      port.link = ToLink(device.link);
      port.functions.push_back(Slot(device, scenario.seed));
      attached->ports.push_back(std::move(port));
    }
    while (number < spec_of_switch.ports) {
      pci::PortSpec port;
      port.name = fmt::format("{}.empty{}", spec_of_switch.name, number);
      port.device = number++;
      attached->ports.push_back(std::move(port));
    }
    root_port("port." + spec_of_switch.name, spec_of_switch.link).attached = std::move(attached);
  }
  return spec;
}

std::optional<MessageRegisters> MsiMessage(const pci::Function& function) {
  const unsigned capability = function.spec().capabilities().msi;
  if (capability == 0) return std::nullopt;
  const bool wide = (function.ConfigRead(capability + 2, 2) & 0x80) != 0;
  MessageRegisters message;
  message.address = function.ConfigRead(capability + kMsiAddressLow, 4);
  if (wide) message.address |= uint64_t{function.ConfigRead(capability + kMsiAddressHigh, 4)} << 32;
  message.data = function.ConfigRead(capability + (wide ? 12 : 8), 2);
  if (message.address == 0) return std::nullopt;
  return message;
}

std::string DeviceLabel(const pci::Function& function, DeviceModel model) {
  const uint32_t id = function.ConfigRead(0, 4);
  return fmt::format("{} ({:04x}:{:04x})", Label(model), id & 0xffff, id >> 16);
}

}  // namespace pvpci::scenarios
