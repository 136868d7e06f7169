// SPDX-License-Identifier: Apache-2.0
// What is pending, over the whole 64-bit picosecond range, in two parts that look like one.
//
// Near: the next microsecond, in 1024 slots of 1024 ps. A slot's entries lie side by side, unsorted; when the wheel's
// time enters the slot they are sorted and handed out one after the other.
// Far: a hierarchical wheel, 11 levels of 64 slots. An entry hangs in the level of the highest 6-bit digit in which its
// time differs from the wheel's; a slot is split only when the wheel's time enters it. Its entries move to the near
// part when their slot there is entered.
//
// Equal times come in order of insertion: what was far was inserted before what was near, for the wheel's time never
// falls. Insert, cancel and pop touch a few cache lines, whatever is pending.
#ifndef PVPCI_SIM_TIMING_WHEEL_H_
#define PVPCI_SIM_TIMING_WHEEL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sim/action.h"
#include "sim/check.h"
#include "sim/time.h"

namespace pvpci::sim {

class TimingWheel {
 public:
  using Handle = uint64_t;  // generation << 32 | node + 1; 0 is never used

  TimingWheel();

  // `when` >= time(), checked.
  Handle Insert(Ps when, Action&& action);
  bool Cancel(Handle handle);
  // Time of the earliest entry; kNever if none. (An entry at kNever itself never runs.)
  Ps NextTime() {
    if (next_valid_) return next_;
    return FindNext();
  }
  // Removes the first of the entries at NextTime(), which becomes the wheel's time, and runs it. There must be one.
  // What it throws is passed on.
  void RunNext();

  Ps time() const { return time_; }  // of the last entry popped
  uint64_t pending() const { return pending_; }

 private:
  static constexpr unsigned kDigitBits = 6;
  static constexpr unsigned kSlots = 1u << kDigitBits;
  static constexpr unsigned kLevels = 11;
  static constexpr unsigned kChunkBits = 8;
  static constexpr uint32_t kNil = UINT32_MAX;
  static constexpr unsigned kNearBits = 10;   // of a near slot's width
  static constexpr unsigned kNearSlots = 1024;
  static constexpr unsigned kNearWords = kNearSlots / 64;
  static constexpr unsigned kIndexBits = 24;  // of Entry::order
  static constexpr uint16_t kNear = UINT16_MAX;

  struct alignas(64) Node {  // one cache line
    Ps when = 0;
    uint32_t next = kNil;
    uint32_t previous = kNil;
    uint32_t generation = 1;
    uint16_t slot = 0;      // far: level * kSlots + index; kNear
    bool pending = false;
    Action action;
  };
  struct List {
    uint32_t first = kNil;
    uint32_t last = kNil;
    Ps earliest = kNever;
    bool earliest_known = true;  // false: that one was cancelled
  };
  // Order: whether it was inserted near, a running number, the node's index. Ascending at equal times.
  struct Entry {
    Ps when;
    uint64_t order;
    uint32_t index() const { return static_cast<uint32_t>(order & ((1u << kIndexBits) - 1)); }
    bool operator<(const Entry& other) const {
      return when != other.when ? when < other.when : order < other.order;
    }
  };
  // Three entries lie in the slot's own cache line, more beside it.
  struct alignas(64) Slot {
    static constexpr uint32_t kInside = 3;
    Entry inside[kInside];
    std::vector<Entry>* more = nullptr;
    uint32_t size = 0;
    const Entry& entry(uint32_t i) const { return i < kInside ? inside[i] : (*more)[i - kInside]; }
  };

  Node& node(uint32_t index) { return chunks_[index >> kChunkBits][index & ((1u << kChunkBits) - 1)]; }
  uint32_t Allocate();
  void Release(uint32_t index);
  void LeaveSlot(unsigned at);
  static uint64_t SlotNumber(Ps when) { return when >> kNearBits; }
  static unsigned SlotIndex(Ps when) { return static_cast<unsigned>(SlotNumber(when) % kNearSlots); }
  void AddNear(uint32_t index, Ps when);
  void AddCurrent(const Entry& entry);
  void AddBeside(Slot* slot, const Entry& entry);
  void RemoveNear(uint32_t index, Ps when);
  Slot* FirstNear();
  void Enter(Ps when);
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  uint32_t PopFar();
  Ps FindNext();
  Ps FindNextFar();
  Ps EarliestOf(List* list);
  void LookForEarliest(List* list);

  static_assert(sizeof(Node) == 64);
  static_assert(sizeof(Slot) == 64);

  std::vector<std::unique_ptr<Node[]>> chunks_;  // nodes never move
  uint32_t free_ = kNil;
  uint32_t node_count_ = 0;
  Ps time_ = 0;
  Ps next_ = kNever;
  bool next_valid_ = true;
  uint64_t pending_ = 0;
  uint64_t inserted_ = 0;

  std::unique_ptr<Slot[]> near_;
  std::vector<std::unique_ptr<std::vector<Entry>>> more_;  // owns what slots point to
  std::array<uint64_t, kNearWords> near_used_{};
  uint32_t near_words_used_ = 0;
  std::vector<Entry> current_;                   // of the slot that time_ lies in: sorted, from current_at_ on
  size_t current_at_ = 0;

  std::array<List, kLevels * kSlots> slots_;
  std::array<uint64_t, kLevels> occupied_{};     // per level: slots in use
  uint32_t levels_in_use_ = 0;
  Ps far_time_ = 0;                              // of the last entry that left the far part
};

inline void TimingWheel::AddNear(uint32_t index, Ps when) {
  const Entry entry{when, (uint64_t{1} << 63) | ++inserted_ << kIndexBits | index};
  if (SlotNumber(when) == SlotNumber(time_)) {
    AddCurrent(entry);
    return;
  }
  const unsigned at = SlotIndex(when);
  Slot& slot = near_[at];
  if (slot.size == 0) {
    near_used_[at / 64] |= uint64_t{1} << at % 64;
    near_words_used_ |= 1u << at / 64;
  }
  if (slot.size < Slot::kInside) {
    slot.inside[slot.size++] = entry;
  } else {
    AddBeside(&slot, entry);
  }
}

inline TimingWheel::Handle TimingWheel::Insert(Ps when, Action&& action) {
  SIM_CHECK(when >= time_, "an event must not lie in the past");
  uint32_t index = free_;
  if (index != kNil) {
    free_ = node(index).next;
  } else {
    index = Allocate();
  }
  Node& n = node(index);
  n.when = when;
  n.pending = true;
  n.action = std::move(action);
  if (SlotNumber(when) - SlotNumber(time_) < kNearSlots) {
    n.slot = kNear;
    AddNear(index, when);
  } else {
    Link(index);
  }
  ++pending_;
  if (next_valid_ && when < next_) next_ = when;
  return static_cast<Handle>(n.generation) << 32 | (index + 1);
}

inline void TimingWheel::LeaveSlot(unsigned at) {
  near_used_[at / 64] &= ~(uint64_t{1} << at % 64);
  if (near_used_[at / 64] == 0) near_words_used_ &= ~(1u << at / 64);
}

inline void TimingWheel::RunNext() {
  const Ps when = NextTime();
  SIM_CHECK(pending_ != 0, "nothing is pending");
  uint32_t index;
  const unsigned at = SlotIndex(when);
  Slot& slot = near_[at];
  next_valid_ = false;
  if (current_at_ != current_.size()) {
    index = current_[current_at_++].index();
    if (current_at_ != current_.size()) {
      next_ = current_[current_at_].when;
      next_valid_ = true;
      __builtin_prefetch(&node(current_[std::min(current_at_ + 1, current_.size() - 1)].index()));
    }
    time_ = when;
  } else if (slot.size == 1 && slot.inside[0].when == when && SlotNumber(FindNextFar()) != SlotNumber(when)) {
    // Alone in its slot: nothing to sort.
    index = slot.inside[0].index();
    slot.size = 0;
    LeaveSlot(at);
    time_ = when;
  } else {
    Enter(when);
    time_ = when;
    RunNext();
    return;
  }
  Node& n = node(index);
  n.pending = false;
  ++n.generation;
  --pending_;
  struct Freer {
    TimingWheel* wheel;
    uint32_t index;
    ~Freer() {
      Node& freed = wheel->node(index);
      freed.action = nullptr;
      freed.next = wheel->free_;
      wheel->free_ = index;
    }
  } const freer{this, index};
  n.action();
}

inline Ps TimingWheel::FindNextFar() {
  if (levels_in_use_ == 0) return kNever;
  const unsigned level = __builtin_ctz(levels_in_use_);
  return EarliestOf(&slots_[level * kSlots + __builtin_ctzll(occupied_[level])]);
}

inline Ps TimingWheel::EarliestOf(List* list) {
  if (!list->earliest_known) LookForEarliest(list);
  return list->earliest;
}

// The first slot after the current one that has entries; null: none.
inline TimingWheel::Slot* TimingWheel::FirstNear() {
  if (near_words_used_ == 0) return nullptr;
  // The slot of time_ itself is empty: its entries are in current_.
  const unsigned from = SlotIndex(time_);
  unsigned word = from / 64;
  uint64_t bits = near_used_[word] & (~uint64_t{0} << from % 64);
  if (bits == 0) {
    const uint32_t above = near_words_used_ & (~uint32_t{1} << word);
    word = static_cast<unsigned>(__builtin_ctz(above != 0 ? above : near_words_used_));
    bits = near_used_[word];
  }
  return &near_[word * 64 + static_cast<unsigned>(__builtin_ctzll(bits))];
}

inline Ps TimingWheel::FindNext() {
  next_valid_ = true;
  // Nothing far lies in the current slot.
  if (current_at_ != current_.size()) return next_ = current_[current_at_].when;
  next_ = FindNextFar();
  if (const Slot* slot = FirstNear()) {
    for (uint32_t i = 0; i < slot->size; ++i) next_ = std::min(next_, slot->entry(i).when);
  }
  return next_;
}

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_TIMING_WHEEL_H_
