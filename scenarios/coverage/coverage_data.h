// SPDX-License-Identifier: Apache-2.0
// Coverage of one image by many scenarios, judged: what the table, the JSON document and the pages show.
#ifndef PVPCI_SCENARIOS_COVERAGE_COVERAGE_DATA_H_
#define PVPCI_SCENARIOS_COVERAGE_COVERAGE_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "driver/loader/line_table.h"
#include "scenarios/coverage/line_coverage.h"
#include "scenarios/coverage/requirements.h"

namespace pvpci::scenarios {

// One scenario, all its runs united.
struct ScenarioBlocks {
  std::string name;
  std::vector<std::string> modes;  // "M0", "M2"
  BlocksRan ran;
};

struct OriginalCoverage {
  FileCoverage file;                // one run for each scenario
  std::vector<std::string> text;    // [0] is line 1
  int requirement = -1;             // index into Coverage::requirements; -1: none
  Judgement judgement;
};

struct Coverage {
  std::string kernel;   // "6.1"
  std::string version;  // "6.1.192-2"
  std::vector<ScenarioBlocks> scenarios;
  std::vector<Requirement> requirements;
  // The required first, in the order of the table; then by path.
  std::vector<OriginalCoverage> originals;
  // By scenario: lines of all originals, and of the required ones.
  std::vector<RunShare> shares;
  std::vector<RunShare> required_shares;
  // What makes the verb fail, one sentence each.
  std::vector<std::string> problems;
};

// Fills everything below `requirements`. `sources`: the image's table of lines; `paths`: its originals; `folder` has
// their text. A required original that the image lacks or that misses its threshold is a problem, lines of it without a
// reason are another.
void MakeCoverage(const std::vector<driver::SourceLines>& sources, const std::vector<std::string>& paths,
                  const std::string& folder, Coverage* coverage);

bool Met(const Coverage& coverage, const OriginalCoverage& original);

// "93.4", cut.
std::string Percent(uint64_t covered, uint64_t coverable);

nlohmann::ordered_json CoverageJson(const Coverage& coverage);
std::string CoverageText(const Coverage& coverage);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COVERAGE_COVERAGE_DATA_H_
