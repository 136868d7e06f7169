// SPDX-License-Identifier: Apache-2.0
#include "sim/timing_wheel.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <vector>

#include "sim/check.h"

namespace pvpci::sim {

TimingWheel::TimingWheel() {
  void* const room = mmap(nullptr, kMaxNodes * sizeof(Node), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  nodes_ = static_cast<Node*>(room);
  // Many entries are few pages of the host then, if it likes. The first ones, all of most runs, cost no huge page.
  madvise(nodes_ + kSmall, (kMaxNodes - kSmall) * sizeof(Node), MADV_HUGEPAGE);
}

TimingWheel::~TimingWheel() {
  for (uint32_t i = 0; i < node_count_; ++i) node(i).~Node();
  munmap(nodes_, kMaxNodes * sizeof(Node));
}

uint32_t TimingWheel::Allocate() {
  SIM_CHECK(node_count_ < kMaxNodes, "too many events are pending");
  new (&node(node_count_)) Node;
  return node_count_++;
}

void TimingWheel::Release(uint32_t index) {
  Node& n = node(index);
  ++n.generation;
  n.next = free_;
  free_ = index;
  --pending_;
}

void TimingWheel::AddBeside(unsigned at, uint32_t index) {
  const uint32_t beside = near_[at].size++ - Slot::kInside;
  if (more_[at].size() <= beside) more_[at].resize(beside + 1);
  more_[at][beside] = index;
}

// Into a slot that has later entries: among few to its place, else to the end, to be sorted.
void TimingWheel::AddEarlier(unsigned at, uint32_t index, Ps when) {
  Slot& slot = near_[at];
  const uint32_t from = SlotNumber(when) == SlotNumber(time_) ? near_from_ : 0;
  if (slot.size < Slot::kInside) {
    ++slot.size;
  } else {
    AddBeside(at, index);
  }
  uint32_t i = slot.size - 1;
  if (slot.latest != Slot::kUnsorted && i - from <= kFew) {
    for (; i > from && node(Entry(at, i - 1)).when > when; --i) Entry(at, i) = Entry(at, i - 1);
  } else {
    slot.latest = Slot::kUnsorted;
  }
  Entry(at, i) = index;
}

void TimingWheel::RemoveNear(uint32_t index, Ps when) {
  const unsigned at = SlotIndex(when);
  Slot& slot = near_[at];
  const uint32_t from = SlotNumber(when) == SlotNumber(time_) ? near_from_ : 0;
  uint32_t i = from;
  while (Entry(at, i) != index) ++i;
  for (; i + 1 < slot.size; ++i) Entry(at, i) = Entry(at, i + 1);
  if (--slot.size > from) return;
  slot = Slot();
  if (from != 0) near_from_ = 0;
  near_used_[at / 64] &= ~(uint64_t{1} << at % 64);
  if (near_used_[at / 64] == 0) near_words_used_ &= ~(1u << at / 64);
}

// From `from` on. Entries at equal times stay in the order in which they are.
void TimingWheel::Sort(unsigned at, uint32_t from) {
  Slot& slot = near_[at];
  std::vector<std::pair<Ps, uint32_t>> entries;
  for (uint32_t i = from; i < slot.size; ++i) __builtin_prefetch(&node(Entry(at, i)));
  for (uint32_t i = from; i < slot.size; ++i) entries.emplace_back(node(Entry(at, i)).when, Entry(at, i));
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (uint32_t i = from; i < slot.size; ++i) Entry(at, i) = entries[i - from].second;
  slot.latest = Offset(entries.back().first);
}

// Far entries whose near slot is that of `when`, the next time, go there, before those which are there already.
void TimingWheel::Enter(Ps when) {
  const uint64_t number = SlotNumber(when);
  const unsigned at = SlotIndex(when);
  std::vector<uint32_t> later;
  for (uint32_t i = near_from_; i < near_[at].size; ++i) later.push_back(Entry(at, i));
  near_[at] = Slot();
  near_from_ = 0;
  while (SlotNumber(next_far_) == number) {
    const uint32_t index = PopFar();
    next_far_ = FindNextFar();
    node(index).slot = kNear;
    AddNear(index, at, node(index).when);
  }
  for (const uint32_t index : later) AddNear(index, at, node(index).when);
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
  list.earliest = std::min(list.earliest, n.when);
  next_far_ = std::min(next_far_, n.when);
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
  if (n.generation != handle >> 32) return false;
  if (n.slot == kNear) {
    RemoveNear(index, n.when);
  } else {
    Unlink(index);
    List& list = slots_[n.slot];
    if (n.when == list.earliest && list.first != kNil) list.earliest_known = false;
    if (n.when == next_far_) next_far_ = FindNextFar();
  }
  if (n.when == next_) FindNext(SlotIndex(time_));
  n.action.Reset();
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
  const Ps when = next_far_;
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
