// SPDX-License-Identifier: Apache-2.0
// What two reviews, or two runs, have found: new, fixed, unchanged. A finding is known by its fingerprint, which holds neither
// addresses nor times; a verdict without a finding by its cell.
#ifndef PVPCI_REPORTS_DIFF_H_
#define PVPCI_REPORTS_DIFF_H_

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/review.h"

namespace pvpci::reports {

struct DiffItem {
  std::string fingerprint;
  std::string title;
  Severity severity = Severity::kInfo;
  std::vector<std::string> cells;          // "S-01 M0 6.1 fifo"
  std::optional<std::string> suppressed;   // why it is accepted
};

struct VerdictChange {
  std::string cell;
  std::string before, after;  // "ESCAPED E5", "none": no such cell
};

struct Diff {
  std::vector<DiffItem> added, fixed, unchanged;  // by severity, then fingerprint
  std::vector<VerdictChange> verdicts;
};

// `suppressed`: fingerprint and why the risk is accepted.
Diff Compare(const Review& before, const Review& after, const std::map<std::string, std::string>& suppressed);

// New ones that nobody has accepted.
size_t NewUnaccepted(const Diff& diff);

std::string DiffText(const Diff& diff);
nlohmann::ordered_json DiffJson(const Diff& diff);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_DIFF_H_
