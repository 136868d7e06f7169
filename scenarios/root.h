// SPDX-License-Identifier: Apache-2.0
// Where the project is.
#ifndef PVPCI_SCENARIOS_ROOT_H_
#define PVPCI_SCENARIOS_ROOT_H_

#include <string>

namespace pvpci::scenarios {

// The project's root: PVPCI_ROOT if set, else the nearest folder above the current one or the program that holds
// scenarios/scenario.schema.json. Empty if there is none.
std::string FindRoot();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_ROOT_H_
