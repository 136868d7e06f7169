// SPDX-License-Identifier: Apache-2.0
// The mutants of the review: each on every kernel that has its fix, with the scenarios that must notice, beside the same
// scenarios on the unmutated kernel.
#ifndef PVPCI_SCENARIOS_REVIEW_MUTANT_RUNS_H_
#define PVPCI_SCENARIOS_REVIEW_MUTANT_RUNS_H_

#include <functional>
#include <string>
#include <vector>

#include "reports/review.h"

namespace pvpci::scenarios {

struct MutantRuns {
  std::vector<reports::ReviewMutant> mutants;
  std::vector<std::string> unclean;  // runs on the unmutated kernels that do not hold, with the reason
  bool complete = true;              // false: interrupted
};

// A mutant is detected if on every kernel that has its fix one of its scenarios holds without it and is violated with it.
// A run in which the bench itself fails detects nothing. Throws std::runtime_error if an image is not built.
MutantRuns RunMutants(const std::string& root, const std::function<int(const std::function<int()>&)>& systemc,
                      const std::function<void(size_t done, size_t total, const std::string& what)>& progress);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_MUTANT_RUNS_H_
