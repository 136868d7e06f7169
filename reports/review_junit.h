// SPDX-License-Identifier: Apache-2.0
// The review as JUnit XML: a testsuite per mode and kernel with a testcase per cell, and one for the mutants. A cell fails
// that disagrees without an explanation or whose expectations do not hold; one that is explained passes and says so. Times
// are real seconds.
#ifndef PVPCI_REPORTS_REVIEW_JUNIT_H_
#define PVPCI_REPORTS_REVIEW_JUNIT_H_

#include <string>

#include "reports/review.h"

namespace pvpci::reports {

std::string ReviewJunit(const Review& review);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REVIEW_JUNIT_H_
