// SPDX-License-Identifier: Apache-2.0
#include "scenarios/problem.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

// More than this helps nobody: the first errors usually cause the rest.
constexpr size_t kShownProblems = 8;

std::string Render(const std::string& file, std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  std::string text;
  for (size_t i = 0; i < problems.size() && i < kShownProblems; ++i) {
    if (i > 0) text += '\n';
    const Problem& problem = problems[i];
    text += fmt::format("{}:{}:{}: {}", file, std::max(problem.place.line, 1), std::max(problem.place.column, 1),
                        problem.message);
  }
  if (problems.size() > kShownProblems) text += fmt::format("\n... and {} more", problems.size() - kShownProblems);
  return text;
}

}  // namespace

InputError::InputError(std::string file, std::vector<Problem> problems)
    : std::runtime_error(Render(file, problems)), problems_(std::move(problems)) {}

}  // namespace pvpci::scenarios
