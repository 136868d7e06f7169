// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/table.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <stdexcept>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

double AtRank(const std::vector<double>& sorted, double share) {
  const double rank = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - static_cast<double>(below));
}

double Figure(const BenchLine& line) { return Rounded(QuartilesOf(line.rounds).median); }

}  // namespace

Quartiles QuartilesOf(std::vector<double> samples) {
  if (samples.empty()) throw std::invalid_argument("quartiles of nothing");
  std::sort(samples.begin(), samples.end());
  return {AtRank(samples, 0.25), AtRank(samples, 0.5), AtRank(samples, 0.75)};
}

double Rounded(double figure) {
  if (figure == 0 || !std::isfinite(figure)) return figure;
  const double scale = std::pow(10.0, 2 - std::floor(std::log10(std::fabs(figure))));
  return std::round(figure * scale) / scale;
}

bool Meets(double figure, const std::string& goal) {
  static const std::regex form(R"((<=|>=|==|<|>) *(\d+(?:\.\d+)?))");
  std::smatch match;
  if (!std::regex_match(goal, match, form)) {
    throw std::invalid_argument(fmt::format("goal '{}' is not a sign and a decimal number", goal));
  }
  const std::string sign = match[1];
  const double number = std::stod(match[2]);
  if (sign == "<=") return figure <= number;
  if (sign == ">=") return figure >= number;
  if (sign == "==") return figure == number;
  if (sign == "<") return figure < number;
  return figure > number;
}

nlohmann::ordered_json BenchJson(const std::vector<BenchLine>& lines) {
  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const BenchLine& line : lines) {
    const Quartiles quartiles = QuartilesOf(line.rounds);
    table.push_back({{"id", line.id},
                     {"what", line.what},
                     {"baseline", line.baseline},
                     {"figure", Figure(line)},
                     {"quartiles", {Rounded(quartiles.first), Rounded(quartiles.third)}},
                     {"rounds", line.rounds.size()},
                     {"goal", line.goal},
                     {"met", Meets(Figure(line), line.goal)},
                     {"detail", line.detail}});
  }
  return table;
}

std::string BenchText(const std::vector<BenchLine>& lines) {
  std::string text = fmt::format("{:<4} {:>8}  {:<16} {:>6}  {:<8} {:<4} {}\n", "id", "figure", "quartiles", "rounds",
                                 "goal", "met", "what / baseline / measured");
  for (const BenchLine& line : lines) {
    const Quartiles quartiles = QuartilesOf(line.rounds);
    const std::string spread = fmt::format("{:g} .. {:g}", Rounded(quartiles.first), Rounded(quartiles.third));
    text += fmt::format("{:<4} {:>8g}  {:<16} {:>6}  {:<8} {:<4} {}\n", line.id, Figure(line), spread,
                        line.rounds.size(), line.goal, Meets(Figure(line), line.goal) ? "yes" : "NO", line.what);
    text += fmt::format("{:<52} against {}\n", "", line.baseline);
    if (!line.detail.empty()) text += fmt::format("{:<52} {}\n", "", line.detail);
  }
  return text;
}

bool AllMet(const std::vector<BenchLine>& lines) {
  return std::all_of(lines.begin(), lines.end(),
                     [](const BenchLine& line) { return Meets(Figure(line), line.goal); });
}

}  // namespace pvpci::scenarios
