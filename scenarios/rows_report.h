// SPDX-License-Identifier: Apache-2.0
// What running the rows of the patch series answered: judged per row and kernel, and as JSON (spec/result.md, "rows
// --json"), as a table for a terminal and as the table of README.md.
#ifndef PVPCI_SCENARIOS_ROWS_REPORT_H_
#define PVPCI_SCENARIOS_ROWS_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/rows.h"

namespace pvpci::scenarios {

// One scenario on one kernel.
struct ScenarioRun {
  std::string verdict;                    // as in result.json; "unable" if the bench itself failed
  std::string reason;                     // why it does not hold
  std::map<std::string, int64_t> blocks;  // of each original, how many ran
};
using ScenarioRuns = std::map<std::pair<std::string, std::string>, ScenarioRun>;  // by scenario and kernel

struct RowResult {
  std::string kernel;
  std::string verdict;               // "holds", "violated", "unable"
  std::vector<std::string> reasons;  // one line each; empty: it holds
};

struct JudgedRow {
  Row row;
  std::vector<RowResult> results;  // in the order of the kernels
  bool holds() const;
};

// A row holds on a kernel if each of its scenarios holds and together they ran a block of each of its originals. A
// scenario that does not apply in its own default mode shows nothing: the row is unable.
JudgedRow JudgeRow(const Row& row, const std::vector<std::string>& kernels, const ScenarioRuns& runs);

nlohmann::ordered_json RowsJson(const std::vector<JudgedRow>& rows);
std::string RowsText(const std::vector<JudgedRow>& rows);

// The lines of README.md between kRowsBegin and kRowsEnd, without those two.
inline constexpr const char* kRowsBegin = "<!-- ./pvpci rows --markdown -->";
inline constexpr const char* kRowsEnd = "<!-- end of ./pvpci rows --markdown -->";
std::string RowsMarkdown(const std::vector<JudgedRow>& rows);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_ROWS_REPORT_H_
