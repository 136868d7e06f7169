// SPDX-License-Identifier: Apache-2.0
// What it costs to cross a boundary that is one between processes.
#ifndef PVPCI_SCENARIOS_BENCH_SHARED_MEMORY_H_
#define PVPCI_SCENARIOS_BENCH_SHARED_MEMORY_H_

namespace pvpci::scenarios {

// ns per round trip of a word in shared memory between this process and a child, both polling: the median, wall clock.
double SharedMemoryRoundTripNs(unsigned round_trips);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_SHARED_MEMORY_H_
