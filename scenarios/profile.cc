// SPDX-License-Identifier: Apache-2.0
#include "scenarios/profile.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

#include "scenarios/problem.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

fs::path ProfilesFolder(const std::string& root) { return fs::path(root) / "scenarios" / "profiles"; }

const ObjectSpec& EntryTable() {
  static const ObjectSpec spec = [] {
    ValueSpec flag, tag;
    flag.type = ValueType::kBool;
    tag.type = ValueType::kWord;
    tag.words = {"V", "D", "R", "A"};
    return ObjectSpec{"a parameter",
                      {
                          {"default", {}, true, "what holds unless a scenario says otherwise"},
                          {"low", {}, true, "least that is known to be possible"},
                          {"high", {}, true, "most"},
                          {"tag", tag, true, "V verified, D derived, R reported, A assumed"},
                          {"uncertain", flag, true, "of this machine nothing better than the range is known"},
                          {"origin", {}, true, "where the figures come from"},
                      },
                      "",
                      {}};
  }();
  return spec;
}

const ObjectSpec& NotModelledTable() {
  static const ObjectSpec spec{
      "what no model has", {{"name", {}, true, "what it is"}, {"because", {}, true, "why it is left out"}}, "", {}};
  return spec;
}

// Any value of the unit: a profile may leave the range that a scenario is held to, a machine without a hypervisor does.
std::optional<uint64_t> AnyValue(const ParameterSpec& spec, const std::string& text) {
  ParameterSpec wide = spec;
  wide.minimum = 0;
  wide.maximum = UINT64_MAX;
  return ParseParameter(wide, text);
}

class ProfileReader : private ValueReader {
 public:
  ProfileReader(const std::string& file, const std::string& root, std::vector<Problem>* problems)
      : ValueReader(file, problems), root_(root) {}

  Profile Read(const YamlNode& top) {
    Profile profile;
    if (const YamlNode* base = top.Find("based_on")) {
      try {
        profile = LoadProfile(FindProfile(root_, base->text, file_), root_);
      } catch (const std::invalid_argument& error) {
        Complain(base->place, fmt::format("based_on: {}", error.what()));
      }
    }
    profile.file = file_;
    profile.name = Text(top, "name", "");
    profile.what = Text(top, "what", "");
    for (const auto& [key, node] : top.Find("parameters")->members) ReadEntry(key, node, &profile);
    for (const YamlNode* node : Items(top, "not_modelled")) {
      profile.not_modelled.push_back({Text(*node, "name", ""), Text(*node, "because", "")});
    }
    return profile;
  }

 private:
  void ReadEntry(const YamlNode& key, const YamlNode& node, Profile* profile) {
    const size_t dot = key.text.find('.');
    ProfileEntry entry;
    if (dot != std::string::npos) entry.spec = FindParameter(key.text.substr(0, dot), key.text.substr(dot + 1));
    if (entry.spec == nullptr || entry.spec->unit == ParameterUnit::kWord || entry.spec->unit == ParameterUnit::kWords) {
      Complain(key.place, fmt::format("no parameter '{}'{}", key.text, DidYouMean(key.text, Known())));
      return;
    }
    const auto read = [&](const char* name) {
      const auto value = AnyValue(*entry.spec, Text(node, name, ""));
      if (!value) {
        Complain(PlaceOf(node, name), fmt::format("{}: expected {}, found '{}'", name, DescribeRange(*entry.spec), Text(node, name, "")));
      }
      return value.value_or(0);
    };
    entry.standard = read("default");
    entry.low = read("low");
    entry.high = read("high");
    entry.uncertain = Flag(node, "uncertain", false);
    entry.tag = Text(node, "tag", "");
    entry.origin = Text(node, "origin", "");
    if (entry.low > entry.standard || entry.standard > entry.high) {
      Complain(key.place, fmt::format("'{}': expected low <= default <= high", key.text));
    }
    for (ProfileEntry& other : profile->entries) {
      if (other.spec != entry.spec) continue;
      other = entry;
      return;
    }
    profile->entries.push_back(std::move(entry));
  }

  static std::vector<std::string> Known() {
    std::vector<std::string> names;
    for (const ParameterSpec& spec : KnownParameters()) names.push_back(std::string(spec.group) + "." + spec.name);
    return names;
  }

  const std::string& root_;
};

}  // namespace

const ProfileEntry* Profile::Find(const std::string& key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const ProfileEntry& each) { return each.key() == key; });
  return found == entries.end() ? nullptr : &*found;
}

const ObjectSpec& ProfileTable() {
  static const ObjectSpec spec = [] {
    ValueSpec name, parameters, left_out;
    name.type = ValueType::kName;
    parameters.type = ValueType::kObjects;
    parameters.object = &EntryTable();
    parameters.minimum_items = 1;
    left_out.type = ValueType::kObject;
    left_out.object = &NotModelledTable();
    left_out.list = true;
    return ObjectSpec{"a profile",
                      {
                          {"name", name, true, "name, as its file"},
                          {"what", {}, true, "which machine, one sentence"},
                          {"based_on", {}, false, "another profile, whose parameters hold where this one has none"},
                          {"parameters", parameters, true, "GROUP.NAME: {default, low, high, tag, uncertain, origin}, keys of machine"},
                          {"not_modelled", left_out, false, "what is known and no model has: [{name, because}, ...]"},
                      },
                      "",
                      {}};
  }();
  return spec;
}

std::vector<std::string> ProfileNames(const std::string& root) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(ProfilesFolder(root), error)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string FindProfile(const std::string& root, const std::string& argument, const std::string& beside) {
  if (argument.find('/') != std::string::npos || fs::path(argument).extension() == ".yaml") {
    const fs::path near = fs::path(beside).parent_path() / argument;
    std::error_code error;
    return !beside.empty() && fs::path(argument).is_relative() && fs::is_regular_file(near, error) ? near.string() : argument;
  }
  const std::vector<std::string> names = ProfileNames(root);
  if (std::find(names.begin(), names.end(), argument) == names.end()) {
    const std::string hint = DidYouMean(argument, names);
    throw std::invalid_argument(fmt::format("no profile '{}'{}", argument, hint.empty() ? "; expected " + OneOf(names) + ", or a file" : hint));
  }
  return (ProfilesFolder(root) / (argument + ".yaml")).string();
}

Profile LoadProfile(const std::string& path, const std::string& root) {
  const YamlNode top = ParseYaml(path, ReadScenarioText(path));
  if (top.kind != YamlNode::Kind::kMap) {
    throw InputError(path, top.place, fmt::format("expected a map of keys (name, what, parameters) at the top, found {}", Describe(top)));
  }
  std::vector<Problem> problems;
  Validate(top, ProfileTable(), &problems);
  if (!problems.empty()) throw InputError(path, std::move(problems));
  Profile profile = ProfileReader(path, root, &problems).Read(top);
  if (!problems.empty()) throw InputError(path, std::move(problems));
  return profile;
}

const Profile& SharedProfile(const std::string& path, const std::string& root) {
  static std::map<std::string, Profile> profiles;
  const auto found = profiles.find(path);
  return found != profiles.end() ? found->second : profiles.emplace(path, LoadProfile(path, root)).first->second;
}

std::vector<ProfileValue> ValuesBeyondDefault(const Profile& profile, const std::string& root) {
  const Profile& standard = SharedProfile(FindProfile(root, kDefaultProfile), root);
  std::vector<ProfileValue> values;
  for (const ProfileEntry& entry : profile.entries) {
    const ProfileEntry* usual = standard.Find(entry.key());
    if (usual == nullptr || usual->standard != entry.standard) values.push_back({entry.spec->group, entry.spec->name, entry.standard});
  }
  return values;
}

std::string FormatParameter(const ParameterSpec& spec, uint64_t value) {
  switch (spec.unit) {
    case ParameterUnit::kDuration: return FormatDuration(value);
    case ParameterUnit::kSwitch: return value != 0 ? "true" : "false";
    default: return fmt::format("{}", value);
  }
}

}  // namespace pvpci::scenarios
