// SPDX-License-Identifier: Apache-2.0
// From a YAML file to a checked Scenario. Everything that can be known to be wrong before a run is found here, with
// file, line and column: form, types, ranges, references, files, the syntax of expectations.
#ifndef PVPCI_SCENARIOS_PARSER_H_
#define PVPCI_SCENARIOS_PARSER_H_

#include <string>
#include <vector>

#include "scenarios/overrides.h"
#include "scenarios/problem.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// Throws InputError. Relative files in the scenario are looked up beside it, then in the current folder.
// A problem with an override is reported with its origin, at the place of nothing: "--seed: expected ...".
Scenario LoadScenario(const std::string& path, const std::vector<Override>& overrides = {});
Scenario ParseScenario(const std::string& file, const std::string& text, const std::vector<Override>& overrides = {});

// "pcitest -r -s 1024" -> {"pcitest", "-r", "-s", "1024"}; '..' and ".." keep blanks together. Empty if a quote is
// never closed or there is no word.
std::vector<std::string> SplitCommand(const std::string& text);

// The part of "${a.b}" texts between the braces, in order; throws std::invalid_argument on "${" without "}".
std::vector<std::string> Placeholders(const std::string& text);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PARSER_H_
