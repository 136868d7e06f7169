// SPDX-License-Identifier: Apache-2.0
// Why a line differs from the recording: one committed table of patterns and reasons. What no pattern fits is
// "unexplained": a difference is understood first and gets its row then.
#ifndef PVPCI_SCENARIOS_MACHINE_GOLDEN_REASONS_H_
#define PVPCI_SCENARIOS_MACHINE_GOLDEN_REASONS_H_

#include <string>
#include <vector>

#include "scenarios/machine/golden.h"

namespace pvpci::scenarios {

inline constexpr const char* kUnexplained = "unexplained";

std::string WhyDifferent(const std::vector<std::string>& golden, const TraceDifference& difference);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_GOLDEN_REASONS_H_
