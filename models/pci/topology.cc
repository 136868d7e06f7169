// SPDX-License-Identifier: Apache-2.0
#include "models/pci/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "models/pci/registers.h"

namespace pvpci::pci {
namespace {

constexpr LinkSpec kRootBus{5, 16};

template <typename... Args>
[[noreturn]] void Refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw std::invalid_argument(fmt::format(format, std::forward<Args>(args)...));
}

FunctionSpec HostBridge() { return FunctionSpec(0x8086, 0x29c0, 0x060000); }

void CheckLink(const PortSpec& port) {
  const unsigned width = port.link.width;
  if (port.link.generation < 1 || port.link.generation > 5) {
    Refuse("port {}: link generation {} is not 1 to 5", port.name, port.link.generation);
  }
  if (width == 0 || width > 16 || (width & (width - 1))) {
    Refuse("port {}: link width {} is not 1, 2, 4, 8 or 16", port.name, width);
  }
}

}  // namespace

void AddressMap::Sort() {
  std::sort(ranges_.begin(), ranges_.end(), [](const AddressRange& a, const AddressRange& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
  last_hit_ = 0;
  lowest_ = ranges_.empty() ? 0 : ranges_.front().first;
  highest_ = 0;
  for (const AddressRange& range : ranges_) highest_ = std::max(highest_, range.last);
}

const AddressRange* AddressMap::Search(uint64_t address) const {
  const AddressRange& hit = ranges_[last_hit_];
  if (address >= hit.first && address <= hit.last) return &hit;
  size_t low = 0, high = ranges_.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (ranges_[middle].first <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || address > ranges_[low - 1].last) return nullptr;
  last_hit_ = low - 1;
  return &ranges_[last_hit_];
}

Bus* Topology::AddBus(Bridge* bridge, Bus* parent, Lane* lane, const LinkSpec* link) {
  auto bus = std::make_unique<Bus>();
  bus->bridge = bridge;
  bus->parent = parent;
  bus->lane = lane;
  if (parent) {
    bus->switches = parent->switches;
    bus->path = parent->path;
  }
  bus->path.push_back(bus.get());
  if (link) {
    bus->up = std::make_unique<LinkDirection>(*link, fabric.parameters().max_payload);
    bus->down = std::make_unique<LinkDirection>(*link, fabric.parameters().max_payload);
  }
  if (bridge) bridge->set_secondary_bus(bus.get());
  // Bus 0 is nobody's link: what comes from below it enters the root complex there.
  for (const Bus* at = bus.get(); at != nullptr; at = at->parent) {
    if (at->up && (at->parent || at == bus.get())) bus->way_up.push_back({at->up.get()});
    if (!at->up) bus->way_up.push_back({nullptr});
  }
  for (const Bus* at : bus->path) {
    if (at->down && (at->parent || at == bus.get())) bus->way_down.push_back({at->down.get()});
    if (!at->up) bus->way_down.push_back({nullptr});
  }
  buses.push_back(std::move(bus));
  return buses.back().get();
}

void Topology::Place(const std::string& name, Bus* bus, unsigned device, unsigned function,
                     std::unique_ptr<Function> model) {
  if (!model) Refuse("{} has no model", name);
  if (device > 31 || function > 7) Refuse("{}: device {} function {} does not exist", name, device, function);
  if (name.empty() || by_name.count(name))
    Refuse("'{}' is not a name of its own: names are unique and not empty", name);
  for (const Function* other : bus->functions) {
    if (other->bdf_.devfn() == (device << 3 | function)) {
      Refuse("{} and {} are both device {} function {} of the same bus", other->name(), name, device, function);
    }
  }
  // Software looks for more than function 0 only if that one says so. PCI 3.0 6.2.1.
  for (Function* other : bus->functions) {
    if (other->bdf_.device() == device && function != 0) other->BecomeMultiFunction();
  }
  Function* placed = model.get();
  placed->fabric_ = &fabric;
  placed->bus_ = bus;
  placed->name_ = name;
  placed->bdf_ = Bdf(0, 0, device, function);
  if (bus->conventional) placed->config_.DeclareMasks(reg::kLatencyTimer, 1, 0xff);
  placed->Refresh();
  bus->functions.push_back(placed);
  by_name[name] = placed;
  owned.push_back(std::move(model));
}

void Topology::AddPort(PortSpec& port, Bus* bus, unsigned type, Lane* lane) {
  CheckLink(port);
  if (!port.functions.empty() && port.attached) Refuse("port {} holds functions or a switch, not both", port.name);
  const bool ari = !port.functions.empty() &&
                   std::all_of(port.functions.begin(), port.functions.end(), [](const FunctionSlot& slot) {
                     return slot.model && slot.model->spec().capabilities().ari != 0;
                   });
  auto model = std::make_unique<Bridge>(type, type == reg::kRootPort && fabric.firmware().native_aer, ari);
  Bridge* bridge = model.get();
  Place(port.name, bus, port.device, 0, std::move(model));
  Bus* below = AddBus(bridge, bus, lane, &port.link);
  below->peer_group = bus->peer_group;
  for (FunctionSlot& slot : port.functions) {
    if (slot.device != 0) Refuse("{}: a link has only device 0 at its end, not {}", slot.name, slot.device);
    if (slot.function > 7 && !ari) Refuse("{}: function {} needs ARI in all functions there", slot.name, slot.function);
    Place(slot.name, below, slot.function >> 3, slot.function & 7, std::move(slot.model));
  }
  if (port.attached) AddSwitch(*port.attached, below, lane);
}

void Topology::AddSwitch(SwitchSpec& spec, Bus* bus, Lane* lane) {
  auto model = std::make_unique<Bridge>(reg::kUpstreamPort);
  Bridge* bridge = model.get();
  Place(spec.name, bus, 0, 0, std::move(model));
  Bus* inner = AddBus(bridge, bus, lane, nullptr);
  ++inner->switches;
  if (!spec.acs_redirect) inner->peer_group = inner;
  for (PortSpec& port : spec.ports) AddPort(port, inner, reg::kDownstreamPort, lane);
}

// Each function with ARI names the next one. True: there are some. PCIe 7.8.8.
bool Topology::LinkFunctions(const Bus& bus) {
  bool some = false;
  for (size_t i = 0; i < bus.functions.size(); ++i) {
    Function& function = *bus.functions[i];
    const unsigned at = function.spec().capabilities().ari;
    if (at == 0) continue;
    some = true;
    const unsigned next = i + 1 < bus.functions.size() ? bus.functions[i + 1]->bdf_.devfn() : 0;
    function.spec_.NextFunction(next);
    function.config_.Set(at + reg::kAriNextFunction, 1, next);
  }
  return some;
}

void Topology::Build(FabricSpec& spec) {
  lanes.push_back(std::make_unique<Lane>());
  Bus* root = AddBus(nullptr, nullptr, lanes.front().get(), &kRootBus);
  bool has_host_bridge = false;
  for (const FunctionSlot& slot : spec.integrated) has_host_bridge |= slot.device == 0 && slot.function == 0;
  if (!has_host_bridge) Place("host_bridge", root, 0, 0, std::make_unique<Function>(HostBridge()));
  if (fabric.parameters().host_bus_mhz != 0) {
    root->conventional = std::make_unique<ConventionalBus>(fabric.parameters().host_bus_mhz);
    for (const FunctionSlot& slot : spec.integrated) {
      if (slot.model && slot.model->spec().capabilities().express != 0) {
        Refuse("{} is a PCI Express function: it does not fit a conventional bus", slot.name);
      }
    }
  }
  for (FunctionSlot& slot : spec.integrated) Place(slot.name, root, slot.device, slot.function, std::move(slot.model));
  for (PortSpec& port : spec.root_ports) {
    lanes.push_back(std::make_unique<Lane>());
    AddPort(port, root, reg::kRootPort, lanes.back().get());
  }
  for (auto& bus : buses) {
    std::sort(bus->functions.begin(), bus->functions.end(),
              [](const Function* a, const Function* b) { return a->bdf_.devfn() < b->bdf_.devfn(); });
    const bool ari = LinkFunctions(*bus);
    // Function 0 says whether there are others. PCI 3.0 6.2.1.
    for (Function* function : bus->functions) {
      if (ari && function->bdf_.devfn() > 7) continue;
      if (function->bdf_.function() == 0) continue;
      const auto zero = std::find_if(bus->functions.begin(), bus->functions.end(), [&](const Function* f) {
        return f->bdf_.devfn() == (function->bdf_.devfn() & ~7u);
      });
      if (zero == bus->functions.end()) {
        Refuse("{} is function {} of a device without function 0", function->name(), function->bdf_.function());
      }
      (*zero)->spec_.MultiFunction();
      (*zero)->config_.SetBits(reg::kHeaderType, 1, reg::kHeaderMultiFunction);
    }
  }
}

void Topology::NumberBuses() {
  buses_stale = false;
  for (auto& row : by_bus) row.reset();
  for (auto& bus : buses) {
    if (!bus->parent) {
      bus->number = 0;
      bus->reachable = bus->upstream_open = true;
    } else {
      bus->number = bus->bridge->secondary();
      bus->reachable = bus->parent->reachable && bus->number != 0 && bus->bridge->subordinate() >= bus->number;
      for (const Bus* above = bus->parent; above->parent && bus->reachable; above = above->parent) {
        bus->reachable = bus->number > above->number && bus->number <= above->bridge->subordinate();
      }
      bus->upstream_open = bus->parent->upstream_open && bus->bridge->bus_master();
    }
    if (!bus->reachable) continue;
    auto& row = by_bus[bus->number];
    if (!row) {
      row = std::make_unique<std::array<Function*, 256>>();
      row->fill(nullptr);
    }
    for (Function* function : bus->functions) {
      // A function captures its bus number from the configuration writes it receives. PCIe 2.2.6.2.
      function->bdf_.id = static_cast<uint16_t>(bus->number << 8 | function->bdf_.devfn());
      if (!(*row)[function->bdf_.devfn()]) (*row)[function->bdf_.devfn()] = function;
    }
  }
}

void Topology::MapFunction(Function& function) {
  const auto reaches = [&](uint64_t address, uint64_t length, bool io) {
    for (const Bus* bus = function.bus(); bus->bridge; bus = bus->parent) {
      const Bridge& bridge = *bus->bridge;
      const bool held =
          io ? bridge.io_window().Holds(address, length)
             : bridge.memory_window().Holds(address, length) || bridge.prefetchable_window().Holds(address, length);
      if (!held) return false;
    }
    return true;
  };
  for (unsigned i = 0; i < 6; ++i) {
    const BarSpec& bar = function.spec().bars()[i];
    if (bar.kind == BarKind::kNone) continue;
    const bool io = bar.kind == BarKind::kIo;
    if (io ? !function.io_enabled() : !function.memory_enabled()) continue;
    const uint64_t address = function.bar_address(i);
    if (address == 0 || address + (bar.size_bytes - 1) < address) continue;
    if (!reaches(address, bar.size_bytes, io)) continue;
    (io ? ports : memory).Add({address, address + bar.size_bytes - 1, &function, static_cast<RegisterSpace>(i)});
  }
  if (const uint64_t rom = function.rom_address()) {
    const uint64_t size = function.spec().rom_size();
    if (function.memory_enabled() && reaches(rom, size, false)) {
      memory.Add({rom, rom + size - 1, &function, RegisterSpace::kRom});
    }
  }
}

void Topology::MapAddresses() {
  addresses_stale = false;
  memory.Clear();
  ports.Clear();
  for (auto& bus : buses) {
    for (Function* function : bus->functions) MapFunction(*function);
  }
  memory.Sort();
  ports.Sort();
}

void Topology::RootPin(const Function& function, unsigned pin, unsigned* root_device, unsigned* root_pin) const {
  unsigned device = function.bdf_.device();
  for (const Bus* bus = function.bus_; bus->bridge; bus = bus->parent) {
    pin = (pin + device) % 4;
    device = bus->bridge->bdf().device();
  }
  *root_device = device;
  *root_pin = pin;
}

void Topology::ResetBelow(Bus* bus) {
  for (Function* function : bus->functions) {
    function->ResetFunction(ResetKind::kHot);
    if (function->spec().bridge()) {
      if (Bus* below = static_cast<Bridge*>(function)->secondary_bus()) ResetBelow(below);
    }
  }
}

}  // namespace pvpci::pci
