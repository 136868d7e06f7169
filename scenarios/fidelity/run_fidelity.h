// SPDX-License-Identifier: Apache-2.0
// `./pvpci fidelity`: the models against what was published, nothing of which needs hardware here.
#ifndef PVPCI_SCENARIOS_FIDELITY_RUN_FIDELITY_H_
#define PVPCI_SCENARIOS_FIDELITY_RUN_FIDELITY_H_

#include <functional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

// A check that a shipped scenario makes with kernel code: how many of its expectations do not hold.
struct ScenarioCheck {
  std::string id, what;
  std::string scenario;
};
struct ScenarioAnswer {
  unsigned expectations = 0, violated = 0;
  std::string console;  // the last lines of all domains
};

struct FidelityOptions {
  std::string root;
  std::string out;  // points.csv goes there
  bool json = false;
  std::function<int(const std::function<int()>&)> systemc;
  // Runs a shipped scenario, with one of its keys set ("" for none); throws if it does not end.
  std::function<ScenarioAnswer(const std::string& scenario, const std::string& key, const std::string& value)> run;
};

// 0: every line meets its goal; 1: one does not.
int RunFidelity(const FidelityOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_RUN_FIDELITY_H_
