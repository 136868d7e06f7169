// SPDX-License-Identifier: Apache-2.0
#include "sim/timing_wheel.h"

#include <utility>

#include "sim/check.h"

namespace pvpci::sim {

TimingWheel::TimingWheel() = default;

uint32_t TimingWheel::Allocate() {
  if (free_ != kNil) {
    const uint32_t index = free_;
    free_ = node(index).next;
    return index;
  }
  if (node_count_ >> kChunkBits == chunks_.size()) chunks_.push_back(std::make_unique<Node[]>(1u << kChunkBits));
  return node_count_++;
}

void TimingWheel::Link(uint32_t index) {
  Node& n = node(index);
  const Ps difference = n.when ^ time_;
  const unsigned level = difference == 0 ? 0 : (63 - __builtin_clzll(difference)) / kDigitBits;
  const unsigned digit = (n.when >> (level * kDigitBits)) & (kSlots - 1);
  n.slot = static_cast<uint16_t>(level * kSlots + digit);
  List& list = slots_[n.slot];
  n.next = kNil;
  n.previous = list.last;
  if (list.last == kNil) {
    list.first = index;
    occupied_[level] |= uint64_t{1} << digit;
    levels_in_use_ |= 1u << level;
  } else {
    node(list.last).next = index;
  }
  list.last = index;
  if (n.when < list.earliest) list.earliest = n.when;
}

void TimingWheel::Unlink(uint32_t index) {
  Node& n = node(index);
  List& list = slots_[n.slot];
  if (n.previous == kNil) list.first = n.next; else node(n.previous).next = n.next;
  if (n.next == kNil) list.last = n.previous; else node(n.next).previous = n.previous;
  if (list.first == kNil) {
    list = List();
    const unsigned level = n.slot / kSlots;
    occupied_[level] &= ~(uint64_t{1} << (n.slot % kSlots));
    if (occupied_[level] == 0) levels_in_use_ &= ~(1u << level);
  }
}

TimingWheel::Handle TimingWheel::Insert(Ps when, Action action) {
  SIM_CHECK(when >= time_, "an event must not lie in the past");
  const uint32_t index = Allocate();
  Node& n = node(index);
  n.when = when;
  n.pending = true;
  n.action = std::move(action);
  Link(index);
  ++pending_;
  if (next_valid_ && when < next_) next_ = when;
  return static_cast<Handle>(n.generation) << 32 | (index + 1);
}

bool TimingWheel::Cancel(Handle handle) {
  const uint32_t index = static_cast<uint32_t>(handle) - 1;
  if (index >= node_count_) return false;
  Node& n = node(index);
  if (!n.pending || n.generation != handle >> 32) return false;
  Unlink(index);
  n.pending = false;
  ++n.generation;
  n.action = nullptr;
  n.next = free_;
  free_ = index;
  --pending_;
  if (n.when == next_) next_valid_ = false;
  List& list = slots_[n.slot];
  if (n.when == list.earliest && list.first != kNil) list.earliest_known = false;
  return true;
}

Ps TimingWheel::EarliestOf(List* list) {
  if (!list->earliest_known) {
    list->earliest_known = true;
    list->earliest = kNever;
    for (uint32_t i = list->first; i != kNil; i = node(i).next) {
      if (node(i).when < list->earliest) list->earliest = node(i).when;
    }
  }
  return list->earliest;
}

Ps TimingWheel::FindNext() {
  next_valid_ = true;
  if (levels_in_use_ == 0) return next_ = kNever;
  const unsigned level = __builtin_ctz(levels_in_use_);
  return next_ = EarliestOf(&slots_[level * kSlots + __builtin_ctzll(occupied_[level])]);
}

Action TimingWheel::Pop() {
  const Ps when = NextTime();
  SIM_CHECK(levels_in_use_ != 0, "nothing is pending");
  const unsigned level = __builtin_ctz(levels_in_use_);
  uint32_t index;
  time_ = when;
  if (level == 0) {
    index = slots_[when & (kSlots - 1)].first;
    Unlink(index);
  } else {
    // The wheel enters this slot: hand out what lies in it, in order, relative to the new time. Its first entry at
    // `when` is the one to run and need not be hung up again.
    List& list = slots_[level * kSlots + ((when >> (level * kDigitBits)) & (kSlots - 1))];
    uint32_t i = list.first;
    list = List();
    occupied_[level] &= occupied_[level] - 1;
    if (occupied_[level] == 0) levels_in_use_ &= ~(1u << level);
    index = kNil;
    while (i != kNil) {
      const uint32_t following = node(i).next;
      if (following != kNil) __builtin_prefetch(&node(following));
      if (index == kNil && node(i).when == when) {
        index = i;
      } else {
        Link(i);
      }
      i = following;
    }
  }
  // More at the same time all hang in level 0, in the slot of `when`.
  next_valid_ = (occupied_[0] >> (when & (kSlots - 1)) & 1) != 0;
  Node& n = node(index);
  Action action = std::move(n.action);
  n.pending = false;
  ++n.generation;
  n.next = free_;
  free_ = index;
  --pending_;
  return action;
}

}  // namespace pvpci::sim
