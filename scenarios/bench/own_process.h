// SPDX-License-Identifier: Apache-2.0
// This program, started anew: what a user waits for, from exec() on.
#ifndef PVPCI_SCENARIOS_BENCH_OWN_PROCESS_H_
#define PVPCI_SCENARIOS_BENCH_OWN_PROCESS_H_

#include <string>
#include <vector>

namespace pvpci::scenarios {

struct OwnRun {
  std::string text;         // its standard output
  int exit_code = -1;       // -1: it died of a signal
  double begin_ns = 0;      // WallNs() just before the start
  double processor_ms = 0;  // what it and its children used in all
};

// ms from here to the first interrupt handler of a kernel in a new process; `processor_ms`, if not null: what that process
// used in all.
double FirstInterruptMs(double* processor_ms);

// Runs it to its end. Throws std::runtime_error if it cannot be started.
OwnRun RunSelf(const std::vector<std::string>& arguments);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_OWN_PROCESS_H_
