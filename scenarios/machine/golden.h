// SPDX-License-Identifier: Apache-2.0
// Compares the bench's own trace of a phase with a recorded one: scenarios/golden/README.md. Kinds that were not
// recorded are left out, numbers that are a matter of allocation (ports, pirqs, grant references) are renamed by first
// appearance, and the longest common subsequence is counted. Lines are without times, domains named "dom0" and "domU".
#ifndef PVPCI_SCENARIOS_MACHINE_GOLDEN_H_
#define PVPCI_SCENARIOS_MACHINE_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace pvpci::scenarios {

// What a recording holds.
enum class TraceKind {
  kCalls,  // event_channel_op, physdev_op and ring operations: one scan of a frontend
  kStore,  // store writes below the pci device's two directories
};

struct TraceDifference {
  uint64_t line = 0;       // of the golden file, from 1; where a line of ours is extra: the line it stands before
  std::string golden;      // empty: ours only
  std::string bench;       // empty: golden only
  std::string why;         // from golden_reasons.h
};
struct TraceComparison {
  std::string id;
  double min_rate = 0;
  uint64_t golden_lines = 0;
  uint64_t bench_lines = 0;
  uint64_t matched = 0;
  std::vector<TraceDifference> differences;
  // 2 x matched / (golden + bench). A recording without lines matches nothing.
  double rate() const {
    const uint64_t all = golden_lines + bench_lines;
    return golden_lines == 0 ? 0.0 : 2.0 * static_cast<double>(matched) / static_cast<double>(all);
  }
};

TraceKind KindOf(const std::vector<std::string>& golden);

// True if golden traces of this kind hold such a line. dom0's send and every unmask were not recorded.
bool IsRecorded(TraceKind kind, const std::string& line);

// The recorded lines of the phase that golden traces hold. kCalls: from the frontend's allocation of its port to its
// last ring operation; kStore: all.
std::vector<std::string> Phase(TraceKind kind, const std::vector<std::string>& lines);

// "port=8" -> "port=#1" and so on, in order of first appearance, per file.
std::vector<std::string> Normalise(const std::vector<std::string>& lines);

// Of `bench` only its phase counts, of `golden` every line. A line on each side that differ in values only are one
// difference.
TraceComparison CompareTraces(const std::vector<std::string>& golden, const std::vector<std::string>& bench);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_GOLDEN_H_
