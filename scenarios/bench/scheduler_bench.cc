// SPDX-License-Identifier: Apache-2.0
#define SC_INCLUDE_DYNAMIC_PROCESSES  // sc_spawn

#include "scenarios/bench/scheduler_bench.h"

#include <array>
#include <cstdint>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include <systemc>

#include "scenarios/bench/worker.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kDelays = 1024;  // 1 .. kDelays ns

class Delays {
 public:
  unsigned NextNs() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return 1 + static_cast<unsigned>(state_ % kDelays);
  }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

struct Product {
  explicit Product(unsigned pending) {
    for (unsigned i = 0; i < pending; ++i) Schedule();
  }
  void Schedule() {
    simulation.After(delays.NextNs() * sim::kNs, [this] {
      Schedule();
      if (--left == 0) simulation.Stop();
    });
  }
  sim::Simulation simulation{sim::SimulationConfig{}};
  Delays delays;
  unsigned left = 0;
};

struct Methods {
  explicit Methods(unsigned pending) {
    sc_core::sc_spawn_options options;
    options.spawn_method();
    for (unsigned i = 0; i < pending; ++i) sc_core::sc_spawn([this] { Trigger(); }, nullptr, &options);
    left = pending;
    sc_core::sc_start(sc_core::SC_ZERO_TIME);  // elaborates: each has its first trigger
  }
  void Trigger() {
    sc_core::next_trigger(sc_core::sc_time::from_value(delays.NextNs() * sim::kNs));
    if (--left == 0) sc_core::sc_pause();
  }
  Delays delays;
  unsigned left = 0;
};

// An event of the schedulers written by hand: what it does is called through a pointer, as the product's are.
struct Event {
  void (*run)(void* argument) = nullptr;
  void* argument = nullptr;
  uint64_t when_ns = 0;
  Event* next = nullptr;
};

// What somebody would write who needs nothing else: slots of 1 ns, each a list in order of insertion, and a bitmap to
// find the next one.
class Wheel {
 public:
  explicit Wheel(unsigned pending) : events_(pending) {
    for (Event& event : events_) {
      event.run = [](void* argument) { static_cast<Wheel*>(argument)->Again(); };
      event.argument = this;
      Insert(&event, delays_.NextNs());
    }
  }
  void Run(unsigned events) {
    left_ = events;
    while (left_ > 0) {
      const unsigned at = FirstUsed(static_cast<unsigned>(now_ % kSlots));
      Slot& slot = slots_[at];
      Event* const event = slot.first;
      slot.first = event->next;
      if (slot.first == nullptr) used_[at / 64] &= ~(uint64_t{1} << at % 64);
      now_ = event->when_ns;
      free_ = event;
      event->run(event->argument);
    }
  }

 private:
  static constexpr unsigned kSlots = 2048;
  struct Slot {
    Event* first = nullptr;
    Event* last = nullptr;
  };
  void Again() {
    Insert(free_, delays_.NextNs());
    --left_;
  }
  void Insert(Event* event, unsigned delay) {
    event->when_ns = now_ + delay;
    event->next = nullptr;
    const auto at = static_cast<unsigned>(event->when_ns % kSlots);
    Slot& slot = slots_[at];
    if (slot.first == nullptr) {
      slot.first = event;
      used_[at / 64] |= uint64_t{1} << at % 64;
    } else {
      slot.last->next = event;
    }
    slot.last = event;
  }
  unsigned FirstUsed(unsigned from) const {
    unsigned word = from / 64;
    uint64_t bits = used_[word] & (~uint64_t{0} << from % 64);
    while (bits == 0) {
      word = (word + 1) % used_.size();
      bits = used_[word];
    }
    return word * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
  }
  Delays delays_;
  uint64_t now_ = 0;
  std::array<Slot, kSlots> slots_;
  std::array<uint64_t, kSlots / 64> used_{};
  std::vector<Event> events_;
  Event* free_ = nullptr;
  unsigned left_ = 0;
};

class Heap {
 public:
  explicit Heap(unsigned pending) : events_(pending) {
    for (Event& event : events_) {
      event.run = [](void* argument) { static_cast<Heap*>(argument)->Again(); };
      event.argument = this;
      Insert(&event);
    }
  }
  void Run(unsigned events) {
    left_ = events;
    while (left_ > 0) {
      free_ = queue_.top();
      queue_.pop();
      now_ = free_->when_ns;
      free_->run(free_->argument);
    }
  }

 private:
  struct Later {
    bool operator()(const Event* a, const Event* b) const { return a->when_ns > b->when_ns; }
  };
  void Again() {
    Insert(free_);
    --left_;
  }
  void Insert(Event* event) {
    event->when_ns = now_ + delays_.NextNs();
    queue_.push(event);
  }
  Delays delays_;
  uint64_t now_ = 0;
  std::vector<Event> events_;
  std::priority_queue<Event*, std::vector<Event*>, Later> queue_;
  Event* free_ = nullptr;
  unsigned left_ = 0;
};

// Made at the first call: there is one of each in a process.
template <typename T>
T& Only(unsigned pending) {
  static T only(pending);
  return only;
}

}  // namespace

double ProductEventNs(unsigned pending, unsigned events) {
  Product& product = Only<Product>(pending);
  product.left = events;
  const double begin = ThreadNs();
  product.simulation.Run();
  return (ThreadNs() - begin) / events;
}

double SystemCMethodNs(unsigned pending, unsigned events) {
  Methods& methods = Only<Methods>(pending);
  methods.left = events;
  const double begin = ThreadNs();
  sc_core::sc_start();
  const double ns = ThreadNs() - begin;
  return ns / events;
}

double WheelNs(unsigned pending, unsigned events) {
  Wheel& wheel = Only<Wheel>(pending);
  const double begin = ThreadNs();
  wheel.Run(events);
  return (ThreadNs() - begin) / events;
}

double HeapNs(unsigned pending, unsigned events) {
  Heap& heap = Only<Heap>(pending);
  const double begin = ThreadNs();
  heap.Run(events);
  return (ThreadNs() - begin) / events;
}

}  // namespace pvpci::scenarios
