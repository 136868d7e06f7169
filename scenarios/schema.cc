// SPDX-License-Identifier: Apache-2.0
// The validator and the JSON Schema writer. The table itself is in schema_table.cc.
#include "scenarios/schema.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "scenarios/parameters.h"
#include "scenarios/scenario.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

bool IsName(const std::string& text) {
  if (text.empty() || text.size() > 64 || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return false;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != '.') return false;
  }
  return true;
}

bool IsBool(const std::string& text) { return text == "true" || text == "false"; }

std::string ShowNumber(double value) { return fmt::format("{}", value); }

std::string Expected(const ValueSpec& spec) {
  switch (spec.type) {
    case ValueType::kText: return "a text";
    case ValueType::kName: return "a name (letter first, then letters, digits, '_', '-', '.')";
    case ValueType::kInteger:
    case ValueType::kUnsigned:
      return spec.maximum < 1e18 ? fmt::format("a whole number {} .. {}", ShowNumber(spec.minimum),
                                               ShowNumber(spec.maximum))
                                 : "a whole number";
    case ValueType::kNumber:
      return fmt::format("a number {} .. {}", ShowNumber(spec.minimum), ShowNumber(spec.maximum));
    case ValueType::kBool: return "true or false";
    case ValueType::kSize: {
      std::string text = fmt::format("a size {} .. {}", FormatSize(static_cast<uint64_t>(spec.minimum)),
                                     FormatSize(static_cast<uint64_t>(spec.maximum)));
      if (spec.multiple > 1) text += fmt::format(", a multiple of {}", FormatSize(spec.multiple));
      return text + ", as in '64 MiB'";
    }
    case ValueType::kDuration:
      return fmt::format("a time {} .. {}, as in '10 us'", FormatDuration(static_cast<sim::Ps>(spec.minimum)),
                         FormatDuration(static_cast<sim::Ps>(spec.maximum)));
    case ValueType::kLink: return "a link from 'gen1 x1' to 'gen5 x16' (width 1, 2, 4, 8 or 16)";
    case ValueType::kWord: return OneOf(spec.words);
    case ValueType::kKernel: return OneOf(spec.words) + ", or a kernel tree's path with a '/' in it";
    case ValueType::kParameters: return "a map of parameters";
    case ValueType::kScalars: return "a map of single values";
    case ValueType::kObject: return spec.object->what;
    case ValueType::kObjects: return "a map of names, each " + spec.object->what;
  }
  return "?";
}

bool InRange(double value, const ValueSpec& spec) { return value >= spec.minimum && value <= spec.maximum; }

// Whether a scalar is of the form and in the range.
bool ScalarFits(const YamlNode& node, const ValueSpec& spec) {
  switch (spec.type) {
    case ValueType::kText: return true;
    case ValueType::kName: return IsName(node.text);
    case ValueType::kInteger: {
      const auto value = ParseSigned(node.text);
      return !node.quoted && value && InRange(static_cast<double>(*value), spec);
    }
    case ValueType::kUnsigned: {
      const auto value = ParseUnsigned(node.text);
      return !node.quoted && value && InRange(static_cast<double>(*value), spec);
    }
    case ValueType::kNumber: {
      char* end = nullptr;
      const double value = std::strtod(node.text.c_str(), &end);
      return !node.quoted && !node.text.empty() && *end == 0 && std::isfinite(value) && InRange(value, spec);
    }
    case ValueType::kBool: return !node.quoted && IsBool(node.text);
    case ValueType::kSize: {
      const auto value = ParseSize(node.text);
      return value && InRange(static_cast<double>(*value), spec) && *value % spec.multiple == 0;
    }
    case ValueType::kDuration: {
      const auto value = ParseDuration(node.text);
      return value && InRange(static_cast<double>(*value), spec);
    }
    case ValueType::kLink: return ParseLink(node.text).has_value();
    case ValueType::kKernel:
      if (IsKernelPath(node.text)) return true;
      [[fallthrough]];
    case ValueType::kWord:
      return std::find(spec.words.begin(), spec.words.end(), node.text) != spec.words.end();
    case ValueType::kParameters:
    case ValueType::kScalars:
    case ValueType::kObjects:
    case ValueType::kObject: return false;
  }
  return false;
}

// The value as ParseParameter takes it; a list only where the parameter is one.
std::optional<std::string> ParameterText(const YamlNode& node, const ParameterSpec& spec) {
  if (node.kind == YamlNode::Kind::kScalar || spec.unit == ParameterUnit::kWords) return FlatText(node);
  return std::nullopt;
}

class Validator {
 public:
  explicit Validator(std::vector<Problem>* problems) : problems_(problems) {}

  void Object(const YamlNode& node, const ObjectSpec& spec, const std::string& label) {
    if (node.kind == YamlNode::Kind::kScalar && !spec.shorthand.empty()) {
      Single(node, spec.Find(spec.shorthand)->value, label);
      for (const KeySpec& key : spec.keys) {
        if (key.required && key.name != spec.shorthand) Missing(node.place, label, spec, key.name);
      }
      return;
    }
    if (node.kind != YamlNode::Kind::kMap) {
      Complain(node.place, fmt::format("{}: expected {} (a map of keys), found {}", label, spec.what, Describe(node)));
      return;
    }
    std::string chosen;
    bool unknown = false;
    std::vector<std::string> meant;  // by a misspelt key: not told a second time as missing
    for (const auto& [key, value] : node.members) {
      const KeySpec* known = spec.Find(key.text);
      if (known == nullptr) {
        unknown = true;
        meant.push_back(Nearest(key.text, spec.names()));
        Complain(key.place, fmt::format("unknown key '{}' in {}{}", key.text, spec.what, KeyHelp(key.text, value, spec)));
        continue;
      }
      for (const std::string& choice : spec.exactly_one) {
        if (choice != key.text) continue;
        if (!chosen.empty()) {
          Complain(key.place, fmt::format("'{}' beside '{}': {} has exactly one action", key.text, chosen, spec.what));
        }
        chosen = key.text;
      }
      Value(value, known->value, key.text, key.place);
    }
    if (!spec.exactly_one.empty() && chosen.empty() && !unknown) {
      Complain(node.place, fmt::format("{} without an action: expected {}", spec.what, OneOf(spec.exactly_one)));
    }
    for (const KeySpec& key : spec.keys) {
      if (!key.required || node.Find(key.name) != nullptr) continue;
      if (std::find(meant.begin(), meant.end(), key.name) == meant.end()) Missing(node.place, label, spec, key.name);
    }
  }

 private:
  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }

  void Missing(Place place, const std::string& label, const ObjectSpec& spec, const std::string& key) {
    Complain(place, label.empty() ? fmt::format("missing key '{}' in {}", key, spec.what)
                                  : fmt::format("{}: missing key '{}' in {}", label, key, spec.what));
  }

  static std::string KeyHelp(const std::string& key, const YamlNode& value, const ObjectSpec& spec) {
    // The rest of a text that had a comma in it.
    if (value.kind == YamlNode::Kind::kNull && key.find(' ') != std::string::npos) {
      return "; between { and } a comma ends a value: put a text that has one in quotes";
    }
    const std::string hint = DidYouMean(key, spec.names());
    return hint.empty() ? "; expected " + OneOf(spec.names()) : hint;
  }

  void Value(const YamlNode& node, const ValueSpec& spec, const std::string& label, Place key_place) {
    if (!spec.list) {
      Single(node, spec, label);
      return;
    }
    if (node.kind != YamlNode::Kind::kList) {
      if (spec.single && node.kind != YamlNode::Kind::kNull) {
        Single(node, spec, label);
      } else {
        Complain(node.kind == YamlNode::Kind::kNull ? key_place : node.place,
                 fmt::format("{}: expected a list, found {}", label, Describe(node)));
      }
      return;
    }
    if (node.items.size() < spec.minimum_items) {
      Complain(key_place, fmt::format("{}: the list is empty; expected at least {} of {}", label, spec.minimum_items,
                                      Expected(spec)));
    }
    for (const YamlNode& item : node.items) Single(item, spec, label);
  }

  void Single(const YamlNode& node, const ValueSpec& spec, const std::string& label) {
    if (spec.type == ValueType::kObject) {
      Object(node, *spec.object, label);
      return;
    }
    if (spec.type == ValueType::kParameters) {
      Parameters(node, spec.words.front(), label);
      return;
    }
    if (spec.type == ValueType::kScalars || spec.type == ValueType::kObjects) {
      Map(node, spec, label);
      return;
    }
    if (node.kind != YamlNode::Kind::kScalar) {
      Complain(node.place, fmt::format("{}: expected {}, found {}", label, Expected(spec), Describe(node)));
      return;
    }
    if (ScalarFits(node, spec)) return;
    const std::string shown = node.text.size() > 40 ? node.text.substr(0, 37) + "..." : node.text;
    Complain(node.place, fmt::format("{}: expected {}, found '{}'{}", label, Expected(spec), shown,
                                     spec.type == ValueType::kWord ? DidYouMean(node.text, spec.words) : ""));
  }

  // With keys of the writer's own choice.
  void Map(const YamlNode& node, const ValueSpec& spec, const std::string& label) {
    if (node.kind != YamlNode::Kind::kMap) {
      Complain(node.place, fmt::format("{}: expected {}, found {}", label, Expected(spec), Describe(node)));
      return;
    }
    for (const auto& [key, value] : node.members) {
      if (spec.type == ValueType::kScalars) {
        Single(value, ValueSpec{}, key.text);
      } else if (!IsName(key.text)) {
        Complain(key.place, fmt::format("{}: expected a name (letter first, then letters, digits, '_', '-', '.'), found '{}'",
                                        label, key.text));
      } else {
        Object(value, *spec.object, key.text);
      }
    }
    if (node.members.size() < spec.minimum_items) {
      Complain(node.place, fmt::format("{}: the map is empty; expected at least {}", label, spec.minimum_items));
    }
  }

  void Parameters(const YamlNode& node, const std::string& group, const std::string& label) {
    if (node.kind != YamlNode::Kind::kMap) {
      Complain(node.place, fmt::format("{}: expected a map of parameters, found {}", label, Describe(node)));
      return;
    }
    for (const auto& [key, value] : node.members) {
      const ParameterSpec* spec = FindParameter(group, key.text);
      if (spec == nullptr) {
        const std::vector<std::string> names = ParameterNames(group);
        const std::string hint = DidYouMean(key.text, names);
        Complain(key.place, fmt::format("unknown parameter '{}' in machine.{}{}", key.text, group,
                                        hint.empty() ? "; expected " + OneOf(names) : hint));
      } else if (const auto text = ParameterText(value, *spec); !text || !ParseParameter(*spec, *text)) {
        Complain(value.place, fmt::format("{}: expected {}, found {}", key.text, DescribeRange(*spec),
                                          value.kind == YamlNode::Kind::kScalar ? "'" + value.text + "'"
                                                                                : Describe(value)));
      }
    }
  }

  std::vector<Problem>* problems_;
};

nlohmann::ordered_json ObjectSchema(const ObjectSpec& spec);

// To an editor an unquoted 6.1 is a number.
nlohmann::ordered_json WordsSchema(const std::vector<std::string>& words) {
  nlohmann::ordered_json json = words;
  for (const std::string& word : words) {
    char* end = nullptr;
    const double number = std::strtod(word.c_str(), &end);
    if (*end == 0) json.push_back(number);
  }
  return json;
}

nlohmann::ordered_json ParameterSchema(const ParameterSpec& spec) {
  nlohmann::ordered_json json;
  if (spec.unit == ParameterUnit::kWord) {
    json["enum"] = spec.words;
  } else if (spec.unit == ParameterUnit::kWords) {
    json["anyOf"] = {{{"type", "string"}}, {{"type", "array"}, {"items", {{"enum", spec.words}}}}};
  } else {
    json["type"] = {"string", "number", "boolean"};
  }
  return json;
}

nlohmann::ordered_json SingleSchema(const ValueSpec& spec) {
  nlohmann::ordered_json json;
  switch (spec.type) {
    case ValueType::kText: json["type"] = {"string", "number", "boolean"}; break;
    case ValueType::kName:
      json["type"] = "string";
      json["pattern"] = "^[A-Za-z][A-Za-z0-9_.-]*$";
      break;
    case ValueType::kInteger:
    case ValueType::kUnsigned:
      json["type"] = "integer";
      json["minimum"] = static_cast<int64_t>(spec.minimum);
      if (spec.maximum < 1e18) json["maximum"] = static_cast<int64_t>(spec.maximum);
      break;
    case ValueType::kNumber:
      json["type"] = "number";
      json["minimum"] = spec.minimum;
      json["maximum"] = spec.maximum;
      break;
    case ValueType::kBool: json["type"] = "boolean"; break;
    case ValueType::kSize:
      json["type"] = {"string", "integer"};
      json["pattern"] = "^(0x[0-9a-fA-F]+|[0-9]+(\\.[0-9]+)? ?(B|KiB|MiB|GiB)?)$";
      break;
    case ValueType::kDuration:
      json["type"] = {"string", "integer"};
      json["pattern"] = "^[0-9]+(\\.[0-9]+)? ?(ps|ns|us|ms|s)$";
      json["maximum"] = 0;
      break;
    case ValueType::kLink:
      json["type"] = "string";
      json["pattern"] = "^gen[1-5] x(1|2|4|8|16)$";
      break;
    case ValueType::kWord: json["enum"] = WordsSchema(spec.words); break;
    case ValueType::kKernel:
      json["anyOf"] = {{{"enum", WordsSchema(spec.words)}}, {{"type", "string"}, {"pattern", "/"}}};
      break;
    case ValueType::kParameters: {
      json["type"] = "object";
      for (const std::string& name : ParameterNames(spec.words.front())) {
        const ParameterSpec* parameter = FindParameter(spec.words.front(), name);
        json["properties"][name] = ParameterSchema(*parameter);
        json["properties"][name]["description"] = fmt::format("{} ({})", parameter->help, DescribeParameter(*parameter));
      }
      json["additionalProperties"] = false;
      break;
    }
    case ValueType::kScalars:
      json["type"] = "object";
      json["additionalProperties"] = {{"type", {"string", "number", "boolean"}}};
      break;
    case ValueType::kObjects:
      json["type"] = "object";
      json["additionalProperties"] = ObjectSchema(*spec.object);
      break;
    case ValueType::kObject: {
      json = ObjectSchema(*spec.object);
      if (!spec.object->shorthand.empty()) {
        json = {{"anyOf", {SingleSchema(spec.object->Find(spec.object->shorthand)->value), json}}};
      }
      break;
    }
  }
  return json;
}

nlohmann::ordered_json ValueSchema(const ValueSpec& spec) {
  nlohmann::ordered_json single = SingleSchema(spec);
  if (!spec.list) return single;
  nlohmann::ordered_json list = {{"type", "array"}, {"items", single}};
  if (spec.minimum_items > 0) list["minItems"] = spec.minimum_items;
  if (!spec.single) return list;
  return {{"anyOf", {single, list}}};
}

nlohmann::ordered_json ObjectSchema(const ObjectSpec& spec) {
  nlohmann::ordered_json json;
  json["type"] = "object";
  std::vector<std::string> required;
  for (const KeySpec& key : spec.keys) {
    nlohmann::ordered_json value = ValueSchema(key.value);
    value["description"] = key.help;
    json["properties"][key.name] = std::move(value);
    if (key.required) required.push_back(key.name);
  }
  if (!required.empty()) json["required"] = required;
  json["additionalProperties"] = false;
  if (!spec.exactly_one.empty()) {
    for (const std::string& name : spec.exactly_one) {
      json["oneOf"].push_back({{"required", nlohmann::ordered_json::array({name})}});
    }
  }
  return json;
}

void DescribeObject(const ObjectSpec& spec, const std::string& prefix, std::string* text) {
  for (const KeySpec& key : spec.keys) {
    *text += fmt::format("  {:<34} {}\n", prefix + key.name + (key.value.list ? "[]" : ""), key.help);
    if (key.value.type == ValueType::kObject) {
      DescribeObject(*key.value.object, prefix + key.name + (key.value.list ? "[]." : "."), text);
    }
    if (key.value.type == ValueType::kObjects) DescribeObject(*key.value.object, prefix + key.name + ".NAME.", text);
    if (key.value.type == ValueType::kParameters) {
      for (const std::string& name : ParameterNames(key.value.words.front())) {
        const ParameterSpec* parameter = FindParameter(key.value.words.front(), name);
        *text += fmt::format("  {:<34} {} ({})\n", prefix + key.name + "." + name, parameter->help,
                             DescribeParameter(*parameter));
      }
    }
  }
}

}  // namespace

const KeySpec* ObjectSpec::Find(const std::string& key) const {
  for (const KeySpec& candidate : keys) {
    if (candidate.name == key) return &candidate;
  }
  return nullptr;
}

std::vector<std::string> ObjectSpec::names() const {
  std::vector<std::string> result;
  for (const KeySpec& key : keys) result.push_back(key.name);
  return result;
}

void Validate(const YamlNode& root, const ObjectSpec& spec, std::vector<Problem>* problems) {
  Validator(problems).Object(root, spec, "");
}

nlohmann::ordered_json JsonSchemaOf(const ObjectSpec& spec, const std::string& title, const std::string& written_by) {
  nlohmann::ordered_json json;
  json["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  json["$comment"] = fmt::format("SPDX-License-Identifier: Apache-2.0. Written by '{}'; do not edit.", written_by);
  json["title"] = title;
  json.update(ObjectSchema(spec));
  return json;
}

nlohmann::ordered_json JsonSchema() { return JsonSchemaOf(ScenarioSpec(), "pvpci scenario", "pvpci check --schema"); }

std::string DescribeKeysOf(const ObjectSpec& spec) {
  std::string text;
  DescribeObject(spec, "", &text);
  return text;
}

std::string DescribeKeys() { return DescribeKeysOf(ScenarioSpec()); }

}  // namespace pvpci::scenarios
