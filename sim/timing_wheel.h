// SPDX-License-Identifier: Apache-2.0
// A hierarchical timing wheel over the whole 64-bit picosecond range: 11 levels of 64 slots.
//
// An entry hangs in the level of the highest 6-bit digit in which its time differs from the wheel's; a slot is split
// only when the wheel's time enters it, so the order of equal times is the order of insertion. Insert, cancel and pop
// touch a constant number of slots, whatever is pending.
#ifndef PVPCI_SIM_TIMING_WHEEL_H_
#define PVPCI_SIM_TIMING_WHEEL_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/action.h"
#include "sim/time.h"

namespace pvpci::sim {

class TimingWheel {
 public:
  using Handle = uint64_t;  // generation << 32 | node + 1; 0 is never used

  TimingWheel();

  // `when` >= time(), checked.
  Handle Insert(Ps when, Action action);
  bool Cancel(Handle handle);
  // Time of the earliest entry; kNever if none. (An entry at kNever itself never runs.)
  Ps NextTime() {
    if (next_valid_) return next_;
    return FindNext();
  }
  // Removes the first of the entries at NextTime(), which becomes the wheel's time. There must be one.
  Action Pop();

  Ps time() const { return time_; }  // of the last entry popped
  uint64_t pending() const { return pending_; }

 private:
  static constexpr unsigned kDigitBits = 6;
  static constexpr unsigned kSlots = 1u << kDigitBits;
  static constexpr unsigned kLevels = 11;
  static constexpr unsigned kChunkBits = 8;
  static constexpr uint32_t kNil = UINT32_MAX;

  struct alignas(64) Node {  // one cache line
    Ps when = 0;
    uint32_t next = kNil;
    uint32_t previous = kNil;
    uint32_t generation = 1;
    uint16_t slot = 0;      // level * kSlots + index
    bool pending = false;
    Action action;
  };
  struct List {
    uint32_t first = kNil;
    uint32_t last = kNil;
    Ps earliest = kNever;
    bool earliest_known = true;  // false: that one was cancelled
  };

  Node& node(uint32_t index) { return chunks_[index >> kChunkBits][index & ((1u << kChunkBits) - 1)]; }
  uint32_t Allocate();
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  Ps FindNext();
  Ps EarliestOf(List* list);

  static_assert(sizeof(Node) == 64);

  std::vector<std::unique_ptr<Node[]>> chunks_;  // nodes never move
  std::array<List, kLevels * kSlots> slots_;
  std::array<uint64_t, kLevels> occupied_{};     // per level: slots in use
  uint32_t levels_in_use_ = 0;
  uint32_t free_ = kNil;
  uint32_t node_count_ = 0;
  Ps time_ = 0;
  Ps next_ = kNever;
  bool next_valid_ = true;
  uint64_t pending_ = 0;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_TIMING_WHEEL_H_
