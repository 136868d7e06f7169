// SPDX-License-Identifier: Apache-2.0
// One SystemC thread conducts: it runs the wheel's events and hands control to runners, one at a time, earliest first.
//
// SystemC's own clock follows at every hand-over to a runner and at the end of Run. Between those the conductor works
// through the wheel without a SystemC wait per event (25 ns instead of 160), which nobody can see: every other process
// of the simulation is a runner that waits for the conductor.
#define SC_INCLUDE_DYNAMIC_PROCESSES  // sc_spawn

#include "sim/simulation.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <systemc>
#include <utility>
#include <vector>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

constexpr int kStackBytes = 1 << 20;
// A runner that returns without progress so many times in a row hangs the machine room: its own fault.
constexpr unsigned kIdleSlicesAllowed = 1'000'000;

bool constructed = false;

sc_core::sc_time ToSystemC(Ps time) { return sc_core::sc_time::from_value(time); }

Ps SystemCNow() { return sc_core::sc_time_stamp().value(); }

Ps SaturatingAdd(Ps a, Ps b) { return a > kNever - b ? kNever : a + b; }

std::string SystemCName(std::string name) {
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '_';
  }
  return name;
}

}  // namespace

struct Simulation::Impl {
  struct RunnerState {
    RunnerId id = 0;
    std::string name;
    Runner* runner = nullptr;
    std::unique_ptr<sc_core::sc_event> go;
    Ps local = 0;             // reached so far
    Ps ready_at = kNever;     // key in ready_; kNever: not there
    Ps woken_at = kNever;     // wake that arrived between Sleep and the end of the slice
    bool waking = false;      // in ready_ because of a Wake whose time may lie ahead
    bool running = false;
    bool sleep_requested = false;
    unsigned idle_slices = 0;
  };
  Impl(SimulationConfig c, Simulation* s) : config(c), simulation(s), wheel(s->wheel_) {}

  void MakeReady(RunnerState* state, Ps when);
  void Unready(RunnerState* state);
  Ps HorizonOf(const RunnerState& state);
  void Conduct();
  void Dispatch();
  void Slices(RunnerState* state);
  void OneSlice(RunnerState* state);
  bool HandBack(RunnerState* state);
  void Fail();

  SimulationConfig config;
  Simulation* simulation;
  TimingWheel& wheel;
  Ps reached = 0;      // the farthest that anything has got
  Ps end = kNever;
  bool stop = false;
  bool running = false;
  bool elaborated = false;
  uint64_t events = 0;
  std::exception_ptr error;
  std::vector<std::unique_ptr<RunnerState>> runners;
  std::vector<RunnerState*> ready;  // runnable ones, by (ready_at, id); the rest cost nothing
  RunnerState* current = nullptr;   // whose slice is running
  std::unique_ptr<sc_core::sc_event> conductor;
};

void Simulation::Impl::MakeReady(RunnerState* state, Ps when) {
  state->ready_at = when;
  const auto position = std::lower_bound(ready.begin(), ready.end(), state, [](RunnerState* a, RunnerState* b) {
    return a->ready_at != b->ready_at ? a->ready_at < b->ready_at : a->id < b->id;
  });
  ready.insert(position, state);
}

void Simulation::Impl::Unready(RunnerState* state) {
  ready.erase(std::find(ready.begin(), ready.end(), state));
  state->ready_at = kNever;
}

Ps Simulation::Impl::HorizonOf(const RunnerState& state) {
  Ps limit = std::min(end, wheel.NextTime());
  for (const RunnerState* other : ready) {
    if (other == &state) continue;
    limit = std::min(limit, SaturatingAdd(other->ready_at, config.quantum));
    break;
  }
  return limit;
}

void Simulation::Impl::Fail() {
  if (!error) error = std::current_exception();
  stop = true;
}

// Earliest first; at equal times events before runners, runners by id.
void Simulation::Impl::Dispatch() {
  while (!stop) {
    const Ps event_time = wheel.NextTime();
    const Ps runner_time = ready.empty() ? kNever : ready.front()->ready_at;
    if (event_time == kNever && runner_time == kNever) return;
    if (event_time <= runner_time) {
      if (event_time > end) {
        reached = end;
        return;
      }
      simulation->now_ = event_time;
      reached = std::max(reached, event_time);
      ++events;
      try {
        wheel.RunNext();
      } catch (const sc_core::sc_unwind_exception&) {
        throw;
      } catch (...) {
        Fail();
      }
      continue;
    }
    if (runner_time >= end) {
      reached = end;
      return;
    }
    RunnerState* const state = ready.front();
    Unready(state);
    state->waking = false;
    state->running = true;
    state->local = runner_time;
    simulation->now_ = runner_time;
    reached = std::max(reached, runner_time);
    const Ps here = SystemCNow();
    if (runner_time > here) {
      state->go->notify(ToSystemC(runner_time - here));
    } else {
      state->go->notify();
    }
    sc_core::wait(*conductor);
  }
}

void Simulation::Impl::Conduct() {
  for (;;) {
    sc_core::wait(*conductor);
    Dispatch();
    const Ps here = SystemCNow();
    if (reached > here) sc_core::wait(ToSystemC(reached - here));
    running = false;
  }
}

void Simulation::Impl::OneSlice(RunnerState* state) {
  current = state;
  simulation->runner_ = state->runner;
  simulation->horizon_ = HorizonOf(*state);
  const Ps from = state->local;
  Ps to = from;
  try {
    to = state->runner->Run(from);
    SIM_CHECK(to >= from, state->name + " went back in time");
    state->idle_slices = to > from ? 0 : state->idle_slices + 1;
    SIM_CHECK(state->idle_slices < kIdleSlicesAllowed, state->name + " runs without progress");
  } catch (const sc_core::sc_unwind_exception&) {
    throw;
  } catch (...) {
    Fail();
    state->sleep_requested = true;
    state->woken_at = kNever;
  }
  state->local = to;
  simulation->now_ = std::max(simulation->now_, from);
  reached = std::max(reached, to);
  current = nullptr;
  simulation->runner_ = nullptr;
  simulation->horizon_ = 0;
}

// After a slice: true if something else is due before this runner.
bool Simulation::Impl::HandBack(RunnerState* state) {
  if (state->sleep_requested) {
    state->sleep_requested = false;
    state->running = false;
    if (state->woken_at != kNever) {
      state->waking = true;
      MakeReady(state, std::max(state->local, state->woken_at));
      state->woken_at = kNever;
    }
    return true;
  }
  const bool other_first =
      !ready.empty() && (ready.front()->ready_at < state->local ||
                         (ready.front()->ready_at == state->local && ready.front()->id < state->id));
  if (!stop && state->local < end && wheel.NextTime() > state->local && !other_first) return false;
  state->running = false;
  MakeReady(state, state->local);
  return true;
}

void Simulation::Impl::Slices(RunnerState* state) {
  // A runner that joined during the run may have been dispatched before this thread's first step.
  if (state->running) {
    state->go->cancel();
  } else {
    sc_core::wait(*state->go);
  }
  for (;;) {
    do {
      OneSlice(state);
    } while (!HandBack(state));
    conductor->notify();
    sc_core::wait(*state->go);
  }
}

Simulation::Simulation(SimulationConfig config) : impl_(std::make_unique<Impl>(config, this)) {
  SIM_CHECK(!constructed, "one Simulation per process: SystemC elaborates once");
  SIM_CHECK(config.quantum >= kNs && config.quantum <= kMs, "quantum outside 1 ns .. 1 ms");
  constructed = true;
  SIM_CHECK(sc_core::sc_get_time_resolution() == sc_core::sc_time(1, sc_core::SC_PS),
            "SystemC's time resolution must be its default, 1 ps");
  impl_->conductor = std::make_unique<sc_core::sc_event>();
  sc_core::sc_spawn_options options;
  options.set_stack_size(kStackBytes);
  Impl* const impl = impl_.get();
  sc_core::sc_spawn([impl] { impl->Conduct(); }, "conductor", &options);
}

Simulation::~Simulation() = default;

void Simulation::ShrinkHorizon(Ps when) {
  horizon_ = when;
  runner_->Preempt();
}

RunnerId Simulation::AddRunner(std::string name, Runner* runner) {
  SIM_CHECK(runner != nullptr, "a runner is needed");
  auto state = std::make_unique<Impl::RunnerState>();
  state->id = static_cast<RunnerId>(impl_->runners.size());
  state->name = std::move(name);
  state->runner = runner;
  state->go = std::make_unique<sc_core::sc_event>();
  sc_core::sc_spawn_options options;
  options.set_stack_size(kStackBytes);
  Impl* const impl = impl_.get();
  Impl::RunnerState* const raw = state.get();
  sc_core::sc_spawn([impl, raw] { impl->Slices(raw); }, SystemCName(raw->name).c_str(), &options);
  impl_->runners.push_back(std::move(state));
  return raw->id;
}

void Simulation::Wake(RunnerId id, Ps when) {
  SIM_CHECK(when >= now(), "Wake() in the past");
  Impl::RunnerState* const state = impl_->runners.at(static_cast<size_t>(id)).get();
  if (state->running) {
    if (state->sleep_requested) state->woken_at = std::min(state->woken_at, when);
    return;
  }
  const Ps at = std::max(when, state->local);
  if (state->ready_at != kNever) {
    if (!state->waking || state->ready_at <= at) return;
    impl_->Unready(state);
  }
  state->waking = true;
  impl_->MakeReady(state, at);
  const Ps limit = SaturatingAdd(at, impl_->config.quantum);
  if (limit < horizon_) ShrinkHorizon(limit);
}

void Simulation::Sleep(RunnerId id) {
  Impl::RunnerState* const state = impl_->runners.at(static_cast<size_t>(id)).get();
  SIM_CHECK(state->running, state->name + " can sleep only while it runs");
  state->sleep_requested = true;
}

bool Simulation::asleep(RunnerId id) const {
  const Impl::RunnerState& state = *impl_->runners.at(static_cast<size_t>(id));
  if (state.running) return state.sleep_requested;
  return state.ready_at == kNever || (state.waking && state.ready_at > now());
}

Ps Simulation::horizon(RunnerId id) const {
  const Impl::RunnerState* const state = impl_->runners.at(static_cast<size_t>(id)).get();
  return impl_->current == state ? horizon_ : impl_->HorizonOf(*state);
}

Ps Simulation::Run(Ps until) {
  SIM_CHECK(!impl_->running, "Run() inside Run()");
  SIM_CHECK(until >= impl_->reached, "Run() into the past");
  impl_->end = until;
  impl_->stop = false;
  impl_->running = true;
  // Elaborates, and lets every thread reach its wait: a notification before that would be lost.
  if (!impl_->elaborated) sc_core::sc_start(sc_core::SC_ZERO_TIME);
  impl_->elaborated = true;
  impl_->conductor->notify(sc_core::SC_ZERO_TIME);
  sc_core::sc_start();
  SIM_CHECK(!impl_->running, "the conductor did not come to an end");
  impl_->end = kNever;
  now_ = impl_->reached;
  if (impl_->error) std::rethrow_exception(std::exchange(impl_->error, nullptr));
  return impl_->reached;
}

void Simulation::Stop() {
  impl_->stop = true;
  if (runner_ != nullptr) ShrinkHorizon(0);
}

bool Simulation::stopped() const { return impl_->stop; }

uint64_t Simulation::events_run() const { return impl_->events; }

const SimulationConfig& Simulation::config() const { return impl_->config; }

}  // namespace pvpci::sim
