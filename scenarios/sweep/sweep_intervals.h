// SPDX-License-Identifier: Apache-2.0
// ./pvpci sweep EXPERIMENT --intervals: every point again with other values of what its profile is not sure of. A figure of a
// point gets its interval; a finding holds everywhere, fails everywhere, or is not decided by known data.
#ifndef PVPCI_SCENARIOS_SWEEP_SWEEP_INTERVALS_H_
#define PVPCI_SCENARIOS_SWEEP_SWEEP_INTERVALS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/intervals.h"
#include "scenarios/scenario.h"
#include "scenarios/sweep/design.h"
#include "scenarios/sweep/spec.h"

namespace pvpci::scenarios {

// A point with some parameters elsewhere.
struct VariedPoint {
  size_t index = 0;     // of the point
  Scenario scenario;
};

// The records (measure.h) of these, in this order; null where none came. Fewer: interrupted.
using RunVaried = std::function<std::vector<nlohmann::ordered_json>(const std::vector<VariedPoint>& points)>;

// `standard`: the points' own records. A parameter that changes nothing of a point alone, at neither end, is taken to change
// nothing of it together with others either: such runs are not repeated. Nothing: interrupted.
std::optional<reports::Intervals> IntervalsOfSweep(const SweepSpec& spec, const std::vector<SweepPoint>& points,
                                                   const std::vector<nlohmann::ordered_json>& standard, const std::string& root,
                                                   const RunVaried& run);

// Puts them into a document of summary.h: "intervals", and of each finding what decides it.
void AddIntervals(const reports::Intervals& intervals, nlohmann::ordered_json* document);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_SWEEP_INTERVALS_H_
