// SPDX-License-Identifier: Apache-2.0
// ./pvpci review: every cell of the catalogue in a process of its own, on all processors; then the mutants; then the pages.
#ifndef PVPCI_SCENARIOS_REVIEW_RUN_REVIEW_H_
#define PVPCI_SCENARIOS_REVIEW_RUN_REVIEW_H_

#include <functional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

struct ReviewOptions {
  std::string root;
  std::vector<std::string> attacks;  // ids; empty: all, and the mutants
  std::string profile = "server";    // "server", "qubes"
  std::string out;                   // folder of the four files
  std::string baseline;              // an earlier review.json; empty: none
  std::string suppressions;          // file of accepted risks; empty: none
  std::string command;               // the call, for the report
  bool json = false;                 // review.json on standard output
  bool markdown = false;             // the matrix as README.md has it
  bool progress = false;
  std::function<int(const std::function<int()>&)> systemc;  // enters SystemC in a child
};

// Exit code: 0 all is well (reports/review.h), 1 it is not, 128 + signal. What an interrupted call leaves is marked
// incomplete. Throws UsageError, InputError, reports::FileError.
int RunReview(const ReviewOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_RUN_REVIEW_H_
