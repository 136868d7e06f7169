// SPDX-License-Identifier: Apache-2.0
// The table of the patch series: scenarios/rows/rows.yaml, one entry per row.
#ifndef PVPCI_SCENARIOS_ROWS_H_
#define PVPCI_SCENARIOS_ROWS_H_

#include <set>
#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct Row {
  std::string row;                     // "01" .. "20", "S"
  std::string title;
  std::string patch;                   // what the patch did, one sentence
  std::string today;                   // what does it in today's kernels, one sentence
  std::vector<std::string> originals;  // paths in the kernel's tree
  std::vector<std::string> scenarios;  // names
  Place place;
};

// What the names in a table may be. An empty set of originals is not checked against.
struct RowNames {
  std::vector<std::string> scenarios;
  std::set<std::string> originals;
};

// In the order of the rows. Throws InputError: form, unknown and double rows, scenarios and originals that are not there.
std::vector<Row> ParseRows(const std::string& file, const std::string& text, const RowNames& names);
std::vector<Row> LoadRows(const std::string& file, const RowNames& names);

// Ids that no row of `rows` has.
std::vector<std::string> MissingRows(const std::vector<Row>& rows);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_ROWS_H_
