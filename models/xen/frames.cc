// SPDX-License-Identifier: Apache-2.0
#include "models/xen/frames.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "models/xen/hypervisor.h"
#include "models/xen/passthrough.h"
#include "sim/check.h"

namespace pvpci::xen {
namespace {

constexpr uint64_t kFirstMib = 256;      // frames below 1 MiB
constexpr uint64_t kLowRamEnd = 160;     // 640 KiB
constexpr uint64_t kFourGib = uint64_t{1} << 20;
constexpr uint64_t kXenTextFrames = 256;

}  // namespace

Frames::Frames(Hypervisor& hypervisor) : hypervisor_(hypervisor), memory_(hypervisor.memory()) {
  const uint64_t count = memory_.frame_count();
  const HypervisorConfig& config = hypervisor.config();
  SIM_CHECK(count > kFirstMib + config.xen_frames, "machine memory is smaller than Xen");
  const uint64_t hole = std::min<uint64_t>(config.pci_hole_start >> sim::kPageShift, count);
  ram_ = {{0, kLowRamEnd - 1}, {kFirstMib, hole - 1}};
  if (count > kFourGib) ram_.emplace_back(kFourGib, count - 1);

  backing_bytes_ = count << sim::kPageShift;
  backing_file_ = std::make_unique<sim::MemoryFile>("pvpci-machine", backing_bytes_);
  backing_ = static_cast<std::byte*>(backing_file_->Map());

  free_.assign(count, false);
  for (const auto& [first, last] : ram_) {
    for (uint64_t mfn = first; mfn <= last; ++mfn) {
      sim::Frame& frame = memory_.frame(mfn);
      frame.host = backing_ + (mfn << sim::kPageShift);
      frame.backing_fd = backing_file_->fd();
      frame.backing_offset = mfn << sim::kPageShift;
      free_[mfn] = true;
      ++free_count_;
    }
  }

  m2p_entries_ = count;
  m2p_bytes_ = (count * sizeof(uint64_t) + sim::kPageSize - 1) & ~(sim::kPageSize - 1);
  m2p_file_ = std::make_unique<sim::MemoryFile>("pvpci-m2p", m2p_bytes_);
  m2p_ = static_cast<uint64_t*>(m2p_file_->Map());
  void* guest = mmap(nullptr, m2p_bytes_, PROT_READ, MAP_SHARED, m2p_file_->fd(), 0);
  if (guest == MAP_FAILED) throw std::bad_alloc();
  m2p_guest_ = static_cast<const uint64_t*>(guest);
  std::memset(m2p_, 0xff, m2p_bytes_);

  // Xen's own frames: text, then heap. The low megabyte belongs to Xen too (trampoline, EBDA).
  const auto take = [this](uint64_t mfn, sim::FrameType type) {
    free_[mfn] = false;
    --free_count_;
    memory_.SetOwner(mfn, sim::kDomXen);
    memory_.SetType(mfn, type);
    memory_.frame(mfn).type_count = memory_.frame(mfn).ref_count = 1;
  };
  for (uint64_t mfn = 0; mfn < kLowRamEnd; ++mfn) take(mfn, sim::FrameType::kXenHeap);
  const uint64_t own = config.xen_frames + (m2p_bytes_ >> sim::kPageShift);
  first_own_ = config.xen_frames_on_top ? hole - own : kFirstMib;
  SIM_CHECK(hole > kFirstMib + own, "machine memory is smaller than Xen and its m2p table");
  for (uint64_t i = 0; i < config.xen_frames; ++i) {
    take(first_own_ + i, i < kXenTextFrames ? sim::FrameType::kXenText : sim::FrameType::kXenHeap);
  }
  // The m2p table occupies machine frames as well; guests read it through the second mapping.
  for (uint64_t i = 0; i < m2p_bytes_ >> sim::kPageShift; ++i) {
    const uint64_t mfn = first_own_ + config.xen_frames + i;
    take(mfn, sim::FrameType::kM2p);
    memory_.frame(mfn).host = reinterpret_cast<std::byte*>(m2p_) + (i << sim::kPageShift);
    memory_.frame(mfn).backing_fd = m2p_file_->fd();
    memory_.frame(mfn).backing_offset = i << sim::kPageShift;
  }
  TakeReserved();
}

void Frames::TakeReserved() {
  for (const ReservedRegion& region : hypervisor_.config().reserved) {
    for (sim::Mfn mfn = region.first_mfn; mfn <= region.last_mfn; ++mfn) {
      SIM_CHECK(mfn < free_.size() && free_[mfn], "a reserved region must be free RAM");
      free_[mfn] = false;
      --free_count_;
      memory_.SetOwner(mfn, sim::kDomIo);
      memory_.SetType(mfn, sim::FrameType::kReserved);
    }
  }
}

Frames::~Frames() {
  munmap(backing_, backing_bytes_);
  munmap(m2p_, m2p_bytes_);
  munmap(const_cast<uint64_t*>(m2p_guest_), m2p_bytes_);
}

bool Frames::Usable(uint64_t first, uint64_t count) const {
  for (uint64_t i = 0; i < count; ++i) {
    if (!free_[first + i]) return false;
  }
  return true;
}

std::optional<sim::Mfn> Frames::Allocate(sim::DomId owner, unsigned order, unsigned address_bits, uint64_t lowest,
                                         sim::Random& random) {
  const uint64_t count = uint64_t{1} << order;
  uint64_t end = memory_.frame_count();
  if (address_bits != 0 && address_bits < 64) {
    end = address_bits <= sim::kPageShift ? 0 : std::min(end, uint64_t{1} << (address_bits - sim::kPageShift));
  }
  const uint64_t first_block = (lowest + count - 1) >> order;
  const uint64_t end_block = end >> order;
  if (first_block >= end_block) return std::nullopt;
  const uint64_t blocks = end_block - first_block;
  const uint64_t start = random.Below(blocks);
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t mfn = (first_block + (start + i) % blocks) << order;
    if (!Usable(mfn, count)) continue;
    for (uint64_t n = 0; n < count; ++n) Take(owner, mfn + n);
    return mfn;
  }
  return std::nullopt;
}

bool Frames::Take(sim::DomId owner, sim::Mfn mfn) {
  if (mfn >= free_.size() || !free_[mfn]) return false;
  free_[mfn] = false;
  --free_count_;
  memory_.SetOwner(mfn, owner);
  memory_.frame(mfn).ref_count = 1;
  return true;
}

std::optional<sim::Mfn> Frames::AllocateShared(sim::DomId with) {
  // Xen's heap grows away from its own frames; the choice needs no randomness.
  const bool down = hypervisor_.config().xen_frames_on_top;
  for (uint64_t mfn = first_own_; mfn >= kFirstMib && mfn < memory_.frame_count(); down ? --mfn : ++mfn) {
    if (!free_[mfn]) continue;
    free_[mfn] = false;
    --free_count_;
    std::memset(memory_.frame(mfn).host, 0, sim::kPageSize);
    memory_.SetOwner(mfn, with);
    memory_.SetType(mfn, sim::FrameType::kShared);
    memory_.frame(mfn).type_count = memory_.frame(mfn).ref_count = 1;
    return mfn;
  }
  return std::nullopt;
}

void Frames::Place(Domain& domain, sim::Mfn mfn, uint64_t gpfn, bool scrub) {
  SIM_CHECK(gpfn < domain.memory.pages, "pseudo-physical frame outside the domain's memory");
  sim::Frame& frame = memory_.frame(mfn);
  frame.host = domain.memory.base + (gpfn << sim::kPageShift);
  frame.backing_fd = domain.memory.fd;
  frame.backing_offset = gpfn << sim::kPageShift;
  if (scrub) std::memset(frame.host, 0, sim::kPageSize);
  SetGpfn(mfn, gpfn);
}

void Frames::Free(sim::Mfn mfn) {
  sim::Frame& frame = memory_.frame(mfn);
  SIM_CHECK(!free_[mfn], "frame freed twice");
  if (frame.type == sim::FrameType::kWritable) {
    hypervisor_.passthrough().UnmapOwn(frame.owner, mfn, FrameLoss::kOwnership);
  }
  SetGpfn(mfn, kNoFrame);
  frame.host = backing_ + (mfn << sim::kPageShift);
  frame.backing_fd = backing_file_->fd();
  frame.backing_offset = mfn << sim::kPageShift;
  frame.type_count = frame.ref_count = frame.grant_maps = 0;
  memory_.SetType(mfn, sim::FrameType::kNone);
  memory_.SetOwner(mfn, sim::kDomNone);
  if (!hypervisor_.passthrough().HoldBack(mfn)) FinishFree(mfn);
}

void Frames::FinishFree(sim::Mfn mfn) {
  free_[mfn] = true;
  ++free_count_;
}

bool Frames::GetRef(const Domain& domain, sim::Mfn mfn) {
  sim::Frame* frame = memory_.Find(mfn);
  if (frame == nullptr || frame->host == nullptr || frame->owner != domain.id() || free_[mfn]) return false;
  ++frame->ref_count;
  return true;
}

void Frames::PutRef(sim::Mfn mfn) {
  sim::Frame& frame = memory_.frame(mfn);
  SIM_CHECK(frame.ref_count > 0, "reference count underflow");
  if (--frame.ref_count == 0) Free(mfn);
}

// Devices follow: writable frames are theirs too, page and descriptor tables never.
bool Frames::ChangeType(sim::Mfn mfn, const sim::Frame& frame, sim::FrameType type) {
  const sim::FrameType before = frame.type;
  if (before == sim::FrameType::kWritable) hypervisor_.passthrough().UnmapOwn(frame.owner, mfn, FrameLoss::kType);
  memory_.SetType(mfn, type);
  if (type != sim::FrameType::kWritable || hypervisor_.passthrough().MapOwn(frame.owner, mfn)) return true;
  memory_.SetType(mfn, before);
  return false;
}

bool Frames::GetType(const Domain& domain, sim::Mfn mfn, sim::FrameType type) {
  sim::Frame* frame = memory_.Find(mfn);
  if (frame == nullptr || frame->owner != domain.id() || free_[mfn]) return false;
  // Xen's shared pages count as writable for the domain they are shared with.
  const bool shared = frame->type == sim::FrameType::kShared && type == sim::FrameType::kWritable;
  if (!shared && frame->type_count != 0 && frame->type != type) return false;
  if (!shared && frame->type_count == 0 && frame->type != type && !ChangeType(mfn, *frame, type)) return false;
  ++frame->type_count;
  ++frame->ref_count;
  return true;
}

void Frames::PutType(sim::Mfn mfn) {
  sim::Frame& frame = memory_.frame(mfn);
  SIM_CHECK(frame.type_count > 0, "type count underflow");
  if (--frame.type_count == 0 && frame.type != sim::FrameType::kWritable) {
    memory_.SetType(mfn, sim::FrameType::kNone);
  }
  PutRef(mfn);
}

void Frames::SetGpfn(sim::Mfn mfn, uint64_t gpfn) {
  memory_.frame(mfn).gpfn = gpfn;
  m2p_[mfn] = gpfn;
}

}  // namespace pvpci::xen
