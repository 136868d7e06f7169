// SPDX-License-Identifier: Apache-2.0
#include "reports/result_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "reports/archive.h"
#include "reports/contract_check.h"
#include "reports/json_text.h"
#include "reports/schema_check.h"

namespace pvpci::reports {
namespace {

constexpr char kSchemaJson[] =
#include "reports/result_schema.json.inc"
    ;

}  // namespace

ordered_json ToJson(const Result& result) {
  Writer writer;
  writer("schema", kSchemaNumber);
  Fields(writer, result);
  return std::move(writer.object_);
}

ordered_json ToJson(const Intervals& intervals) {
  Writer writer;
  Fields(writer, intervals);
  return std::move(writer.object_);
}

std::string WriteResultJson(const Result& result) {
  static const SchemaChecker kChecker(nlohmann::json::parse(kSchemaJson));
  const ordered_json document = ToJson(result);
  std::vector<std::string> misfits = kChecker.Check(document);
  for (std::string& misfit : ContractMisfits(result)) misfits.push_back(std::move(misfit));
  if (!misfits.empty()) {
    throw std::logic_error(fmt::format("the result breaks its contract:\n  {}", fmt::join(misfits, "\n  ")));
  }
  return FormatJson(document);
}

Result ReadResultJson(std::string_view text) {
  const ordered_json document = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw ReadError("(document): not JSON");
  return ResultOf(document);
}

Result ResultOf(const ordered_json& document) {
  Reader reader(document, "");
  int schema = 0;
  reader("schema", schema);
  if (schema != kSchemaNumber) {
    throw ReadError(fmt::format("schema: {}, this program reads {}", schema, kSchemaNumber));
  }
  Result result;
  Fields(reader, result);
  return result;
}

std::string_view ResultSchemaText() { return kSchemaJson; }

}  // namespace pvpci::reports
