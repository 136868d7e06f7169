// SPDX-License-Identifier: Apache-2.0
// The clockwork: one timing wheel inside one SystemC process, and one SystemC thread per runner (a vCPU).
//
// There is exactly one Simulation per process (SystemC elaborates once). Models schedule plain callbacks; a runner
// executes native code in slices and is never allowed past the next pending event, so no event is ever seen late.
#ifndef PVPCI_SIM_SIMULATION_H_
#define PVPCI_SIM_SIMULATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "sim/check.h"
#include "sim/time.h"
#include "sim/timing_wheel.h"

namespace pvpci::sim {

// Names one scheduled action; 0 is never used. Stale handles are harmless to Cancel.
using EventHandle = uint64_t;

class Simulation;

// Something that executes code natively in simulated time: a vCPU. Implemented in driver/vcpu.
class Runner {
 public:
  virtual ~Runner() = default;
  // Executes from local time `from`; must return as soon as its local time has reached `*horizon` (which may shrink
  // while it runs, see Simulation::horizon). Returns the local time reached (>= from).
  // Runs on the runner's own SystemC thread stack (1 MiB).
  virtual Ps Run(Ps from) = 0;
  // The horizon shrank or something happened that must be seen at once: leave Run at the next block boundary.
  virtual void Preempt() = 0;
  // Local time while Run executes.
  virtual Ps local_time() const = 0;
};

using RunnerId = int;

struct SimulationConfig {
  uint64_t seed = 1;
  Ps quantum = kUs;  // Bound on the skew between two runnable runners. Range 1 ns .. 1 ms.
};

class Simulation {
 public:
  explicit Simulation(SimulationConfig config);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Time of whoever is executing: the event's time inside a callback, the runner's local time inside Runner::Run.
  Ps now() const { return runner_ != nullptr ? runner_->local_time() : now_; }

  // Calls `action` once at `when` (>= now(), checked). Equal times run in order of scheduling. ~15 ns per event.
  // Takes any callable (sim/action.h); captures of up to 32 bytes are not allocated.
  template <typename F>
  EventHandle At(Ps when, F&& action) {
    const Ps present = now();
    SIM_CHECK(when >= present, "At() in the past");
    return Schedule(when, std::forward<F>(action));
  }
  template <typename F>
  EventHandle After(Ps delay, F&& action) {
    return Schedule(now() + delay, std::forward<F>(action));
  }
  // True if it was still pending.
  bool Cancel(EventHandle handle) { return wheel_.Cancel(handle); }

  // Runners start asleep and may join at any time. The name becomes the SystemC process's name.
  RunnerId AddRunner(std::string name, Runner* runner);
  // Makes a sleeping runner runnable from `when` on (>= now()); an earlier pending wake wins. No effect if runnable.
  void Wake(RunnerId id, Ps when);
  // Called by the runner inside Run: after Run returns it sleeps until Wake. A Wake already pending is kept.
  void Sleep(RunnerId id);
  bool asleep(RunnerId id) const;
  // Local time up to which `id` may run now: the earliest pending event, another runnable runner's local time plus
  // the quantum, or the end of the run.
  Ps horizon(RunnerId id) const;

  // Runs until `until`, until Stop(), or until nothing can ever happen again. Returns the time reached.
  Ps Run(Ps until = kNever);
  // Ends Run after the current callback or slice.
  void Stop();
  bool stopped() const;

  uint64_t events_run() const;
  const SimulationConfig& config() const;

 private:
  struct Impl;
  template <typename F>
  EventHandle Schedule(Ps when, F&& action) {
    const EventHandle handle = wheel_.Insert(when, std::forward<F>(action));
    if (when < horizon_) ShrinkHorizon(when);
    return handle;
  }
  void ShrinkHorizon(Ps when);

  TimingWheel wheel_;
  Ps now_ = 0;                // of the present or last callback; outside Run what it reached
  Ps horizon_ = 0;            // of the slice now running; 0: none is
  Runner* runner_ = nullptr;  // whose slice that is
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_SIMULATION_H_
