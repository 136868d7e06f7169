// SPDX-License-Identifier: Apache-2.0
// report.html: one self-contained page. Style, script and the result's JSON are inside it; it loads nothing.
// The page draws from the same JSON that result.json holds; html/ has its parts.
#ifndef PVPCI_REPORTS_REPORT_HTML_H_
#define PVPCI_REPORTS_REPORT_HTML_H_

#include <string>

#include "reports/result.h"

namespace pvpci::reports {

std::string ReportHtml(const Result& result);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REPORT_HTML_H_
