// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intervals/variations.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "scenarios/machine/model_parameters.h"
#include "sim/random.h"

namespace pvpci::scenarios {
namespace {

uint64_t ValueAt(const ProfileEntry& entry, double deviation) {
  const double span = static_cast<double>(deviation < 0 ? entry.standard - entry.low : entry.high - entry.standard);
  return static_cast<uint64_t>(std::llround(static_cast<double>(entry.standard) + deviation * span));
}

bool Contradict(const Direction& a, const Direction& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] * b[i] < 0) return true;
  }
  return false;
}

}  // namespace

const Profile& ProfileOf(const Scenario& scenario, const std::string& root) {
  const std::string& named = scenario.machine.profile_file;
  return SharedProfile(named.empty() ? FindProfile(root, kDefaultProfile) : named, root);
}

std::vector<const ProfileEntry*> UncertainOf(const Scenario& scenario, const Profile& profile) {
  std::vector<const ProfileEntry*> entries;
  for (const ProfileEntry& entry : profile.entries) {
    const bool free = !SaysItself(scenario.machine, entry.spec->group, entry.spec->name);
    if (entry.uncertain && free && IsPartOf(scenario, entry.key())) entries.push_back(&entry);
  }
  return entries;
}

Scenario Deviated(const Scenario& scenario, const std::vector<std::string>& keys, const Deviation& deviation,
                  const std::string& root) {
  Scenario other = scenario;
  std::vector<ProfileValue>& assumed = other.machine.assumed;
  for (const ProfileEntry* entry : UncertainOf(scenario, ProfileOf(scenario, root))) {
    const auto key = std::find(keys.begin(), keys.end(), entry->key());
    if (key == keys.end()) continue;
    const double by = deviation[static_cast<size_t>(key - keys.begin())];
    if (by == 0) continue;
    const auto same = [&](const ProfileValue& each) { return each.group == entry->spec->group && each.name == entry->spec->name; };
    assumed.erase(std::remove_if(assumed.begin(), assumed.end(), same), assumed.end());
    assumed.push_back({entry->spec->group, entry->spec->name, ValueAt(*entry, by)});
  }
  return other;
}

std::vector<Deviation> EachAlone(size_t parameters) {
  std::vector<Deviation> all(1, Deviation(parameters));
  for (size_t i = 0; i < parameters; ++i) {
    for (const double end : {-1.0, 1.0}) {
      all.emplace_back(parameters);
      all.back()[i] = end;
    }
  }
  return all;
}

std::vector<Direction> Merged(const std::vector<Direction>& directions) {
  std::vector<std::pair<size_t, Direction>> groups;  // of how many figures
  for (const Direction& direction : directions) {
    if (std::all_of(direction.begin(), direction.end(), [](int way) { return way == 0; })) continue;
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& each) { return !Contradict(each.second, direction); });
    if (group == groups.end()) {
      groups.emplace_back(1, direction);
      continue;
    }
    ++group->first;
    for (size_t i = 0; i < direction.size(); ++i) {
      if (group->second[i] == 0) group->second[i] = direction[i];
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Direction> merged;
  for (size_t i = 0; i < std::min(groups.size(), kMostCorners); ++i) merged.push_back(groups[i].second);
  return merged;
}

std::vector<Deviation> CornersOf(const std::vector<Direction>& directions) {
  std::vector<Deviation> corners;
  for (const Direction& direction : directions) {
    corners.emplace_back(direction.begin(), direction.end());
    corners.emplace_back(corners.back());
    for (double& by : corners.back()) by = -by;
  }
  return corners;
}

std::vector<Deviation> SampleOf(const std::vector<bool>& acts, uint64_t seed) {
  if (std::none_of(acts.begin(), acts.end(), [](bool each) { return each; })) return {};
  sim::Random random(seed, "intervals");
  std::vector<Deviation> sample(kSamples, Deviation(acts.size()));
  for (size_t i = 0; i < acts.size(); ++i) {
    if (!acts[i]) continue;
    std::vector<size_t> strata(kSamples);
    for (size_t n = 0; n < kSamples; ++n) strata[n] = n;
    for (size_t n = kSamples; n-- > 1;) std::swap(strata[n], strata[random.Below(n + 1)]);
    for (size_t n = 0; n < kSamples; ++n) {
      sample[n][i] = 2 * (static_cast<double>(strata[n]) + 0.5) / static_cast<double>(kSamples) - 1;
    }
  }
  return sample;
}

}  // namespace pvpci::scenarios
