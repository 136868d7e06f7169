// SPDX-License-Identifier: Apache-2.0
// Findings as SARIF 2.1.0 (OASIS), for code scanning: one run per mode and kernel, one rule per class of access and per kind of
// fault. Contained attacks are results too, kind "pass", so that coverage is seen; cells that do not apply are
// "notApplicable". What is under embargo is one result of kind "review" that tells nothing but the verdict.
//
// A failure has a place: the guest's line that commanded the device, of the kernel's tree (uriBaseId KERNEL, the root of the
// source package) or of this project (PROJECT); without one the line of the scenario that starts the attack.
#ifndef PVPCI_REPORTS_SARIF_H_
#define PVPCI_REPORTS_SARIF_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/review.h"

namespace pvpci::reports {

struct SarifOptions {
  const Review* baseline = nullptr;                // what an earlier review found: new, unchanged, absent
  std::map<std::string, std::string> suppressed;  // fingerprint: why the risk is accepted
  int exit_code = 0;
  // Beside the log: name, and what it is. The first tells everything that the log tells, in full.
  std::vector<std::pair<std::string, std::string>> files;
};

nlohmann::ordered_json SarifLog(const Review& review, const SarifOptions& options);

// A run as a review of one cell.
Review ReviewOf(const Result& result, const std::string& command);

// What identifies a cell's verdict across reviews where no finding does: a fault, a degradation.
std::string CellFingerprint(const ReviewCell& cell);

// Our schema of what we write: the part of the SARIF 2.1.0 schema that it uses, from the specification's text.
std::string_view SarifSchemaText();

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_SARIF_H_
