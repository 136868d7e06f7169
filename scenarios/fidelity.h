// SPDX-License-Identifier: Apache-2.0
// What `fidelity golden` prints: for each recording the rate at which our trace matches it, and every difference with
// its reason. Contract of the JSON form: spec/result.md.
#ifndef PVPCI_SCENARIOS_FIDELITY_H_
#define PVPCI_SCENARIOS_FIDELITY_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/machine/golden.h"

namespace pvpci::scenarios {

// What is printed is what is judged: the rate is cut, never rounded up, to four decimals.
nlohmann::ordered_json FidelityJson(const std::vector<TraceComparison>& comparisons);
std::string FidelityText(const nlohmann::ordered_json& lines);
bool AllMet(const nlohmann::ordered_json& lines);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_H_
