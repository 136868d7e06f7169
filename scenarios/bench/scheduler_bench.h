// SPDX-License-Identifier: Apache-2.0
// Measures schedulers on the hold model: a number of events is always pending; each that runs schedules one more, 1 to
// 1024 ns ahead. The product's, raw SystemC's, and two written by hand. One per process.
#ifndef PVPCI_SCENARIOS_BENCH_SCHEDULER_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_SCHEDULER_BENCH_H_

namespace pvpci::scenarios {

// All answer ns of processor time per event. `pending` is the same in all calls within one process.
double ProductEventNs(unsigned pending, unsigned events);   // sim::Simulation
double SystemCMethodNs(unsigned pending, unsigned events);  // SC_METHODs with next_trigger
double WheelNs(unsigned pending, unsigned events);          // 2048 slots of 1 ns, bitmap, lists; no SystemC
double HeapNs(unsigned pending, unsigned events);           // std::priority_queue; no SystemC

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_SCHEDULER_BENCH_H_
