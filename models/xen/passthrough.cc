// SPDX-License-Identifier: Apache-2.0
#include "models/xen/passthrough.h"

#include <algorithm>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/frames.h"
#include "models/xen/hypervisor.h"
#include "models/xen/xen_console.h"
#include "sim/check.h"
#include "sim/out_of_resources.h"

namespace pvpci::xen {
namespace {

// pci_check_disable_device: xen/drivers/passthrough/pci.c, PT_FAULT_THRESHOLD.
constexpr unsigned kFaultThreshold = 10;
constexpr sim::Ps kFaultMemory = 10 * sim::kMs;
constexpr unsigned kCommand = 4;
constexpr uint32_t kBusMaster = 4;

constexpr sim::Mfn kFourGib = uint64_t{1} << (32 - sim::kPageShift);

std::string Log(pci::Bdf function) { return pci::ToString(function); }

}  // namespace

Passthrough::Passthrough(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

IommuControl* Passthrough::iommu() const { return hypervisor_.iommu(); }
const HypervisorConfig& Passthrough::config() const { return hypervisor_.config(); }
sim::Ps Passthrough::TakeCost() { return std::exchange(cost_, 0); }

void Passthrough::SetSynced(sim::DomId domain, bool value) {
  if (synced_.size() <= domain) synced_.resize(domain + size_t{1});
  synced_[domain] = value;
}

sim::DomId Passthrough::OwnerOf(pci::Bdf function) const {
  const auto found = functions_.find(function);
  return found == functions_.end() ? sim::kDomNone : found->second.owner;
}

std::vector<Passthrough::Range> Passthrough::RegionsOf(pci::Bdf function) const {
  std::vector<Range> regions;
  for (const ReservedRegion& region : config().reserved) {
    if (std::find(region.devices.begin(), region.devices.end(), function) == region.devices.end()) continue;
    regions.emplace_back(region.first_mfn, region.last_mfn);
  }
  return regions;
}

// --- Functions ---

void Passthrough::AddFunction(pci::Bdf function) {
  // Bridges send no DMA of their own: xen/drivers/passthrough/vtd/iommu.c, domain_context_mapping.
  constexpr unsigned kClass = 0x0b;
  constexpr uint32_t kBridge = 0x06;
  if (hypervisor_.pci().ConfigRead(function, kClass, 1) == kBridge) return;
  const auto [it, fresh] = functions_.try_emplace(function);
  if (!fresh || iommu() == nullptr || !dom0_enabled_) return;
  Attach(function, it->second, 0);
}

void Passthrough::Attach(pci::Bdf function, Function& state, sim::DomId domain) {
  if (domain == sim::kDomIo) {
    cost_ += state.own_table ? iommu()->AttachQuarantine(function) : iommu()->BlockDevice(function);
  } else if (domain == 0 && config().dom0_iommu == Dom0Iommu::kPassthrough) {
    cost_ += iommu()->PassDevice(function, domain);
  } else {
    cost_ += iommu()->AttachDevice(function, domain);
  }
  state.owner = domain;
}

bool Passthrough::Assign(pci::Bdf function, sim::DomId domain) {
  if (iommu() == nullptr) return true;
  try {
    Reassign(function, domain);
    return true;
  } catch (const sim::OutOfResources&) {
    return false;
  }
}

void Passthrough::Reassign(pci::Bdf function, sim::DomId domain) {
  Function& state = functions_[function];
  // Made as late as possible, and early enough that it cannot fail when it is needed (XSA-400).
  const std::vector<Range> regions = Flaw(Unfixed::kXsa400) ? std::vector<Range>() : RegionsOf(function);
  const bool scratch = config().quarantine == Quarantine::kScratchPage;
  if (state.owner != sim::kDomIo && config().quarantine != Quarantine::kNone && (scratch || !regions.empty())) {
    cost_ += iommu()->MakeQuarantine(function, regions, scratch);
    state.own_table = true;
  }
  state.faults = 0;
  const sim::DomId source = state.owner;
  if (domain == sim::kDomIo) {
    state.quarantine = true;
    Attach(function, state, domain);
  } else if (Flaw(Unfixed::kXsa400)) {
    // The context entry first: until the region is mapped, what firmware had told the device to do faults.
    Attach(function, state, domain);
    const sim::Ps after = TakeCost();
    cost_ += after;
    hypervisor_.simulation().After(after, [this, domain, function] { MapIdentity(domain, function); });
  } else {
    MapIdentity(domain, function);
    Attach(function, state, domain);
  }
  // Firmware may use dom0's regions for ever: those stay.
  if (source != 0 && source != domain) UnmapIdentity(source, function);
}

void Passthrough::Deassign(pci::Bdf function, sim::DomId domain) {
  if (iommu() == nullptr) return;
  Function& state = functions_[function];
  const sim::DomId source = state.owner;
  const bool quarantined = state.quarantine || config().quarantine != Quarantine::kNone;
  const sim::DomId target = quarantined && domain != sim::kDomIo && !Flaw(Unfixed::kXsa302) ? sim::kDomIo : 0;
  Attach(function, state, target);
  if (target == 0) state.quarantine = false;
  state.faults = 0;
  if (losses_ != nullptr && source != sim::kDomIo) losses_->OnDeviceLoss(source, function);
  if (domain != 0) UnmapIdentity(domain, function);
}

void Passthrough::MapIdentity(sim::DomId domain, pci::Bdf function) {
  for (const Range& region : RegionsOf(function)) {
    unsigned& count = identity_[{domain, region}];
    if (count == 0) cost_ += iommu()->MapRange(domain, region.first, region.second - region.first + 1, true);
    ++count;
  }
}

void Passthrough::UnmapIdentity(sim::DomId domain, pci::Bdf function) {
  if (Flaw(Unfixed::kXsa378)) return;
  for (const Range& region : RegionsOf(function)) {
    const auto found = identity_.find({domain, region});
    if (found == identity_.end() || --found->second != 0) continue;
    identity_.erase(found);
    iommu()->BeginBatch();
    for (sim::Mfn mfn = region.first; mfn <= region.second; ++mfn) cost_ += iommu()->UnmapFrame(domain, mfn);
    cost_ += iommu()->EndBatch();
  }
}

// --- Maps ---

void Passthrough::MapAllRam(const Domain& dom0) {
  const sim::MachineMemory& memory = hypervisor_.memory();
  for (const auto& [first, last] : hypervisor_.frames().ram()) {
    sim::Mfn start = first;
    for (sim::Mfn mfn = first; mfn <= last + 1; ++mfn) {
      const bool apart = mfn > last || memory.frame(mfn).owner == sim::kDomXen ||
                         memory.frame(mfn).type == sim::FrameType::kReserved;
      if (!apart) continue;
      if (mfn > start) cost_ += iommu()->MapRange(dom0.id(), start, mfn - start, true);
      start = mfn + 1;
    }
  }
}

// Ranges that the machine's memory map calls reserved, but for those dom0 may not touch: interrupt controllers and the
// window of interrupt messages. The configuration window is writable by nobody but Xen.
void Passthrough::MapReserved(sim::DomId dom0) {
  if (config().map_reserved) {
    cost_ += iommu()->MapRange(dom0, 0xa0, 0x60, true);
    cost_ += iommu()->MapRange(dom0, config().ecam_address >> sim::kPageShift,
                               config().ecam_length >> sim::kPageShift, false);
    cost_ += iommu()->MapRange(dom0, kFourGib - 16, 16, true);
  }
  for (const ReservedRegion& region : config().reserved) {
    cost_ += iommu()->MapRange(dom0, region.first_mfn, region.last_mfn - region.first_mfn + 1, true);
  }
}

void Passthrough::EnableDom0(Domain& dom0) {
  if (iommu() == nullptr) return;
  dom0_enabled_ = true;
  iommu()->BeginBatch();
  if (config().dom0_iommu == Dom0Iommu::kStrict) {
    SetSynced(dom0.id(), true);
    Populate(dom0);
  }
  if (config().dom0_iommu == Dom0Iommu::kRelaxed) MapAllRam(dom0);
  if (config().dom0_iommu != Dom0Iommu::kPassthrough) MapReserved(dom0.id());
  cost_ += iommu()->EndBatch();
  for (auto& [function, state] : functions_) Attach(function, state, 0);
}

// X:xen/drivers/passthrough/iommu.c, iommu_map.
bool Passthrough::Map(sim::DomId domain, sim::Mfn mfn, bool writable) {
  try {
    cost_ += iommu()->MapFrame(domain, mfn, writable);
    return true;
  } catch (const sim::OutOfResources&) {
    hypervisor_.console().Print(XenConsole::Level::kAlways,
                                fmt::format("d{}: IOMMU mapping dfn {:x} to mfn {:x} failed: {}", domain, mfn, mfn,
                                            -abi::kENOMEM));
    CrashLater(domain, "an IOMMU mapping failed");
    return false;
  }
}

bool Passthrough::Populate(const Domain& domain) {
  const sim::MachineMemory& memory = hypervisor_.memory();
  for (const auto& [first, last] : hypervisor_.frames().ram()) {
    for (sim::Mfn mfn = first; mfn <= last; ++mfn) {
      const sim::Frame& frame = memory.frame(mfn);
      if (frame.owner != domain.id() || frame.type != sim::FrameType::kWritable) continue;
      if (!Map(domain.id(), mfn, true)) return false;
    }
  }
  return true;
}

bool Passthrough::Enable(Domain& domain) {
  if (iommu() == nullptr || synced(domain.id()) || domain.privileged()) return true;
  const sim::Ps before = cost_;
  if (!Flaw(Unfixed::kXsa285)) SetSynced(domain.id(), true);
  if (!Populate(domain)) return false;
  if (synced(domain.id())) return true;
  // The table is built from a list of pages while the domain runs on: what changes its type meanwhile is missed.
  hypervisor_.simulation().After(cost_ - before, [this, id = domain.id()] {
    if (hypervisor_.domain(id) != nullptr) SetSynced(id, true);
  });
  return true;
}

void Passthrough::Destroy(Domain& domain) {
  if (iommu() == nullptr) return;
  SetSynced(domain.id(), false);
  cost_ += iommu()->DestroyDomain(domain.id());
  const auto of_domain = [&](const auto& entry) { return entry.first.first == domain.id(); };
  for (auto it = grants_.begin(); it != grants_.end();) it = of_domain(*it) ? grants_.erase(it) : std::next(it);
  for (auto it = identity_.begin(); it != identity_.end();) it = of_domain(*it) ? identity_.erase(it) : std::next(it);
}

void Passthrough::Lost(sim::DomId domain, sim::Mfn mfn, FrameLoss loss) {
  if (losses_ != nullptr) losses_->OnLoss(domain, mfn, loss);
}

bool Passthrough::MapOwn(sim::DomId domain, sim::Mfn mfn) { return !synced(domain) || Map(domain, mfn, true); }

void Passthrough::UnmapOwn(sim::DomId domain, sim::Mfn mfn, FrameLoss loss) {
  if (iommu() == nullptr) return;
  // A relaxed dom0 reaches everybody's frames by design: it loses none.
  if (domain == 0 && !synced(domain)) return;
  if (synced(domain)) cost_ += iommu()->UnmapFrame(domain, mfn);
  const bool held = batch_ && loss == FrameLoss::kOwnership && !Flaw(Unfixed::kXsa346);
  if (held) freed_.emplace_back(domain, mfn); else Lost(domain, mfn, loss);
}

bool Passthrough::MapGrant(sim::DomId mapper, sim::Mfn mfn, bool writable) {
  if (!synced(mapper) || hypervisor_.memory().frame(mfn).owner == mapper) return true;
  const auto entry = grants_.try_emplace({mapper, mfn}).first;
  GrantMaps& maps = entry->second;
  // The first writer widens the entry, the first reader makes one if there is no writer.
  const bool changes = maps.writers == 0 && (writable || maps.readers == 0);
  if (changes && !Map(mapper, mfn, writable)) {
    if (maps.readers == 0) grants_.erase(entry);
    return false;
  }
  ++(writable ? maps.writers : maps.readers);
  return true;
}

void Passthrough::UnmapGrant(sim::DomId mapper, sim::Mfn mfn, bool writable) {
  const auto found = grants_.find({mapper, mfn});
  if (found == grants_.end()) return;
  GrantMaps& maps = found->second;
  unsigned& count = writable ? maps.writers : maps.readers;
  SIM_CHECK(count > 0, "grant maps of an IOMMU entry underflow");
  --count;
  if (maps.readers + maps.writers == 0) {
    grants_.erase(found);
    cost_ += iommu()->UnmapFrame(mapper, mfn);
    Lost(mapper, mfn, FrameLoss::kGrant);
  } else if (writable && maps.writers == 0) {
    cost_ += iommu()->MapFrame(mapper, mfn, false);
  }
}

// --- One hypercall ---

void Passthrough::BeginMemoryOp() {
  if (iommu() == nullptr) return;
  if (config().iommu_flush == IommuFlush::kPage && !Flaw(Unfixed::kXsa346)) return;
  iommu()->BeginBatch();
  batch_ = true;
}

void Passthrough::EndMemoryOp(bool failed, sim::Ps cost) {
  if (iommu() == nullptr) return;
  // The override that a batch sets stays set on an error path, until the next operation that succeeds.
  if (Flaw(Unfixed::kXsa80)) iommu()->SuppressFlushes(failed);
  if (!batch_) return;
  batch_ = false;
  // XSA-346: the frames are free already; the invalidation comes when the hypercall has done all its work.
  cost_ += iommu()->EndBatch(Flaw(Unfixed::kXsa346) ? cost + cost_ : 0);
  for (const sim::Mfn mfn : std::exchange(held_, {})) hypervisor_.frames().FinishFree(mfn);
  for (const auto& [domain, mfn] : std::exchange(freed_, {})) Lost(domain, mfn, FrameLoss::kOwnership);
}

bool Passthrough::HoldBack(sim::Mfn mfn) {
  if (!batch_ || Flaw(Unfixed::kXsa346)) return false;
  held_.push_back(mfn);
  return true;
}

// --- Faults ---

void Passthrough::FaultInterrupt() {
  if (std::exchange(fault_pending_, true)) return;
  hypervisor_.simulation().After(config().irq_entry + config().irq_dispatch, [this] {
    fault_pending_ = false;
    HandleFaults();
  });
}

void Passthrough::HandleFaults() {
  for (const DmaFaultReport& fault : iommu()->TakeFaults()) {
    if (fault.interrupt) {
      hypervisor_.console().Print(XenConsole::Level::kGuestWarning,
                        fmt::format("[VT-D]INTR-REMAP: Request device [{}] fault index {:x}", Log(fault.source),
                                    fault.address));
      hypervisor_.console().Print(XenConsole::Level::kGuestWarning, fmt::format("[VT-D]INTR-REMAP: reason {:02x} - {} on iommu:0",
                                                             fault.reason, fault.text));
    } else {
      hypervisor_.console().Print(XenConsole::Level::kGuestWarning,
                        fmt::format("[VT-D]DMAR:[DMA {}] Request device [{}] fault addr {:x}",
                                    fault.write ? "Write" : "Read", Log(fault.source), fault.address));
      hypervisor_.console().Print(XenConsole::Level::kGuestWarning,
                        fmt::format("[VT-D]DMAR: reason {:02x} - {} on iommu:0", fault.reason, fault.text));
    }
    Throttle(fault);
  }
}

// X:xen/drivers/passthrough/pci.c, iommu_dev_iotlb_flush_timeout.
void Passthrough::DeviceTlbSilent(pci::Bdf function, sim::DomId domain) {
  hypervisor_.console().Print(XenConsole::Level::kAlways, fmt::format("dom{}: ATS device {} flush failed", domain, Log(function)));
  hypervisor_.simulation().After(0, [this, function] {
    const auto found = functions_.find(function);
    if (found == functions_.end() || found->second.owner == sim::kDomIo) return;
    found->second.owner = sim::kDomIo;
    iommu()->BlockDevice(function);
  });
  CrashLater(domain, fmt::format("ATS device {} flush failed", Log(function)));
}

void Passthrough::WaitedTooLong(sim::DomId domain) { CrashLater(domain, "an IOMMU flush timed out"); }

// Not in the middle of the hypercall that waits. The hardware domain is spared.
void Passthrough::CrashLater(sim::DomId domain, const std::string& reason) {
  if (domain == 0) return;
  hypervisor_.simulation().After(0, [this, domain, reason] {
    const Domain* subject = hypervisor_.domain(domain);
    if (subject != nullptr && !subject->shut_down) hypervisor_.CrashDomain(domain, reason);
  });
}

void Passthrough::Throttle(const DmaFaultReport& fault) {
  const auto found = functions_.find(fault.source);
  if (found == functions_.end()) return;
  Function& state = found->second;
  const sim::Ps now = hypervisor_.simulation().now();
  if (!state.faulted || now - state.last_fault > kFaultMemory) state.faults /= 2;
  state.faulted = true;
  state.last_fault = now;
  if (++state.faults < kFaultThreshold) return;
  silenced_.insert(fault.source);
  const uint32_t command = hypervisor_.pci().ConfigRead(fault.source, kCommand, 2);
  hypervisor_.pci().ConfigWrite(fault.source, kCommand, 2, command & ~kBusMaster);
}

}  // namespace pvpci::xen
