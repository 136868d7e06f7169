// SPDX-License-Identifier: Apache-2.0
// What spec/result.md demands and a JSON Schema cannot say: sums, orders, references.
#ifndef PVPCI_REPORTS_CONTRACT_CHECK_H_
#define PVPCI_REPORTS_CONTRACT_CHECK_H_

#include <string>
#include <vector>

#include "reports/result.h"

namespace pvpci::reports {

// One line per misfit. An incomplete result may have interrupts in flight, so its sums are not checked.
std::vector<std::string> ContractMisfits(const Result& result);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_CONTRACT_CHECK_H_
