// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "scenarios/bench/table.h"

namespace pvpci::scenarios {
namespace {

nlohmann::ordered_json TextOrNull(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

// Integers, so that no digit depends on how a quotient is represented.
double RateOf(const TraceComparison& comparison) {
  const uint64_t all = comparison.golden_lines + comparison.bench_lines;
  if (comparison.golden_lines == 0) return 0;
  return static_cast<double>(20000 * comparison.matched / all) / 10000;
}

}  // namespace

nlohmann::ordered_json FidelityJson(const std::vector<TraceComparison>& comparisons) {
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const TraceComparison& comparison : comparisons) {
    const std::string goal = fmt::format(">= {}", comparison.min_rate);
    const double rate = RateOf(comparison);
    nlohmann::ordered_json differences = nlohmann::ordered_json::array();
    for (const TraceDifference& difference : comparison.differences) {
      differences.push_back({{"line", difference.line},
                             {"golden", TextOrNull(difference.golden)},
                             {"bench", TextOrNull(difference.bench)},
                             {"why", difference.why}});
    }
    lines.push_back({{"id", comparison.id},
                     {"lines", comparison.golden_lines},
                     {"bench_lines", comparison.bench_lines},
                     {"matched", comparison.matched},
                     {"rate", rate},
                     {"goal", goal},
                     {"met", Meets(rate, goal)},
                     {"differences", differences}});
  }
  return lines;
}

std::string FidelityText(const nlohmann::ordered_json& lines) {
  std::string text;
  for (const nlohmann::ordered_json& line : lines) {
    text += fmt::format("{} {:<24} rate {:.4f} (goal {}): {} lines match of {} recorded and {} ours\n",
                        line["met"].get<bool>() ? "✔" : "✘", line["id"].get<std::string>(),
                        line["rate"].get<double>(), line["goal"].get<std::string>(), line["matched"].get<uint64_t>(),
                        line["lines"].get<uint64_t>(), line["bench_lines"].get<uint64_t>());
    for (const nlohmann::ordered_json& difference : line["differences"]) {
      text += fmt::format("    line {}\n", difference["line"].get<uint64_t>());
      if (!difference["golden"].is_null()) text += fmt::format("      - {}\n", difference["golden"].get<std::string>());
      if (!difference["bench"].is_null()) text += fmt::format("      + {}\n", difference["bench"].get<std::string>());
      text += fmt::format("      {}\n", difference["why"].get<std::string>());
    }
  }
  return text;
}

bool AllMet(const nlohmann::ordered_json& lines) {
  return !lines.empty() &&
         std::all_of(lines.begin(), lines.end(), [](const auto& line) { return line["met"].template get<bool>(); });
}

}  // namespace pvpci::scenarios
