// SPDX-License-Identifier: Apache-2.0
// Compares the bench's own trace of a phase with a recorded one: golden/README.md. Lines are normalised (ports and
// pirqs by first appearance, domains by role), kinds that were not recorded are left out, and the longest common
// subsequence is counted.
#ifndef PVPCI_SCENARIOS_MACHINE_GOLDEN_H_
#define PVPCI_SCENARIOS_MACHINE_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace pvpci::scenarios {

struct TraceDifference {
  uint64_t line = 0;       // of the golden file, from 1; where a line of ours is extra: the line it stands before
  std::string golden;      // empty: ours only
  std::string bench;       // empty: golden only
};
struct TraceComparison {
  uint64_t golden_lines = 0;
  uint64_t bench_lines = 0;
  uint64_t matched = 0;
  std::vector<TraceDifference> differences;
  // 2 x matched / (golden + bench).
  double rate() const {
    const uint64_t all = golden_lines + bench_lines;
    return all == 0 ? 1.0 : 2.0 * static_cast<double>(matched) / static_cast<double>(all);
  }
};

// True if golden traces hold this kind of line: dom0's send, every unmask and every other group are not recorded.
bool IsRecorded(const std::string& line);

// "port=8" -> "port=#1" and so on, in order of first appearance, per file.
std::vector<std::string> Normalise(const std::vector<std::string>& lines);

// Both without times, domains named "dom0" and "domU".
TraceComparison CompareTraces(const std::vector<std::string>& golden, const std::vector<std::string>& bench);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_GOLDEN_H_
