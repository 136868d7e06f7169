// SPDX-License-Identifier: Apache-2.0
// ./pvpci diff A B: what B found that A did not, for CI.
#ifndef PVPCI_SCENARIOS_REVIEW_RUN_DIFF_H_
#define PVPCI_SCENARIOS_REVIEW_RUN_DIFF_H_

#include <map>
#include <string>

#include "reports/review.h"

namespace pvpci::scenarios {

struct DiffOptions {
  std::string before, after;  // review.json, result.json, or a folder that holds one
  std::string suppressions;   // file of accepted risks; empty: none
  std::string out;            // folder for diff.json; empty: none
  bool json = false;
};

// Exit code: 0 nothing is new but what is accepted, 1 something is. Throws UsageError if there is nothing to read,
// InputError for the suppressions.
int RunDiff(const DiffOptions& options);

// review.json, or result.json as a review of one cell.
reports::Review LoadReview(const std::string& path);

// What the file accepts today; an expired entry is told on standard error. Empty `file`: nothing.
std::map<std::string, std::string> AcceptedToday(const std::string& file);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_RUN_DIFF_H_
