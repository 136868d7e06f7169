// SPDX-License-Identifier: Apache-2.0
// Checks a JSON document against a JSON Schema (draft 2020-12), the part of it that result_schema.json uses: type,
// enum, const, pattern, minimum, minItems, maxItems, uniqueItems, items, properties, required, additionalProperties,
// propertyNames, anyOf, and $ref into #/$defs. A schema with any other keyword is refused, so nothing is silently unchecked.
#ifndef PVPCI_REPORTS_SCHEMA_CHECK_H_
#define PVPCI_REPORTS_SCHEMA_CHECK_H_

#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

namespace pvpci::reports {

class SchemaChecker {
 public:
  // Throws std::logic_error if the schema has a keyword or reference this checker does not know.
  explicit SchemaChecker(nlohmann::json schema);

  // One line per misfit, "findings/0/class: "E99" is none of ..."; empty when the document is valid.
  std::vector<std::string> Check(const nlohmann::ordered_json& document) const;

 private:
  void Prepare(const nlohmann::json& schema);
  void Visit(const nlohmann::json& schema, const nlohmann::ordered_json& value, const std::string& path,
             std::vector<std::string>* misfits) const;
  const nlohmann::json& Resolve(const nlohmann::json& schema) const;

  nlohmann::json schema_;
  std::map<std::string, std::regex> patterns_;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_SCHEMA_CHECK_H_
