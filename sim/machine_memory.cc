// SPDX-License-Identifier: Apache-2.0
#include "sim/machine_memory.h"

#include <algorithm>
#include <cstring>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

// Calls `copy(host, offset, length)` for each piece inside one frame. False, before anything is copied, if a byte of
// the range has no RAM or the range wraps.
template <typename Frames, typename Copy>
bool ForPieces(Frames& frames, uint64_t address, uint64_t length, const Copy& copy) {
  if (length == 0) return true;
  const uint64_t last = address + (length - 1);
  if (last < address || (last >> kPageShift) >= frames.size()) return false;
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

MachineMemory::MachineMemory(uint64_t frame_count) : frames_(frame_count) {}

void MachineMemory::SetOwner(Mfn mfn, DomId owner) {
  SIM_CHECK(mfn < frames_.size(), "no such frame");
  Frame& frame = frames_[mfn];
  if (frame.owner == owner) return;
  const Frame before = frame;
  frame.owner = owner;
  ++frame.generation;
  for (const Observer& observer : observers_) observer(mfn, before, frames_[mfn]);
}

void MachineMemory::SetType(Mfn mfn, FrameType type) {
  SIM_CHECK(mfn < frames_.size(), "no such frame");
  Frame& frame = frames_[mfn];
  if (frame.type == type) return;
  const Frame before = frame;
  frame.type = type;
  for (const Observer& observer : observers_) observer(mfn, before, frames_[mfn]);
}

bool MachineMemory::Read(uint64_t machine_address, void* data, uint64_t length) const {
  auto* const bytes = static_cast<std::byte*>(data);
  return ForPieces(frames_, machine_address, length, [bytes](const std::byte* host, uint64_t offset, uint64_t piece) {
    std::memcpy(bytes + offset, host, piece);
  });
}

bool MachineMemory::Write(uint64_t machine_address, const void* data, uint64_t length) {
  const auto* const bytes = static_cast<const std::byte*>(data);
  return ForPieces(frames_, machine_address, length, [bytes](std::byte* host, uint64_t offset, uint64_t piece) {
    std::memcpy(host, bytes + offset, piece);
  });
}

}  // namespace pvpci::sim
