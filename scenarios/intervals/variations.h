// SPDX-License-Identifier: Apache-2.0
// Which runs show how far a result depends on what a profile does not know better than a range.
//
// First each uncertain parameter alone, at the least and at the most that is known. Then corners: all parameters at that
// end which makes a figure larger, and all at the other. Where a figure goes one way with every parameter these two are its
// least and its most; figures that differ in the way they go get corners of their own. Last a sample between the ends, a Latin
// hypercube by seed: a figure that leaves its corners there is not monotone, and its interval only what the runs met.
#ifndef PVPCI_SCENARIOS_INTERVALS_VARIATIONS_H_
#define PVPCI_SCENARIOS_INTERVALS_VARIATIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/profile.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

inline constexpr size_t kMostCorners = 6;  // ways to go, each with two runs
inline constexpr size_t kSamples = 12;

// What a run does with the uncertain parameters, in the order of UncertainKeys: -1 the least, 0 the default, 1 the most,
// in proportion between.
using Deviation = std::vector<double>;

// The profile's uncertain parameters that the scenario has the models for and does not set itself.
std::vector<const ProfileEntry*> UncertainOf(const Scenario& scenario, const Profile& profile);

// The profile that the scenario names.
const Profile& ProfileOf(const Scenario& scenario, const std::string& root);

// The scenario with each parameter of `keys` that is uncertain there where `deviation` says.
Scenario Deviated(const Scenario& scenario, const std::vector<std::string>& keys, const Deviation& deviation,
                  const std::string& root);

// The default; then each alone: the least of the first, the most of the first, the least of the second, ...
std::vector<Deviation> EachAlone(size_t parameters);

// A way to go: of each parameter 1, -1, or 0 where it does not matter.
using Direction = std::vector<int>;

// As few as hold all of them: those that do not contradict each other become one. At most kMostCorners, those first that
// most figures go.
std::vector<Direction> Merged(const std::vector<Direction>& directions);

// Both ends of each way, the larger first.
std::vector<Deviation> CornersOf(const std::vector<Direction>& directions);

// kSamples points between the ends of the parameters that act, by seed.
std::vector<Deviation> SampleOf(const std::vector<bool>& acts, uint64_t seed);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_INTERVALS_VARIATIONS_H_
