// SPDX-License-Identifier: Apache-2.0
// Buses, who sits on them, and what decodes which address. Internal to models/pci.
//
// Routes are what the registers say now: they are recomputed at the next use after a register that shapes them changed,
// so that enumeration costs no more than linear.
#ifndef PVPCI_MODELS_PCI_TOPOLOGY_H_
#define PVPCI_MODELS_PCI_TOPOLOGY_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/pci/bridge.h"
#include "models/pci/conventional_bus.h"
#include "models/pci/fabric.h"
#include "models/pci/link.h"
#include "sim/simulation.h"

namespace pvpci::pci {

// One request piece on its way to the root complex.
struct Landing {
  sim::Ps time = 0;
  Transfer* transfer = nullptr;
  uint64_t offset = 0;
  uint32_t length = 0;
};

struct Bus;

// What enters the root complex at one place, in order: one per root port, one for the integrated functions.
struct Lane {
  std::deque<Landing> queue;
  bool scheduled = false;
  sim::Ps last_arrival = 0;  // of the newest entry ever queued
  sim::Ps last_landing = 0;  // arrival plus translation: later messages come no earlier
  sim::Ps last_taken = 0;    // the same without what a write takes to become visible
  // What of the root port's room is used, as the senders know, and the buses where somebody waits for some.
  unsigned posted_headers = 0, posted_data = 0, read_headers = 0;
  std::vector<Bus*> starved;
};

// The way of a packet between a bus and the root complex, as far as it takes time, in its order.
struct Hop {
  LinkDirection* link;  // serialisation; null: a switch to cut through
};

struct Bus {
  Bridge* bridge = nullptr;  // whose secondary bus this is; null: bus 0
  Bus* parent = nullptr;
  std::vector<Bus*> path;  // from bus 0 down to this one
  Lane* lane = nullptr;
  std::unique_ptr<LinkDirection> up, down;  // null: inside a switch
  std::vector<Hop> way_up, way_down;
  std::unique_ptr<ConventionalBus> conventional;  // bus 0, if it is one: its functions use this and no link
  sim::Ps free_at() const { return conventional ? conventional->free_at() : up->free_at(); }
  unsigned switches = 0;                    // crossed between here and the root complex
  const Bus* peer_group = nullptr;  // the inner bus of a switch that routes peers itself; null: everything goes up
  uint8_t number = 0;
  bool reachable = false;      // bus numbers of all bridges above lead here
  bool upstream_open = false;  // bus mastering is on in all bridges above
  std::vector<Function*> functions;
  sim::Ps down_wire_time(uint64_t bytes) const { return down ? down->WireTime(bytes) : 0; }

  // Arbiter of the first link.
  std::vector<Function*> waiting;
  unsigned turn = 0;
  sim::Ps pump_at = sim::kNever;
  sim::EventHandle pump_event = 0;
  bool pumping = false;
};

struct AddressRange {
  uint64_t first = 0, last = 0;
  Function* function = nullptr;
  RegisterSpace space = RegisterSpace::kBar0;
};

// Disjoint ranges by address. Of two that overlap the lower start wins its part: firmware does not do that.
class AddressMap {
 public:
  void Clear() { ranges_.clear(); }
  void Add(const AddressRange& range) { ranges_.push_back(range); }
  void Sort();
  const AddressRange* Find(uint64_t address) const {
    if (ranges_.empty() || address < lowest_ || address > highest_) return nullptr;
    return Search(address);
  }

 private:
  const AddressRange* Search(uint64_t address) const;
  std::vector<AddressRange> ranges_;
  uint64_t lowest_ = 0, highest_ = 0;
  mutable size_t last_hit_ = 0;
};

struct Topology {
  explicit Topology(Fabric& fabric) : fabric(fabric) {}
  // Takes the models out of `spec`. Refuses misfits (std::invalid_argument).
  void Build(FabricSpec& spec);
  // Bus numbers, BARs, windows, interrupt lines, link and payload registers.
  void RunFirmware();  // firmware.cc
  void AddressesChanged() { addresses_stale = true; }
  void BusesChanged() { buses_stale = addresses_stale = true; }

  Function* Find(Bdf bdf) {
    if (buses_stale) NumberBuses();
    const auto& row = by_bus[bdf.bus()];
    return row && bdf.segment == 0 ? (*row)[bdf.devfn()] : nullptr;
  }
  const AddressRange* FindMemory(uint64_t address) {
    if (addresses_stale) MapAddresses();
    return memory.Find(address);
  }
  const AddressRange* FindPort(uint64_t port) {
    if (addresses_stale) MapAddresses();
    return ports.Find(port);
  }
  void Refresh() {
    if (buses_stale) NumberBuses();
    if (addresses_stale) MapAddresses();
  }
  void NumberBuses();
  void MapAddresses();
  // INTx pin 0..3 and device on bus 0 after swizzling.
  void RootPin(const Function& function, unsigned pin, unsigned* root_device, unsigned* root_pin) const;
  // A secondary bus reset: everything below.
  void ResetBelow(Bus* bus);

  Fabric& fabric;
  std::vector<std::unique_ptr<Function>> owned;
  std::vector<std::unique_ptr<Bus>> buses;  // buses[0] is bus 0; parents precede children
  std::vector<std::unique_ptr<Lane>> lanes;
  std::map<std::string, Function*> by_name;
  std::array<std::unique_ptr<std::array<Function*, 256>>, 256> by_bus;
  AddressMap memory, ports;
  bool buses_stale = true, addresses_stale = true;

 private:
  Bus* AddBus(Bridge* bridge, Bus* parent, Lane* lane, const LinkSpec* link);
  void Place(const std::string& name, Bus* bus, unsigned device, unsigned function, std::unique_ptr<Function> model);
  void AddPort(PortSpec& port, Bus* bus, unsigned type, Lane* lane);
  void AddSwitch(SwitchSpec& spec, Bus* bus, Lane* lane);
  bool LinkFunctions(const Bus& bus);
  void MapFunction(Function& function);
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_TOPOLOGY_H_
