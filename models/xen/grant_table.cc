// SPDX-License-Identifier: Apache-2.0
#include "models/xen/grant_table.h"

#include "models/xen/frames.h"
#include "models/xen/mmu.h"
#include "models/xen/passthrough.h"

namespace pvpci::xen {
namespace {

constexpr uint32_t kMaxGrantFrames = 64;  // Xen's gnttab_max_frames
constexpr uint32_t kEntriesPerFrame = sim::kPageSize / sizeof(abi::GrantEntryV1);
constexpr size_t kMaxHandles = 65536;

}  // namespace

void Grants::Register(HypercallTable& table) {
  constexpr unsigned kNr = abi::kGrantTableOp;
  using G = Grants;
  table.Group(kNr, "grant_table_op", "GNTTABOP_", /*pointer_arg=*/1, /*count_arg=*/2);
  table.On(kNr, 0, "map_grant_ref", &G::Map, this, Outputs::kAlways,
           {{"flags", 8, 4}, {"ref", 12, 4}, {"dom", 16, 2}, {"status", 18, 2, true}, {"handle", 20, 4},
            {"bus", 24, 8}});
  table.On(kNr, 1, "unmap_grant_ref", &G::Unmap, this, Outputs::kAlways, {{"handle", 16, 4}, {"status", 20, 2, true}});
  table.On(kNr, 2, "setup_table", &G::SetupTable, this, Outputs::kAlways,
           {{"dom", 0, 2}, {"frames", 4, 4}, {"status", 8, 2, true}});
  table.Absent(kNr, 4, "transfer");
  table.Absent(kNr, 5, "copy");
  table.On(kNr, 6, "query_size", &G::QuerySize, this, Outputs::kAlways,
           {{"dom", 0, 2}, {"frames", 4, 4}, {"max", 8, 4}, {"status", 12, 2, true}});
  table.Absent(kNr, 7, "unmap_and_replace");
  table.On(kNr, 8, "set_version", &G::SetVersion, this, Outputs::kAlways, {{"version", 0, 4}});
  table.Absent(kNr, 9, "get_status_frames");
  table.On(kNr, 10, "get_version", &G::GetVersion, this, Outputs::kAlways, {{"dom", 0, 2}, {"version", 4, 4}});
}

Domain* Grants::Subject(Call& call, uint16_t domid) const {
  if (domid == sim::kDomSelf || domid == call.domain.id()) return &call.domain;
  return call.domain.privileged() ? hypervisor_.domain(domid) : nullptr;
}

bool Grants::Grow(Domain& domain, unsigned frames) {
  while (domain.grant_frames.size() < frames) {
    const auto frame = hypervisor_.frames().AllocateShared(domain.id());
    if (!frame) return false;
    domain.grant_frames.push_back(*frame);
  }
  return true;
}

abi::GrantEntryV1* Grants::Entry(Domain& granter, uint32_t ref) const {
  const size_t frame = ref / kEntriesPerFrame;
  if (frame >= granter.grant_frames.size()) return nullptr;
  return reinterpret_cast<abi::GrantEntryV1*>(hypervisor_.memory().frame(granter.grant_frames[frame]).host) +
         ref % kEntriesPerFrame;
}

unsigned Grants::MapCount(sim::DomId granter, uint32_t ref) const {
  const auto found = pins_.find({granter, ref});
  return found == pins_.end() ? 0 : found->second.readers + found->second.writers;
}

long Grants::Map(Call& call, abi::GrantMap& args) {
  args.handle = ~0u;
  args.dev_bus_addr = 0;
  const auto fail = [&](int16_t status) {
    args.status = status;
    return 0L;
  };
  if ((args.flags & (abi::kGntmapHost | abi::kGntmapDevice)) == 0) return fail(abi::kGntBadGntref);
  if ((args.flags & abi::kGntmapDevice) != 0) return fail(abi::kGntGeneralError);
  Domain* granter = hypervisor_.domain(args.dom == sim::kDomSelf ? call.domain.id() : args.dom);
  if (granter == nullptr || granter->dying) return fail(abi::kGntBadDomain);
  abi::GrantEntryV1* entry = Entry(*granter, args.ref);
  if (entry == nullptr) return fail(abi::kGntBadGntref);
  const abi::GrantEntryV1 shared = *entry;  // read once: the granter may change it meanwhile
  const bool readonly = (args.flags & abi::kGntmapReadonly) != 0;
  if ((shared.flags & abi::kGtfTypeMask) != abi::kGtfPermitAccess || shared.domid != call.domain.id()) {
    return fail(abi::kGntGeneralError);
  }
  if (!readonly && (shared.flags & abi::kGtfReadonly) != 0) return fail(abi::kGntGeneralError);
  const sim::Mfn mfn = shared.frame;
  Frames& frames = hypervisor_.frames();
  if (readonly ? !frames.GetRef(*granter, mfn) : !frames.GetWritable(*granter, mfn)) return fail(abi::kGntBadPage);
  const auto drop = [&] { readonly ? frames.PutRef(mfn) : frames.PutWritable(mfn); };

  size_t handle = 0;
  while (handle < call.domain.grant_maps.size() && call.domain.grant_maps[handle].live) ++handle;
  if (handle >= kMaxHandles) {
    drop();
    return fail(abi::kGntNoSpace);
  }
  uint64_t leaf = args.host_addr;
  if ((args.flags & abi::kGntmapContainsPte) == 0) {
    const auto found = hypervisor_.mmu().LeafEntry(call.vcpu, args.host_addr);
    leaf = found.value_or(~uint64_t{0});
  }
  if (!hypervisor_.mmu().SetGrantEntry(call.domain, leaf, mfn, !readonly)) {
    drop();
    return fail(abi::kGntGeneralError);
  }
  if (!hypervisor_.passthrough().MapGrant(call.domain.id(), mfn, !readonly)) {
    hypervisor_.mmu().ClearGrantEntry(call.domain, leaf);
    drop();
    return fail(abi::kGntGeneralError);
  }
  Pins& pins = pins_[{granter->id(), args.ref}];
  ++(readonly ? pins.readers : pins.writers);
  __atomic_fetch_or(&entry->flags,
                    static_cast<uint16_t>(abi::kGtfReading | (readonly ? 0 : abi::kGtfWriting)), __ATOMIC_SEQ_CST);
  ++hypervisor_.memory().frame(mfn).grant_maps;

  if (handle == call.domain.grant_maps.size()) call.domain.grant_maps.emplace_back();
  call.domain.grant_maps[handle] = {granter->id(), args.ref, mfn, args.flags, leaf, true};
  call.cost += hypervisor_.config().pte_update;
  args.handle = static_cast<uint32_t>(handle);
  args.dev_bus_addr = mfn << sim::kPageShift;
  args.status = abi::kGntOkay;
  return 0;
}

int16_t Grants::Release(Domain& domain, GrantMapping& mapping) {
  const bool readonly = (mapping.flags & abi::kGntmapReadonly) != 0;
  hypervisor_.mmu().ClearGrantEntry(domain, mapping.host_address);
  mapping.live = false;
  Frames& frames = hypervisor_.frames();
  --hypervisor_.memory().frame(mapping.mfn).grant_maps;
  hypervisor_.passthrough().UnmapGrant(domain.id(), mapping.mfn, !readonly);
  const auto found = pins_.find({mapping.granter, mapping.ref});
  --(readonly ? found->second.readers : found->second.writers);
  Domain* granter = hypervisor_.domain(mapping.granter);
  if (abi::GrantEntryV1* entry = granter == nullptr ? nullptr : Entry(*granter, mapping.ref)) {
    uint16_t clear = 0;
    if (found->second.writers == 0) clear |= abi::kGtfWriting;
    if (found->second.writers + found->second.readers == 0) clear |= abi::kGtfReading;
    __atomic_fetch_and(&entry->flags, static_cast<uint16_t>(~clear), __ATOMIC_SEQ_CST);
  }
  if (found->second.writers + found->second.readers == 0) pins_.erase(found);
  readonly ? frames.PutRef(mapping.mfn) : frames.PutWritable(mapping.mfn);
  return abi::kGntOkay;
}

long Grants::Unmap(Call& call, abi::GrantUnmap& args) {
  if (args.handle >= call.domain.grant_maps.size() || !call.domain.grant_maps[args.handle].live) {
    args.status = abi::kGntBadHandle;
    return 0;
  }
  GrantMapping& mapping = call.domain.grant_maps[args.handle];
  if (args.host_addr != 0) {
    uint64_t leaf = args.host_addr;
    if ((mapping.flags & abi::kGntmapContainsPte) == 0) {
      leaf = hypervisor_.mmu().LeafEntry(call.vcpu, args.host_addr).value_or(~uint64_t{0});
    }
    if (leaf != mapping.host_address) {
      args.status = abi::kGntGeneralError;
      return 0;
    }
  }
  call.cost += hypervisor_.config().pte_update;
  args.status = Release(call.domain, mapping);
  return 0;
}

void Grants::ReleaseAll(Domain& domain) {
  for (GrantMapping& mapping : domain.grant_maps) {
    if (mapping.live) Release(domain, mapping);
  }
}

long Grants::SetupTable(Call& call, abi::GrantSetupTable& args) {
  Domain* domain = Subject(call, args.dom);
  if (domain == nullptr) {
    args.status = hypervisor_.domain(args.dom) == nullptr ? abi::kGntBadDomain : abi::kGntPermissionDenied;
    return 0;
  }
  if (args.nr_frames > kMaxGrantFrames || !Grow(*domain, args.nr_frames)) {
    args.status = abi::kGntGeneralError;
    return 0;
  }
  args.status = abi::kGntOkay;
  if (args.nr_frames != 0 &&
      !call.CopyOut(args.frame_list, domain->grant_frames.data(), args.nr_frames * sizeof(sim::Mfn))) {
    args.status = abi::kGntBadVirtAddr;
  }
  return 0;
}

long Grants::QuerySize(Call& call, abi::GrantQuerySize& args) {
  const Domain* domain = Subject(call, args.dom);
  if (domain == nullptr) {
    args.status = hypervisor_.domain(args.dom) == nullptr ? abi::kGntBadDomain : abi::kGntPermissionDenied;
    return 0;
  }
  args.nr_frames = static_cast<uint32_t>(domain->grant_frames.size());
  args.max_nr_frames = kMaxGrantFrames;
  args.status = abi::kGntOkay;
  return 0;
}

long Grants::SetVersion(Call&, abi::GrantVersion& args) {
  if (args.version == 2) return -abi::kENOSYS;
  return args.version == 1 ? 0 : -abi::kEINVAL;
}

long Grants::GetVersion(Call& call, abi::GrantGetVersion& args) {
  if (Subject(call, args.dom) == nullptr) return -abi::kESRCH;
  args.version = 1;
  return 0;
}

}  // namespace pvpci::xen
