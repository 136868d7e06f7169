// SPDX-License-Identifier: Apache-2.0
// The cells of the matrix as runs, and their answers as cells of the report.
#ifndef PVPCI_SCENARIOS_REVIEW_CELLS_H_
#define PVPCI_SCENARIOS_REVIEW_CELLS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/result.h"
#include "reports/review.h"
#include "scenarios/review/catalogue.h"
#include "scenarios/scenario.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {

// One run of an attack.
struct CellJob {
  const CatalogueEntry* entry = nullptr;
  CellKey key;
  Scenario scenario;      // with mode, kernel and ABI
  std::string reproduce;  // the command that runs it alone
};

// Every cell of the entries that have a scenario. `root`: of the project. The entries must outlive the jobs.
std::vector<CellJob> JobsOf(const std::vector<CatalogueEntry>& entries, const std::string& root);

// What is left of a run beside its cell.
struct CellRun {
  reports::Result result;                 // without originals, and cut where it floods
  std::map<std::string, int64_t> blocks;  // that ran, by original
};

// What a child answers, and what that says. A child that died, hung or answered nonsense is a cell whose expectations are
// not met, with the reason; nothing is left of its run.
std::string AnswerOf(reports::Result result);
reports::ReviewCell CellOf(const CellJob& job, const ChildAnswer& answer, std::optional<CellRun>* ran);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_CELLS_H_
