// SPDX-License-Identifier: Apache-2.0
// The text of bounds on what an interrupt costs (scenarios/gates.h judges them).
#ifndef PVPCI_SCENARIOS_GATE_BOUNDS_H_
#define PVPCI_SCENARIOS_GATE_BOUNDS_H_

#include <stdexcept>
#include <string>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// "<= 4300", "<= 4.3 us", "== 2", "<= +5 %": a sign and a number, for a time in ns unless it says otherwise; with % how much more
// than in the baseline. Throws std::invalid_argument, what() says what was expected.
GateBound ParseBound(const std::string& measure, const std::string& text);

// "p99_ns <= 4300, p50_ns <= 4300 of msix".
std::string GateText(const GateSpec& gate);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_GATE_BOUNDS_H_
