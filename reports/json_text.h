// SPDX-License-Identifier: Apache-2.0
// JSON for people and for diff: what fits on a line of 120 columns stands on one, lists of numbers are filled, the rest
// is indented by two. Floating-point numbers get three decimals, as result.md asks for every `_ns`.
#ifndef PVPCI_REPORTS_JSON_TEXT_H_
#define PVPCI_REPORTS_JSON_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace pvpci::reports {

// With a newline at the end.
std::string FormatJson(const nlohmann::ordered_json& document);

// On one line, safe between <script> tags: no '<', no '/' unescaped. No newline.
std::string ScriptJson(const nlohmann::ordered_json& document);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_JSON_TEXT_H_
