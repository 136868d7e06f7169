// SPDX-License-Identifier: Apache-2.0
// A profile: what one machine room assumes of time, each parameter with default, known range, origin, and whether it is
// uncertain. scenarios/profiles/ has those that are shipped; machine.profile of a scenario, or --profile, names one.
#ifndef PVPCI_SCENARIOS_PROFILE_H_
#define PVPCI_SCENARIOS_PROFILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/parameters.h"
#include "scenarios/scenario.h"
#include "scenarios/schema.h"

namespace pvpci::scenarios {

// The one whose values are the models' own.
inline constexpr const char* kDefaultProfile = "bdw-gen3x8";

struct ProfileEntry {
  const ParameterSpec* spec = nullptr;
  uint64_t standard = 0, low = 0, high = 0;  // ps, count or 0/1, as ParseParameter has it; low <= standard <= high
  bool uncertain = false;                    // of this machine nothing better than the range is known
  std::string tag;                           // V, D, R, A: timing.md
  std::string origin;
  std::string key() const { return std::string(spec->group) + "." + spec->name; }
};

// What timing.md names and no model has, with the reason.
struct NotModelledEntry {
  std::string name, because;
};

struct Profile {
  std::string name, file, what;
  std::vector<ProfileEntry> entries;  // in the order of the file, those of the one it is based on first
  std::vector<NotModelledEntry> not_modelled;
  const ProfileEntry* Find(const std::string& key) const;
};

const ObjectSpec& ProfileTable();

std::vector<std::string> ProfileNames(const std::string& root);

// A name, or a path (it has a '/' or an extension), beside `beside` (a file's path) if it is there. Throws
// std::invalid_argument with a sentence if a name is unknown.
std::string FindProfile(const std::string& root, const std::string& argument, const std::string& beside = "");

// Throws InputError.
Profile LoadProfile(const std::string& path, const std::string& root);

// The same, read once per process.
const Profile& SharedProfile(const std::string& path, const std::string& root);

// Where it says something else than the default one.
std::vector<ProfileValue> ValuesBeyondDefault(const Profile& profile, const std::string& root);

// "250 ns", "2200", "true".
std::string FormatParameter(const ParameterSpec& spec, uint64_t value);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_PROFILE_H_
