// SPDX-License-Identifier: Apache-2.0
// What leaves the house. A suspected flaw of shipped code goes to its maintainers first: result.json keeps all of it,
// pages and JUnit files, which people attach and upload, do not.
#ifndef PVPCI_REPORTS_EXPORTED_H_
#define PVPCI_REPORTS_EXPORTED_H_

#include "reports/result.h"
#include "reports/review.h"

namespace pvpci::reports {

// `result` without findings under embargo; of a result that is under embargo as a whole, name, verdict, mode, kernels,
// originals and how to repeat it.
Result Exported(Result result);

// Likewise of a review: of cells under embargo the verdict, and how to repeat it.
Review Exported(Review review);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_EXPORTED_H_
