// SPDX-License-Identifier: Apache-2.0
// Which lines of an original ran, from the basic blocks that ran.
//
// A line counts as coverable if any block that the compiler made of its file has code of it, also blocks of functions
// that the link dropped because nobody in the image calls them. It is covered if one of its blocks ran. What the
// preprocessor or the optimiser left out before there were blocks is no line to cover.
#ifndef PVPCI_SCENARIOS_COVERAGE_LINE_COVERAGE_H_
#define PVPCI_SCENARIOS_COVERAGE_LINE_COVERAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "driver/loader/line_table.h"

namespace pvpci::scenarios {

// By block id, [0] unused: whether it ran.
using BlocksRan = std::vector<uint8_t>;

struct LineCount {
  // Why a line can never run in this image, or that it can.
  enum class Code : uint8_t { kLinked, kRemoved, kDropped };
  uint32_t line = 0;
  Code code = Code::kDropped;  // kRemoved: the link proved that it never runs; kDropped: its function was dropped
  uint32_t runs = 0;           // how many of the runs executed it
  uint32_t function = 0;       // index into FileCoverage::functions
};

struct FunctionCount {
  std::string name;   // empty: code before the first function, which a macro made
  uint32_t line = 0;  // of its name
  bool linked = false;
  uint32_t coverable = 0;
  uint32_t covered = 0;
  std::vector<uint32_t> runs;  // which of the runs executed any of it, ascending
};

// What one of the runs did.
struct RunShare {
  uint32_t covered = 0;  // lines
  uint32_t alone = 0;    // of them, lines that no other run executed
};

struct FileCoverage {
  std::string path;
  std::vector<LineCount> lines;          // ascending
  std::vector<FunctionCount> functions;  // those with coverable lines, ascending
  std::vector<RunShare> shares;          // by run
  uint32_t covered() const;
};

// Coverage of one file by several runs: each element says what one run (or several, united) executed.
FileCoverage Measure(const driver::SourceLines& source, const std::vector<const BlocksRan*>& runs);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COVERAGE_LINE_COVERAGE_H_
