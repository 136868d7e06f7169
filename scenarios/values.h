// SPDX-License-Identifier: Apache-2.0
// Values of a scenario file's tree. The schema has validated them already: a value that is absent, or that the schema has
// complained about, reads as its default.
#ifndef PVPCI_SCENARIOS_VALUES_H_
#define PVPCI_SCENARIOS_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/problem.h"
#include "scenarios/scenario.h"
#include "scenarios/yaml_tree.h"
#include "sim/time.h"

namespace pvpci::scenarios {

// The value whose Name() is `text`.
template <typename Enum, size_t N>
Enum FromName(const std::string& text, const Enum (&values)[N]) {
  for (const Enum value : values) {
    if (text == Name(value)) return value;
  }
  return values[0];
}

inline constexpr IommuKind kIommuKinds[] = {IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr};

// What the readers of a scenario's parts are made of. `file` and `problems` must outlive it.
class ValueReader {
 protected:
  ValueReader(const std::string& file, std::vector<Problem>* problems) : file_(file), problems_(problems) {}

  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }

  static std::string Text(const YamlNode& map, const char* key, const std::string& otherwise);
  static uint64_t Number(const YamlNode& map, const char* key, uint64_t otherwise);
  static std::optional<int64_t> Signed(const YamlNode& map, const char* key);
  static bool Flag(const YamlNode& map, const char* key, bool otherwise);
  static uint64_t Size(const YamlNode& map, const char* key, uint64_t otherwise);
  static sim::Ps Time(const YamlNode& map, const char* key, sim::Ps otherwise);
  static Place PlaceOf(const YamlNode& map, const char* key);
  static std::vector<const YamlNode*> Items(const YamlNode& map, const char* key);
  // "name=value" texts.
  std::vector<std::pair<std::string, std::string>> Nodes(const YamlNode& map, const char* key);
  static std::vector<IommuKind> Modes(const YamlNode& map, const char* key);
  static std::vector<std::string> Kernels(const YamlNode& map, const char* key);
  // `when` names modes and kernels in one list.
  static Scope When(const YamlNode& map);
  static std::vector<Parameter> ReadParameters(const YamlNode& map, const char* key);
  // Beside the scenario file, else from the current folder.
  std::string FindFile(const YamlNode& node, const char* key);

  const std::string& file_;
  std::vector<Problem>* problems_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_VALUES_H_
