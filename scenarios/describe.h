// SPDX-License-Identifier: Apache-2.0
// A scenario explained for people (`show`) and as JSON; the table of scenarios (`list`).
#ifndef PVPCI_SCENARIOS_DESCRIBE_H_
#define PVPCI_SCENARIOS_DESCRIBE_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

std::string Describe(const Scenario& scenario);
nlohmann::ordered_json DescribeJson(const Scenario& scenario);

// "M0 M1 M2".
std::string ModeNames(const std::vector<IommuKind>& modes);

std::string ListTable(const std::vector<Scenario>& scenarios);
nlohmann::ordered_json ListJson(const std::vector<Scenario>& scenarios);

// One line: "run 'pcitest -r -s 1024' in driver; exit 0".
std::string Describe(const Step& step);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_DESCRIBE_H_
