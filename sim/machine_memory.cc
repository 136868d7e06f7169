// SPDX-License-Identifier: Apache-2.0
#include "sim/machine_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

// Calls `copy(host, offset, length)` for each piece inside one frame. False, before anything is copied, if a byte of
// the range has no RAM or the range wraps.
template <typename Copy>
bool ForPieces(const Frame* frames, uint64_t frame_count, uint64_t address, uint64_t length, const Copy& copy) {
  if (length == 0) return true;
  const uint64_t last = address + (length - 1);
  if (last < address || (last >> kPageShift) >= frame_count) return false;
  for (uint64_t mfn = address >> kPageShift; mfn <= last >> kPageShift; ++mfn) {
    if (frames[mfn].host == nullptr) return false;
  }
  for (uint64_t done = 0; done < length;) {
    const uint64_t in_page = (address + done) & (kPageSize - 1);
    const uint64_t piece = std::min(length - done, kPageSize - in_page);
    copy(frames[(address + done) >> kPageShift].host + in_page, done, piece);
    done += piece;
  }
  return true;
}

}  // namespace

const char* Name(FrameType type) {
  switch (type) {
    case FrameType::kNone: return "none";
    case FrameType::kWritable: return "writable";
    case FrameType::kL1Table: return "l1_table";
    case FrameType::kL2Table: return "l2_table";
    case FrameType::kL3Table: return "l3_table";
    case FrameType::kL4Table: return "l4_table";
    case FrameType::kSegment: return "segment";
    case FrameType::kShared: return "shared";
    case FrameType::kXenText: return "xen_text";
    case FrameType::kXenHeap: return "xen_heap";
    case FrameType::kIommuTable: return "iommu_table";
    case FrameType::kIrt: return "irt";
    case FrameType::kM2p: return "m2p";
    case FrameType::kScratch: return "scratch";
    case FrameType::kReserved: return "reserved";
  }
  return "unknown";
}

MachineMemory::MachineMemory(uint64_t frame_count)
    : frame_count_(frame_count),
      file_("pvpci-frames", std::max<uint64_t>(frame_count, 1) * sizeof(Frame)),
      frames_(static_cast<Frame*>(file_.Map())) {
  std::uninitialized_fill_n(frames_, frame_count, Frame());
}

MachineMemory::~MachineMemory() { munmap(frames_, file_.bytes()); }

void MachineMemory::SetOwner(Mfn mfn, DomId owner) {
  SIM_CHECK(mfn < frame_count_, "no such frame");
  Frame& frame = frames_[mfn];
  if (frame.owner == owner) return;
  const Frame before = frame;
  frame.owner = owner;
  ++frame.generation;
  for (const Observer& observer : observers_) observer(mfn, before, frames_[mfn]);
}

void MachineMemory::SetType(Mfn mfn, FrameType type) {
  SIM_CHECK(mfn < frame_count_, "no such frame");
  Frame& frame = frames_[mfn];
  if (frame.type == type) return;
  const Frame before = frame;
  frame.type = type;
  for (const Observer& observer : observers_) observer(mfn, before, frames_[mfn]);
}

bool MachineMemory::Read(uint64_t machine_address, void* data, uint64_t length) const {
  auto* const bytes = static_cast<std::byte*>(data);
  return ForPieces(frames_, frame_count_, machine_address, length,
                   [bytes](const std::byte* host, uint64_t offset, uint64_t piece) {
                     std::memcpy(bytes + offset, host, piece);
                   });
}

bool MachineMemory::Write(uint64_t machine_address, const void* data, uint64_t length) {
  const auto* const bytes = static_cast<const std::byte*>(data);
  return ForPieces(frames_, frame_count_, machine_address, length,
                   [bytes](std::byte* host, uint64_t offset, uint64_t piece) {
                     std::memcpy(host, bytes + offset, piece);
                   });
}

}  // namespace pvpci::sim
