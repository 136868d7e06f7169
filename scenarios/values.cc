// SPDX-License-Identifier: Apache-2.0
#include "scenarios/values.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include "scenarios/units.h"

namespace pvpci::scenarios {

std::string ValueReader::Text(const YamlNode& map, const char* key, const std::string& otherwise) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? otherwise : node->text;
}

uint64_t ValueReader::Number(const YamlNode& map, const char* key, uint64_t otherwise) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? otherwise : ParseUnsigned(node->text).value_or(otherwise);
}

std::optional<int64_t> ValueReader::Signed(const YamlNode& map, const char* key) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? std::nullopt : ParseSigned(node->text);
}

bool ValueReader::Flag(const YamlNode& map, const char* key, bool otherwise) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? otherwise : node->text == "true";
}

uint64_t ValueReader::Size(const YamlNode& map, const char* key, uint64_t otherwise) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? otherwise : ParseSize(node->text).value_or(otherwise);
}

sim::Ps ValueReader::Time(const YamlNode& map, const char* key, sim::Ps otherwise) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? otherwise : ParseDuration(node->text).value_or(otherwise);
}

Place ValueReader::PlaceOf(const YamlNode& map, const char* key) {
  const YamlNode* node = map.Find(key);
  return node == nullptr ? map.place : node->place;
}

std::vector<const YamlNode*> ValueReader::Items(const YamlNode& map, const char* key) {
  std::vector<const YamlNode*> items;
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return items;
  if (node->kind != YamlNode::Kind::kList) return {node};
  for (const YamlNode& item : node->items) items.push_back(&item);
  return items;
}

std::vector<std::pair<std::string, std::string>> ValueReader::Nodes(const YamlNode& map, const char* key) {
  std::vector<std::pair<std::string, std::string>> nodes;
  for (const YamlNode* item : Items(map, key)) {
    const size_t equals = item->text.find('=');
    if (equals == std::string::npos || equals == 0) {
      Complain(item->place, fmt::format("{}: expected NAME=VALUE, found '{}'", key, item->text));
      continue;
    }
    nodes.emplace_back(item->text.substr(0, equals), item->text.substr(equals + 1));
  }
  return nodes;
}

std::vector<IommuKind> ValueReader::Modes(const YamlNode& map, const char* key) {
  std::vector<IommuKind> modes;
  for (const YamlNode* item : Items(map, key)) {
    for (const IommuKind kind : kIommuKinds) {
      if (item->text == ModeName(kind)) modes.push_back(kind);
    }
  }
  return modes;
}

std::vector<std::string> ValueReader::Kernels(const YamlNode& map, const char* key) {
  std::vector<std::string> kernels;
  for (const YamlNode* item : Items(map, key)) {
    for (const std::string& family : KernelFamilies()) {
      if (item->text == family) kernels.push_back(family);
    }
  }
  return kernels;
}

Scope ValueReader::When(const YamlNode& map) {
  Scope scope{Modes(map, "when"), Kernels(map, "when"), {}};
  for (const YamlNode* item : Items(map, "when")) {
    for (const std::string& feature : KernelFeatures()) {
      if (item->text == feature || item->text == "no " + feature) scope.features.push_back(item->text);
    }
  }
  return scope;
}

std::vector<Parameter> ValueReader::ReadParameters(const YamlNode& map, const char* key) {
  std::vector<Parameter> parameters;
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return parameters;
  for (const auto& [name, value] : node->members) parameters.push_back({name.text, FlatText(value), value.place});
  return parameters;
}

std::string ValueReader::FindFile(const YamlNode& node, const char* key) {
  const auto exists = [](const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  };
  const size_t slash = file_.rfind('/');
  const std::string beside = slash == std::string::npos ? node.text : file_.substr(0, slash + 1) + node.text;
  if (!node.text.empty() && node.text[0] != '/' && exists(beside)) return beside;
  if (exists(node.text)) return node.text;
  Complain(node.place, fmt::format("{}: no such file '{}' (looked beside the scenario and in the current folder)",
                                   key, node.text));
  return node.text;
}

}  // namespace pvpci::scenarios
