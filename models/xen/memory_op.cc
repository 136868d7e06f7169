// SPDX-License-Identifier: Apache-2.0
#include "models/xen/memory_op.h"

#include <algorithm>

#include "models/xen/frames.h"

namespace pvpci::xen {
namespace {

constexpr uint64_t kMaxExtents = 1 << 16;  // far beyond what fits one call on this path
constexpr uint64_t kOneMib = uint64_t{1} << 20;
constexpr uint64_t kFourGib = uint64_t{1} << 32;

}  // namespace

void MemoryOps::Register(HypercallTable& table) {
  constexpr unsigned kNr = abi::kMemoryOp;
  using M = MemoryOps;
  const std::vector<Field> reservation = {{"extents", 8, 8}, {"order", 16, 4}, {"bits", 20, 4}, {"dom", 24, 2}};
  table.Group(kNr, "memory_op", "XENMEM_");
  table.On(kNr, 1, "decrease_reservation", &M::Decrease, this, Outputs::kNone, reservation);
  table.On(kNr, 2, "maximum_ram_page", &M::MaximumRamPage, this);
  table.On(kNr, 3, "current_reservation", &M::CurrentReservation, this, Outputs::kNone, {{"dom", 0, 2}});
  table.On(kNr, 4, "maximum_reservation", &M::MaximumReservation, this, Outputs::kNone, {{"dom", 0, 2}});
  table.On(kNr, 5, "machphys_mfn_list", &M::MachphysMfnList, this, Outputs::kSuccess, {{"nr", 16, 4}});
  table.On(kNr, 6, "populate_physmap", &M::Populate, this, Outputs::kNone, reservation);
  table.Absent(kNr, 7, "add_to_physmap");
  table.On(kNr, 9, "memory_map", &M::MemoryMap, this, Outputs::kSuccess, {{"nr", 0, 4}});
  table.On(kNr, 10, "machine_memory_map", &M::MachineMemoryMap, this, Outputs::kSuccess, {{"nr", 0, 4}});
  table.On(kNr, 11, "exchange", &M::Exchange, this, Outputs::kAlways,
           {{"in_extents", 8, 8}, {"in_order", 16, 4}, {"out_extents", 40, 8}, {"out_order", 48, 4}, {"bits", 52, 4},
            {"exchanged", 64, 8}});
  // The guest learns a host address here, so no field is traced.
  table.On(kNr, 12, "machphys_mapping", &M::MachphysMapping, this, Outputs::kSuccess);
}

Domain* MemoryOps::Subject(Call& call, uint16_t domid) const {
  if (domid == sim::kDomSelf || domid == call.domain.id()) return &call.domain;
  return call.domain.privileged() ? hypervisor_.domain(domid) : nullptr;
}

unsigned MemoryOps::MaxOrder(const Domain& domain) const {
  const HypervisorConfig& config = hypervisor_.config();
  unsigned order = config.domu_max_order;
  if (!domain.iomem.empty() || !domain.ioports.empty()) order = std::max(order, config.passthrough_max_order);
  return domain.privileged() ? std::max(order, config.control_max_order) : order;
}

std::optional<sim::Mfn> MemoryOps::Allocate(Domain& domain, unsigned order, unsigned address_bits) {
  sim::Random& random = random_.try_emplace(domain.id(), domain.spec.seed, "xen.memory_op").first->second;
  // Above the domain's own pseudo-physical size if possible: a pfn must not pass for an mfn by accident.
  auto mfn = hypervisor_.frames().Allocate(domain.id(), order, address_bits, domain.memory.pages, random);
  if (!mfn.has_value()) mfn = hypervisor_.frames().Allocate(domain.id(), order, address_bits, 0, random);
  return mfn;
}

bool MemoryOps::Removable(const Domain& domain, sim::Mfn mfn) const {
  const sim::Frame* frame = hypervisor_.memory().Find(mfn);
  return frame != nullptr && frame->host != nullptr && frame->owner == domain.id() && frame->type_count == 0 &&
         frame->ref_count == 1;
}

long MemoryOps::Exchange(Call& call, abi::MemoryExchange& args) {
  Domain& domain = call.domain;
  if (args.in.domid != args.out.domid || Subject(call, args.in.domid) != &domain) return -abi::kEPERM;
  if (args.nr_exchanged != 0) return -abi::kEINVAL;
  if (args.in.nr_extents > kMaxExtents || args.out.nr_extents > kMaxExtents) return -abi::kEINVAL;
  if (args.in.extent_order > MaxOrder(domain) || args.out.extent_order > MaxOrder(domain)) return -abi::kEPERM;
  if (args.in.nr_extents << args.in.extent_order != args.out.nr_extents << args.out.extent_order) return -abi::kEINVAL;

  std::vector<uint64_t> in(args.in.nr_extents);
  std::vector<uint64_t> out(args.out.nr_extents);
  if (!call.CopyIn(in.data(), args.in.extent_start, in.size() * 8) ||
      !call.CopyIn(out.data(), args.out.extent_start, out.size() * 8)) {
    return -abi::kEFAULT;
  }
  const uint64_t in_pages = uint64_t{1} << args.in.extent_order;
  const uint64_t out_pages = uint64_t{1} << args.out.extent_order;
  for (const uint64_t first : in) {
    for (uint64_t i = 0; i < in_pages; ++i) {
      if (!Removable(domain, first + i)) return -abi::kEINVAL;
    }
  }
  for (const uint64_t gpfn : out) {
    if (gpfn + out_pages > domain.memory.pages) return -abi::kEINVAL;
  }
  // New memory first: a failed exchange changes nothing (Linux BUGs on partial success).
  std::vector<uint64_t> fresh;
  for (size_t i = 0; i < out.size(); ++i) {
    const auto mfn = Allocate(domain, args.out.extent_order, args.out.address_bits);
    if (!mfn.has_value()) {
      for (const uint64_t taken : fresh) {
        for (uint64_t n = 0; n < out_pages; ++n) hypervisor_.frames().Free(taken + n);
      }
      return -abi::kENOMEM;
    }
    fresh.push_back(*mfn);
  }
  for (const uint64_t first : in) {
    for (uint64_t i = 0; i < in_pages; ++i) hypervisor_.frames().PutRef(first + i);
  }
  for (size_t i = 0; i < out.size(); ++i) {
    for (uint64_t n = 0; n < out_pages; ++n) {
      hypervisor_.frames().Place(domain, fresh[i] + n, out[i] + n, /*scrub=*/true);
      call.cost += hypervisor_.config().page_zero;
    }
  }
  if (!call.CopyOut(args.out.extent_start, fresh.data(), fresh.size() * 8)) return -abi::kEFAULT;
  args.nr_exchanged = args.in.nr_extents;
  return 0;
}

long MemoryOps::Populate(Call& call, abi::MemoryReservation& args) {
  Domain* domain = Subject(call, args.domid);
  if (domain == nullptr) return -abi::kESRCH;
  if (args.extent_order > MaxOrder(*domain) || args.nr_extents > kMaxExtents) return -abi::kEINVAL;
  const uint64_t pages = uint64_t{1} << args.extent_order;
  long done = 0;
  for (uint64_t i = 0; i < args.nr_extents; ++i, ++done) {
    uint64_t gpfn;
    if (!call.CopyIn(&gpfn, args.extent_start + i * 8, 8)) break;
    if (domain->allocated_pages + pages > domain->max_pages || gpfn + pages > domain->memory.pages) break;
    const auto mfn = Allocate(*domain, args.extent_order, args.address_bits);
    if (!mfn.has_value()) break;
    for (uint64_t n = 0; n < pages; ++n) {
      hypervisor_.frames().Place(*domain, *mfn + n, gpfn + n, /*scrub=*/true);
      call.cost += hypervisor_.config().page_zero;
    }
    domain->allocated_pages += pages;
    if (!call.CopyOut(args.extent_start + i * 8, &*mfn, 8)) break;
  }
  return done;
}

long MemoryOps::Decrease(Call& call, abi::MemoryReservation& args) {
  Domain* domain = Subject(call, args.domid);
  if (domain == nullptr) return -abi::kESRCH;
  if (args.extent_order > MaxOrder(*domain) || args.nr_extents > kMaxExtents) return -abi::kEINVAL;
  const uint64_t pages = uint64_t{1} << args.extent_order;
  long done = 0;
  for (uint64_t i = 0; i < args.nr_extents; ++i, ++done) {
    uint64_t mfn;
    if (!call.CopyIn(&mfn, args.extent_start + i * 8, 8)) break;
    bool removable = true;
    for (uint64_t n = 0; n < pages; ++n) removable = removable && Removable(*domain, mfn + n);
    if (!removable) break;
    for (uint64_t n = 0; n < pages; ++n) hypervisor_.frames().PutRef(mfn + n);
    domain->allocated_pages -= pages;
  }
  return done;
}

long MemoryOps::MaximumRamPage(Call&, NoArguments&) { return static_cast<long>(hypervisor_.memory().frame_count() - 1); }

long MemoryOps::CurrentReservation(Call& call, abi::DomainId& args) {
  const Domain* domain = Subject(call, args.domid);
  return domain == nullptr ? -abi::kESRCH : static_cast<long>(domain->allocated_pages);
}

long MemoryOps::MaximumReservation(Call& call, abi::DomainId& args) {
  const Domain* domain = Subject(call, args.domid);
  return domain == nullptr ? -abi::kESRCH : static_cast<long>(domain->max_pages);
}

long MemoryOps::MachphysMfnList(Call&, abi::MachphysMfnList& args) {
  args.nr_extents = 0;  // one extent per 2 MiB of table; ours is mapped as a whole and lists none
  return 0;
}

long MemoryOps::MachphysMapping(Call&, abi::MachphysMapping& args) {
  args.v_start = hypervisor_.frames().m2p_guest();
  args.v_end = args.v_start + hypervisor_.frames().m2p_entries() * sizeof(uint64_t);
  args.max_mfn = hypervisor_.frames().m2p_entries() - 1;
  return 0;
}

// With e820_host what libxl_x86.c, e820_sanitize, makes of the machine's map: memory up to the first reserved range above
// 1 MiB, what is left of it from 4 GiB on. RAM of the machine that the domain has not got is unusable, lest a kernel take
// the gap for one where devices answer.
std::vector<abi::E820Entry> MemoryOps::DomainMap(const Domain& domain) const {
  const uint64_t bytes = domain.memory.pages << sim::kPageShift;
  if (!domain.spec.e820_host) return {{0, bytes, abi::kE820Ram}};
  const std::vector<abi::E820Entry> machine = MachineMap();
  uint64_t start = kFourGib;
  for (const abi::E820Entry& entry : machine) {
    const uint64_t address = entry.address;  // a copy: fields of a packed structure have no references
    if (entry.type == abi::kE820Reserved && address > kOneMib) start = std::min(start, address);
  }
  const uint64_t end = std::min(bytes, start);
  std::vector<abi::E820Entry> map = {{0, end, abi::kE820Ram}};
  if (start > end) map.push_back({end, start - end, abi::kE820Unusable});
  for (abi::E820Entry entry : machine) {
    if (entry.address < start || (entry.type == abi::kE820Ram && entry.address >= kFourGib)) continue;
    if (entry.type == abi::kE820Ram) entry.type = abi::kE820Unusable;
    map.push_back(entry);
  }
  if (bytes > end) map.push_back({kFourGib, bytes - end, abi::kE820Ram});
  return map;
}

// Firmware reports its regions as reserved, not as RAM.
void MemoryOps::CutOut(const ReservedRegion& region, std::vector<abi::E820Entry>* map) {
  const uint64_t first = region.first_mfn << sim::kPageShift;
  const uint64_t end = (region.last_mfn + 1) << sim::kPageShift;
  for (size_t i = 0; i < map->size(); ++i) {
    const abi::E820Entry ram = (*map)[i];
    if (ram.type != abi::kE820Ram || first < ram.address || end > ram.address + ram.size) continue;
    (*map)[i].size = first - ram.address;
    map->push_back({first, end - first, abi::kE820Reserved});
    if (end < ram.address + ram.size) map->push_back({end, ram.address + ram.size - end, abi::kE820Ram});
    return;
  }
}

std::vector<abi::E820Entry> MemoryOps::MachineMap() const {
  const HypervisorConfig& config = hypervisor_.config();
  std::vector<abi::E820Entry> map;
  for (const auto& [first, last] : hypervisor_.frames().ram()) {
    map.push_back({first << sim::kPageShift, (last - first + 1) << sim::kPageShift, abi::kE820Ram});
  }
  for (const ReservedRegion& region : config.reserved) CutOut(region, &map);
  map.push_back({0xa0000, 0x60000, abi::kE820Reserved});
  if (config.firmware_bytes != 0) map.push_back({config.pci_hole_start, config.firmware_bytes, abi::kE820Reserved});
  map.push_back({config.ecam_address, config.ecam_length, abi::kE820Reserved});
  map.push_back({config.io_apic_address, 0x1000, abi::kE820Reserved});
  map.push_back({0xfee00000, 0x100000, abi::kE820Reserved});
  map.push_back({kFourGib - 0x10000, 0x10000, abi::kE820Reserved});
  std::sort(map.begin(), map.end(), [](const auto& a, const auto& b) { return uint64_t{a.address} < uint64_t{b.address}; });
  return map;
}

long MemoryOps::CopyMap(Call& call, abi::MemoryMap& args, const std::vector<abi::E820Entry>& map) const {
  const auto count = std::min<uint32_t>(args.nr_entries, static_cast<uint32_t>(map.size()));
  if (count == 0) return -abi::kEINVAL;
  if (!call.CopyOut(args.buffer, map.data(), count * sizeof(abi::E820Entry))) return -abi::kEFAULT;
  args.nr_entries = count;
  return 0;
}

long MemoryOps::MemoryMap(Call& call, abi::MemoryMap& args) { return CopyMap(call, args, DomainMap(call.domain)); }

long MemoryOps::MachineMemoryMap(Call& call, abi::MemoryMap& args) {
  return call.domain.privileged() ? CopyMap(call, args, MachineMap()) : -abi::kEPERM;
}

}  // namespace pvpci::xen
