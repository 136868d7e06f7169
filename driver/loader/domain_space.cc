// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/domain_space.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace pvpci::driver {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kLargePage = 2ull << 20;
constexpr int kGuestProtection = PROT_READ | PROT_WRITE | PROT_EXEC;  // the image's code lies in the domain's memory

void* Pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

// Maps exactly there or throws. Old kernels ignore the flag and map elsewhere.
void MapExactly(uint64_t address, uint64_t length, int protection, int flags, int fd, const char* what) {
  void* got = mmap(Pointer(address), length, protection, flags | MAP_FIXED_NOREPLACE, fd, 0);
  if (got == Pointer(address)) return;
  const int error = got == MAP_FAILED ? errno : EEXIST;
  if (got != MAP_FAILED) munmap(got, length);
  throw SpaceError(fmt::format("cannot map the {} at {:#x}..{:#x}: {}{}", what, address, address + length,
                               std::strerror(error),
                               error == EEXIST ? " (something of this process lies there already)" : ""));
}

}  // namespace

DomainSpace::DomainSpace(const DomainSpaceConfig& config)
    : base_(kDirectMapBase + config.offset.value_or(config.index * config.slot_bytes)),
      pages_(config.pages),
      vmalloc_base_(kVmallocBase + config.index * kVmallocStride),
      vmalloc_bytes_(config.vmalloc_bytes) {
  if (config.slot_bytes % kLargePage != 0 || base_ % kLargePage != 0 || vmalloc_bytes_ % kPage != 0 || vmalloc_bytes_ > kVmallocStride) {
    throw SpaceError("the distance between domains must be a multiple of 2 MiB, a vmalloc area at most 64 GiB");
  }
  if (pages_ == 0 || bytes() > config.slot_bytes) {
    throw SpaceError(fmt::format("domain {} has {} pages; between 1 and {} fit its address slot", config.index, pages_,
                                 config.slot_bytes / kPage));
  }
  if (base_ + bytes() > kDirectMapEnd) {
    throw SpaceError(fmt::format("domain {} ends at {:#x}: all images together must stay below 2 GiB", config.index,
                                 base_ + bytes()));
  }
  direct_.assign(pages_, PageState::kWritable);
  try {
    memory_ = std::make_unique<sim::MemoryFile>(fmt::format("pvpci-dom{}", config.index).c_str(), bytes());
  } catch (const std::bad_alloc&) {
    throw SpaceError(fmt::format("no memory for domain {}: {}", config.index, std::strerror(errno)));
  }
  MapExactly(base_, bytes(), kGuestProtection, MAP_SHARED, memfd(), "direct map");
  memory_->Clear(Pointer(base_));
  try {
    MapExactly(vmalloc_base_, vmalloc_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
               "vmalloc area");
  } catch (...) {
    munmap(Pointer(base_), bytes());
    throw;
  }
}

DomainSpace::~DomainSpace() {
  if (second_ != nullptr) munmap(second_, bytes());
  munmap(Pointer(base_), bytes());
  munmap(Pointer(vmalloc_base_), vmalloc_bytes_);
}

bool DomainSpace::MapFrame(uint64_t va, int fd, uint64_t offset, bool writable) {
  if (va % kPage != 0 || offset % kPage != 0 || (!in_direct_map(va) && !in_vmalloc(va))) return false;
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  if (mmap(Pointer(va), kPage, protection, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(offset)) == MAP_FAILED) {
    return false;
  }
  const PageState state = writable ? PageState::kWritable : PageState::kReadOnly;
  if (in_direct_map(va)) {
    direct_[(va - base_) / kPage] = state;
  } else {
    mapped_[va] = state;
  }
  return true;
}

bool DomainSpace::UnmapPage(uint64_t va) {
  if (va % kPage != 0) return false;
  if (in_direct_map(va)) {
    void* const got =
        mmap(Pointer(va), kPage, kGuestProtection, MAP_SHARED | MAP_FIXED, memfd(), static_cast<off_t>(va - base_));
    if (got == MAP_FAILED) return false;
    direct_[(va - base_) / kPage] = PageState::kWritable;
    return true;
  }
  if (!in_vmalloc(va)) return false;
  const auto found = mapped_.find(va);
  if (found == mapped_.end()) return true;  // inaccessible already: device memory comes here by the hundred megabytes
  if (mmap(Pointer(va), kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return false;
  }
  mapped_.erase(found);
  return true;
}

bool DomainSpace::SetProtection(uint64_t va, uint64_t length, int protection) {
  if (va % kPage != 0 || length % kPage != 0 || length == 0 || !in_direct_map(va) || length > base_ + bytes() - va) {
    return false;
  }
  return mprotect(Pointer(va), length, protection) == 0;
}

bool DomainSpace::Guard(uint64_t va, uint64_t length) {
  if (!SetProtection(va, length, PROT_NONE)) return false;
  for (uint64_t page = va; page < va + length; page += kPage) direct_[(page - base_) / kPage] = PageState::kGuard;
  return true;
}

bool DomainSpace::Unguard(uint64_t va, uint64_t length) {
  if (!SetProtection(va, length, kGuestProtection)) return false;
  for (uint64_t page = va; page < va + length; page += kPage) direct_[(page - base_) / kPage] = PageState::kWritable;
  return true;
}

std::byte* DomainSpace::Beneath(uint64_t pfn) {
  if (second_ == nullptr) {
    void* const got = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd(), 0);
    if (got == MAP_FAILED) return nullptr;
    second_ = static_cast<std::byte*>(got);
  }
  return pfn < pages_ ? second_ + pfn * kPage : nullptr;
}

DomainSpace::PageState DomainSpace::StateOf(uint64_t page_va) const {
  if (in_direct_map(page_va)) return direct_[(page_va - base_) / kPage];
  const auto found = mapped_.find(page_va);
  return found == mapped_.end() ? PageState::kNone : found->second;
}

void* DomainSpace::Access(uint64_t va, uint64_t length, bool write) const {
  const uint64_t last = va + (length == 0 ? 0 : length - 1);
  if (last < va) return nullptr;
  if (!(in_direct_map(va) && in_direct_map(last)) && !(in_vmalloc(va) && in_vmalloc(last))) return nullptr;
  for (uint64_t page = va & ~(kPage - 1); page <= last; page += kPage) {
    const PageState state = StateOf(page);
    const bool allowed = state == PageState::kWritable || (state == PageState::kReadOnly && !write);
    if (!allowed) return nullptr;
  }
  return Pointer(va);
}

}  // namespace pvpci::driver
