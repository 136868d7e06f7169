// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/sweep_intervals.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "reports/result_json.h"
#include "scenarios/intervals/intervals.h"
#include "scenarios/sweep/responses.h"
#include "scenarios/sweep/summary.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;

std::string LevelsOf(const ordered_json& record) {
  std::string text;
  for (const auto& [factor, level] : record["levels"].items()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", factor, level.get<std::string>());
  return text;
}

// What of a record says whether a parameter acts.
std::vector<std::optional<double>> FiguresOf(const SweepSpec& spec, const ordered_json& record) {
  std::vector<std::optional<double>> figures;
  for (const SweepResponse& response : spec.responses) figures.push_back(ResponseOf(record, response.name));
  for (const SweepFinding& finding : spec.findings) figures.push_back(ResponseOf(record, finding.response));
  return figures;
}

class Varied {
 public:
  Varied(const SweepSpec& spec, const std::vector<SweepPoint>& points, const std::vector<ordered_json>& standard,
         const std::string& root, const RunVaried& run)
      : spec_(spec), points_(points), standard_(standard), root_(root), run_(run), idle_(points.size()) {
    for (const SweepPoint& point : points) {
      const Profile& profile = ProfileOf(point.scenario, root);
      for (const ProfileEntry* entry : UncertainOf(point.scenario, profile)) {
        if (std::find(keys_.begin(), keys_.end(), entry->key()) != keys_.end()) continue;
        keys_.push_back(entry->key());
        parameters_.push_back(DescribeUncertain(profile, {entry->key()}).front());
      }
    }
    for (size_t i = 0; i < points.size(); ++i) made_[KeyOf(i, points[i].scenario)] = standard[i];
  }

  const std::vector<std::string>& keys() const { return keys_; }
  const std::vector<reports::IntervalParameter>& parameters() const { return parameters_; }

  std::vector<Observation> Run(const std::vector<Deviation>& deviations) {
    std::vector<VariedPoint> wanted;
    std::vector<std::string> wanted_keys;
    std::vector<std::vector<std::string>> all(deviations.size());  // of each deviation and point
    for (size_t d = 0; d < deviations.size(); ++d) {
      for (size_t i = 0; i < points_.size(); ++i) {
        Scenario scenario = Deviated(points_[i].scenario, keys_, WithoutIdle(i, deviations[d]), root_);
        all[d].push_back(KeyOf(i, scenario));
        if (!made_.emplace(all[d].back(), nullptr).second) continue;
        wanted_keys.push_back(all[d].back());
        wanted.push_back({i, std::move(scenario)});
      }
    }
    const std::vector<ordered_json> records = run_(wanted);
    if (records.size() != wanted.size()) return {};
    for (size_t n = 0; n < wanted.size(); ++n) made_[wanted_keys[n]] = records[n];
    std::vector<Observation> observed;
    for (const auto& keys : all) observed.push_back(Observe(keys));
    if (idle_.front().empty()) FindIdle(all);
    return observed;
  }

 private:
  static std::string KeyOf(size_t index, const Scenario& scenario) {
    std::map<std::string, uint64_t> sorted;
    for (const ProfileValue& each : scenario.machine.assumed) sorted[each.group + "." + each.name] = each.value;
    std::string key = fmt::format("{}", index);
    for (const auto& [name, value] : sorted) key += fmt::format(" {}={}", name, value);
    return key;
  }

  Deviation WithoutIdle(size_t index, Deviation deviation) const {
    for (size_t k = 0; k < idle_[index].size(); ++k) {
      if (idle_[index][k]) deviation[k] = 0;
    }
    return deviation;
  }

  // After each parameter alone, in the order of EachAlone.
  void FindIdle(const std::vector<std::vector<std::string>>& all) {
    for (size_t i = 0; i < points_.size(); ++i) {
      const auto standard = FiguresOf(spec_, standard_[i]);
      const auto same = [&](size_t run) {
        const ordered_json& record = made_.at(all[run][i]);
        return record.is_object() && record["verdict"] == standard_[i]["verdict"] && FiguresOf(spec_, record) == standard;
      };
      for (size_t k = 0; k < keys_.size(); ++k) idle_[i].push_back(same(1 + 2 * k) && same(2 + 2 * k));
    }
  }

  Observation Observe(const std::vector<std::string>& keys) const {
    Observation observation;
    std::vector<ordered_json> records;
    for (const std::string& key : keys) {
      records.push_back(made_.at(key));
      observation.failed = observation.failed || !records.back().is_object() || !records.back().contains("interrupts");
    }
    if (observation.failed) return observation;
    bool all_hold = true;
    for (const ordered_json& record : records) {
      const std::string of = LevelsOf(record);
      for (const SweepResponse& response : spec_.responses) {
        const auto value = ResponseOf(record, response.name);
        if (value) observation.figures.push_back({of, response.name, response.unit.empty() ? UnitOf(response.name) : response.unit, *value});
      }
      all_hold = all_hold && (record["verdict"] == "holds" || record["verdict"] == "skipped");
    }
    observation.claims.push_back({"every point holds what its scenario expects", all_hold});
    const ordered_json findings = FindingsOf(spec_, records);
    for (size_t n = 0; n < findings.size(); ++n) {
      const ordered_json& finding = findings[n];
      if (finding["held"].is_null()) continue;
      const std::string name = finding["response"];
      observation.figures.push_back({fmt::format("finding {}", n + 1), name + ", difference", UnitOf(name),
                                     finding["values"][0].get<double>() - finding["values"][1].get<double>()});
      observation.claims.push_back({FindingText(finding), finding["held"]});
    }
    return observation;
  }

  const SweepSpec& spec_;
  const std::vector<SweepPoint>& points_;
  const std::vector<ordered_json>& standard_;
  const std::string& root_;
  const RunVaried& run_;
  std::vector<std::string> keys_;
  std::vector<reports::IntervalParameter> parameters_;
  std::map<std::string, ordered_json> made_;  // point and values -> record
  std::vector<std::vector<bool>> idle_;       // of each point the parameters that change nothing; empty: not known yet
};

}  // namespace

std::optional<reports::Intervals> IntervalsOfSweep(const SweepSpec& spec, const std::vector<SweepPoint>& points,
                                                   const std::vector<ordered_json>& standard, const std::string& root,
                                                   const RunVaried& run) {
  Varied varied(spec, points, standard, root, run);
  auto intervals = FindIntervals(varied.keys(), 1, [&](const std::vector<Deviation>& deviations) { return varied.Run(deviations); });
  if (!intervals) return intervals;
  intervals->profile = ProfileOf(points.front().scenario, root).name;
  for (size_t i = 0; i < varied.keys().size(); ++i) {
    const bool acts = intervals->parameters[i].acts;
    intervals->parameters[i] = varied.parameters()[i];
    intervals->parameters[i].acts = acts;
  }
  return intervals;
}

void AddIntervals(const reports::Intervals& intervals, ordered_json* document) {
  (*document)["intervals"] = reports::ToJson(intervals);
  for (ordered_json& finding : (*document)["findings"]) {
    for (const reports::ClaimInterval& claim : intervals.claims) {
      if (claim.text != FindingText(finding)) continue;
      finding["decided"] = claim.decided;
      finding["flipped_by"] = claim.flipped_by;
      finding["held_in"] = {claim.held, claim.runs};
    }
  }
}

}  // namespace pvpci::scenarios
