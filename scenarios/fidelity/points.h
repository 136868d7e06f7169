// SPDX-License-Identifier: Apache-2.0
// Points of comparison, measured beside published, and the lines that `fidelity` prints of them. Contract of the JSON
// form: spec/result.md; goals: spec/timing.md C2.
#ifndef PVPCI_SCENARIOS_FIDELITY_POINTS_H_
#define PVPCI_SCENARIOS_FIDELITY_POINTS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/fidelity/bench_machine.h"
#include "scenarios/fidelity/link_check.h"
#include "scenarios/fidelity/published_data.h"

namespace pvpci::scenarios {

struct Point {
  std::string check;  // F2 ...
  std::string what;   // "average_ns", "median_ns", "p999_ns", "per_second"
  PublishedRow row;
  std::optional<double> published;  // none: a prediction
  double measured = 0;
  double error() const { return published ? measured / *published - 1 : 0; }
};

struct FidelityLine {
  std::string id;
  std::string what;
  uint64_t points = 0;
  std::optional<double> figure;  // none: not measured
  std::string goal;
  std::string detail;  // for people
};

// Which checks a row of `file` (latency_window ...) belongs to, with what was measured of it.
std::vector<Point> PointsOf(const std::string& file, const PublishedRow& row, const Measured& measured);

std::vector<FidelityLine> LinesOf(const LinkCheck& links, const std::vector<Point>& points);

nlohmann::ordered_json FidelityLinesJson(const std::vector<FidelityLine>& lines);
// The lines, and tables of what was measured beside what was published.
std::string FidelityLinesText(const std::vector<FidelityLine>& lines, const std::vector<Point>& points);
std::string PointsCsv(const std::vector<Point>& points);
bool AllLinesMet(const std::vector<FidelityLine>& lines);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_POINTS_H_
