// SPDX-License-Identifier: Apache-2.0
// `pvpci coverage`: runs scenarios, each mode in a process of its own, several at once, and merges what they ran.
#ifndef PVPCI_SCENARIOS_COVERAGE_RUN_COVERAGE_H_
#define PVPCI_SCENARIOS_COVERAGE_RUN_COVERAGE_H_

#include <functional>
#include <string>

#include "scenarios/cli.h"

namespace pvpci::scenarios {

// Enters SystemC in the calling process and runs the body there.
using SystemCEntry = std::function<int(const std::function<int()>& body)>;

// Returns the exit code: 1 if a scenario does not hold, or, when no scenarios are named, if a required original misses
// its threshold or has uncovered lines without a reason.
int RunCoverage(const CommandLine& command, const std::string& root, const SystemCEntry& systemc);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COVERAGE_RUN_COVERAGE_H_
