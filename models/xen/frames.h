// SPDX-License-Identifier: Apache-2.0
// Machine frames: RAM and its free list, ownership, references and types, the m2p table. Passthrough is told of every
// change that the 1:1 IOMMU maps must follow. Xen's page accounting (xen/arch/x86/mm.c, xen/common/page_alloc.c), behaviour only; abi.md 3.9, S16.
//
// A frame has one type at a time while type_count > 0; a writable frame keeps its type, and with it its IOMMU entry, after
// the last writable mapping has gone, until it gets another or is freed. Writable excludes page table: that exclusion is what protects
// the hypervisor from guests that edit their own tables. Without IOMMU devices do not honour it.
#ifndef PVPCI_MODELS_XEN_FRAMES_H_
#define PVPCI_MODELS_XEN_FRAMES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "models/xen/domain.h"
#include "sim/machine_memory.h"
#include "sim/memory_file.h"
#include "sim/random.h"

namespace pvpci::xen {

class Hypervisor;

class Frames {
 public:
  // Gives every RAM frame a host page in one sparse memfd, and Xen its own frames. Maps the m2p table.
  explicit Frames(Hypervisor& hypervisor);
  ~Frames();
  Frames(const Frames&) = delete;
  Frames& operator=(const Frames&) = delete;

  // Takes 2^order free, contiguous, naturally aligned frames with mfn >= `lowest` and below 2^address_bits (0: no
  // limit), chosen by `random`; assigns them to `owner`, without gpfn; Place gives them their (scrubbed) page.
  // nullopt: none.
  std::optional<sim::Mfn> Allocate(sim::DomId owner, unsigned order, unsigned address_bits, uint64_t lowest,
                                   sim::Random& random);
  // Takes that one frame for `owner`, as Allocate does. false: it is not free, or no memory.
  bool Take(sim::DomId owner, sim::Mfn mfn);
  // One frame of Xen's own heap (shared_info, grant frames), shared with `with`: typed kShared, owner `with`, zeroed.
  // nullopt: none is left.
  std::optional<sim::Mfn> AllocateShared(sim::DomId with);
  // Binds a frame to a page of the owner's pseudo-physical memory: host page, backing, m2p. Zeroes it if `scrub`.
  void Place(Domain& domain, sim::Mfn mfn, uint64_t gpfn, bool scrub);
  // Returns the frame to the free list. Its host page becomes the machine's own: the
  // owner's bytes stay behind with the owner's memory.
  void Free(sim::Mfn mfn);
  // The rest of Free for a frame that Passthrough has held back.
  void FinishFree(sim::Mfn mfn);
  uint64_t free_frames() const { return free_count_; }

  // References and types. Get* answer false (and change nothing) if `domain` does not own the frame, its type
  // conflicts, or the IOMMU has no room for a frame that becomes writable; each success needs one Put*.
  bool GetRef(const Domain& domain, sim::Mfn mfn);
  void PutRef(sim::Mfn mfn);
  bool GetType(const Domain& domain, sim::Mfn mfn, sim::FrameType type);
  void PutType(sim::Mfn mfn);
  bool GetWritable(const Domain& domain, sim::Mfn mfn) { return GetType(domain, mfn, sim::FrameType::kWritable); }
  void PutWritable(sim::Mfn mfn) { PutType(mfn); }

  // m2p: gpfn of a frame, kNoFrame if none. `m2p_guest`: address at which guests read the table (read-only mapping).
  void SetGpfn(sim::Mfn mfn, uint64_t gpfn);
  uint64_t m2p_guest() const { return reinterpret_cast<uint64_t>(m2p_guest_); }
  uint64_t m2p_entries() const { return m2p_entries_; }

  // RAM regions [first, last] in frames, ascending.
  const std::vector<std::pair<uint64_t, uint64_t>>& ram() const { return ram_; }

 private:
  bool Usable(uint64_t first, uint64_t count) const;
  bool ChangeType(sim::Mfn mfn, const sim::Frame& frame, sim::FrameType type);
  void TakeReserved();  // firmware's regions are RAM that is in no heap

  Hypervisor& hypervisor_;
  sim::MachineMemory& memory_;
  std::unique_ptr<sim::MemoryFile> backing_file_;
  std::byte* backing_ = nullptr;
  uint64_t backing_bytes_ = 0;
  std::unique_ptr<sim::MemoryFile> m2p_file_;
  uint64_t* m2p_ = nullptr;
  const uint64_t* m2p_guest_ = nullptr;
  uint64_t m2p_entries_ = 0;
  uint64_t m2p_bytes_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> ram_;
  uint64_t first_own_ = 0;  // of Xen's own frames above 1 MiB
  std::vector<bool> free_;
  uint64_t free_count_ = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_FRAMES_H_
