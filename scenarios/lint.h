// SPDX-License-Identifier: Apache-2.0
// What of a scenario's machine leaves devices more than they need, and the switch of the real system that takes it away.
#ifndef PVPCI_SCENARIOS_LINT_H_
#define PVPCI_SCENARIOS_LINT_H_

#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct LintItem {
  std::string name;    // "interrupt remapping off"
  std::string effect;  // what it allows, one sentence
  std::string missing; // the switch: Xen's command line, a pciback file, a BIOS setting
};

// The gravest first. Empty: nothing is missing.
std::vector<LintItem> Lint(const Scenario& scenario);

// "interrupt remapping off: ... Missing: iommu=intremap ..."
std::string LintText(const LintItem& item);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_LINT_H_
