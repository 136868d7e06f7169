// SPDX-License-Identifier: Apache-2.0
// YAML text as a tree that keeps the place of every key and value. YAML 1.2, the subset scenario files need.
//
// yaml-cpp scans and parses; this reads its events itself, because its Node silently accepts duplicate keys and
// loses the place of keys. Refused before yaml-cpp sees the text: more than 1 MiB, NUL, other control characters,
// invalid UTF-8, nesting deeper than kMaxDepth (its parser is recursive). Refused here: anchors, aliases (a short file
// must not become a large one), tags, several documents, keys that are not plain text, duplicate keys.
#ifndef PVPCI_SCENARIOS_YAML_TREE_H_
#define PVPCI_SCENARIOS_YAML_TREE_H_

#include <string>
#include <utility>
#include <vector>

#include "scenarios/problem.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

inline constexpr int kMaxDepth = 32;
inline constexpr size_t kMaxFileBytes = 1 << 20;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  Place place;
  bool quoted = false;   // scalar in quotes: text, never a number
  std::string text;      // scalar
  std::vector<YamlNode> items;                            // list
  std::vector<std::pair<YamlNode, YamlNode>> members;     // map, in the order of the file

  const YamlNode* Find(const std::string& key) const;
};
// "a text", "a list", "a map", "nothing".
const char* Describe(const YamlNode& node);

// A scalar's text; of a list its items with commas between them.
std::string FlatText(const YamlNode& node);

// Throws InputError naming `file`. The root may be of any kind but never absent: an empty text is refused.
YamlNode ParseYaml(const std::string& file, const std::string& text);

// Reads the whole file; throws InputError at 1:1 if it cannot be read, is no regular file or too long.
std::string ReadScenarioText(const std::string& path);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_YAML_TREE_H_
