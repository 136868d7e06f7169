// SPDX-License-Identifier: Apache-2.0
// From a machine that has run to a reports::Result: everything of spec/result.md but verdict, expectations and what
// the engine alone knows.
#ifndef PVPCI_SCENARIOS_MACHINE_COLLECT_H_
#define PVPCI_SCENARIOS_MACHINE_COLLECT_H_

#include <string>
#include <vector>

#include "reports/result.h"
#include "scenarios/coverage/line_coverage.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// What is known before anything ran: names, claim, seed, mode.
reports::Result StubResult(const Scenario& scenario, const std::string& reproduce);

// Fills `result` from the machine, with or without the lines of the originals that ran. Throws std::runtime_error if an image's description cannot be read.
void Collect(Machine& machine, bool line_coverage, reports::Result* result);

// What an image's description says its kernel's sources have, of KernelFeatures().
std::vector<std::string> FeaturesOf(const ImageFiles& files);

// Blocks that ran in any domain. Empty if no domain has an image.
BlocksRan CollectBlocks(Machine& machine);

// "console-driver.txt".
std::string ConsoleFile(const GuestDomain& guest);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_COLLECT_H_
