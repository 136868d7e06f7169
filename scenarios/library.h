// SPDX-License-Identifier: Apache-2.0
// Where scenario files are: by name in scenarios/, scenarios/rows/ and scenarios/attacks/ of the project's root, or by path.
#ifndef PVPCI_SCENARIOS_LIBRARY_H_
#define PVPCI_SCENARIOS_LIBRARY_H_

#include <string>
#include <vector>

#include "scenarios/root.h"

namespace pvpci::scenarios {

// Names of the shipped scenarios, sorted.
std::vector<std::string> ShippedScenarios(const std::string& root);

// scenarios/rows/rows.yaml, the table of the patch series' rows (scenarios/rows.h).
std::string RowTableFile(const std::string& root);

// scenarios/attacks/catalogue.yaml, what each attack should come to, and mutants.yaml (scenarios/review/).
std::string CatalogueFile(const std::string& root);
std::string MutantsFile(const std::string& root);

// A name ("slurp") or a path (has '/' or ends in .yaml or .yml) as a path to read. Throws UsageError (cli.h) with the
// nearest name if a name is unknown. A path is returned as it is: reading it reports what is wrong with it.
std::string FindScenario(const std::string& root, const std::string& argument);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_LIBRARY_H_
