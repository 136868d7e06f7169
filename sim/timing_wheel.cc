// SPDX-License-Identifier: Apache-2.0
#include "sim/timing_wheel.h"

#include <algorithm>
#include <utility>

#include "sim/check.h"

namespace pvpci::sim {

TimingWheel::TimingWheel() : near_(std::make_unique<Slot[]>(kNearSlots)) {}

uint32_t TimingWheel::Allocate() {
  SIM_CHECK(node_count_ < 1u << kIndexBits, "too many events are pending");
  if (node_count_ >> kChunkBits == chunks_.size()) chunks_.push_back(std::make_unique<Node[]>(1u << kChunkBits));
  return node_count_++;
}

void TimingWheel::Release(uint32_t index) {
  Node& n = node(index);
  n.pending = false;
  ++n.generation;
  n.next = free_;
  free_ = index;
  --pending_;
}

void TimingWheel::AddCurrent(const Entry& entry) {
  if (current_at_ == current_.size()) {
    current_.clear();
    current_at_ = 0;
  }
  current_.insert(std::upper_bound(current_.begin() + static_cast<long>(current_at_), current_.end(), entry), entry);
}

void TimingWheel::AddBeside(Slot* slot, const Entry& entry) {
  if (slot->more == nullptr) {
    more_.push_back(std::make_unique<std::vector<Entry>>());
    slot->more = more_.back().get();
  }
  slot->more->push_back(entry);
  ++slot->size;
}

void TimingWheel::RemoveNear(uint32_t index, Ps when) {
  const auto is_it = [index](const Entry& entry) { return entry.index() == index; };
  if (SlotNumber(when) == SlotNumber(time_)) {
    current_.erase(std::find_if(current_.begin() + static_cast<long>(current_at_), current_.end(), is_it));
    return;
  }
  const unsigned at = SlotIndex(when);
  Slot& slot = near_[at];
  uint32_t i = 0;
  while (!is_it(slot.entry(i))) ++i;
  const Entry last = slot.entry(--slot.size);  // they are sorted later
  if (i < Slot::kInside) slot.inside[i] = last; else (*slot.more)[i - Slot::kInside] = last;
  if (slot.size >= Slot::kInside) slot.more->pop_back();
  if (slot.size == 0) LeaveSlot(at);
}

// The wheel's time becomes `when`, in a slot whose entries are still unsorted, or far.
void TimingWheel::Enter(Ps when) {
  current_.clear();
  current_at_ = 0;
  const uint64_t number = SlotNumber(when);
  while (levels_in_use_ != 0 && SlotNumber(FindNextFar()) == number) {
    const uint32_t index = PopFar();
    node(index).slot = kNear;
    current_.push_back({node(index).when, ++inserted_ << kIndexBits | index});
  }
  const unsigned at = SlotIndex(when);
  Slot& slot = near_[at];
  if (slot.size != 0 && SlotNumber(slot.inside[0].when) == number) {
    current_.insert(current_.end(), slot.inside, slot.inside + std::min(slot.size, Slot::kInside));
    if (slot.size > Slot::kInside) {
      current_.insert(current_.end(), slot.more->begin(), slot.more->end());
      slot.more->clear();
    }
    slot.size = 0;
    LeaveSlot(at);
  }
  if (current_.size() > 1) std::sort(current_.begin(), current_.end());
}

void TimingWheel::Link(uint32_t index) {
  Node& n = node(index);
  const Ps difference = n.when ^ far_time_;
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

bool TimingWheel::Cancel(Handle handle) {
  const uint32_t index = static_cast<uint32_t>(handle) - 1;
  if (index >= node_count_) return false;
  Node& n = node(index);
  if (!n.pending || n.generation != handle >> 32) return false;
  if (n.slot == kNear) {
    RemoveNear(index, n.when);
  } else {
    Unlink(index);
    List& list = slots_[n.slot];
    if (n.when == list.earliest && list.first != kNil) list.earliest_known = false;
  }
  if (n.when == next_) next_valid_ = false;
  n.action = nullptr;
  Release(index);
  return true;
}

void TimingWheel::LookForEarliest(List* list) {
  list->earliest_known = true;
  list->earliest = kNever;
  for (uint32_t i = list->first; i != kNil; i = node(i).next) list->earliest = std::min(list->earliest, node(i).when);
}

// The index of the first far entry, which leaves that part.
uint32_t TimingWheel::PopFar() {
  const Ps when = FindNextFar();
  const unsigned level = __builtin_ctz(levels_in_use_);
  far_time_ = when;
  if (level == 0) {
    const uint32_t index = slots_[when & (kSlots - 1)].first;
    Unlink(index);
    return index;
  }
  // The wheel enters this slot: hand out what lies in it, in order, relative to the new time. Its first entry at
  // `when` is the one that leaves and need not be hung up again.
  List& list = slots_[level * kSlots + ((when >> (level * kDigitBits)) & (kSlots - 1))];
  uint32_t i = list.first;
  list = List();
  occupied_[level] &= occupied_[level] - 1;
  if (occupied_[level] == 0) levels_in_use_ &= ~(1u << level);
  uint32_t index = kNil;
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
  return index;
}

}  // namespace pvpci::sim
