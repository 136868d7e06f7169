// SPDX-License-Identifier: Apache-2.0
// The points of a sweep, in an order that depends on its file alone.
//
// A full design has every combination of levels, the last factor changing first. A fractional one has as many points as
// the file says and is a Latin hypercube of the levels: each level of a factor occurs equally often (by one more or less
// where the numbers do not divide). Where every factor has the same prime number of levels and the number of points is a power
// of it, it is an orthogonal array: every pair of levels of every two factors occurs equally often. Else it is drawn by the
// sweep's name and then improved, by exchanging entries of a column, until that is so or as nearly so as is found.
// Points that come out twice are run once.
#ifndef PVPCI_SCENARIOS_SWEEP_DESIGN_H_
#define PVPCI_SCENARIOS_SWEEP_DESIGN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "scenarios/sweep/spec.h"

namespace pvpci::scenarios {

struct SweepPoint {
  size_t number = 0;           // from 1
  std::vector<size_t> levels;  // of each factor of the spec
  std::string scenario_file;
  Settings settings;           // "*" put in
  Scenario scenario;
  std::string command;         // that runs it alone
};

// Which level of each factor, before anything is loaded.
std::vector<std::vector<size_t>> DesignOf(const SweepSpec& spec, bool quick);

// The points, each with its checked scenario. Throws InputError at the level that a scenario does not take. `root`: of
// the project.
// `profile`: machine.profile of all, unless a level sets it; empty: the scenario's.
std::vector<SweepPoint> PointsOf(const SweepSpec& spec, const std::string& root, bool quick, const std::string& profile = "");

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_DESIGN_H_
