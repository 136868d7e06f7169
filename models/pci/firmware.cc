// SPDX-License-Identifier: Apache-2.0
// What the firmware does before any kernel runs: bus numbers depth first, BARs and bridge windows, COMMAND, payload
// sizes, interrupt lines. PCI Firmware 3.3, PCI-to-PCI Bridge 1.2 chapter 3.
//
// Functions on bus 0 keep the addresses their dump or spec prefers if they lie in the windows. Behind a root port they
// do if all functions below it prefer theirs and sit on one bus: then its windows go where they are.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "models/pci/registers.h"
#include "models/pci/topology.h"

namespace pvpci::pci {
namespace {

struct BarRef {
  Function* function;
  unsigned bar;  // 6: the expansion ROM
  uint64_t size;
};

}  // namespace

class Firmware {
 public:
  explicit Firmware(Topology& topology) : topology_(topology), parameters_(topology.fabric.firmware()) {}

  void Run() {
    unsigned next = 1;
    NumberBelow(*topology_.buses.front(), &next);
    topology_.NumberBuses();
    for (Resource& r : resources_) Assign(r);
    for (auto& bus : topology_.buses) {
      for (Function* function : bus->functions) Configure(*function);
    }
    ConfigurePayload();
    topology_.BusesChanged();
    topology_.Refresh();
  }

 private:
  struct Resource {
    const char* what;
    bool io, wide;
    uint64_t granularity;
    uint64_t cursor, end;
    std::vector<std::pair<uint64_t, uint64_t>> taken;  // first, last of what kept its address
    std::set<const Function*> kept;                    // root ports whose windows are set already; looked up only
  };

  void NumberBelow(Bus& bus, unsigned* next) {
    for (Function* function : bus.functions) {
      if (!function->spec().bridge()) continue;
      auto* bridge = static_cast<Bridge*>(function);
      Bus* below = bridge->secondary_bus();
      if (*next > 255 || *next >= parameters_.ecam_buses) {
        throw std::invalid_argument(fmt::format("port {} finds no free bus number below {}", bridge->name(), *next));
      }
      bridge->config_.Set(reg::kPrimaryBus, 1, bus.number);
      below->number = static_cast<uint8_t>(*next);
      bridge->config_.Set(reg::kSecondaryBus, 1, *next);
      ++*next;
      NumberBelow(*below, next);
      bridge->config_.Set(reg::kSubordinateBus, 1, *next - 1);
    }
  }

  bool Wanted(const BarSpec& bar, const Resource& r) const {
    if (bar.kind == BarKind::kNone || (bar.kind == BarKind::kIo) != r.io) return false;
    if (r.io) return true;
    const bool wide = bar.kind != BarKind::kMemory32 && parameters_.memory64_base != 0;
    return wide == r.wide;
  }

  void Assign(Resource& r) {
    Bus& root = *topology_.buses.front();
    for (Function* function : root.functions) {
      for (unsigned i = 0; i < 6; ++i) {
        const BarSpec& bar = function->spec().bars()[i];
        if (!Wanted(bar, r) || !bar.preferred || !Free(r, bar.preferred, bar.size_bytes)) continue;
        r.taken.emplace_back(bar.preferred, bar.preferred + bar.size_bytes - 1);
        SetBar(*function, i, bar.preferred);
      }
    }
    for (Function* function : root.functions) {
      if (function->spec().bridge()) KeepBelow(*static_cast<Bridge*>(function), r);
    }
    AssignBus(root, r);
  }

  void Collect(const Bus& bus, const Resource& r, std::vector<BarRef>* bars) const {
    for (Function* function : bus.functions) {
      for (unsigned i = 0; i < 6; ++i) {
        const BarSpec& bar = function->spec().bars()[i];
        if (Wanted(bar, r)) bars->push_back({function, i, bar.size_bytes});
      }
      if (!r.io && !r.wide && function->spec().rom_size()) bars->push_back({function, 6, function->spec().rom_size()});
      if (function->spec().bridge()) Collect(*static_cast<Bridge*>(function)->secondary_bus(), r, bars);
    }
  }

  void KeepBelow(Bridge& port, Resource& r) {
    std::vector<BarRef> bars;
    Collect(*port.secondary_bus(), r, &bars);
    if (bars.empty()) return;
    uint64_t first = ~uint64_t{0}, last = 0;
    for (const BarRef& ref : bars) {
      const uint64_t preferred = ref.bar > 5 ? 0 : ref.function->spec().bars()[ref.bar].preferred;
      if (!preferred || ref.function->bus_ != bars.front().function->bus_) return;
      first = std::min(first, preferred & ~(r.granularity - 1));
      last = std::max(last, (preferred + ref.size - 1) | (r.granularity - 1));
    }
    if (!Free(r, first, last - first + 1)) return;
    r.taken.emplace_back(first, last);
    r.kept.insert(&port);
    for (const BarRef& ref : bars) SetBar(*ref.function, ref.bar, ref.function->spec().bars()[ref.bar].preferred);
    CloseWindows(port, r);
    for (const Bus* bus = bars.front().function->bus_; bus->bridge; bus = bus->parent) {
      SetWindow(*bus->bridge, r, first, last);
    }
  }

  void CloseWindows(Bridge& bridge, const Resource& r) {
    SetWindow(bridge, r, 1, 0);
    for (Function* function : bridge.secondary_bus()->functions) {
      if (function->spec().bridge()) CloseWindows(*static_cast<Bridge*>(function), r);
    }
  }

  static bool Free(const Resource& r, uint64_t address, uint64_t size) {
    if (address < r.cursor || address + size > r.end) return false;
    return std::none_of(r.taken.begin(), r.taken.end(), [&](const auto& range) {
      return address <= range.second && range.first <= address + size - 1;
    });
  }

  bool Kept(const Resource& r, const Function& function, unsigned bar) const {
    if (function.bus_->parent || bar > 5) return false;
    const uint64_t preferred = function.spec().bars()[bar].preferred;
    if (!preferred || function.bar_address(bar) != preferred) return false;
    return std::any_of(r.taken.begin(), r.taken.end(), [&](const auto& range) { return range.first == preferred; });
  }

  uint64_t Take(Resource& r, uint64_t size, uint64_t alignment, const std::string& who) {
    uint64_t address = (r.cursor + alignment - 1) & ~(alignment - 1);
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [first, last] : r.taken) {
        if (address <= last && first <= address + size - 1) {
          address = (last + alignment) & ~(alignment - 1);
          moved = true;
        }
      }
    }
    if (size > r.end || address > r.end - size) {
      throw std::invalid_argument(fmt::format(
          "{} of {} ({:#x} bytes) does not fit the firmware's window, which ends at {:#x}", r.what, who, size, r.end));
    }
    r.cursor = address + size;
    return address;
  }

  void AssignBus(Bus& bus, Resource& r) {
    std::vector<BarRef> bars;
    for (Function* function : bus.functions) {
      for (unsigned i = 0; i < 6; ++i) {
        const BarSpec& bar = function->spec().bars()[i];
        if (Wanted(bar, r) && !Kept(r, *function, i)) bars.push_back({function, i, bar.size_bytes});
      }
      if (!r.io && !r.wide && function->spec().rom_size()) bars.push_back({function, 6, function->spec().rom_size()});
    }
    std::stable_sort(bars.begin(), bars.end(), [](const BarRef& a, const BarRef& b) { return a.size > b.size; });
    for (const BarRef& ref : bars) {
      SetBar(*ref.function, ref.bar, Take(r, ref.size, ref.size, fmt::format("BAR {}", ref.function->name())));
    }
    for (Function* function : bus.functions) {
      if (!function->spec().bridge()) continue;
      if (r.kept.count(function)) continue;
      auto* bridge = static_cast<Bridge*>(function);
      const uint64_t before = r.cursor;
      r.cursor = SkipTaken(r, (r.cursor + r.granularity - 1) & ~(r.granularity - 1));
      const uint64_t first = r.cursor;
      AssignBus(*bridge->secondary_bus(), r);
      if (r.cursor == first) {
        r.cursor = before;
        SetWindow(*bridge, r, 1, 0);
        continue;
      }
      r.cursor = (r.cursor + r.granularity - 1) & ~(r.granularity - 1);
      SetWindow(*bridge, r, first, r.cursor - 1);
    }
  }

  // A window must not enclose what kept its address: it starts behind all of it if any lies ahead.
  uint64_t SkipTaken(const Resource& r, uint64_t address) const {
    // Everything ahead leaves too little room only in contrived set-ups; then Take refuses with a sentence.
    for (const auto& range : r.taken) {
      if (range.second >= address && range.first < address + r.granularity) {
        address = (range.second + r.granularity) & ~(r.granularity - 1);
      }
    }
    return address;
  }

  void SetBar(Function& function, unsigned bar, uint64_t address) {
    ConfigSpace& config = function.config_;
    if (bar == 6) {
      config.Write(function.spec().bridge() ? reg::kBridgeRom : reg::kRom, 4, static_cast<uint32_t>(address));
      return;
    }
    config.Write(reg::kBar0 + 4 * bar, 4, static_cast<uint32_t>(address));
    const BarKind kind = function.spec().bars()[bar].kind;
    if (kind == BarKind::kMemory64 || kind == BarKind::kMemory64Prefetchable) {
      config.Write(reg::kBar0 + 4 * bar + 4, 4, static_cast<uint32_t>(address >> 32));
    }
  }

  void SetWindow(Bridge& bridge, const Resource& r, uint64_t first, uint64_t last) {
    ConfigSpace& config = bridge.config_;
    const bool empty = first > last;
    if (r.io) {
      config.Write(reg::kIoBase, 1, empty ? 0xf0 : (first >> 8) & 0xf0);
      config.Write(reg::kIoLimit, 1, empty ? 0x00 : (last >> 8) & 0xf0);
    } else if (r.wide) {
      config.Write(reg::kPrefetchBase, 2, empty ? 0xfff0 : (first >> 16) & 0xfff0);
      config.Write(reg::kPrefetchLimit, 2, empty ? 0x0000 : (last >> 16) & 0xfff0);
      config.Write(reg::kPrefetchBaseHigh, 4, empty ? 0 : static_cast<uint32_t>(first >> 32));
      config.Write(reg::kPrefetchLimitHigh, 4, empty ? 0 : static_cast<uint32_t>(last >> 32));
    } else {
      config.Write(reg::kMemoryBase, 2, empty ? 0xfff0 : (first >> 16) & 0xfff0);
      config.Write(reg::kMemoryLimit, 2, empty ? 0x0000 : (last >> 16) & 0xfff0);
    }
  }

  void Configure(Function& function) {
    ConfigSpace& config = function.config_;
    if (function.spec().bridge()) {
      config.Write(reg::kCommand, 2, reg::kCommandIo | reg::kCommandMemory | reg::kCommandMaster | reg::kCommandSerr);
      if (parameters_.native_aer) config.SetBits(reg::kBridgeControl, 2, reg::kBridgeControlSerr);
    } else if (!function.spec().cloned()) {
      config.Write(reg::kCommand, 2, parameters_.command);
    }
    if (const unsigned pin = function.interrupt_pin(); pin && !function.spec().cloned()) {
      config.Write(reg::kInterruptLine, 1, topology_.fabric.GsiOf(function.bdf(), pin));
    }
    const unsigned at = function.spec().capabilities().express;
    if (at && !function.spec().cloned()) {
      const bool port = function.spec().bridge() && function.spec().port_type() != reg::kUpstreamPort;
      const Bus* link_bus = port ? static_cast<Bridge&>(function).secondary_bus() : function.bus_;
      if (link_bus->up && link_bus->parent) {
        const LinkSpec& link = link_bus->up->spec();
        config.Set(at + reg::kLinkCap, 4, link.generation | link.width << 4);
        config.Set(at + reg::kLinkSta, 2, link.generation | link.width << 4);
        config.Set(at + reg::kLinkCap2, 4, ((1u << link.generation) - 1) << 1);
        config.Set(at + reg::kLinkCtl2, 2, link.generation);
      } else if (!function.spec().bridge()) {
        // On bus 0 there is no link: a root complex integrated endpoint.
        config.SetBits(at + reg::kExpCapabilities, 2, reg::kIntegrated << 4);
      }
    }
    function.Refresh();
  }

  // The largest payload that all functions of one hierarchy take. PCIe 7.5.3.4.
  void ConfigurePayload() {
    const FabricParameters& fabric = topology_.fabric.parameters();
    for (auto& lane : topology_.lanes) {
      unsigned payload = fabric.max_payload;
      ForLane(*lane, [&](Function& f, unsigned at) {
        payload = std::min(payload, 128u << (f.config_.Read(at + reg::kDevCap, 4) & 7));
      });
      unsigned code = 0, read_code = 0;
      while (128u << code < payload) ++code;
      while (128u << read_code < fabric.max_read_request) ++read_code;
      ForLane(*lane, [&](Function& f, unsigned at) {
        if (f.spec().cloned()) return;
        const uint32_t control = f.config_.Read(at + reg::kDevCtl, 2) & 0x8f1f;
        f.config_.Set(at + reg::kDevCtl, 2,
                      control | code << reg::kDevCtlPayloadShift | read_code << reg::kDevCtlReadShift);
        f.Refresh();
      });
      for (auto& bus : topology_.buses) {
        if (bus->lane != lane.get() || !bus->up) continue;
        bus->up->set_mps(payload);
        bus->down->set_mps(payload);
      }
    }
  }

  template <typename Visit>
  void ForLane(const Lane& lane, Visit visit) {
    for (auto& bus : topology_.buses) {
      if (bus->lane != &lane) continue;
      for (Function* function : bus->functions) {
        if (const unsigned at = function->spec().capabilities().express) visit(*function, at);
      }
    }
  }

  Topology& topology_;
  const FirmwareParameters& parameters_;
  Resource resources_[3] = {
      {"memory", false, false, 1 << 20, parameters_.memory_base, parameters_.memory_end, {}, {}},
      {"64-bit memory", false, true, 1 << 20, parameters_.memory64_base, parameters_.memory64_end, {}, {}},
      {"I/O", true, false, 1 << 12, parameters_.io_base, parameters_.io_end, {}, {}},
  };
};

void Topology::RunFirmware() { Firmware(*this).Run(); }

}  // namespace pvpci::pci
