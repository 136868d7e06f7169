// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/reach.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/iommu/reach.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kCommand = 4;
constexpr uint32_t kBusMaster = 4;
constexpr unsigned kBars = 6;

// How the device gets to a frame.
struct Way {
  bool read = false, write = false;
  const char* by = "";
  uint64_t bus_address = 0;
  size_t walk = 0;  // its number, from 1 on; 0: none
};

class Surveyor {
 public:
  Surveyor(Machine& machine, const DeviceSpec& spec) : machine_(machine), function_(machine.device(spec.name)) {
    reach_.device = spec.name;
    reach_.bdf = pci::ToString(function_.bdf());
    owner_ = machine.OwnerOf(function_.bdf());
    reach_.domain = machine.DomainName(owner_);
    reach_.bus_master = (function_.config().Read(kCommand, 2) & kBusMaster) != 0;
  }

  DeviceReach Survey() {
    const iommu::Iommu* unit = machine_.iommu();
    if (unit == nullptr || !unit->translation_enabled()) {
      reach_.by = unit == nullptr ? "no IOMMU" : "IOMMU off";
      Everything("no translation");
    } else {
      Tables(*unit);
    }
    Frames();
    Peers();
    Interrupts(unit);
    return std::move(reach_);
  }

 private:
  void Everything(const char* by) {
    everything_ = true;
    for (sim::Mfn mfn = 0; mfn < machine_.memory().frame_count(); ++mfn) {
      if (machine_.memory().populated(mfn)) ways_[mfn] = {true, true, by, mfn << sim::kPageShift, 0};
    }
  }

  void Note(const iommu::ReachedPage& page, const char* by) {
    const uint64_t pages = uint64_t{1} << 9 * (page.level - 1);
    if (page.walk != nullptr) walks_.push_back(*page.walk);
    for (uint64_t i = 0; i < pages; ++i) {
      const sim::Mfn mfn = (page.host_address >> sim::kPageShift) + i;
      if (!machine_.memory().populated(mfn)) continue;
      const auto [it, fresh] = ways_.try_emplace(mfn);
      Way& way = it->second;
      way.read = way.read || page.readable;
      way.write = way.write || page.writable;
      if (!fresh) continue;
      way.by = by;
      way.bus_address = page.bus_address + (i << sim::kPageShift);
      way.walk = page.walk != nullptr ? walks_.size() : 0;
    }
  }

  void Tables(const iommu::Iommu& unit) {
    const iommu::Reached reached =
        unit.ForEachReached(function_.bdf(), [this](const iommu::ReachedPage& page) { Note(page, "table"); });
    switch (reached.kind) {
      case iommu::ReachKind::kRefused:
        reach_.by = fmt::format("refused: reason {:#04x}, {}", static_cast<unsigned>(reached.refused),
                                iommu::Text(reached.refused));
        break;
      case iommu::ReachKind::kUntranslated:
        reach_.by = "pass-through";
        Everything("no translation");
        break;
      case iommu::ReachKind::kTable: reach_.by = fmt::format("table of domain id {}", reached.domain); break;
    }
    // What the unit still remembers goes before what the tables say.
    const auto cached = unit.CachedDomain(function_.bdf());
    const bool stale_context = cached && (reached.kind == iommu::ReachKind::kRefused || *cached != reached.domain);
    if (stale_context) reach_.by += fmt::format("; cached context of domain id {}", *cached);
    if (!cached && reached.kind != iommu::ReachKind::kTable) return;
    unit.ForEachCached(cached ? *cached : reached.domain,
                       [this](const iommu::ReachedPage& page) { Note(page, "IOTLB only"); });
  }

  std::string RelationOf(const sim::Frame& frame, sim::Mfn mfn) const {
    if (frame.type == sim::FrameType::kReserved) return "reserved";
    if (frame.type == sim::FrameType::kScratch) return "scratch";
    if (frame.owner == sim::kDomXen || frame.type >= sim::FrameType::kXenText ||
        frame.type == sim::FrameType::kShared) {
      return "hypervisor";
    }
    if (frame.owner == sim::kDomNone || frame.owner == sim::kDomIo) return "free";
    if (frame.owner == owner_) return "own";
    return machine_.MapsByGrant(owner_, mfn) ? "granted" : "foreign";
  }

  void Frames() {
    for (const auto& [mfn, way] : ways_) {
      const sim::Frame& frame = machine_.memory().frame(mfn);
      ReachRun run{mfn, 1, machine_.DomainName(frame.owner), sim::Name(frame.type), way.read, way.write, way.by,
                   RelationOf(frame, mfn), way.bus_address, {}};
      if (!reach_.runs.empty()) {
        ReachRun& last = reach_.runs.back();
        if (last.first_mfn + last.pages == mfn && last.owner == run.owner && last.type == run.type &&
            last.read == run.read && last.write == run.write && last.by == run.by && last.relation == run.relation) {
          ++last.pages;
          continue;
        }
      }
      if (way.walk != 0) run.witness = iommu::DescribeWalk(walks_[way.walk - 1]);
      reach_.runs.push_back(std::move(run));
    }
  }

  // Registers of other functions: all where nothing translates, else those that a switch without ACS hands over below it.
  void Peers() {
    const DeviceSpec& self = *machine_.scenario().FindDevice(reach_.device);
    for (const DeviceSpec& spec : machine_.scenario().devices) {
      if (spec.name == reach_.device) continue;
      bool below = false;
      for (const SwitchSpec& hub : machine_.scenario().switches) {
        below = below || (!hub.acs && hub.name == self.behind && hub.name == spec.behind);
      }
      if (!everything_ && !below) continue;
      const pci::Function& peer = machine_.device(spec.name);
      for (unsigned bar = 0; bar < kBars; ++bar) {
        const uint64_t at = peer.bar_address(bar);
        if (at == 0 || peer.spec().bars()[bar].kind == pci::BarKind::kIo) continue;
        const uint64_t pages = (peer.bar_size(bar) + sim::kPageSize - 1) >> sim::kPageShift;
        reach_.runs.push_back({at >> sim::kPageShift, pages, "device " + spec.name, fmt::format("BAR{} registers", bar),
                               true, true, below ? "peer, below the IOMMU" : "peer", "device", at, {}});
      }
    }
  }

  void Interrupts(const iommu::Iommu* unit) {
    if (unit == nullptr || !unit->interrupt_remapping_enabled()) {
      reach_.interrupts = "any vector, delivery mode and processor";
      return;
    }
    const std::vector<unsigned> entries = unit->InterruptEntriesOf(function_.bdf());
    reach_.interrupts = entries.empty() ? "nothing: no interrupt entry accepts it"
                                        : fmt::format("interrupt entries {}", fmt::join(entries, ", "));
  }

  Machine& machine_;
  pci::Function& function_;
  sim::DomId owner_ = 0;
  DeviceReach reach_;
  bool everything_ = false;
  std::map<sim::Mfn, Way> ways_;
  std::vector<iommu::EntriesRead> walks_;  // one for each leaf entry
};

}  // namespace

std::vector<DeviceReach> Reach(Machine& machine) {
  std::vector<DeviceReach> devices;
  for (const DeviceSpec& spec : machine.scenario().devices) devices.push_back(Surveyor(machine, spec).Survey());
  return devices;
}

nlohmann::ordered_json ReachJson(const std::vector<DeviceReach>& devices) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const DeviceReach& device : devices) {
    nlohmann::ordered_json runs = nlohmann::ordered_json::array();
    std::map<std::string, uint64_t> pages;
    for (const ReachRun& run : device.runs) {
      if (run.relation != "device") pages[run.relation] += run.pages;
      runs.push_back({{"mfn", fmt::format("{:#x}", run.first_mfn)},
                      {"pages", run.pages},
                      {"owner", run.owner},
                      {"type", run.type},
                      {"relation", run.relation},
                      {"read", run.read},
                      {"write", run.write},
                      {"by", run.by},
                      {"bus_address", fmt::format("{:#x}", run.bus_address)},
                      {"witness", run.witness}});
    }
    json.push_back({{"device", device.device},
                    {"bdf", device.bdf},
                    {"domain", device.domain},
                    {"bus_master", device.bus_master},
                    {"by", device.by},
                    {"interrupts", device.interrupts},
                    {"pages", pages},
                    {"runs", std::move(runs)}});
  }
  return json;
}

}  // namespace pvpci::scenarios
