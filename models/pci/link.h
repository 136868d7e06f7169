// SPDX-License-Identifier: Apache-2.0
// Link arithmetic: bytes on the wire and the time they take. PCI Express Base Specification 5.0, chapters 2 to 4;
// constants as in the model of pcie-bench (spec/timing.md A1). Integers only.
//
// Left out: link training, replay, lane errors. Credits as a limit are the root port's (upstream.h).
#ifndef PVPCI_MODELS_PCI_LINK_H_
#define PVPCI_MODELS_PCI_LINK_H_

#include <cstdint>

#include "sim/time.h"

namespace pvpci::pci {

struct LinkSpec {
  unsigned generation = 3;  // 1 .. 5
  unsigned width = 8;       // lanes: 1, 2, 4, 8, 16
};

// Wire bytes of one TLP: header, framing, LCRC and sequence number, payload. `address` at or above 4 GiB takes the
// 4 dword header.
inline constexpr uint32_t kDllpFraming = 8, kTlpHeader = 4, kRequest32 = 8, kRequest64 = 12, kCompletionRest = 8,
                          kMessageRest = 12, kEcrc = 4;
constexpr uint32_t MemoryReadBytes(uint64_t address, bool ecrc) {
  return kDllpFraming + kTlpHeader + (address >> 32 ? kRequest64 : kRequest32) + (ecrc ? kEcrc : 0);
}
constexpr uint32_t MemoryWriteBytes(uint64_t address, uint32_t payload_bytes, bool ecrc) {
  return MemoryReadBytes(address, ecrc) + payload_bytes;
}
constexpr uint32_t CompletionBytes(uint32_t payload_bytes, bool ecrc) {
  return kDllpFraming + kTlpHeader + kCompletionRest + (ecrc ? kEcrc : 0) + payload_bytes;
}
// Assert_INTx and its kin.
constexpr uint32_t MessageBytes(bool ecrc) { return kDllpFraming + kTlpHeader + kMessageRest + (ecrc ? kEcrc : 0); }

// A data credit stands for so much. PCIe 2.6.1.
inline constexpr uint32_t kCreditBytes = 16;

// Length of the next packet of [address, address + length): at most `limit` bytes, never across 4 KiB.
uint32_t NextPiece(uint64_t address, uint64_t length, uint32_t limit);

// How a root complex cuts what it has read into completions. PCIe 2.3.1.1 leaves it free: all but the last end at a
// multiple of the read completion boundary.
enum class CompletionSplit : uint8_t {
  kMaxPayload,      // as large as the maximum payload allows
  kFirstLineAlone,  // what comes up to the first boundary leaves at once, the rest as large as possible
};

// Completions that answer a read.
inline uint32_t CompletionCount(uint64_t address, uint32_t length, uint32_t mps, uint32_t rcb,
                                CompletionSplit split = CompletionSplit::kMaxPayload) {
  const uint32_t largest = mps > rcb ? mps : rcb;  // powers of two both
  const auto into = static_cast<uint32_t>(address & (rcb - 1));
  if (split == CompletionSplit::kMaxPayload) {
    const uint32_t first = largest - into;
    return length <= first ? 1 : 1 + (length - first + largest - 1) / largest;
  }
  const uint32_t first = rcb - into;
  if (length <= first) return 1;
  const auto next = static_cast<uint32_t>((address + first) & (largest - 1));
  return 1 + (next + (length - first) + largest - 1) / largest;
}

// One direction of one link: who may send when. Sub-picosecond remainders are carried, so that a long transfer takes
// exactly bytes x time per byte.
class LinkDirection {
  using Wide = unsigned __int128;
  // The slowest link takes 4000 ps for a byte, below 2^13 with DLLPs: times 2^32 and this, 2^61.
  static constexpr uint64_t kNarrow = 1 << 16;

 public:
  // `mps`: maximum payload, it selects the ACK and flow-control update rate. SIM_CHECKs the ranges of LinkSpec.
  LinkDirection(LinkSpec spec, unsigned mps);

  // Time `bytes` occupy the wire, rounded up, without DLLPs.
  sim::Ps WireTime(uint64_t bytes) const {
    return static_cast<sim::Ps>((Wide{bytes} * wire_rate_ + 0xffffffffu) >> 32);
  }
  // The same with the share of ACK, flow control and SKP sets that saturation brings.
  sim::Ps BusyTime(uint64_t bytes) const {
    return static_cast<sim::Ps>((Wide{bytes} * busy_rate_ + 0xffffffffu) >> 32);
  }

  // From when a receiver has room again until its sender knows: the table of update latencies, in symbol times; what they
  // are made of is in the table. PCIe 5.0 2.6.1.2.
  sim::Ps UpdateLatency() const;

  struct Slot {
    sim::Ps first;  // the first symbol leaves
    sim::Ps last;   // the last symbol has left
  };
  // Sends `bytes`, not before `earliest` and after all that was sent before.
  Slot Send(sim::Ps earliest, uint64_t bytes) {
    if (free_ < earliest) {
      free_ = earliest;
      fraction_ = 0;
    }
    Slot slot{free_, 0};
    if (bytes <= kNarrow) {
      // One packet: 64 bits hold the products, and give the same integers faster.
      slot.last = free_ + ((bytes * wire_rate_ + 0xffffffffu) >> 32);
      const uint64_t busy = bytes * busy_rate_ + fraction_;
      free_ += busy >> 32;
      fraction_ = static_cast<uint32_t>(busy);
    } else {
      slot.last = free_ + WireTime(bytes);
      const Wide busy = Wide{bytes} * busy_rate_ + fraction_;
      free_ += static_cast<sim::Ps>(busy >> 32);
      fraction_ = static_cast<uint32_t>(busy);
    }
    bytes_sent_ += bytes;
    return slot;
  }
  sim::Ps free_at() const { return free_ + (fraction_ != 0); }
  void set_mps(unsigned mps);
  const LinkSpec& spec() const { return spec_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  LinkSpec spec_;
  unsigned limit_ = 0;      // symbol times between two updates
  uint64_t wire_rate_ = 0;  // 2^-32 ps per byte
  uint64_t busy_rate_ = 0;
  sim::Ps free_ = 0;
  uint32_t fraction_ = 0;  // 2^-32 ps
  uint64_t bytes_sent_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_LINK_H_
