// SPDX-License-Identifier: Apache-2.0
// Machine memory as a table of frames: mfn -> (host page, owner, type, counts, generation).
//
// A domain's pseudo-physical memory is one memfd mapped contiguously; its machine frames are scattered over this
// table, so a seeded p2m costs no mappings. Exchange, balloon and transfer relabel frames: a new owner gets another
// host page or a zeroed one, never the old bytes. Devices see machine (bus) addresses only.
// Page types follow Xen's PGT_* (xen/include/asm-x86/mm.h); what a type means to DMA is decided by models/xen.
#ifndef PVPCI_SIM_MACHINE_MEMORY_H_
#define PVPCI_SIM_MACHINE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "sim/memory_file.h"

namespace pvpci::sim {

using Mfn = uint64_t;
using DomId = uint16_t;

inline constexpr unsigned kPageShift = 12;
inline constexpr uint64_t kPageSize = 1u << kPageShift;

// Owners beside ordinary domains. Numbers from xen/include/public/xen.h.
inline constexpr DomId kDomSelf = 0x7FF0;
inline constexpr DomId kDomIo = 0x7FF1;
inline constexpr DomId kDomXen = 0x7FF2;
inline constexpr DomId kDomNone = 0x7FF4;  // DOMID_INVALID: a free frame

enum class FrameType : uint8_t {
  kNone, kWritable, kL1Table, kL2Table, kL3Table, kL4Table, kSegment, kShared,
  kXenText, kXenHeap, kIommuTable, kIrt, kM2p,
  kScratch,   // takes the DMA of a quarantined device; nobody reads it
  kReserved,  // firmware's own (RMRR): RAM that is in nobody's heap
};
const char* Name(FrameType type);

struct Frame {
  std::byte* host = nullptr;    // where its 4096 bytes are in this process; null: no RAM here
  int backing_fd = -1;          // memfd and offset, so that the page can be mapped a second time
  uint64_t backing_offset = 0;
  uint64_t gpfn = UINT64_MAX;   // pseudo-physical frame number at its owner (the m2p entry); UINT64_MAX: none
  uint32_t type_count = 0;
  uint32_t ref_count = 0;
  uint32_t generation = 0;      // + 1 at every change of owner
  uint32_t grant_maps = 0;      // live grant mappings of this frame
  DomId owner = kDomNone;
  FrameType type = FrameType::kNone;
};

class MachineMemory {
 public:
  // Frames 0 .. frame_count-1; those without RAM (holes) keep host == nullptr.
  explicit MachineMemory(uint64_t frame_count);
  ~MachineMemory();
  MachineMemory(const MachineMemory&) = delete;
  MachineMemory& operator=(const MachineMemory&) = delete;

  uint64_t frame_count() const { return frame_count_; }
  bool populated(Mfn mfn) const { return mfn < frame_count_ && frames_[mfn].host != nullptr; }
  Frame& frame(Mfn mfn) { return frames_[mfn]; }
  const Frame& frame(Mfn mfn) const { return frames_[mfn]; }
  Frame* Find(Mfn mfn) { return mfn < frame_count_ ? &frames_[mfn] : nullptr; }
  const Frame* Find(Mfn mfn) const { return mfn < frame_count_ ? &frames_[mfn] : nullptr; }

  // Gives the frame to `owner`; counts up the generation and calls the observer.
  void SetOwner(Mfn mfn, DomId owner);
  void SetType(Mfn mfn, FrameType type);
  // Called after a frame's owner or type changed (Xen keeps the IOMMU's map in step with it).
  using Observer = std::function<void(Mfn, const Frame& before, const Frame& after)>;
  void OnChange(Observer observer) { observers_.push_back(std::move(observer)); }

  // Raw access by machine address, may cross frames; false (and nothing done) if any frame has no RAM.
  bool Read(uint64_t machine_address, void* data, uint64_t length) const;
  bool Write(uint64_t machine_address, const void* data, uint64_t length);
  template <typename T> T Load(uint64_t machine_address) const { T v{}; Read(machine_address, &v, sizeof v); return v; }
  template <typename T> void Store(uint64_t machine_address, T v) { Write(machine_address, &v, sizeof v); }

 private:
  uint64_t frame_count_;
  MemoryFile file_;  // a table of some megabytes, written all over at once
  Frame* frames_;    // in it
  std::vector<Observer> observers_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_MACHINE_MEMORY_H_
