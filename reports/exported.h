// SPDX-License-Identifier: Apache-2.0
// What leaves the house. A suspected flaw of shipped code goes to its maintainers first: result.json keeps all of it,
// pages and JUnit files, which people attach and upload, do not.
#ifndef PVPCI_REPORTS_EXPORTED_H_
#define PVPCI_REPORTS_EXPORTED_H_

#include "reports/result.h"

namespace pvpci::reports {

// `result` without findings under embargo; of a result that is under embargo as a whole, name, verdict, mode, kernels,
// originals and how to repeat it.
Result Exported(Result result);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_EXPORTED_H_
