// SPDX-License-Identifier: Apache-2.0
#include "scenarios/overrides.h"

#include <fmt/format.h>

#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

YamlNode Scalar(const std::string& text, Place place) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = text;
  node.place = place;
  return node;
}

YamlNode* FindMutable(YamlNode* map, const std::string& key) {
  for (auto& [name, value] : map->members) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

}  // namespace

Place OverridePlace(size_t index) { return {-static_cast<int>(index) - 1, 0}; }

std::string ApplyOverride(YamlNode* root, const Override& change, Place place) {
  YamlNode* at = root;
  size_t start = 0;
  const std::string& key = change.key;
  while (start <= key.size()) {
    size_t end = key.find('.', start);
    if (end == std::string::npos) end = key.size();
    const std::string word = key.substr(start, end - start);
    const bool last = end == key.size();
    start = end + 1;
    if (word.empty()) return fmt::format("'{}' is no key; expected one like machine.memory or domains.NAME.vcpus", key);
    if (at->kind == YamlNode::Kind::kList) {
      YamlNode* found = nullptr;
      for (YamlNode& item : at->items) {
        const YamlNode* name = item.Find("name");
        if (name == nullptr) name = item.Find("label");
        if (name != nullptr && name->text == word) found = &item;
      }
      const auto number = ParseUnsigned(word);
      if (found == nullptr && number && *number < at->items.size()) found = &at->items[*number];
      if (found == nullptr || (last && found->kind != YamlNode::Kind::kScalar)) return fmt::format("no '{}' in {}", word, key);
      if (last) *found = Scalar(change.value, place);
      at = found;
      continue;
    }
    if (at->kind != YamlNode::Kind::kMap) return fmt::format("'{}' is no key: {} has no parts", key, word);
    YamlNode* member = FindMutable(at, word);
    if (last) {
      if (member != nullptr && member->kind != YamlNode::Kind::kScalar && member->kind != YamlNode::Kind::kNull) {
        return fmt::format("'{}' is {}, a single value cannot replace it", key, Describe(*member));
      }
      if (member != nullptr) {
        *member = Scalar(change.value, place);
      } else {
        at->members.emplace_back(Scalar(word, place), Scalar(change.value, place));
      }
      return "";
    }
    if (member == nullptr || member->kind == YamlNode::Kind::kNull) {
      if (member == nullptr) {
        at->members.emplace_back(Scalar(word, place), YamlNode{});
        member = &at->members.back().second;
      }
      member->kind = YamlNode::Kind::kMap;
      member->place = place;
    }
    at = member;
  }
  return "";
}

}  // namespace pvpci::scenarios
