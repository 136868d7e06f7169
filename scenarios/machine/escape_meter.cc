// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/escape_meter.h"

#include <algorithm>
#include <optional>

namespace pvpci::scenarios {

EscapeMeter::EscapeMeter(const sim::Simulation& simulation, iommu::Iommu& unit, const IommuTables* tables)
    : simulation_(simulation), unit_(unit), tables_(tables) {
  unit_.OnForget([this] {
    if (!open_.empty()) Check();
  });
}

// A frame: an entry of the domain's table while a function uses that table, or a translation that is still cached.
bool EscapeMeter::Reaches(const Open& open) const {
  if (open.kind == kDevice) return unit_.CachedDomain(open.function) == open.tag;
  if (unit_.Remembers(open.tag, open.mfn << sim::kPageShift)) return true;
  if (open.kind == kUnmap) return unit_.Maps(open.function, open.mfn << sim::kPageShift);
  return tables_->HasFunctions(open.domain) && tables_->Maps(open.domain, open.mfn);
}

void EscapeMeter::Note(const Open& open) {
  if (Reaches(open)) {
    open_.push_back(open);
  } else {
    ended_[open.kind].push_back(0);
  }
}

void EscapeMeter::OnLoss(sim::DomId domain, sim::Mfn mfn, xen::FrameLoss loss) {
  const uint16_t tag = tables_->UnitDomainOf(domain);
  if (!tables_->HasFunctions(domain) && !unit_.Remembers(tag, mfn << sim::kPageShift)) return;
  const Kind kind = loss == xen::FrameLoss::kOwnership ? kOwnership : loss == xen::FrameLoss::kType ? kType : kGrant;
  Note({kind, tag, domain, mfn, {}, simulation_.now()});
}

void EscapeMeter::OnDeviceLoss(sim::DomId domain, pci::Bdf function) {
  Note({kDevice, tables_->UnitDomainOf(domain), domain, 0, function, simulation_.now()});
}

void EscapeMeter::OnUnmap(pci::Bdf function, uint64_t bus_address, uint64_t bytes) {
  const std::optional<uint16_t> tag = unit_.CachedDomain(function);
  if (!tag || bytes == 0) return;  // it has never asked for anything
  for (uint64_t page = bus_address >> sim::kPageShift; page <= (bus_address + bytes - 1) >> sim::kPageShift; ++page) {
    Note({kUnmap, *tag, 0, page, function, simulation_.now()});
  }
}

void EscapeMeter::Check() {
  const auto over = [this](const Open& open) {
    if (Reaches(open)) return false;
    ended_[open.kind].push_back(simulation_.now() - open.since);
    return true;
  };
  open_.erase(std::remove_if(open_.begin(), open_.end(), over), open_.end());
}

std::vector<reports::EscapeWindow> EscapeMeter::Windows() const {
  static constexpr const char* kNames[kKinds] = {"ownership", "type", "grant", "device", "unmap"};
  std::vector<reports::EscapeWindow> windows;
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    std::vector<sim::Ps> times = ended_[kind];
    std::sort(times.begin(), times.end());
    reports::EscapeWindow window;
    window.loss = kNames[kind];
    window.open = std::count_if(open_.begin(), open_.end(), [&](const Open& open) { return open.kind == kind; });
    window.count = window.open + static_cast<int64_t>(times.size());
    window.nonzero = window.open + (times.end() - std::upper_bound(times.begin(), times.end(), sim::Ps{0}));
    if (window.count == 0) continue;
    if (!times.empty()) {
      window.min_ps = times.front();
      window.p50_ps = times[(times.size() - 1) / 2];
      window.max_ps = times.back();
    }
    windows.push_back(window);
  }
  return windows;
}

}  // namespace pvpci::scenarios
