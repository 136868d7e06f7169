// SPDX-License-Identifier: Apache-2.0
// The page of an experiment: one offline file.
#ifndef PVPCI_REPORTS_SWEEP_HTML_H_
#define PVPCI_REPORTS_SWEEP_HTML_H_

#include <string>

#include <nlohmann/json.hpp>

namespace pvpci::reports {

// `document`: sweep.json (scenarios/sweep/summary.h). `text`: what a reader without scripts gets.
std::string SweepHtml(const nlohmann::ordered_json& document, const std::string& text);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_SWEEP_HTML_H_
