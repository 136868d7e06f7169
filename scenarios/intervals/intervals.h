// SPDX-License-Identifier: Apache-2.0
// From the figures and claims of varied runs to an interval for each figure, the parameter that it is most sensitive to, and
// a decision for each claim.
#ifndef PVPCI_SCENARIOS_INTERVALS_INTERVALS_H_
#define PVPCI_SCENARIOS_INTERVALS_INTERVALS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reports/intervals.h"
#include "scenarios/intervals/variations.h"

namespace pvpci::scenarios {

struct Figure {
  std::string of;      // "msix fifo, 0000:02:00.0 to driver"
  std::string name;    // "latency_p50"
  std::string unit;    // "ns", "" for counts
  double value = 0;
};

struct Claim {
  std::string text;
  bool held = false;
};

// What is taken of one run. `failed`: it did not come to its end, figures and claims say nothing.
struct Observation {
  std::vector<Figure> figures;
  std::vector<Claim> claims;
  bool failed = false;
};

// Runs the machine with these deviations, in this order. Fewer answers than deviations: interrupted.
using RunDeviations = std::function<std::vector<Observation>(const std::vector<Deviation>& deviations)>;

// Varies the parameters `keys` in the order that variations.h tells. Empty if `run` was interrupted. profile and parameters
// of the answer are the caller's to fill, but for their `acts`.
std::optional<reports::Intervals> FindIntervals(const std::vector<std::string>& keys, uint64_t seed, const RunDeviations& run);

// The parameters as the profile has them, for reports::Intervals::parameters.
std::vector<reports::IntervalParameter> DescribeUncertain(const Profile& profile, const std::vector<std::string>& keys);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_INTERVALS_INTERVALS_H_
