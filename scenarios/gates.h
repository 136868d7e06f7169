// SPDX-License-Identifier: Apache-2.0
// Bounds on what an interrupt costs, for CI: expect: {p99_ns: "<= 4300", hypercalls_per_interrupt: "<= +5 %"}. A bound that is
// not met names the part that grew, against an earlier run if there is one to compare with.
#ifndef PVPCI_SCENARIOS_GATES_H_
#define PVPCI_SCENARIOS_GATES_H_

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/result.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// An earlier run to compare with: result.json, paths.json, a list of such documents, or a folder that holds one or, by the
// scenario's name, a folder with one. Throws UsageError, which names `origin`.
nlohmann::ordered_json LoadBaseline(const std::string& path, const std::string& scenario, const std::string& origin);

// A row for each bound. It holds if it holds for every path that the gate is about, and there is one. `document`:
// reports::PathsDocument of this run; `baseline`: of LoadBaseline, or null; `devices`: BDF by name.
std::vector<reports::ExpectationResult> JudgeGate(const GateSpec& gate, const nlohmann::ordered_json& document,
                                                  const nlohmann::ordered_json& baseline,
                                                  const std::map<std::string, std::string>& devices);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_GATES_H_
