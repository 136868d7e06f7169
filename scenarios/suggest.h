// SPDX-License-Identifier: Apache-2.0
// "did you mean": the nearest known word by edit distance (Damerau, restricted), or nothing if none is near.
#ifndef PVPCI_SCENARIOS_SUGGEST_H_
#define PVPCI_SCENARIOS_SUGGEST_H_

#include <string>
#include <string_view>
#include <vector>

namespace pvpci::scenarios {

unsigned EditDistance(std::string_view a, std::string_view b);

// Empty if nothing is within a third of the word's length (at least 1, at most 3). Ties: the earlier candidate.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'memory'?" or "".
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

// "a, b or c".
std::string OneOf(const std::vector<std::string>& words);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SUGGEST_H_
