// SPDX-License-Identifier: Apache-2.0
// What is wrong with an input, and where: one line each, "file:line:column: message". Nothing was run.
#ifndef PVPCI_SCENARIOS_PROBLEM_H_
#define PVPCI_SCENARIOS_PROBLEM_H_

#include <stdexcept>
#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct Problem {
  Place place;
  std::string message;
};

// Bad input: exit code 2. Problems stand in the order of the file; there is at least one.
class InputError : public std::runtime_error {
 public:
  InputError(std::string file, std::vector<Problem> problems);
  InputError(std::string file, Place place, std::string message)
      : InputError(std::move(file), std::vector<Problem>{{place, std::move(message)}}) {}

  const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PROBLEM_H_
