// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <systemc>
#include <utility>
#include <vector>

#include "sim/check.h"
#include "sim/random.h"

namespace pvpci::sim {
namespace {

using testing::ElementsAre;

// A vCPU stand-in: advances in blocks of `block` until its horizon; `at_block` sees every block boundary.
class Ticker : public Runner {
 public:
  Ticker(Simulation* simulation, Ps block) : simulation_(simulation), block_(block) {}
  void Attach(const std::string& name) { id_ = simulation_->AddRunner(name, this); }

  Ps Run(Ps from) override {
    local_ = from;
    slices.emplace_back(from, 0);
    leave_ = false;
    preempted_ = false;
    while (!leave_ && local_ < simulation_->horizon(id_)) {
      local_ += block_;
      if (at_block) at_block(this);
    }
    slices.back().second = local_;
    return local_;
  }
  void Preempt() override {
    preempted_ = true;
    ++preempts;
  }
  Ps local_time() const override { return local_; }

  void SleepNow() {
    simulation_->Sleep(id_);
    leave_ = true;
  }
  RunnerId id() const { return id_; }
  bool preempted() const { return preempted_; }

  std::function<void(Ticker*)> at_block;
  std::vector<std::pair<Ps, Ps>> slices;
  int preempts = 0;

 private:
  Simulation* simulation_;
  Ps block_;
  Ps local_ = 0;
  RunnerId id_ = -1;
  bool leave_ = false;
  bool preempted_ = false;
};

TEST(Events, RunInTimeOrderAndAtEqualTimesInOrderOfScheduling) {
  Simulation simulation({});
  std::string order;
  simulation.At(30 * kNs, [&] { order += 'd'; });
  simulation.At(10 * kNs, [&] { order += 'a'; });
  simulation.At(20 * kNs, [&] { order += 'b'; });
  simulation.At(20 * kNs, [&] { order += 'c'; });
  EXPECT_EQ(simulation.Run(), 30 * kNs);
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(simulation.events_run(), 4u);
}

TEST(Events, AtEqualTimesKeepTheirOrderHoweverEarlyTheyWereScheduled) {
  Simulation simulation({});
  std::string order;
  simulation.At(kMs, [&] { order += 'a'; });
  simulation.At(kMs - 1, [&] { simulation.At(kMs, [&] { order += 'c'; }); });
  simulation.At(kMs, [&] { order += 'b'; });
  simulation.Run();
  EXPECT_EQ(order, "abc");
}

TEST(Events, SeeTheirOwnTime) {
  Simulation simulation({});
  std::vector<Ps> seen;
  simulation.At(7, [&] {
    seen.push_back(simulation.now());
    simulation.After(5, [&] { seen.push_back(simulation.now()); });
    simulation.After(0, [&] { seen.push_back(simulation.now()); });
  });
  simulation.Run();
  EXPECT_THAT(seen, ElementsAre(7u, 7u, 12u));
}

TEST(Events, InThePastAreABenchError) {
  Simulation simulation({});
  simulation.At(100, [&] { simulation.At(99, [] {}); });
  EXPECT_THROW(simulation.Run(), BenchError);
}

TEST(Events, CancelledDoNotRunAndStaleHandlesAreHarmless) {
  Simulation simulation({});
  int ran = 0;
  const EventHandle first = simulation.At(10, [&] { ++ran; });
  EXPECT_TRUE(simulation.Cancel(first));
  EXPECT_FALSE(simulation.Cancel(first));
  const EventHandle reused = simulation.At(20, [&] { ++ran; });
  EXPECT_FALSE(simulation.Cancel(first)) << "the node is reused, the handle is not";
  EXPECT_FALSE(simulation.Cancel(0));
  simulation.Run();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(simulation.Cancel(reused));
}

TEST(Events, AgreeWithASortedListOnRandomTimes) {
  Simulation simulation({});
  Random random(1, "events");
  std::vector<std::pair<Ps, int>> expected;
  std::vector<std::pair<Ps, int>> seen;
  std::vector<EventHandle> handles;
  int serial = 0;
  const auto schedule = [&] {
    const Ps delay = random.Below(Ps{1} << random.Below(45));
    const Ps when = simulation.now() + delay;
    const int id = serial++;
    expected.emplace_back(when, id);
    handles.push_back(simulation.At(when, [&, when, id] { seen.emplace_back(when, id); }));
  };
  for (int i = 0; i < 300; ++i) schedule();
  for (int i = 0; i < 20; ++i) {
    simulation.At(i * 1000 * kUs, [&] {
      for (int k = 0; k < 100; ++k) schedule();
    });
  }
  simulation.Run(5 * kMs);
  for (int i = 0; i < 50; ++i) {
    const auto victim = random.Below(handles.size());
    const auto id = static_cast<int>(victim);
    if (!simulation.Cancel(handles[victim])) continue;
    expected.erase(std::find_if(expected.begin(), expected.end(), [id](const auto& e) { return e.second == id; }));
  }
  simulation.Run();
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(seen, expected);
}

TEST(Run, StopsAtItsEndAndGoesOnLater) {
  Simulation simulation({});
  std::vector<Ps> seen;
  for (const Ps t : {10 * kNs, 20 * kNs, 30 * kNs}) simulation.At(t, [&] { seen.push_back(simulation.now()); });
  EXPECT_EQ(simulation.Run(20 * kNs), 20 * kNs);
  EXPECT_THAT(seen, ElementsAre(10 * kNs, 20 * kNs));
  EXPECT_EQ(simulation.Run(25 * kNs), 25 * kNs);
  EXPECT_EQ(simulation.now(), 25 * kNs);
  EXPECT_EQ(sc_core::sc_time_stamp(), sc_core::sc_time(25, sc_core::SC_NS)) << "SystemC's clock follows";
  EXPECT_EQ(simulation.Run(), 30 * kNs);
  EXPECT_EQ(simulation.Run(), 30 * kNs) << "nothing left";
}

TEST(Run, StopEndsItAfterTheCallbackAndLeavesTheRestPending) {
  Simulation simulation({});
  int ran = 0;
  simulation.At(10, [&] {
    ++ran;
    simulation.Stop();
  });
  simulation.At(10, [&] { ++ran; });
  EXPECT_EQ(simulation.Run(), 10u);
  EXPECT_TRUE(simulation.stopped());
  EXPECT_EQ(ran, 1);
  simulation.Run();
  EXPECT_EQ(ran, 2);
}

TEST(Run, RethrowsWhatModelCodeThrows) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu0");
  cpu.at_block = [](Ticker*) { NotModelled("scalable mode", "VT-d 3.4.3"); };
  simulation.Wake(cpu.id(), 0);
  EXPECT_THROW(simulation.Run(), NotModelledError);
  EXPECT_EQ(simulation.Run(kUs), 0u) << "the runner is asleep, nothing is pending";
}

TEST(Runners, StartAsleepAndRunFromTheirWake) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("dom0.vcpu0");
  cpu.at_block = [&](Ticker* self) {
    if (simulation.now() >= 103 * kNs) self->SleepNow();
  };
  EXPECT_TRUE(simulation.asleep(cpu.id()));
  simulation.Wake(cpu.id(), 100 * kNs);
  simulation.Wake(cpu.id(), 500 * kNs);
  EXPECT_EQ(simulation.Run(), 103 * kNs);
  EXPECT_TRUE(simulation.asleep(cpu.id()));
  EXPECT_THAT(cpu.slices, ElementsAre(std::pair(100 * kNs, 103 * kNs)));
}

TEST(Runners, AnEarlierWakeWins) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu");
  cpu.at_block = [](Ticker* self) { self->SleepNow(); };
  simulation.Wake(cpu.id(), 500 * kNs);
  simulation.At(40 * kNs, [&] { simulation.Wake(cpu.id(), 50 * kNs); });
  simulation.Run();
  EXPECT_THAT(cpu.slices, ElementsAre(std::pair(50 * kNs, 51 * kNs)));
}

TEST(Runners, AWakeBetweenSleepAndTheEndOfTheSliceIsKept) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu");
  int blocks = 0;
  cpu.at_block = [&](Ticker* self) {
    self->SleepNow();
    EXPECT_TRUE(simulation.asleep(self->id()));
    if (++blocks == 1) simulation.Wake(self->id(), simulation.now() + 10 * kNs);
  };
  simulation.Wake(cpu.id(), 0);
  simulation.Run();
  EXPECT_THAT(cpu.slices, ElementsAre(std::pair(Ps{0}, 1 * kNs), std::pair(11 * kNs, 12 * kNs)));
}

TEST(Runners, NeverPassThePendingEvent) {
  Simulation simulation({});
  Ticker cpu(&simulation, 3 * kNs);
  cpu.Attach("cpu");
  Ps local_at_event = 0;
  simulation.At(100 * kNs, [&] {
    EXPECT_EQ(simulation.now(), 100 * kNs);
    local_at_event = cpu.local_time();
  });
  simulation.Wake(cpu.id(), 0);
  EXPECT_EQ(simulation.Run(kUs), kUs);
  EXPECT_EQ(local_at_event, 102 * kNs) << "the first block boundary at or after the event";
  EXPECT_EQ(cpu.slices.size(), 2u);
}

TEST(Runners, ArePreemptedByAnEventTheyCreateBeforeTheirHorizon) {
  Simulation simulation({});
  Ticker cpu(&simulation, 10 * kNs);
  cpu.Attach("cpu");
  std::vector<Ps> events;
  bool armed = false;
  cpu.at_block = [&](Ticker* self) {
    if (!armed && simulation.now() == 50 * kNs) {
      armed = true;
      simulation.After(5 * kNs, [&] { events.push_back(simulation.now()); });
      EXPECT_TRUE(self->preempted());
      EXPECT_EQ(simulation.horizon(self->id()), 55 * kNs);
      simulation.After(kUs, [] {});
      EXPECT_EQ(simulation.horizon(self->id()), 55 * kNs);
    }
  };
  simulation.Wake(cpu.id(), 0);
  simulation.Run(200 * kNs);
  EXPECT_EQ(cpu.preempts, 1);
  EXPECT_THAT(events, ElementsAre(55 * kNs));
  EXPECT_THAT(cpu.slices, ElementsAre(std::pair(Ps{0}, 60 * kNs), std::pair(60 * kNs, 200 * kNs)));
}

TEST(Runners, TwoRunnableStayWithinTheQuantum) {
  Simulation simulation({1, 100 * kNs});
  Ticker a(&simulation, kNs);
  Ticker b(&simulation, kNs);
  a.Attach("a");
  b.Attach("b");
  const auto bounded = [&](Ticker*) {
    const Ps x = a.local_time();
    const Ps y = b.local_time();
    EXPECT_LE(std::max(x, y) - std::min(x, y), 101 * kNs);
  };
  a.at_block = bounded;
  b.at_block = bounded;
  simulation.Wake(a.id(), 0);
  simulation.Wake(b.id(), 0);
  simulation.Run(10 * kUs);
  EXPECT_EQ(a.local_time(), 10 * kUs);
  EXPECT_EQ(b.local_time(), 10 * kUs);
  EXPECT_EQ(a.slices.front(), std::pair(Ps{0}, 100 * kNs)) << "equal times: lower id first";
  EXPECT_EQ(b.slices.front(), std::pair(Ps{0}, 200 * kNs));
}

TEST(Runners, WakingAnotherBoundsTheOneThatRuns) {
  Simulation simulation({1, 100 * kNs});
  Ticker a(&simulation, kNs);
  Ticker b(&simulation, kNs);
  a.Attach("a");
  b.Attach("b");
  a.at_block = [&](Ticker*) {
    if (simulation.now() == 1000 * kNs) simulation.Wake(b.id(), 1020 * kNs);
  };
  b.at_block = [](Ticker* self) { self->SleepNow(); };
  simulation.Wake(a.id(), 0);
  simulation.Run(2 * kUs);
  EXPECT_EQ(a.slices.front(), std::pair(Ps{0}, 1120 * kNs));
  EXPECT_THAT(b.slices, ElementsAre(std::pair(1020 * kNs, 1021 * kNs)));
  EXPECT_EQ(a.preempts, 1);
}

TEST(Runners, StopInsideASliceEndsTheRunConsistently) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu");
  cpu.at_block = [&](Ticker*) {
    if (simulation.now() == 30 * kNs) simulation.Stop();
  };
  simulation.Wake(cpu.id(), 0);
  EXPECT_EQ(simulation.Run(), 30 * kNs);
  EXPECT_EQ(simulation.Run(50 * kNs), 50 * kNs);
  EXPECT_THAT(cpu.slices, ElementsAre(std::pair(Ps{0}, 30 * kNs), std::pair(30 * kNs, 50 * kNs)));
}

TEST(Runners, EventsComeBeforeRunnersAtEqualTimes) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu");
  std::string order;
  cpu.at_block = [&](Ticker* self) {
    order += 'r';
    self->SleepNow();
  };
  simulation.Wake(cpu.id(), 10 * kNs);
  simulation.At(10 * kNs, [&] { order += 'e'; });
  simulation.Run();
  EXPECT_EQ(order, "er");
}

TEST(Runners, WithoutProgressAreABenchError) {
  struct Stuck : Runner {
    Ps Run(Ps from) override { return from; }
    void Preempt() override {}
    Ps local_time() const override { return 0; }
  } stuck;
  Simulation simulation({});
  simulation.Wake(simulation.AddRunner("stuck", &stuck), 0);
  EXPECT_THROW(simulation.Run(), BenchError);
}

// No assertion on time: prints what this machine does.
TEST(Speed, OfTheWheel) {
  Simulation simulation({});
  Random random(1, "speed");
  constexpr uint64_t kEvents = 2'000'000;
  uint64_t left = kEvents;
  struct Rearm {
    Simulation* simulation;
    Random* random;
    uint64_t* left;
  } context{&simulation, &random, &left};
  struct Tick {
    Rearm* c;
    void operator()() const {
      if (*c->left == 0) return;
      --*c->left;
      c->simulation->After(1 + c->random->Below(1024 * kNs), Tick{c});
    }
  };
  for (int i = 0; i < 256; ++i) simulation.After(random.Below(kUs), Tick{&context});
  const auto start = std::chrono::steady_clock::now();
  simulation.Run();
  const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
  std::printf("256 pending, random times: %.1f ns per event\n",
              wall.count() / static_cast<double>(simulation.events_run()));
  EXPECT_EQ(simulation.events_run(), kEvents + 256);
}

TEST(Speed, OfHandingOverToASleepingRunner) {
  Simulation simulation({});
  Ticker cpu(&simulation, kNs);
  cpu.Attach("cpu");
  cpu.at_block = [](Ticker* self) { self->SleepNow(); };
  constexpr uint64_t kWakes = 200'000;
  uint64_t left = kWakes;
  std::function<void()> wake = [&] {
    simulation.Wake(cpu.id(), simulation.now());
    if (--left != 0) simulation.After(100 * kNs, [&] { wake(); });
  };
  simulation.At(0, [&] { wake(); });
  const auto start = std::chrono::steady_clock::now();
  simulation.Run();
  const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
  std::printf("event, wake, slice, sleep: %.1f ns\n", wall.count() / kWakes);
  EXPECT_EQ(cpu.slices.size(), kWakes);
}

}  // namespace
}  // namespace pvpci::sim
