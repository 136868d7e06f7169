// SPDX-License-Identifier: Apache-2.0
// ./pvpci reach SCENARIO: runs the scenario in each mode it applies in, and enumerates at its end what each device can reach.
#ifndef PVPCI_SCENARIOS_REACH_RUN_H_
#define PVPCI_SCENARIOS_REACH_RUN_H_

#include <functional>
#include <string>
#include <vector>

#include "scenarios/engine.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct ReachOptions {
  std::vector<Scenario> scenarios;   // the same one, in one mode each
  RunOptions run;                    // writes nothing itself
  std::string out;                   // folder of reach.json and reach.html
  bool json = false;                 // reach.json on standard output, in place of the table
  unsigned timeout_s = 0;
  std::function<int(const std::function<int()>&)> systemc;
};

// Exit code: 0, or that of a run that could not be made. What the scenario expects does not matter here.
int RunReach(const ReachOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REACH_RUN_H_
