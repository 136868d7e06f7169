// SPDX-License-Identifier: Apache-2.0
// The one table of the scenario language: every key, its type, range, default and meaning. Validation, "did you mean",
// the help text and scenario.schema.json all come from it, so they cannot disagree.
#ifndef PVPCI_SCENARIOS_SCHEMA_H_
#define PVPCI_SCENARIOS_SCHEMA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/problem.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {

struct ObjectSpec;

enum class ValueType : uint8_t {
  kText,        // any scalar
  kName,        // [A-Za-z][A-Za-z0-9_.-]*, at most 64 characters
  kInteger, kUnsigned, kNumber, kBool,
  kSize, kDuration, kLink,
  kWord,        // one of `words`
  kKernel,      // one of `words`, or a path with a '/'
  kParameters,  // map of names to scalars; the names are checked against scenarios/parameters.h
  kScalars,     // map of any keys to scalars
  kObject,
  kObjects,     // map of names to objects
};

struct ValueSpec {
  ValueType type = ValueType::kText;
  double minimum = 0;                // kInteger, kUnsigned, kNumber, kSize (bytes), kDuration (ps)
  double maximum = 1.8e19;
  uint64_t multiple = 1;             // kSize
  std::vector<std::string> words;    // kWord; for kParameters the one group name
  const ObjectSpec* object = nullptr;
  bool list = false;                 // a list of such values
  bool single = false;               // with list: one value without brackets will do
  size_t minimum_items = 0;
};

struct KeySpec {
  std::string name;
  ValueSpec value;
  bool required = false;
  std::string help;                  // one line, with the default
};

struct ObjectSpec {
  std::string what;                  // "a domain", for messages
  std::vector<KeySpec> keys;
  std::string shorthand;             // a scalar in place of the map sets this key; empty: there must be a map
  std::vector<std::string> exactly_one;  // of these keys exactly one must be there (a step's action)

  const KeySpec* Find(const std::string& key) const;
  std::vector<std::string> names() const;
};

const ObjectSpec& ScenarioSpec();

// Appends everything wrong with the form of `root` to `problems`: unknown keys, types, ranges, missing keys.
// References between parts are the parser's business.
void Validate(const YamlNode& root, const ObjectSpec& spec, std::vector<Problem>* problems);

// JSON Schema (2020-12) of a scenario file, for editors. scenarios/scenario.schema.json is this text.
nlohmann::ordered_json JsonSchema();

// The same of any other file that a table describes. `written_by`: the command that prints it.
nlohmann::ordered_json JsonSchemaOf(const ObjectSpec& spec, const std::string& title, const std::string& written_by);

// One line per key for `pvpci show --keys`-like help and the README: "machine.memory  64 MiB .. 4 GiB  ...".
std::string DescribeKeys();
std::string DescribeKeysOf(const ObjectSpec& spec);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SCHEMA_H_
