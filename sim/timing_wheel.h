// SPDX-License-Identifier: Apache-2.0
// What is pending, over the whole 64-bit picosecond range, in two parts that look like one.
//
// Near: the next microsecond, in 1024 slots of 1024 ps. A slot's entries lie side by side in order; many that came out
// of order are sorted when the slot's turn comes.
// Far: a hierarchical wheel, 11 levels of 64 slots. An entry hangs in the level of the highest 6-bit digit in which its
// time differs from the wheel's; a slot is split only when the wheel's time enters it. Its entries move to the near
// part when their slot there is entered.
//
// Equal times come in order of insertion: what was far was inserted before what was near, for the wheel's time never
// falls. Insert, cancel and pop touch a few cache lines, whatever is pending. The way through them has few branches
// that depend on the times, as a processor cannot guess those.
#ifndef PVPCI_SIM_TIMING_WHEEL_H_
#define PVPCI_SIM_TIMING_WHEEL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/action.h"
#include "sim/check.h"
#include "sim/time.h"

namespace pvpci::sim {

class TimingWheel {
 public:
  using Handle = uint64_t;  // generation << 32 | node + 1; 0 is never used

  // Reserves address space (1 GiB), not memory; std::bad_alloc if there is none.
  TimingWheel();
  ~TimingWheel();
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // `when` >= time(): the caller sees to it. `callable`: an Action, or what one can be made of.
  template <typename F>
  Handle Insert(Ps when, F&& callable);
  bool Cancel(Handle handle);
  // Time of the earliest entry; kNever if none. (An entry at kNever itself never runs.)
  Ps NextTime() const { return next_; }
  // Removes the first of the entries at NextTime(), which becomes the wheel's time, and runs it. There must be one.
  // What it throws is passed on.
  void RunNext();

  Ps time() const { return time_; }  // of the last entry popped
  uint64_t pending() const { return pending_; }

 private:
  static constexpr unsigned kDigitBits = 6;
  static constexpr unsigned kSlots = 1u << kDigitBits;
  static constexpr unsigned kLevels = 11;
  static constexpr uint32_t kNil = UINT32_MAX;
  static constexpr uint32_t kMaxNodes = 1u << 24;
  static constexpr uint32_t kSmall = 1u << 12;
  static constexpr unsigned kNearBits = 10;  // of a near slot's width
  static constexpr unsigned kNearSlots = 1024;
  static constexpr unsigned kNearWords = kNearSlots / 64;
  static constexpr uint32_t kFew = 8;  // entries that one which comes late may pass on its way to its place
  static constexpr uint16_t kNear = UINT16_MAX;

  struct alignas(64) Node {  // one cache line
    Ps when = 0;
    uint32_t next = kNil;
    uint32_t previous = kNil;  // far only
    uint32_t generation = 1;   // changes when the node's entry leaves
    uint16_t slot = 0;         // far: level * kSlots + index; kNear
    Action action;
  };
  struct List {
    uint32_t first = kNil;
    uint32_t last = kNil;
    Ps earliest = kNever;
    bool earliest_known = true;  // false: that one was cancelled
  };
  // More than fits inside is in more_, under the slot's number.
  struct Slot {
    static constexpr uint32_t kInside = 2;
    static constexpr uint32_t kUnsorted = UINT32_MAX;
    uint32_t size = 0;
    uint32_t latest = 0;  // of the entries' offsets, or of some that left since it was empty; kUnsorted: any order
    uint32_t inside[kInside] = {};
  };

  Node& node(uint32_t index) { return nodes_[index]; }
  uint32_t Allocate();
  void Release(uint32_t index);
  static uint64_t SlotNumber(Ps when) { return when >> kNearBits; }
  static unsigned SlotIndex(Ps when) { return static_cast<unsigned>(SlotNumber(when) % kNearSlots); }
  void AddNear(uint32_t index, unsigned at, Ps when);
  static uint32_t Offset(Ps when) { return when & ((1u << kNearBits) - 1); }
  uint32_t& Entry(unsigned at, uint32_t i) {
    return i < Slot::kInside ? near_[at].inside[i] : more_[at][i - Slot::kInside];
  }
  void AddBeside(unsigned at, uint32_t index);
  void AddEarlier(unsigned at, uint32_t index, Ps when);
  uint32_t TakeFirst(unsigned at);
  void RemoveNear(uint32_t index, Ps when);
  void Sort(unsigned at, uint32_t from);
  void Enter(Ps when);
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  uint32_t PopFar();
  void FindNext(unsigned from);
  Ps FindNextFar();
  Ps EarliestOf(List* list);
  void LookForEarliest(List* list);

  static_assert(sizeof(Node) == 64);
  static_assert(sizeof(Slot) == 16);

  Node* nodes_;  // never move
  uint32_t free_ = kNil;
  uint32_t node_count_ = 0;
  Ps time_ = 0;
  Ps next_ = kNever;
  unsigned next_at_ = 0;    // its near slot, though it may be far yet
  Ps next_far_ = kNever;
  uint64_t pending_ = 0;

  uint32_t near_from_ = 0;  // what is left of the slot that time_ lies in begins there; 0 in all others
  uint32_t near_words_used_ = 0;
  std::array<uint64_t, kNearWords> near_used_{};
  std::array<Slot, kNearSlots> near_;
  std::array<std::vector<uint32_t>, kNearSlots> more_;

  std::array<List, kLevels * kSlots> slots_;
  std::array<uint64_t, kLevels> occupied_{};     // per level: slots in use
  uint32_t levels_in_use_ = 0;
  Ps far_time_ = 0;                              // of the last entry that left the far part
};

inline void TimingWheel::AddNear(uint32_t index, unsigned at, Ps when) {
  Slot& slot = near_[at];
  if (Offset(when) < slot.latest) {
    AddEarlier(at, index, when);
    return;
  }
  slot.latest = Offset(when);
  if (slot.size < Slot::kInside) {
    slot.inside[slot.size++] = index;
  } else {
    AddBeside(at, index);
  }
  near_used_[at / 64] |= uint64_t{1} << at % 64;
  near_words_used_ |= 1u << at / 64;
}

template <typename F>
TimingWheel::Handle TimingWheel::Insert(Ps when, F&& callable) {
  uint32_t index = free_;
  if (index != kNil) {
    free_ = node(index).next;
  } else {
    index = Allocate();
  }
  Node& n = node(index);
  n.when = when;
  n.action.Emplace(std::forward<F>(callable));
  const unsigned at = SlotIndex(when);
  if (SlotNumber(when) - SlotNumber(time_) < kNearSlots) {
    n.slot = kNear;
    AddNear(index, at, when);
  } else {
    Link(index);
  }
  ++pending_;
  if (when < next_) {
    next_ = when;
    next_at_ = at;
  }
  return static_cast<Handle>(n.generation) << 32 | (index + 1);
}

// The slot must not be empty.
inline uint32_t TimingWheel::TakeFirst(unsigned at) {
  Slot& slot = near_[at];
  const uint32_t index = Entry(at, near_from_++);
  const bool empty = near_from_ == slot.size;
  if (near_from_ + 1 < slot.size) __builtin_prefetch(&node(Entry(at, near_from_ + 1)));
  slot.latest = empty ? 0 : slot.latest;
  slot.size = empty ? 0 : slot.size;
  near_from_ = empty ? 0 : near_from_;
  near_used_[at / 64] &= ~(uint64_t{empty} << at % 64);
  near_words_used_ &= ~(uint32_t{near_used_[at / 64] == 0} << at / 64);
  return index;
}

[[gnu::always_inline]] inline void TimingWheel::RunNext() {
  const Ps when = next_;
  SIM_CHECK(pending_ != 0, "nothing is pending");
  if (SlotNumber(next_far_) == SlotNumber(when)) Enter(when);
  const unsigned at = next_at_;  // sooner known than SlotIndex(when)
  if (near_[at].latest == Slot::kUnsorted) Sort(at, near_from_);
  const uint32_t index = TakeFirst(at);
  time_ = when;
  FindNext(at);
  Node& n = node(index);
  ++n.generation;
  --pending_;
  struct Freer {
    TimingWheel* wheel;
    uint32_t index;
    ~Freer() {
      Node& freed = wheel->node(index);
      freed.action.Reset();
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

// `from`: the slot that time_ lies in.
inline void TimingWheel::FindNext(unsigned from) {
  unsigned word = from / 64;
  uint64_t bits = near_used_[word] & (~uint64_t{0} << from % 64);
  if (bits == 0) {
    if (near_words_used_ == 0) {
      next_ = next_far_;
      next_at_ = SlotIndex(next_);
      return;
    }
    const uint32_t above = near_words_used_ & (~uint32_t{1} << word);
    word = static_cast<unsigned>(__builtin_ctz(above != 0 ? above : near_words_used_));
    bits = near_used_[word];
  }
  next_at_ = word * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
  if (near_[next_at_].latest == Slot::kUnsorted) Sort(next_at_, near_from_);
  next_ = node(Entry(next_at_, near_from_)).when;
  if (next_far_ < next_) {
    next_ = next_far_;
    next_at_ = SlotIndex(next_);
  }
}

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_TIMING_WHEEL_H_
