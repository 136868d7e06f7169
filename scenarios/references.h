// SPDX-License-Identifier: Apache-2.0
// The checks between parts of a scenario: names that must exist, names that must not repeat, values that must fit.
#ifndef PVPCI_SCENARIOS_REFERENCES_H_
#define PVPCI_SCENARIOS_REFERENCES_H_

#include <map>
#include <string>
#include <vector>

#include "scenarios/problem.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// Places of the single values of a step, so that a wrong name is shown where it stands.
struct StepPlaces {
  Place domain;
  Place device;
  Place command;
  std::vector<Place> args;
};

// Appends what is wrong. `steps` runs parallel to scenario.steps.
void CheckReferences(const Scenario& scenario, const std::vector<StepPlaces>& steps, std::vector<Problem>* problems);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REFERENCES_H_
