// SPDX-License-Identifier: Apache-2.0
// index.html: one line per scenario of a call, self-contained, no script.
#ifndef PVPCI_REPORTS_INDEX_HTML_H_
#define PVPCI_REPORTS_INDEX_HTML_H_

#include <optional>
#include <string>
#include <vector>

#include "reports/result.h"

namespace pvpci::reports {

struct IndexEntry {
  std::string folder;            // relative, holds report.html
  std::optional<Result> result;  // empty: no readable result
  std::string problem;           // then why
};

std::string IndexHtml(const std::vector<IndexEntry>& entries);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_INDEX_HTML_H_
