// SPDX-License-Identifier: Apache-2.0
// The host mappings of one domain: its pseudo-physical memory, contiguous below 2 GiB (the kernel's direct map *is*
// this mapping), and a second region, at first inaccessible, in which the kernel's vmalloc area lies.
//
// Guest virtual addresses are host addresses. Nothing here knows Xen: who may map what is decided by models/xen, and
// scenarios/machine adapts this class to xen::GuestSpace.
#ifndef PVPCI_DRIVER_LOADER_DOMAIN_SPACE_H_
#define PVPCI_DRIVER_LOADER_DOMAIN_SPACE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/memory_file.h"
#include "sim/out_of_resources.h"

namespace pvpci::driver {

// The process cannot give what a domain needs (addresses taken, no memory): exit code 5.
struct SpaceError : sim::OutOfResources { using sim::OutOfResources::OutOfResources; };

struct DomainSpaceConfig {
  unsigned index = 0;                  // Position among the domains of this run; decides all addresses.
  uint64_t pages = 4096;               // Of 4 KiB. 1 .. slot_bytes / 4096.
  uint64_t slot_bytes = 64ull << 20;   // Distance between direct maps: 28 domains of up to 64 MiB. Multiple of 2 MiB.
  // Of its direct map behind the first, in place of index * slot_bytes: for more domains of less. Multiple of 2 MiB.
  std::optional<uint64_t> offset = std::nullopt;
  uint64_t vmalloc_bytes = 1ull << 30; // Address space only; costs nothing until mapped.
};

class DomainSpace {
 public:
  static constexpr unsigned kSlots = 28;
  // First direct map and first vmalloc region; domain i lies i slots (vmalloc: i * 64 GiB) further. Same in every run.
  static constexpr uint64_t kDirectMapBase = 0x1000'0000;
  static constexpr uint64_t kDirectMapEnd = 0x7f00'0000;
  static constexpr uint64_t kVmallocBase = 0x2000'0000'0000;
  static constexpr uint64_t kVmallocStride = 64ull << 30;

  // Maps at the fixed addresses; throws SpaceError naming the range if something else is there.
  explicit DomainSpace(const DomainSpaceConfig& config);
  ~DomainSpace();
  DomainSpace(const DomainSpace&) = delete;
  DomainSpace& operator=(const DomainSpace&) = delete;

  uint64_t base() const { return base_; }  // guest virtual address of pseudo-physical 0
  uint64_t pages() const { return pages_; }
  uint64_t bytes() const { return pages_ * 4096; }
  uint64_t vmalloc_base() const { return vmalloc_base_; }
  uint64_t vmalloc_bytes() const { return vmalloc_bytes_; }
  int memfd() const { return memory_->fd(); }  // offset of a page in it: its pfn * 4096
  bool in_direct_map(uint64_t va) const { return va - base_ < bytes(); }
  bool in_vmalloc(uint64_t va) const { return va - vmalloc_base_ < vmalloc_bytes_; }
  std::byte* page(uint64_t pfn) const { return reinterpret_cast<std::byte*>(base_ + pfn * 4096); }

  // Maps one page of `fd` at `va` (page aligned, in either region; in the direct map it hides the domain's own page,
  // as a grant mapping over a ballooned page does). False if `va` is in neither region or the host refuses.
  bool MapFrame(uint64_t va, int fd, uint64_t offset, bool writable);
  // Back to inaccessible (vmalloc) or to the domain's own page (direct map). False outside both regions.
  bool UnmapPage(uint64_t va);

  // Makes whole pages of the direct map inaccessible: a stack guard. Unguard restores them. False: not such pages.
  bool Guard(uint64_t va, uint64_t length);
  bool Unguard(uint64_t va, uint64_t length);
  // The bytes of a page of the direct map whatever protects or hides it: what a device reaches, which no guard stops.
  // Stays valid as long as the domain. Null if the host refuses a second mapping.
  std::byte* Beneath(uint64_t pfn);
  bool guarded(uint64_t va) const { return in_direct_map(va) && direct_[(va - base_) / 4096] == PageState::kGuard; }

  // Host pointer to [va, va + length) if all of it is mapped (writable, if `write`), else null: -EFAULT.
  void* Access(uint64_t va, uint64_t length, bool write) const;

 private:
  enum class PageState : uint8_t { kNone, kReadOnly, kWritable, kGuard };
  PageState StateOf(uint64_t page_va) const;
  bool SetProtection(uint64_t va, uint64_t length, int protection);

  uint64_t base_ = 0;
  uint64_t pages_ = 0;
  uint64_t vmalloc_base_ = 0;
  uint64_t vmalloc_bytes_ = 0;
  std::unique_ptr<sim::MemoryFile> memory_;
  std::byte* second_ = nullptr;            // a mapping of the whole domain, made when first needed
  std::vector<PageState> direct_;          // by pfn
  std::map<uint64_t, PageState> mapped_;   // of the vmalloc area, by address; absent: kNone
};

}  // namespace pvpci::driver

#endif  // PVPCI_DRIVER_LOADER_DOMAIN_SPACE_H_
