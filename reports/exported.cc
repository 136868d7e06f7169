// SPDX-License-Identifier: Apache-2.0
#include "reports/exported.h"

#include <algorithm>
#include <set>
#include <string>

namespace pvpci::reports {

Result Exported(Result result) {
  std::set<std::string> withheld;
  for (const Finding& finding : result.findings) {
    if (result.embargo || finding.embargo) withheld.insert(finding.id);
  }
  const auto is_withheld = [&](const Finding& finding) { return withheld.count(finding.id) != 0; };
  result.findings.erase(std::remove_if(result.findings.begin(), result.findings.end(), is_withheld),
                        result.findings.end());
  for (Landing& landing : result.view.landings) {
    if (landing.finding && withheld.count(*landing.finding)) landing.finding.reset();
  }
  if (!result.embargo) return result;
  result.claim = "Withheld: it may show a flaw of shipped code that its maintainers should hear of first.";
  result.verdict_reason.reset();
  result.programs.clear();
  result.expectations.clear();
  result.hypercalls.clear();
  result.view.consoles.clear();
  result.view.warnings.clear();
  for (DomainResult& domain : result.domains) domain.report.reset();
  return result;
}

}  // namespace pvpci::reports
