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
  result.paths.clear();
  result.view.consoles.clear();
  result.view.warnings.clear();
  for (DomainResult& domain : result.domains) domain.report.reset();
  return result;
}

Review Exported(Review review) {
  for (ReviewCell& cell : review.cells) {
    const auto withheld = [&cell](const Finding& finding) { return cell.embargo || finding.embargo; };
    cell.findings.erase(std::remove_if(cell.findings.begin(), cell.findings.end(), withheld), cell.findings.end());
    if (!cell.embargo) continue;
    cell.reason = "withheld: it may show a flaw of shipped code that its maintainers should hear of first";
    if (cell.explanation) cell.explanation = "withheld";
    if (!cell.problems.empty()) cell.problems = {"withheld"};
    cell.observations.clear();
    cell.stopped.clear();
    cell.sub_page.clear();
    cell.findings_total = 0;
  }
  for (auto& [cell, result] : review.evidence) result = Exported(std::move(result));
  return review;
}

}  // namespace pvpci::reports
