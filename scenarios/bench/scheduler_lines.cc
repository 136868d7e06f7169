// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/groups.h"
#include "scenarios/bench/scheduler_bench.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kEvents = 200'000;
constexpr unsigned kPending = 256;
constexpr unsigned kFew = 16;
constexpr unsigned kMany = 65'536;
// Most of them find what is pending as events before them left it, not as another process left the caches.
constexpr unsigned kEventsOfMany = 20 * kMany;

using Scheduler = double(unsigned pending, unsigned events);

void Measure(Bench& bench) {
  const auto with = [&bench](const char* name, Scheduler* scheduler, unsigned pending) {
    return bench.InSystemC(name, [scheduler, pending](WorkerPort& port) {
      for (BenchRequest request; port.Next(&request);) port.Answer(scheduler(pending, request.count));
    });
  };
  Subject product = with("scheduler", &ProductEventNs, kPending);
  Subject few = with("scheduler", &ProductEventNs, kFew);
  Subject many = with("scheduler", &ProductEventNs, kMany);
  Subject methods = with("SystemC", &SystemCMethodNs, kPending);
  Subject wheel = with("wheel", &WheelNs, kPending);
  Subject heap = with("heap", &HeapNs, kPending);
  const auto events = [](Subject& subject) { return [&subject] { return subject.Ask(0, kEvents); }; };
  bench.Compare({
      {"S1", events(product), events(methods), "ns", true},
      {"S2", events(product), events(wheel), "ns", true},
      {"S2b", events(product), events(heap), "ns", true},
      {"G3", [&many] { return many.Ask(0, kEventsOfMany); }, events(few)},
  });
}

}  // namespace

LineGroup SchedulerLines() {
  return {"scheduler",
          {
              {"S1", "scheduled model events per second, 256 pending at random times", "SC_METHODs of raw SystemC",
               ">= 8", Occasion::kGoals},
              {"S2", "the same", "a timing wheel written by hand, without SystemC", ">= 0.6667", Occasion::kGoals},
              {"S2b", "the same", "a heap written by hand, without SystemC", ">= 2", Occasion::kGoals},
              {"G3", "an event with 65,536 pending", "with 16 pending", "<= 3", Occasion::kGoals},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
