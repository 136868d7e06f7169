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

bool Met(const BenchLine& line) { return !line.rounds.empty() && Meets(Figure(line), line.goal); }

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
    nlohmann::ordered_json figure, quartiles;
    if (!line.rounds.empty()) {
      const Quartiles of_rounds = QuartilesOf(line.rounds);
      figure = Figure(line);
      quartiles = {Rounded(of_rounds.first), Rounded(of_rounds.third)};
    }
    table.push_back({{"id", line.id},
                     {"what", line.what},
                     {"baseline", line.baseline},
                     {"figure", figure},
                     {"quartiles", quartiles},
                     {"rounds", line.rounds.size()},
                     {"goal", line.goal},
                     {"met", Met(line)},
                     {"detail", line.rounds.empty() ? line.absent : line.detail}});
  }
  return table;
}

std::string BenchText(const std::vector<BenchLine>& lines) {
  std::string text = fmt::format("{:<4} {:>8}  {:<18} {:>6}  {:<10} {:<4} {}\n", "id", "figure", "quartiles", "rounds",
                                 "goal", "met", "what / baseline / measured");
  for (const BenchLine& line : lines) {
    std::string figure = "-", spread;
    if (!line.rounds.empty()) {
      const Quartiles quartiles = QuartilesOf(line.rounds);
      figure = fmt::format("{:g}", Figure(line));
      spread = fmt::format("{:g} .. {:g}", Rounded(quartiles.first), Rounded(quartiles.third));
    }
    text += fmt::format("{:<4} {:>8}  {:<18} {:>6}  {:<10} {:<4} {}\n", line.id, figure, spread, line.rounds.size(),
                        line.goal, Met(line) ? "yes" : "NO", line.what);
    text += fmt::format("{:<56} against {}\n", "", line.baseline);
    const std::string& detail = line.rounds.empty() ? line.absent : line.detail;
    if (!detail.empty()) text += fmt::format("{:<56} {}\n", "", detail);
  }
  return text;
}

bool AllMet(const std::vector<BenchLine>& lines) { return std::all_of(lines.begin(), lines.end(), Met); }

}  // namespace pvpci::scenarios
