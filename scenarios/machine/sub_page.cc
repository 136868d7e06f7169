// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/sub_page.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "models/pci/tlp.h"

namespace pvpci::scenarios {
namespace {

// struct slab_owner and struct slab_owners of driver/env/slab.c, as they lie in a domain's memory.
constexpr unsigned kCallers = 6;
struct SlabOwner {
  uint64_t size;
  uint64_t cache;
  uint64_t callers[kCallers];
};
struct SlabOwners {
  uint64_t shift;
};

// Nothing of a guest is believed: whatever is not mapped is not read.
template <typename T>
std::optional<T> Load(driver::DomainSpace& space, uint64_t va) {
  const void* const at = space.Access(va, sizeof(T), /*write=*/false);
  if (at == nullptr) return std::nullopt;
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::string Text(driver::DomainSpace& space, uint64_t va) {
  constexpr size_t kMost = 64;
  std::string text;
  while (text.size() < kMost) {
    const auto byte = Load<char>(space, va + text.size());
    if (!byte || *byte == 0) break;
    text += *byte;
  }
  return text;
}

bool StartsWith(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// The first frame that is the caller's own: not the allocator's, not the DMA API's.
std::optional<reports::Frame> OwnFrame(const std::vector<reports::Frame>& backtrace) {
  for (const reports::Frame& frame : backtrace) {
    const bool plumbing = StartsWith(frame.file, "driver/env/") || StartsWith(frame.file, "driver/shadow/") ||
                          StartsWith(frame.file, "kernel/dma/") || StartsWith(frame.file, "include/linux/dma-") ||
                          StartsWith(frame.file, "include/linux/slab.h") ||
                          StartsWith(frame.file, "include/linux/mm.h") || StartsWith(frame.file, "mm/") ||
                          frame.file == "drivers/xen/swiotlb-xen.c";
    if (!plumbing) return frame;
  }
  return std::nullopt;
}

const char* WayOf(sim::DmaDirection direction) {
  switch (direction) {
    case sim::DmaDirection::kToDevice: return "to device";
    case sim::DmaDirection::kFromDevice: return "from device";
    default: return "both ways";
  }
}

// Whether one of the object's words is the address of code: what an attacker looks for first (threats.md A7).
bool HasCodePointer(const driver::LoadedImage& image, driver::DomainSpace& space, uint64_t object, uint64_t bytes) {
  for (uint64_t at = object; at + sizeof(uint64_t) <= object + bytes; at += sizeof(uint64_t)) {
    const auto word = Load<uint64_t>(space, at);
    if (word && image.is_text(*word)) return true;
  }
  return false;
}

bool Same(const reports::SlabNeighbour& a, const reports::SlabNeighbour& b) {
  const auto key = [](const reports::SlabNeighbour& n) {
    return std::tuple(n.kind, n.cache, n.bytes, n.allocated_by ? n.allocated_by->file : "",
                      n.allocated_by ? n.allocated_by->line : 0);
  };
  return key(a) == key(b);
}

}  // namespace

// Bytes first .. last, guest virtual, of one page.
void SubPage::Look(const DmaCall& call, driver::LoadedImage* image, uint64_t first, uint64_t last,
                   std::vector<reports::SlabNeighbour>* found) {
  driver::DomainSpace& space = image->space();
  const uint64_t table_at = image->SymbolOrZero("emul_slab_pages");
  if (table_at == 0) return;
  const auto table = Load<uint64_t>(space, table_at);
  const auto count = Load<uint64_t>(space, image->SymbolOrZero("emul_slab_page_count"));
  const uint64_t page = (first - space.base()) / sim::kPageSize;
  if (!table || *table == 0 || !count || page >= *count) return;
  const auto owners = Load<uint64_t>(space, *table + page * sizeof(uint64_t));
  if (!owners || *owners == 0) return;
  const auto head = Load<SlabOwners>(space, *owners);
  if (!head || head->shift >= sim::kPageShift) return;
  for (uint64_t i = 0; i < sim::kPageSize >> head->shift; ++i) {
    const auto owner = Load<SlabOwner>(space, *owners + sizeof(SlabOwners) + i * sizeof(SlabOwner));
    if (!owner || owner->size == 0) continue;
    const uint64_t start = (first & ~(sim::kPageSize - 1)) + (i << head->shift);
    if (start <= last && start + owner->size > first) continue;  // what is mapped
    reports::SlabNeighbour neighbour;
    neighbour.kind = "object";
    neighbour.cache = owner->cache != 0 ? Text(space, owner->cache) : fmt::format("kmalloc-{}", 1u << head->shift);
    neighbour.bytes = static_cast<int64_t>(owner->size);
    neighbour.code_pointer = HasCodePointer(*image, space, start, owner->size);
    neighbour.distance = start > last ? static_cast<int64_t>(start - last - 1) : -static_cast<int64_t>(first - start);
    driver::RawBacktrace callers;
    for (const uint64_t caller : owner->callers) {
      if (image->is_text(caller)) callers.pc[callers.count++] = static_cast<uint32_t>(image->ToLink(caller));
    }
    neighbour.allocated_by = OwnFrame(backtraces_.Resolve(call.domain, callers));
    found->push_back(neighbour);
  }
}

// struct io_tlb_mem of 6.1 and struct io_tlb_pool of 6.12, with which io_tlb_default_mem begins, both begin with first and last
// address of the pool (include/linux/swiotlb.h).
bool SubPage::Bounced(driver::LoadedImage* image, uint64_t bus_page) const {
  const sim::Frame* const frame = memory_.Find(bus_page);
  const uint64_t pool = image->SymbolOrZero("io_tlb_default_mem");
  if (frame == nullptr || pool == 0) return false;
  const auto start = Load<uint64_t>(image->space(), pool), end = Load<uint64_t>(image->space(), pool + sizeof(uint64_t));
  const uint64_t at = frame->gpfn << sim::kPageShift;
  return start && end && *start <= at && at < *end;
}

// Other mappings on the page that are no part of this one.
void SubPage::LookForBuffers(const Buffer& mapped, driver::LoadedImage* image, const std::vector<Buffer>& others,
                             std::vector<reports::SlabNeighbour>* found) {
  for (const Buffer& other : others) {
    if (other.domain != mapped.domain || (other.first <= mapped.last && mapped.first <= other.last)) continue;
    reports::SlabNeighbour neighbour;
    neighbour.kind = Bounced(image, mapped.first >> sim::kPageShift) ? "bounced buffer" : "buffer";
    neighbour.cache = pci::ToString(other.function);
    neighbour.bytes = static_cast<int64_t>(other.last - other.first + 1);
    neighbour.distance = other.first > mapped.last ? static_cast<int64_t>(other.first - mapped.last - 1)
                                                   : -static_cast<int64_t>(mapped.first - other.first);
    neighbour.allocated_by = OwnFrame(backtraces_.Resolve(other.backtrace));
    found->push_back(neighbour);
  }
}

void SubPage::OnUnmap(const DmaCall& call) {
  if (call.bytes == 0) return;
  for (const uint64_t page : {call.bus_address >> sim::kPageShift, (call.bus_address + call.bytes - 1) >> sim::kPageShift}) {
    const auto at = buffers_.find(page);
    if (at == buffers_.end()) continue;
    std::vector<Buffer>& there = at->second;
    const auto gone = std::find_if(there.begin(), there.end(), [&](const Buffer& buffer) {
      return buffer.function == call.function && buffer.first == std::max(call.bus_address, page << sim::kPageShift);
    });
    if (gone != there.end()) there.erase(gone);
    if (there.empty()) buffers_.erase(at);
  }
}

void SubPage::OnMap(const DmaCall& call, driver::LoadedImage* image) {
  if (image == nullptr || call.bytes == 0) return;
  std::vector<reports::SlabNeighbour> found;
  const uint64_t end = call.bus_address + call.bytes - 1;
  const uint64_t first_page = call.bus_address >> sim::kPageShift, last_page = end >> sim::kPageShift;
  for (const uint64_t page : {first_page, last_page}) {  // between them all is mapped
    const uint64_t start = page << sim::kPageShift;
    const Buffer buffer{call.domain, call.function, std::max(call.bus_address, start),
                        std::min(end, start + sim::kPageSize - 1), call.backtrace};
    const bool whole = buffer.last - buffer.first + 1 == sim::kPageSize;
    if (!whole) {
      std::vector<Buffer>& there = buffers_[page];
      if (!there.empty()) LookForBuffers(buffer, image, there, &found);
      there.push_back(buffer);
      const sim::Frame* const frame = memory_.Find(page);
      if (frame != nullptr && frame->owner == call.domain && frame->gpfn < image->space().pages()) {
        const uint64_t va = image->space().base() + frame->gpfn * sim::kPageSize;
        Look(call, image, va + (buffer.first - start), va + (buffer.last - start), &found);
      }
    }
    if (first_page == last_page) break;
  }
  if (found.empty()) return;
  const std::optional<reports::Frame> place = OwnFrame(backtraces_.Resolve(call.backtrace));
  const auto key = std::tuple(call.domain, uint32_t{call.function.segment} << 16 | call.function.id,
                              place ? place->file : "", place ? place->line : 0, static_cast<int64_t>(call.bytes));
  const auto [at, fresh] = by_place_.try_emplace(key, rows_.size());
  if (fresh) {
    Row row;
    row.domain = call.domain;
    row.exposure.device = pci::ToString(call.function);
    row.exposure.bytes = static_cast<int64_t>(call.bytes);
    row.exposure.direction = WayOf(call.direction);
    row.exposure.mapped_by = place;
    rows_.push_back(row);
  }
  reports::SubPageExposure& exposure = rows_[at->second].exposure;
  ++exposure.maps;
  for (const reports::SlabNeighbour& neighbour : found) {
    const auto known = std::find_if(exposure.neighbours.begin(), exposure.neighbours.end(),
                                    [&](const reports::SlabNeighbour& other) { return Same(neighbour, other); });
    if (known == exposure.neighbours.end()) {
      exposure.neighbours.push_back(neighbour);
    } else {
      ++known->times;
    }
  }
}

std::vector<reports::SubPageExposure> SubPage::Rows(const std::function<std::string(sim::DomId)>& domain_name) const {
  std::vector<reports::SubPageExposure> rows;
  for (const Row& row : rows_) {
    rows.push_back(row.exposure);
    rows.back().domain = domain_name(row.domain);
  }
  return rows;
}

}  // namespace pvpci::scenarios
