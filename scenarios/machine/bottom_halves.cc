// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/bottom_halves.h"

#include <algorithm>

namespace pvpci::scenarios {
namespace {

constexpr const char* kSoftirq = "softirq";
constexpr const char* kWork = "work";
constexpr const char* kThread = "irq thread";
constexpr const char* kCompletion = "completion";

struct Hooked {
  const char* function;
  const char* what;
};
// kernel/softirq.c, workqueue.c, irq/handle.c, sched/completion.c. What the compiler has inlined has no entry: those that may
// call each other are all here, and count once.
constexpr Hooked kQueues[] = {{"__raise_softirq_irqoff", kSoftirq}, {"raise_softirq_irqoff", kSoftirq}, {"raise_softirq", kSoftirq},
                              {"__tasklet_schedule", kSoftirq},     {"__tasklet_hi_schedule", kSoftirq}, {"__queue_work", kWork},
                              {"__irq_wake_thread", kThread},       {"complete", kCompletion}};
// handle_softirqs: 6.12.
constexpr Hooked kBegins[] = {{"__do_softirq", kSoftirq}, {"handle_softirqs", kSoftirq}, {"process_one_work", kWork},
                             {"irq_thread_fn", kThread}, {"irq_forced_thread_fn", kThread}};
// The next event of an upcall is taken: what follows is another handler's.
constexpr const char* kNextEvent[] = {"evtchn_2l_clear_pending", "evtchn_fifo_clear_pending"};

}  // namespace

void BottomHalves::Install(GuestDomain& guest) {
  const sim::DomId id = guest.id();
  for (const Hooked& place : kQueues) {
    guest.OnEntry(place.function, [this, id, what = place.what](driver::VcpuRunner& vcpu, sim::Ps entry) { Queued(id, what, vcpu, entry); });
  }
  for (const Hooked& place : kBegins) {
    guest.OnEntry(place.function, [this, id, what = place.what](driver::VcpuRunner& vcpu, sim::Ps entry) { Began(id, what, vcpu, entry); });
  }
  for (const char* function : kNextEvent) {
    guest.OnEntry(function, [this](driver::VcpuRunner& vcpu, sim::Ps) { serving_.erase(&vcpu); });
  }
}

void BottomHalves::Queued(sim::DomId domain, const char* what, driver::VcpuRunner& vcpu, sim::Ps time) {
  const auto serving = serving_.find(&vcpu);
  if (serving == serving_.end()) return;
  if (vcpu.upcall_depth() == 0) {
    serving_.erase(serving);
    return;
  }
  const uint32_t interrupt = serving->second;
  if (what == kSoftirq && std::any_of(waiting_.begin(), waiting_.end(), [&](size_t index) {
        return notes_[index].interrupt == interrupt && notes_[index].what == what;
      })) {
    return;
  }
  by_interrupt_[interrupt].push_back(notes_.size());
  if (what != kCompletion) waiting_.push_back(notes_.size());  // who waits for it is not told
  notes_.push_back({interrupt, domain, what, &vcpu, time, std::nullopt});
}

void BottomHalves::Began(sim::DomId domain, const char* what, const driver::VcpuRunner& vcpu, sim::Ps time) {
  if (what == kSoftirq) serving_.erase(&vcpu);  // at the end of the upcall: the handlers are done
  bool one = false;  // a worker takes one piece of work, the oldest; softirqs all run
  waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), [&](size_t index) {
                   Note& note = notes_[index];
                   if (one || note.domain != domain || note.what != what || (what == kSoftirq && note.vcpu != &vcpu)) return false;
                   one = what != kSoftirq;
                   note.began = time;
                   return true;
                 }), waiting_.end());
}

std::vector<BottomHalves::Note> BottomHalves::Of(uint32_t interrupt) const {
  std::vector<Note> notes;
  if (const auto at = by_interrupt_.find(interrupt); at != by_interrupt_.end()) {
    for (const size_t index : at->second) notes.push_back(notes_[index]);
  }
  return notes;
}

}  // namespace pvpci::scenarios
