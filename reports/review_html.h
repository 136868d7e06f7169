// SPDX-License-Identifier: Apache-2.0
// The review as one page that loads nothing: verdict, attacker model, matrix, and of each cell the map, story and evidence.
#ifndef PVPCI_REPORTS_REVIEW_HTML_H_
#define PVPCI_REPORTS_REVIEW_HTML_H_

#include <string>

#include "reports/review.h"

namespace pvpci::reports {

std::string ReviewHtml(const Review& review);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REVIEW_HTML_H_
