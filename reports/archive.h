// SPDX-License-Identifier: Apache-2.0
// The two archives that run the lists of fields.h: one writes plain data as JSON, the other reads it back. For a type of
// its own a file declares Fields(archive, value) as fields.h does, in this namespace, before it includes this one.
#ifndef PVPCI_REPORTS_ARCHIVE_H_
#define PVPCI_REPORTS_ARCHIVE_H_

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "reports/fields.h"
#include "reports/names.h"
#include "reports/result_json.h"
#include "reports/utf8.h"

namespace pvpci::reports {

using nlohmann::ordered_json;

class Writer {
 public:
  static constexpr bool kReads = false;

  template <typename T>
  void operator()(const char* key, T&& value) {
    object_[key] = Value(value);
  }

  ordered_json object_ = ordered_json::object();

 private:
  static ordered_json Value(bool value) { return value; }
  static ordered_json Value(int value) { return value; }
  static ordered_json Value(int64_t value) { return value; }
  static ordered_json Value(uint64_t value) { return value; }
  static ordered_json Value(double value) { return value; }
  static ordered_json Value(const std::string& value) { return ToUtf8(value); }

  template <typename T>
  static ordered_json Value(const std::optional<T>& value) {
    return value ? Value(*value) : ordered_json(nullptr);
  }
  template <typename T>
  static ordered_json Value(const std::vector<T>& values) {
    ordered_json list = ordered_json::array();
    for (const T& value : values) list.push_back(Value(value));
    return list;
  }
  template <typename K, typename T>
  static ordered_json Value(const std::map<K, T>& values) {
    ordered_json object = ordered_json::object();
    for (const auto& [key, value] : values) object[Key(key)] = Value(value);
    return object;
  }
  template <typename T>
  static ordered_json Value(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return std::string(Name(value));
    } else {
      Writer writer;
      Fields(writer, value);
      return std::move(writer.object_);
    }
  }

  static ordered_json Value(const HexField<const uint64_t>& field) { return Hex(field.value); }
  static ordered_json Value(const HexField<const std::optional<uint64_t>>& field) {
    return field.value ? ordered_json(Hex(*field.value)) : ordered_json(nullptr);
  }
  static ordered_json Value(const NsField<const Ps>& field) { return static_cast<double>(field.value) / 1000; }
  static ordered_json Value(const BytesField<const std::vector<uint8_t>>& field) {
    return fmt::format("{:02x}", fmt::join(field.value, ""));
  }
  static ordered_json Value(const RunsField<const std::vector<FrameRun>>& field) {
    ordered_json owners = ordered_json::array();
    ordered_json types = ordered_json::array();
    std::map<std::string, int> owner_index, type_index;
    ordered_json runs = ordered_json::array();
    for (const FrameRun& run : field.value) {
      const auto [owner, new_owner] = owner_index.try_emplace(run.owner, owner_index.size());
      if (new_owner) owners.push_back(ToUtf8(run.owner));
      const auto [type, new_type] = type_index.try_emplace(run.type, type_index.size());
      if (new_type) types.push_back(ToUtf8(run.type));
      runs.push_back({run.start_mfn, run.count, owner->second, type->second});
    }
    return {{"owners", owners}, {"types", types}, {"runs", runs}};
  }

  static std::string Key(DmaClass key) { return std::string(Name(key)); }
  static std::string Key(const std::string& key) { return ToUtf8(key); }
};

class Reader {
 public:
  static constexpr bool kReads = true;

  Reader(const ordered_json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object.is_object()) Refuse(path_, "not an object");
  }

  template <typename T>
  void operator()(const char* key, T&& value) {
    const std::string path = path_.empty() ? key : path_ + "/" + key;
    const auto found = object_.find(key);
    if (found == object_.end()) Refuse(path, "missing");
    try {
      Take(*found, path, value);
    } catch (const ordered_json::exception& error) {
      Refuse(path, error.what());
    }
  }

 private:
  [[noreturn]] static void Refuse(const std::string& path, const std::string& why) {
    throw ReadError(fmt::format("{}: {}", path.empty() ? "(document)" : path, why));
  }

  static void Take(const ordered_json& json, const std::string&, bool& value) { value = json.get<bool>(); }
  static void Take(const ordered_json& json, const std::string&, int& value) { value = json.get<int>(); }
  static void Take(const ordered_json& json, const std::string&, int64_t& value) { value = json.get<int64_t>(); }
  static void Take(const ordered_json& json, const std::string&, uint64_t& value) { value = json.get<uint64_t>(); }
  static void Take(const ordered_json& json, const std::string&, double& value) { value = json.get<double>(); }
  static void Take(const ordered_json& json, const std::string&, std::string& value) {
    value = json.get<std::string>();
  }

  template <typename T>
  static void Take(const ordered_json& json, const std::string& path, std::optional<T>& value) {
    value.reset();
    if (!json.is_null()) Take(json, path, value.emplace());
  }
  template <typename T>
  static void Take(const ordered_json& json, const std::string& path, std::vector<T>& values) {
    if (!json.is_array()) Refuse(path, "not a list");
    values.clear();
    for (size_t i = 0; i < json.size(); ++i) Take(json[i], fmt::format("{}/{}", path, i), values.emplace_back());
  }
  template <typename K, typename T>
  static void Take(const ordered_json& json, const std::string& path, std::map<K, T>& values) {
    if (!json.is_object()) Refuse(path, "not an object");
    values.clear();
    for (const auto& [name, item] : json.items()) {
      const std::string below = path + "/" + name;
      Take(item, below, values[Key<K>(name, below)]);
    }
  }
  template <typename T>
  static void Take(const ordered_json& json, const std::string& path, T& value) {
    if constexpr (std::is_enum_v<T>) {
      if (!json.is_string() || !FromName(json.get_ref<const std::string&>(), &value)) {
        Refuse(path, "no such word: " + json.dump());
      }
    } else {
      Reader reader(json, path);
      Fields(reader, value);
    }
  }

  static uint64_t FromHex(const ordered_json& json, const std::string& path) {
    const std::string text = json.get<std::string>();
    const bool digits = text.size() > 2 && text.size() <= 18 && text.compare(0, 2, "0x") == 0 &&
                        text.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
    if (!digits) Refuse(path, "not a hexadecimal string: " + json.dump());
    return std::stoull(text, nullptr, 16);
  }
  static void Take(const ordered_json& json, const std::string& path, HexField<uint64_t>& field) {
    field.value = FromHex(json, path);
  }
  static void Take(const ordered_json& json, const std::string& path, HexField<std::optional<uint64_t>>& field) {
    field.value.reset();
    if (!json.is_null()) field.value = FromHex(json, path);
  }
  static void Take(const ordered_json& json, const std::string& path, NsField<Ps>& field) {
    const double ns = json.get<double>();
    if (ns < 0) Refuse(path, "a negative time");
    field.value = static_cast<Ps>(std::llround(ns * 1000));
  }
  static void Take(const ordered_json& json, const std::string& path, BytesField<std::vector<uint8_t>>& field) {
    const std::string text = json.get<std::string>();
    field.value.clear();
    if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
      Refuse(path, "not hexadecimal bytes");
    }
    for (size_t i = 0; i < text.size(); i += 2) {
      field.value.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
  }
  static void Take(const ordered_json& json, const std::string& path, RunsField<std::vector<FrameRun>>& field) {
    field.value.clear();
    for (const ordered_json& run : json.at("runs")) {
      if (!run.is_array() || run.size() != 4) Refuse(path, "a run is [start, count, owner, type]");
      field.value.push_back({run[0].get<uint64_t>(), run[1].get<uint64_t>(),
                             json.at("owners").at(run[2].get<size_t>()).get<std::string>(),
                             json.at("types").at(run[3].get<size_t>()).get<std::string>()});
    }
  }

  template <typename K>
  static K Key(const std::string& name, const std::string& path) {
    if constexpr (std::is_enum_v<K>) {
      K key{};
      if (!FromName(name, &key)) Refuse(path, "no such word");
      return key;
    } else {
      return name;
    }
  }

  const ordered_json& object_;
  std::string path_;
};

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_ARCHIVE_H_
