// SPDX-License-Identifier: Apache-2.0
// The review for the terminal and for README.md: the matrix, the mutants, what is not well.
#ifndef PVPCI_REPORTS_REVIEW_TEXT_H_
#define PVPCI_REPORTS_REVIEW_TEXT_H_

#include <string>

#include "reports/review.h"

namespace pvpci::reports {

std::string ReviewText(const Review& review);

// The matrix and the mutants as two Markdown tables.
std::string ReviewMarkdown(const Review& review);

// "ESCAPED E5"; of cells that differ by kernel or ABI all of them, "GUEST-FAULT (6.1), CONTAINED (6.12)".
std::string CellText(const Review& review, const std::string& scenario, Mode mode);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REVIEW_TEXT_H_
