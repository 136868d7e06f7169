// SPDX-License-Identifier: Apache-2.0
// Coverage as pages that load nothing: index.html, and one page for each original with its text. The text is the
// kernel package's and goes into the user's folder only.
#ifndef PVPCI_SCENARIOS_COVERAGE_COVERAGE_HTML_H_
#define PVPCI_SCENARIOS_COVERAGE_COVERAGE_HTML_H_

#include <string>

#include "scenarios/coverage/coverage_data.h"

namespace pvpci::scenarios {

std::string CoverageIndexHtml(const Coverage& coverage);
std::string OriginalHtml(const Coverage& coverage, const OriginalCoverage& original);

// "drivers_pci_xen-pcifront.c.html".
std::string OriginalPageName(const std::string& path);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COVERAGE_COVERAGE_HTML_H_
