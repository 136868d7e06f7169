// SPDX-License-Identifier: Apache-2.0
#include "models/xen/domain_builder.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/event_channels.h"
#include "models/xen/frames.h"
#include "models/xen/mmu.h"
#include "models/xen/passthrough.h"
#include "models/xen/sched.h"
#include "sim/check.h"
#include "sim/out_of_resources.h"
#include "sim/random.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kSuperpageOrder = 9;
constexpr uint64_t kSuperpage = uint64_t{1} << kSuperpageOrder;
constexpr uint64_t kTableEntries = 512;
constexpr uint64_t kL1Span = sim::kPageSize * kTableEntries;
constexpr uint64_t kFirstSame = 256;  // the low megabyte is full of holes, and Xen's
constexpr uint64_t kLow = uint64_t{1} << 31;

uint64_t PagesFor(uint64_t bytes) { return (bytes + sim::kPageSize - 1) >> sim::kPageShift; }

class Builder {
 public:
  Builder(Hypervisor& hypervisor, const BuildRequest& request)
      : hypervisor_(hypervisor), request_(request), base_(reinterpret_cast<uint64_t>(request.memory.base)) {}

  BuiltDomain Build(std::function<void()> on_store, std::function<void()> on_console);

 private:
  void Check() const;
  void AllocateFrames();
  void AllocateExtents(sim::Random& random);
  std::string Shortage(uint64_t missing) const;
  void AllocateScattered(sim::Random& random);
  void TakeFrom(sim::Mfn first);
  void TakeSame(sim::Random& random);
  void BuildTables();
  uint64_t* Table(uint64_t pfn) { return reinterpret_cast<uint64_t*>(Page(pfn)); }
  std::byte* Page(uint64_t pfn) { return request_.memory.base + (pfn << sim::kPageShift); }
  uint64_t Va(uint64_t pfn) const { return base_ + (pfn << sim::kPageShift); }
  // The table of the next lower level behind entry `index`; allocates a page on first use.
  uint64_t Descend(uint64_t table_pfn, unsigned index);

  Hypervisor& hypervisor_;
  const BuildRequest& request_;
  const uint64_t base_;
  Domain* domain_ = nullptr;
  uint64_t p2m_pfn_ = 0, p2m_pages_ = 0, start_pfn_ = 0, store_pfn_ = 0, console_pfn_ = 0, pt_pfn_ = 0, pt_end_ = 0;
  uint64_t next_pt_ = 0;
};

void Builder::Check() const {
  const DomainSpec& spec = request_.spec;
  SIM_CHECK(request_.memory.pages == spec.pages, "memory and specification disagree about the number of pages");
  SIM_CHECK(request_.vcpus.size() == spec.vcpus, "one VcpuHost per vCPU");
  SIM_CHECK(base_ % sim::kPageSize == 0 && request_.vmalloc.base % sim::kPageSize == 0, "page-aligned regions");
  SIM_CHECK(request_.vmalloc.length_bytes % kL1Span == 0, "vmalloc area: a multiple of 2 MiB");
  SIM_CHECK(base_ + (spec.pages << sim::kPageShift) <= kLow, "pseudo-physical memory lies below 2 GiB");
  const uint64_t end = base_ + (spec.pages << sim::kPageShift);
  const uint64_t vmalloc_end = request_.vmalloc.base + request_.vmalloc.length_bytes;
  SIM_CHECK(vmalloc_end <= base_ || request_.vmalloc.base >= end, "vmalloc area overlaps the direct map");
}

std::string Builder::Shortage(uint64_t missing) const {
  return fmt::format("not enough machine memory for {}: it wants {} frames, {} more than are free; give the machine more "
                     "(machine.memory) or a domain less (domains.{}.memory)",
                     request_.spec.name, request_.spec.pages, missing - hypervisor_.frames().free_frames(),
                     request_.spec.name);
}

void Builder::AllocateExtents(sim::Random& random) {
  const uint64_t pages = request_.spec.pages;
  for (uint64_t pfn = 0; pfn < pages;) {
    unsigned order = pages - pfn >= kSuperpage ? kSuperpageOrder : 0;
    auto mfn = hypervisor_.frames().Allocate(domain_->id(), order, 0, pages, random);
    if (!mfn && order != 0) {  // no run is left: single pages, as the tools do it
      order = 0;
      mfn = hypervisor_.frames().Allocate(domain_->id(), order, 0, pages, random);
    }
    if (!mfn) throw sim::OutOfResources(Shortage(pages - pfn));
    for (uint64_t i = 0; i < uint64_t{1} << order; ++i, ++pfn) {
      domain_->p2m[pfn] = *mfn + i;
      hypervisor_.frames().Place(*domain_, *mfn + i, pfn, /*scrub=*/false);
    }
  }
}

void Builder::AllocateScattered(sim::Random& random) {
  const uint64_t pages = request_.spec.pages;
  for (uint64_t pfn = 0; pfn < pages; ++pfn) {
    std::vector<sim::Mfn> refused;
    sim::Mfn mfn = 0;
    while (true) {
      const auto candidate = hypervisor_.frames().Allocate(domain_->id(), 0, 0, pages, random);
      if (!candidate) throw sim::OutOfResources(Shortage(pages - pfn));
      if (pfn == 0 || *candidate != domain_->p2m[pfn - 1] + 1) {
        mfn = *candidate;
        break;
      }
      refused.push_back(*candidate);
    }
    for (const sim::Mfn unused : refused) hypervisor_.frames().Free(unused);
    domain_->p2m[pfn] = mfn;
    hypervisor_.frames().Place(*domain_, mfn, pfn, /*scrub=*/false);
  }
}

void Builder::TakeFrom(sim::Mfn first) {
  for (uint64_t pfn = 0; pfn < request_.spec.pages; ++pfn) {
    const bool free = hypervisor_.frames().Take(domain_->id(), first + pfn);
    SIM_CHECK(free, fmt::format("machine frame {:#x}, where {} should lie, is no free memory", first + pfn,
                                request_.spec.name));
    domain_->p2m[pfn] = first + pfn;
    hypervisor_.frames().Place(*domain_, first + pfn, pfn, /*scrub=*/false);
  }
}

void Builder::TakeSame(sim::Random& random) {
  for (uint64_t pfn = 0; pfn < request_.spec.pages; ++pfn) {
    sim::Mfn mfn = pfn;
    if (pfn < kFirstSame) {
      mfn = hypervisor_.frames().Allocate(domain_->id(), 0, 0, request_.spec.pages, random).value_or(kNoFrame);
    } else if (!hypervisor_.frames().Take(domain_->id(), mfn)) {
      mfn = kNoFrame;
    }
    SIM_CHECK(mfn != kNoFrame, fmt::format("machine frame {:#x} is not free for {}", pfn, request_.spec.name));
    domain_->p2m[pfn] = mfn;
    hypervisor_.frames().Place(*domain_, mfn, pfn, /*scrub=*/false);
  }
}

void Builder::AllocateFrames() {
  sim::Random random(request_.spec.seed, "xen.p2m." + request_.spec.name);
  if (request_.spec.first_mfn != 0) TakeFrom(request_.spec.first_mfn);
  else if (request_.spec.p2m == P2mLayout::kIdentity) TakeSame(random);
  else if (request_.spec.p2m == P2mLayout::kExtents) AllocateExtents(random);
  else AllocateScattered(random);
  domain_->allocated_pages = request_.spec.pages;
}

uint64_t Builder::Descend(uint64_t table_pfn, unsigned index) {
  uint64_t* entry = Table(table_pfn) + index;
  if (*entry == 0) {
    SIM_CHECK(next_pt_ < pt_end_, "page-table pages were counted wrong");
    const uint64_t pfn = next_pt_++;
    *entry = domain_->p2m[pfn] << sim::kPageShift | abi::kPtePresent | abi::kPteWrite | abi::kPteUser |
             abi::kPteAccessed | abi::kPteDirty;
    return pfn;
  }
  return hypervisor_.memory().frame(*entry >> sim::kPageShift & (abi::kPteAddressMask >> sim::kPageShift)).gpfn;
}

void Builder::BuildTables() {
  next_pt_ = pt_pfn_ + 1;
  const auto l1 = [&](uint64_t va) {
    uint64_t pfn = pt_pfn_;
    for (unsigned level = 4; level > 1; --level) {
      pfn = Descend(pfn, static_cast<unsigned>(va >> (12 + 9 * (level - 1))) % kTableEntries);
    }
    return pfn;
  };
  for (uint64_t pfn = 0; pfn < request_.spec.pages; ++pfn) {
    const bool table = pfn >= pt_pfn_ && pfn < pt_end_;
    Table(l1(Va(pfn)))[Va(pfn) / sim::kPageSize % kTableEntries] =
        domain_->p2m[pfn] << sim::kPageShift | abi::kPtePresent | abi::kPteAccessed | abi::kPteDirty |
        (table ? 0 : abi::kPteWrite);
  }
  // The vmalloc area has its tables from the start: entries change, tables need not.
  for (uint64_t va = request_.vmalloc.base; va < request_.vmalloc.base + request_.vmalloc.length_bytes; va += kL1Span) {
    l1(va);
  }
  SIM_CHECK(next_pt_ == pt_end_, "page-table pages were counted wrong");
}

// How many L1..L3 tables two ranges need.
uint64_t CountTables(uint64_t first_a, uint64_t end_a, uint64_t first_b, uint64_t end_b) {
  uint64_t count = 1;  // L4
  for (unsigned shift : {21u, 30u, 39u}) {
    std::vector<std::pair<uint64_t, uint64_t>> spans = {{first_a >> shift, (end_a - 1) >> shift}};
    if (end_b > first_b) spans.emplace_back(first_b >> shift, (end_b - 1) >> shift);
    std::sort(spans.begin(), spans.end());
    uint64_t next = 0;
    bool any = false;
    for (const auto& [first, last] : spans) {
      const uint64_t start = any ? std::max(first, next) : first;
      if (last + 1 > start) count += last + 1 - start;
      next = std::max(any ? next : 0, last + 1);
      any = true;
    }
  }
  return count;
}

BuiltDomain Builder::Build(std::function<void()> on_store, std::function<void()> on_console) {
  Check();
  const DomainSpec& spec = request_.spec;
  p2m_pfn_ = request_.image_first_pfn + request_.image_pages;
  p2m_pages_ = PagesFor(spec.pages * sizeof(uint64_t));
  start_pfn_ = p2m_pfn_ + p2m_pages_;
  store_pfn_ = start_pfn_ + 1;
  console_pfn_ = store_pfn_ + 1;
  pt_pfn_ = console_pfn_ + 1;
  const uint64_t pt_pages = CountTables(base_, Va(spec.pages), request_.vmalloc.base,
                                        request_.vmalloc.base + request_.vmalloc.length_bytes);
  pt_end_ = pt_pfn_ + pt_pages;
  if (pt_end_ > spec.pages) {
    throw sim::OutOfResources(fmt::format("{}: image, p2m and page tables need {} pages, it has {}", spec.name, pt_end_,
                                          spec.pages));
  }

  domain_ = &hypervisor_.AddDomain(spec);
  Domain& domain = *domain_;
  domain.space = request_.space;
  domain.memory = request_.memory;
  domain.vmalloc = request_.vmalloc;
  domain.p2m = Table(p2m_pfn_);
  AllocateFrames();
  BuildTables();
  const sim::Mfn l4 = domain.p2m[pt_pfn_];
  const bool valid = hypervisor_.mmu().Promote(domain, l4, 4, 0);
  SIM_CHECK(valid, "the builder's own page tables were refused");
  domain.pinned.insert(l4);

  for (unsigned id = 0; id < spec.vcpus; ++id) domain.vcpus[id]->host = request_.vcpus[id];
  domain.start_info = Page(start_pfn_);
  domain.store_page = Page(store_pfn_);
  domain.console_page = Page(console_pfn_);
  domain.store_port = hypervisor_.ConnectHost(spec.id, std::move(on_store));
  domain.console_port = hypervisor_.ConnectHost(spec.id, std::move(on_console));

  auto& start = *reinterpret_cast<abi::StartInfo*>(domain.start_info);
  start = {};
  std::snprintf(start.magic, sizeof start.magic, "xen-3.0-x86_64");
  start.nr_pages = spec.pages;
  start.shared_info = domain.shared_info_mfn << sim::kPageShift;
  start.flags = domain.privileged() ? abi::kSifPrivileged | abi::kSifInitdomain : 0;
  start.store_mfn = domain.p2m[store_pfn_];
  start.store_evtchn = domain.store_port;
  start.console_mfn = domain.p2m[console_pfn_];
  start.console_evtchn = domain.console_port;
  start.pt_base = Va(pt_pfn_);
  start.nr_pt_frames = pt_pages;
  start.mfn_list = Va(p2m_pfn_);
  start.first_p2m_pfn = p2m_pfn_;
  start.nr_p2m_frames = p2m_pages_;
  SIM_CHECK(spec.command_line.size() < sizeof start.cmd_line, "command line too long");
  std::memcpy(start.cmd_line, spec.command_line.data(), spec.command_line.size());

  Vcpu& boot = *domain.vcpus[0];
  boot.initialised = true;
  boot.state = VcpuState::kRunning;
  hypervisor_.scheduler().Began(boot);
  boot.cr3_mfn = boot.context.cr3_mfn = l4;
  boot.context.rsi = Va(start_pfn_);
  if (domain.privileged()) hypervisor_.passthrough().EnableDom0(domain);
  hypervisor_.passthrough().TakeCost();  // building takes no simulated time

  BuiltDomain built;
  built.domain = &domain;
  built.start_info_va = Va(start_pfn_);
  built.pt_base_va = Va(pt_pfn_);
  built.pt_pages = pt_pages;
  built.builder_first_pfn = p2m_pfn_;
  built.builder_end_pfn = pt_end_;
  return built;
}

}  // namespace

BuiltDomain BuildDomain(Hypervisor& hypervisor, const BuildRequest& request, std::function<void()> on_store,
                        std::function<void()> on_console) {
  return Builder(hypervisor, request).Build(std::move(on_store), std::move(on_console));
}

}  // namespace pvpci::xen
