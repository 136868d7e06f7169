// SPDX-License-Identifier: Apache-2.0
// result.json, schema 1 (spec/result.md): writer, reader and the schema both keep.
// Output is a pure function of the Result: keys in the contract's order, small objects on one line.
#ifndef PVPCI_REPORTS_RESULT_JSON_H_
#define PVPCI_REPORTS_RESULT_JSON_H_

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "reports/result.h"

namespace pvpci::reports {

// A text that is not a result; what() is one line "findings/0/class: ...".
struct ReadError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

nlohmann::ordered_json ToJson(const Result& result);

// As result.json has it under "intervals".
nlohmann::ordered_json ToJson(const Intervals& intervals);

// The text of result.json, checked against the schema: throws std::logic_error naming every misfit if the Result breaks
// the contract (a digest that is none, an unknown class), because then the bench is wrong.
std::string WriteResultJson(const Result& result);

// Inverse of WriteResultJson. Throws ReadError on anything else, a newer schema number included.
Result ReadResultJson(std::string_view text);

// Inverse of ToJson(Result). Throws ReadError.
Result ResultOf(const nlohmann::ordered_json& document);

// result_schema.json, JSON Schema draft 2020-12.
std::string_view ResultSchemaText();

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_RESULT_JSON_H_
