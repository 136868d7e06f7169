// SPDX-License-Identifier: Apache-2.0
// ./pvpci run X --counterfactual: the same scenario and seed in every mode, each in a child of its own, and the table of what
// differs.
#ifndef PVPCI_SCENARIOS_COUNTERFACTUAL_H_
#define PVPCI_SCENARIOS_COUNTERFACTUAL_H_

#include <functional>
#include <string>
#include <vector>

#include "scenarios/engine.h"
#include "scenarios/scenario.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {

struct CounterfactualRun {
  std::vector<Scenario> scenarios;   // one per mode
  std::vector<RunOptions> options;   // of each; their folders are below `out`
  std::string out;
  unsigned timeout_s = 0;
  bool text = true;                  // the table on standard output
  bool json = false;                 // as JSON in its place
  std::function<int(const std::function<int()>&)> systemc;
};

// Leaves each mode's results with what became of its findings in the others, and counterfactual.json and .html in `out`.
// The answers, in the order of the scenarios: their exit codes and signals are the caller's to tell.
std::vector<ChildAnswer> RunCounterfactual(const CounterfactualRun& run);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COUNTERFACTUAL_H_
