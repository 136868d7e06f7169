// SPDX-License-Identifier: Apache-2.0
// The same scenario and seed without IOMMU, with DMA remapping and with interrupt remapping, side by side.
#ifndef PVPCI_REPORTS_COUNTERFACTUAL_H_
#define PVPCI_REPORTS_COUNTERFACTUAL_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/result.h"

namespace pvpci::reports {

// A row of the table: one figure in each mode, and in words what M1 and M2 change against the first.
struct DeltaRow {
  std::string key;                   // "escapes", as in JSON
  std::string what;
  std::vector<int64_t> figures;      // in the order of the results
  std::vector<std::string> shown;    // with units; "-": no such thing
};

// `results`: of the same scenario and seed, in the order of their modes.
std::vector<DeltaRow> DeltaRows(const std::vector<Result>& results);

// The findings of a run in one mode.
struct ModeFindings {
  Mode mode = Mode::kM0;
  bool ran = true;  // false: the scenario does not apply there
  std::vector<Finding>* findings = nullptr;
};

// What became of each finding in the other modes, into Finding::other_modes.
void FillOtherModes(const std::vector<ModeFindings>& modes);
void FillOtherModes(std::vector<Result>* results);

std::string CounterfactualText(const std::vector<Result>& results);
nlohmann::ordered_json CounterfactualJson(const std::vector<Result>& results);
std::string CounterfactualHtml(const std::vector<Result>& results);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_COUNTERFACTUAL_H_
