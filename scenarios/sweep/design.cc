// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/design.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "scenarios/parser.h"
#include "scenarios/shell_word.h"
#include "sim/random.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kSamples = 100;
constexpr double kExchangeWork = 6e7;  // entries looked at, at most

using Combination = std::vector<size_t>;

// The levels of each factor that take part.
std::vector<std::vector<size_t>> LevelsOf(const SweepSpec& spec, bool quick) {
  std::vector<std::vector<size_t>> levels;
  for (const SweepFactor& factor : spec.factors) {
    if (quick && !factor.quick.empty()) {
      levels.push_back(factor.quick);
    } else {
      levels.emplace_back(factor.levels.size());
      std::iota(levels.back().begin(), levels.back().end(), size_t{0});
    }
  }
  return levels;
}

bool IsAt(const SweepSpec& spec, const Combination& combination, const LevelNames& names) {
  for (size_t f = 0; f < spec.factors.size(); ++f) {
    const auto wanted = names.find(spec.factors[f].name);
    if (wanted != names.end() && wanted->second != spec.factors[f].levels[combination[f]].name) return false;
  }
  return true;
}

std::vector<Combination> Full(const std::vector<std::vector<size_t>>& levels) {
  std::vector<Combination> all = {{}};
  for (const std::vector<size_t>& each : levels) {
    std::vector<Combination> longer;
    for (const Combination& start : all) {
      for (const size_t level : each) {
        longer.push_back(start);
        longer.back().push_back(level);
      }
    }
    all = std::move(longer);
  }
  return all;
}

// How far the pairs of levels are from occurring equally often, over all pairs of factors.
double Unevenness(const std::vector<Combination>& sample, const std::vector<std::vector<size_t>>& levels) {
  double sum = 0;
  for (size_t a = 0; a < levels.size(); ++a) {
    for (size_t b = a + 1; b < levels.size(); ++b) {
      const double expected = static_cast<double>(sample.size()) / static_cast<double>(levels[a].size() * levels[b].size());
      std::vector<std::vector<double>> met(levels[a].size(), std::vector<double>(levels[b].size()));
      for (const Combination& point : sample) ++met[point[a]][point[b]];
      for (const auto& row : met) {
        for (const double count : row) sum += (count - expected) * (count - expected) / expected;
      }
    }
  }
  return sum;
}

// Where every factor has the same prime number of levels and the number of points is a power of it: columns are the linear
// forms over the field of that many elements, of which any two are independent, so every pair of levels of any two factors
// occurs equally often. Empty: the numbers are others, or there are more factors than such forms.
std::vector<Combination> LinearArray(const std::vector<std::vector<size_t>>& levels, size_t points) {
  const size_t order = levels.front().size();
  const bool same = std::all_of(levels.begin(), levels.end(), [&](const auto& each) { return each.size() == order; });
  if (!same || (order != 2 && order != 3 && order != 5 && order != 7)) return {};
  size_t digits = 0, power = 1;
  for (; power < points; power *= order) ++digits;
  if (power != points || digits < 2) return {};
  const auto digits_of = [&](size_t number) {
    Combination vector(digits);
    for (size_t i = 0; i < digits; ++i, number /= order) vector[i] = number % order;
    return vector;
  };
  std::vector<Combination> forms;  // the first element that is not 0 is 1; single ones first, so that no two points are the same
  for (size_t number = 1; number < points; ++number) {
    const Combination form = digits_of(number);
    if (*std::find_if(form.begin(), form.end(), [](size_t each) { return each != 0; }) == 1) forms.push_back(form);
  }
  std::stable_sort(forms.begin(), forms.end(), [](const Combination& a, const Combination& b) {
    return std::count(a.begin(), a.end(), size_t{0}) > std::count(b.begin(), b.end(), size_t{0});
  });
  if (forms.size() < levels.size() || levels.size() < digits) return {};
  std::vector<Combination> array;
  for (size_t number = 0; number < points; ++number) {
    const Combination point = digits_of(number);
    array.emplace_back();
    for (size_t f = 0; f < levels.size(); ++f) {
      array.back().push_back(std::inner_product(point.begin(), point.end(), forms[f].begin(), size_t{0}) % order);
    }
  }
  return array;
}

std::vector<Combination> Fractional(const std::string& name, const std::vector<std::vector<size_t>>& levels, size_t points) {
  sim::Random random(1, "sweep." + name);
  std::vector<Combination> best = LinearArray(levels, points);  // places in `levels`
  double least = 0;
  const bool exact = !best.empty();
  for (unsigned n = 0; !exact && n < kSamples; ++n) {
    std::vector<Combination> sample(points, Combination(levels.size()));
    for (size_t f = 0; f < levels.size(); ++f) {
      // Where the numbers do not divide, another level is met once more in each sample.
      const size_t first = static_cast<size_t>(random.Below(levels[f].size()));
      for (size_t p = 0; p < points; ++p) sample[p][f] = (first + p) % levels[f].size();
      for (size_t p = points; p-- > 1;) std::swap(sample[p][f], sample[random.Below(p + 1)][f]);
    }
    const double uneven = Unevenness(sample, levels);
    if (best.empty() || uneven < least) {
      least = uneven;
      best = std::move(sample);
    }
  }
  // Two entries of a column change places where that does not make it worse. Where an orthogonal array exists this comes
  // to it, or near.
  const size_t factors = levels.size();
  const double each = static_cast<double>(factors * factors * points);
  for (double work = 0; least > 1e-9 && work < kExchangeWork; work += each) {
    const size_t f = static_cast<size_t>(random.Below(factors));
    size_t& one = best[random.Below(points)][f];
    size_t& other = best[random.Below(points)][f];
    if (one == other) continue;
    std::swap(one, other);
    const double uneven = Unevenness(best, levels);
    if (uneven <= least) {
      least = uneven;
    } else {
      std::swap(one, other);
    }
  }
  for (Combination& point : best) {
    for (size_t f = 0; f < levels.size(); ++f) point[f] = levels[f][point[f]];
  }
  std::sort(best.begin(), best.end());
  best.erase(std::unique(best.begin(), best.end()), best.end());
  return best;
}

// "domains.*.events" as one key for each domain that runs a kernel, "devices.*.x" for each device.
Settings WithoutStars(const Settings& settings, const Scenario& scenario) {
  Settings all;
  for (const auto& [key, value] : settings) {
    const size_t star = key.find(".*.");
    if (star == std::string::npos) {
      all.emplace_back(key, value);
      continue;
    }
    const std::string list = key.substr(0, star);
    const std::string rest = key.substr(star + 2);
    if (list == "domains") {
      for (const DomainSpec& domain : scenario.domains) {
        if (domain.kernel) all.emplace_back(list + "." + domain.name + rest, value);
      }
    }
    if (list == "devices") {
      for (const DeviceSpec& device : scenario.devices) all.emplace_back(list + "." + device.name + rest, value);
    }
  }
  return all;
}

std::vector<Override> Overrides(const Settings& settings) {
  std::vector<Override> overrides;
  for (const auto& [key, value] : settings) overrides.push_back({key, value, key + " ="});
  return overrides;
}

std::string CommandOf(const SweepPoint& point, const std::string& root) {
  const fs::path below = fs::path(point.scenario_file).lexically_proximate(root);
  std::string command = "./pvpci run " + ShellWord(below.empty() || *below.begin() == ".." ? point.scenario_file : below.string());
  for (const auto& [key, value] : point.settings) {
    const char* option = key == "machine.iommu" ? "--iommu" : key == "kernel" ? "--kernel" : key == "seed" ? "--seed" : key == "machine.profile" ? "--profile" : nullptr;
    command += option != nullptr ? fmt::format(" {} {}", option, ShellWord(value)) : " --set " + ShellWord(key + "=" + value);
  }
  return command;
}

// What is wrong, without the scenario's place: that of the level in the sweep's file is told.
std::string Sentence(const InputError& error) { return error.problems().front().message; }

class Loader {
 public:
  Loader(const SweepSpec& spec, const std::string& root, const std::string& profile) : spec_(spec), root_(root), profile_(profile) {}

  SweepPoint Load(size_t number, const Combination& levels) const {
    SweepPoint point;
    point.number = number;
    point.levels = levels;
    Settings settings = spec_.settings;
    if (!profile_.empty()) settings.emplace(settings.begin(), "machine.profile", profile_);
    for (size_t f = 0; f < levels.size(); ++f) {
      const Settings& more = spec_.factors[f].levels[levels[f]].settings;
      settings.insert(settings.end(), more.begin(), more.end());
    }
    point.scenario_file = TakeScenario(&settings);
    try {
      Fill(settings, &point);
    } catch (const InputError& error) {
      throw InputError(spec_.file, Culprit(levels), Sentence(error));
    }
    point.command = CommandOf(point, root_);
    return point;
  }

 private:
  std::string TakeScenario(Settings* settings) const {
    std::string file = spec_.scenario;
    for (const auto& [key, value] : *settings) {
      if (key == "scenario") file = value;
    }
    settings->erase(std::remove_if(settings->begin(), settings->end(), [](const auto& each) { return each.first == "scenario"; }),
                    settings->end());
    return file;
  }

  static void Fill(const Settings& settings, SweepPoint* point) {
    point->settings = WithoutStars(settings, LoadScenario(point->scenario_file));
    point->scenario = LoadScenario(point->scenario_file, Overrides(point->settings));
  }

  // The first level that the scenario does not take alone, else the first of the point.
  Place Culprit(const Combination& levels) const {
    for (size_t f = 0; f < levels.size(); ++f) {
      const SweepLevel& level = spec_.factors[f].levels[levels[f]];
      Settings settings = spec_.settings;
      settings.insert(settings.end(), level.settings.begin(), level.settings.end());
      SweepPoint alone;
      alone.scenario_file = TakeScenario(&settings);
      try {
        Fill(settings, &alone);
      } catch (const InputError&) {
        return level.place;
      }
    }
    return spec_.factors.front().levels[levels.front()].place;
  }

  const SweepSpec& spec_;
  const std::string& root_;
  const std::string& profile_;
};

}  // namespace

std::vector<std::vector<size_t>> DesignOf(const SweepSpec& spec, bool quick) {
  const std::vector<std::vector<size_t>> levels = LevelsOf(spec, quick);
  std::vector<Combination> all;
  size_t combinations = 1;
  for (const auto& each : levels) combinations *= each.size();
  // A sample that is no smaller than the whole is the whole.
  all = spec.design == Design::kFull || spec.points >= combinations ? Full(levels) : Fractional(spec.name, levels, spec.points);
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const Combination& each) {
                             return std::any_of(spec.without.begin(), spec.without.end(),
                                                [&](const LevelNames& names) { return IsAt(spec, each, names); });
                           }),
            all.end());
  return all;
}

std::vector<SweepPoint> PointsOf(const SweepSpec& spec, const std::string& root, bool quick, const std::string& profile) {
  const Loader loader(spec, root, profile);
  std::vector<SweepPoint> points;
  for (const Combination& levels : DesignOf(spec, quick)) points.push_back(loader.Load(points.size() + 1, levels));
  if (points.empty()) throw InputError(spec.file, {1, 1}, "'without' leaves no point");
  return points;
}

}  // namespace pvpci::scenarios
