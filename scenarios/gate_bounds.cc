// SPDX-License-Identifier: Apache-2.0
#include "scenarios/gate_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/path_diff.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

constexpr double kPsPerNs = 1000;

std::string Trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

}  // namespace

GateBound ParseBound(const std::string& measure, const std::string& text) {
  const std::string expected = reports::IsTimeMeasure(measure) ? "a sign and a time, as in '<= 4300' (ns), '<= 4.3 us' or, against a baseline, '<= +5 %'"
                                               : "a sign and a number, as in '<= 2' or, against a baseline, '<= +5 %'";
  GateBound bound;
  bound.measure = measure;
  std::string rest = Trimmed(text);
  for (const char* sign : {"<=", ">=", "==", "<", ">"}) {
    if (rest.rfind(sign, 0) != 0) continue;
    bound.sign = sign;
    rest = Trimmed(rest.substr(bound.sign.size()));
    break;
  }
  if (bound.sign.empty() || rest.empty()) throw std::invalid_argument("expected " + expected);
  bound.text = fmt::format("{} {} {}", measure, bound.sign, rest);
  if (rest.back() == '%') {
    bound.percent = true;
    rest = Trimmed(rest.substr(0, rest.size() - 1));
  } else if (const auto time = ParseDuration(rest); time && reports::IsTimeMeasure(measure) && !ParseUnsigned(rest)) {
    bound.value = static_cast<double>(*time) / kPsPerNs;
    return bound;
  }
  char* end = nullptr;
  bound.value = std::strtod(rest.c_str(), &end);
  if (rest.empty() || *end != 0 || !std::isfinite(bound.value)) throw std::invalid_argument("expected " + expected);
  return bound;
}

std::string GateText(const GateSpec& gate) {
  std::vector<std::string> bounds;
  for (const GateBound& bound : gate.bounds) bounds.push_back(bound.text);
  return fmt::format("{}{}{}", fmt::join(bounds, ", "), gate.of.empty() ? "" : " of ", fmt::join(gate.of, " "));
}

}  // namespace pvpci::scenarios
