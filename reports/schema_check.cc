// SPDX-License-Identifier: Apache-2.0
#include "reports/schema_check.h"

#include <fmt/format.h>

#include <set>
#include <stdexcept>

namespace pvpci::reports {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

const std::string kReferencePrefix = "#/$defs/";

bool IsType(const ordered_json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

// `value` for a message, cut to one line.
std::string Shown(const ordered_json& value) {
  std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

std::string Below(const std::string& path, const std::string& key) { return path.empty() ? key : path + "/" + key; }

}  // namespace

SchemaChecker::SchemaChecker(json schema) : schema_(std::move(schema)) { Prepare(schema_); }

void SchemaChecker::Prepare(const json& schema) {
  static const std::set<std::string> kAnnotations = {"$schema", "$id", "title", "description"};
  static const std::set<std::string> kPlain = {"type", "enum", "const", "minimum", "minItems", "maxItems", "uniqueItems",
                                               "required"};
  if (schema.is_boolean()) return;
  for (const auto& [keyword, argument] : schema.items()) {
    if (kAnnotations.count(keyword) || kPlain.count(keyword)) continue;
    if (keyword == "pattern") {
      patterns_.try_emplace(argument.get<std::string>(), argument.get<std::string>(),
                            std::regex::ECMAScript | std::regex::optimize);
    } else if (keyword == "$ref") {
      Resolve(schema);
    } else if (keyword == "properties" || keyword == "$defs") {
      for (const auto& [name, child] : argument.items()) Prepare(child);
    } else if (keyword == "items" || keyword == "additionalProperties" || keyword == "propertyNames") {
      Prepare(argument);
    } else if (keyword == "anyOf") {
      for (const json& child : argument) Prepare(child);
    } else {
      throw std::logic_error("schema keyword that the checker does not know: " + keyword);
    }
  }
}

const json& SchemaChecker::Resolve(const json& schema) const {
  const json* found = &schema;
  while (found->is_object() && found->contains("$ref")) {
    const std::string reference = found->at("$ref");
    const auto definitions = schema_.find("$defs");
    const bool local = reference.rfind(kReferencePrefix, 0) == 0 && definitions != schema_.end();
    const auto target = local ? definitions->find(reference.substr(kReferencePrefix.size())) : schema_.end();
    if (!local || target == definitions->end()) {
      throw std::logic_error("schema reference that does not exist: " + reference);
    }
    found = &*target;
  }
  return *found;
}

std::vector<std::string> SchemaChecker::Check(const ordered_json& document) const {
  std::vector<std::string> misfits;
  Visit(schema_, document, "", &misfits);
  return misfits;
}

void SchemaChecker::Visit(const json& reference, const ordered_json& value, const std::string& path,
                          std::vector<std::string>* misfits) const {
  const json& schema = Resolve(reference);
  const auto refuse = [&](const std::string& why) {
    misfits->push_back(fmt::format("{}: {}", path.empty() ? "(document)" : path, why));
  };
  if (schema.is_boolean()) {
    if (!schema.get<bool>()) refuse("no such key");
    return;
  }
  if (schema.contains("anyOf")) {
    std::vector<std::string> nearest;
    for (const json& choice : schema["anyOf"]) {
      std::vector<std::string> misfits_here;
      Visit(choice, value, path, &misfits_here);
      if (misfits_here.empty()) {
        nearest.clear();
        break;
      }
      if (nearest.empty() || misfits_here.size() <= nearest.size()) nearest = std::move(misfits_here);
    }
    misfits->insert(misfits->end(), nearest.begin(), nearest.end());
  }
  if (schema.contains("type")) {
    const json& type = schema["type"];
    bool fits = false;
    for (const json& one : type.is_array() ? type : json::array({type})) fits = fits || IsType(value, one);
    if (!fits) return refuse(fmt::format("{} is not of type {}", Shown(value), type.dump()));
  }
  if (schema.contains("const") && value != ordered_json(schema["const"])) {
    refuse(fmt::format("{} is not {}", Shown(value), schema["const"].dump()));
  }
  if (schema.contains("enum")) {
    bool fits = false;
    for (const json& one : schema["enum"]) fits = fits || value == ordered_json(one);
    if (!fits) refuse(fmt::format("{} is none of {}", Shown(value), schema["enum"].dump()));
  }
  if (schema.contains("minimum") && value.is_number() && value < ordered_json(schema["minimum"])) {
    refuse(fmt::format("{} is less than {}", Shown(value), schema["minimum"].dump()));
  }
  if (schema.contains("pattern") && value.is_string()) {
    const std::string& pattern = schema["pattern"].get_ref<const std::string&>();
    if (!std::regex_search(value.get_ref<const std::string&>(), patterns_.at(pattern))) {
      refuse(fmt::format("{} does not match {}", Shown(value), pattern));
    }
  }
  if (value.is_array()) {
    if (schema.contains("minItems") && value.size() < schema["minItems"]) refuse("too few items");
    if (schema.contains("maxItems") && value.size() > schema["maxItems"]) refuse("too many items");
    if (schema.value("uniqueItems", false)) {
      const std::set<ordered_json> items(value.begin(), value.end());
      if (items.size() != value.size()) refuse("an item twice");
    }
    if (schema.contains("items")) {
      for (size_t i = 0; i < value.size(); ++i) {
        Visit(schema["items"], value[i], Below(path, std::to_string(i)), misfits);
      }
    }
  }
  if (!value.is_object()) return;
  if (schema.contains("required")) {
    for (const json& key : schema["required"]) {
      if (!value.contains(key.get<std::string>())) refuse("the key " + key.dump() + " is missing");
    }
  }
  for (const auto& [key, child] : value.items()) {
    if (schema.contains("propertyNames")) Visit(schema["propertyNames"], key, Below(path, key), misfits);
    if (schema.contains("properties") && schema["properties"].contains(key)) {
      Visit(schema["properties"][key], child, Below(path, key), misfits);
    } else if (schema.contains("additionalProperties")) {
      Visit(schema["additionalProperties"], child, Below(path, key), misfits);
    }
  }
}

}  // namespace pvpci::reports
