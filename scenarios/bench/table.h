// SPDX-License-Identifier: Apache-2.0
// The table that `bench` prints: one line per ratio or size, with quartiles over its rounds, its goal, and whether the
// figure meets it. Contract of the JSON form: spec/result.md.
#ifndef PVPCI_SCENARIOS_BENCH_TABLE_H_
#define PVPCI_SCENARIOS_BENCH_TABLE_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pvpci::scenarios {

struct BenchLine {
  std::string id;
  std::string what;
  std::string baseline;
  std::string goal;             // a sign and a plain decimal: "<= 1.5"
  std::string detail;           // medians of what was compared, for people: "812 ns against 560 ns"
  std::vector<double> rounds;   // one figure per round
  std::string absent = {};      // why there is no figure: "peer absent: ..."; a goal is not met then
};

// Linear interpolation between the two nearest ranks. `samples` is not empty.
struct Quartiles {
  double first = 0;
  double median = 0;
  double third = 0;
};
Quartiles QuartilesOf(std::vector<double> samples);

// Three significant decimals, as printed. What is printed is what is judged.
double Rounded(double figure);

// Throws std::invalid_argument if `goal` is not a sign (<= >= == < >) and a plain decimal.
bool Meets(double figure, const std::string& goal);

nlohmann::ordered_json BenchJson(const std::vector<BenchLine>& lines);
std::string BenchText(const std::vector<BenchLine>& lines);
bool AllMet(const std::vector<BenchLine>& lines);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_TABLE_H_
