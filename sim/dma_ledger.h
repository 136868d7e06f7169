// SPDX-License-Identifier: Apache-2.0
// The ledger of DMA-API mappings: what each device was allowed to touch by its driver, as the kernel's own
// dma_map_*/dma_alloc_* calls say. Tells classes E0, E1 and E2 of threats.md section 1 apart; ownership of frames is
// sim/machine_memory.h. Knows plain numbers only: no bus, no kernel.
#ifndef PVPCI_SIM_DMA_LEDGER_H_
#define PVPCI_SIM_DMA_LEDGER_H_

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "sim/machine_memory.h"
#include "sim/time.h"

namespace pvpci::sim {

// Segment << 16 | requester id (bus << 8 | device << 3 | function).
using DmaDevice = uint32_t;
constexpr DmaDevice MakeDmaDevice(uint16_t segment, uint16_t requester_id) {
  return static_cast<DmaDevice>(segment) << 16 | requester_id;
}

// Numbers of the kernel's enum dma_data_direction.
enum class DmaDirection : uint8_t { kBidirectional = 0, kToDevice = 1, kFromDevice = 2, kNone = 3 };
enum class DmaKind : uint8_t { kSingle, kPage, kScatterGather, kCoherent, kResource };

// Whose stack: an index that the owner of the backtraces gives; 0: unknown.
using BacktraceId = uint32_t;

struct DmaMapping {
  uint64_t serial = 0;          // 1, 2, 3, ... in order of mapping
  DmaDevice device = 0;
  DomId domain = kDomNone;      // whose kernel mapped it
  uint64_t bus_address = 0;
  uint64_t length_bytes = 0;
  DmaDirection direction = DmaDirection::kBidirectional;
  DmaKind kind = DmaKind::kSingle;
  Ps mapped_at = 0;
  BacktraceId mapped_by = 0;
  Ps unmapped_at = kNever;      // kNever: live
  BacktraceId unmapped_by = 0;

  bool live() const { return unmapped_at == kNever; }
  uint64_t end() const { return bus_address + length_bytes; }
};

class DmaLedger {
 public:
  // Returns the mapping's serial. Overlapping mappings are legal (the same page mapped twice). length_bytes > 0.
  uint64_t Map(DmaDevice device, DomId domain, uint64_t bus_address, uint64_t length_bytes, DmaDirection direction,
               DmaKind kind, Ps time, BacktraceId backtrace);
  // Ends the youngest live mapping of `device` that starts at `bus_address` with this length (length 0: any).
  // False if there is none: an unmap of something never mapped (a finding, not an error).
  bool Unmap(DmaDevice device, uint64_t bus_address, uint64_t length_bytes, Ps time, BacktraceId backtrace);
  // Ends all live mappings of a device (its driver unbound). Returns how many there were: leaks.
  uint64_t UnmapAll(DmaDevice device, Ps time, BacktraceId backtrace);

  enum class Cover : uint8_t {
    kInside,    // wholly inside live mappings (adjacent ones count together): E0
    kSamePage,  // not inside, but a live mapping shares a 4 KiB page with it: E1
    kNone,      // no live mapping near: E2 or worse
  };
  struct Coverage {
    Cover cover = Cover::kNone;
    // kInside: the mapping of the first byte; kSamePage: a live one on the page. Null: none.
    const DmaMapping* mapping = nullptr;
    // Not inside, but was: the mapping most recently ended that contained the access. Null: none remembered.
    const DmaMapping* stale = nullptr;
    // kInside only: false if the mapping's direction forbids the access (write to a to-device mapping or the reverse).
    bool direction_ok = true;
  };
  // Classifies a bus access. `write`: device writes memory. Pointers hold until the next Map or Unmap.
  // O(mappings on that page), which are few.
  Coverage Covering(DmaDevice device, uint64_t bus_address, uint64_t length_bytes, bool write) const;

  uint64_t live_count() const { return live_count_; }
  uint64_t live_count(DmaDevice device) const;
  // Live mappings of a device in order of mapping (for leak reports).
  std::vector<DmaMapping> Live(DmaDevice device) const;

 private:
  static constexpr unsigned kStalePerPage = 4;  // ended mappings remembered per page
  using Slot = uint32_t;
  static constexpr Slot kNoSlot = UINT32_MAX;
  struct Page {
    std::vector<Slot> live;    // oldest first
    std::vector<Slot> stale;   // oldest first, at most kStalePerPage
  };
  struct Key {
    DmaDevice device;
    uint64_t page;
    friend bool operator==(const Key& a, const Key& b) { return a.device == b.device && a.page == b.page; }
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return (key.page ^ uint64_t{key.device} << 36) * 0x9E3779B97F4A7C15; }
  };
  void End(Slot slot, Ps time, BacktraceId backtrace);
  void LeaveDevice(Slot slot);
  std::vector<Slot> LiveInOrder(DmaDevice device) const;
  void Forget(Slot slot);  // one page less remembers it

  std::deque<DmaMapping> slots_;          // stable addresses; reused once no page remembers them
  std::vector<uint64_t> references_;      // per slot: pages that list it
  std::vector<uint32_t> position_;        // per slot: where by_device_ lists it
  std::vector<Slot> free_;
  std::unordered_map<Key, Page, KeyHash> pages_;                // never iterated
  std::unordered_map<DmaDevice, std::vector<Slot>> by_device_;  // live ones, in no order; keys never iterated
  uint64_t next_serial_ = 1;
  uint64_t live_count_ = 0;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_DMA_LEDGER_H_
