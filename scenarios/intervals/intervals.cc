// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intervals/intervals.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace pvpci::scenarios {
namespace {

using FigureKey = std::pair<std::string, std::string>;

// All that was observed, one row for each run.
class Table {
 public:
  void Add(std::vector<Observation> more) {
    for (Observation& each : more) {
      std::map<FigureKey, double> figures;
      for (const Figure& figure : each.figures) figures[{figure.of, figure.name}] = figure.value;
      figures_.push_back(std::move(figures));
      rows_.push_back(std::move(each));
    }
  }

  const std::vector<Observation>& rows() const { return rows_; }

  // Nothing if that run has no such figure.
  std::optional<double> At(size_t run, const Figure& figure) const {
    const auto found = figures_[run].find({figure.of, figure.name});
    return found == figures_[run].end() ? std::nullopt : std::optional<double>(found->second);
  }

  std::optional<bool> At(size_t run, const Claim& claim) const {
    const std::vector<Claim>& claims = rows_[run].claims;
    const auto found = std::find_if(claims.begin(), claims.end(), [&](const Claim& each) { return each.text == claim.text; });
    return found == claims.end() ? std::nullopt : std::optional<bool>(found->held);
  }

 private:
  std::vector<Observation> rows_;
  std::vector<std::map<FigureKey, double>> figures_;
};

constexpr size_t kDefaultRun = 0;
size_t LowRun(size_t parameter) { return 1 + 2 * parameter; }
size_t HighRun(size_t parameter) { return 2 + 2 * parameter; }

// Which way the figure goes with each parameter.
Direction WayOf(const Table& table, const Figure& figure, size_t parameters) {
  Direction way(parameters);
  for (size_t i = 0; i < parameters; ++i) {
    const double low = table.At(LowRun(i), figure).value_or(figure.value);
    const double high = table.At(HighRun(i), figure).value_or(figure.value);
    if (high != low) way[i] = high > low ? 1 : -1;
    // Both ends the same, the middle not: any corner is as good.
    if (high == low && low != figure.value) way[i] = 1;
  }
  return way;
}

reports::FigureInterval IntervalOf(const Table& table, const Figure& figure, const std::vector<std::string>& keys, size_t samples) {
  reports::FigureInterval interval{figure.of, figure.name, figure.unit, figure.value, figure.value, figure.value, {}, 0, true, {}};
  const size_t runs = table.rows().size();
  double corner_low = figure.value, corner_high = figure.value;
  for (size_t run = 0; run < runs; ++run) {
    const auto value = table.At(run, figure);
    if (!value) continue;
    interval.low = std::min(interval.low, *value);
    interval.high = std::max(interval.high, *value);
    if (run >= runs - samples) continue;
    corner_low = std::min(corner_low, *value);
    corner_high = std::max(corner_high, *value);
  }
  interval.monotone = interval.low >= corner_low && interval.high <= corner_high;
  double sum = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const double low = table.At(LowRun(i), figure).value_or(figure.value);
    const double high = table.At(HighRun(i), figure).value_or(figure.value);
    if (low == figure.value && high == figure.value) continue;
    interval.sways.push_back({keys[i], low, high});
    if (figure.value < std::min(low, high) || figure.value > std::max(low, high)) interval.monotone = false;
  }
  const auto size = [&](const reports::Sway& sway) {
    const double least = std::min({sway.low, sway.high, figure.value});
    return std::max({sway.low, sway.high, figure.value}) - least;
  };
  std::stable_sort(interval.sways.begin(), interval.sways.end(), [&](const auto& a, const auto& b) { return size(a) > size(b); });
  for (const reports::Sway& sway : interval.sways) sum += size(sway);
  if (interval.sways.empty()) return interval;
  interval.most_sensitive = interval.sways.front().parameter;
  interval.share = size(interval.sways.front()) / sum;
  return interval;
}

reports::ClaimInterval DecisionOf(const Table& table, const Claim& claim, const std::vector<std::string>& keys) {
  reports::ClaimInterval decision{claim.text, "", claim.held, 0, 0, {}};
  for (size_t run = 0; run < table.rows().size(); ++run) {
    const auto held = table.At(run, claim);
    if (!held) continue;
    ++decision.runs;
    decision.held += *held ? 1 : 0;
  }
  decision.decided = decision.held == decision.runs ? reports::kClaimHolds
                     : decision.held == 0           ? reports::kClaimFails
                                                    : reports::kClaimUndecided;
  for (size_t i = 0; i < keys.size(); ++i) {
    const bool turns = table.At(LowRun(i), claim).value_or(claim.held) != claim.held ||
                       table.At(HighRun(i), claim).value_or(claim.held) != claim.held;
    if (turns) decision.flipped_by.push_back(keys[i]);
  }
  return decision;
}

}  // namespace

std::optional<reports::Intervals> FindIntervals(const std::vector<std::string>& keys, uint64_t seed, const RunDeviations& run) {
  Table table;
  const auto add = [&](const std::vector<Deviation>& deviations) {
    std::vector<Observation> observed = run(deviations);
    const bool whole = observed.size() == deviations.size();
    table.Add(std::move(observed));
    return whole;
  };
  if (!add(EachAlone(keys.size()))) return std::nullopt;

  const Observation standard = table.rows()[kDefaultRun];
  std::vector<Direction> ways;
  std::vector<bool> acts(keys.size());
  for (const Figure& figure : standard.figures) {
    ways.push_back(WayOf(table, figure, keys.size()));
    for (size_t i = 0; i < keys.size(); ++i) acts[i] = acts[i] || ways.back()[i] != 0;
  }
  const std::vector<Deviation> corners = CornersOf(Merged(ways));
  const std::vector<Deviation> sample = SampleOf(acts, seed);
  if (!add(corners) || !add(sample)) return std::nullopt;

  reports::Intervals intervals;
  intervals.runs = static_cast<int64_t>(table.rows().size());
  intervals.failed = std::count_if(table.rows().begin(), table.rows().end(), [](const Observation& each) { return each.failed; });
  intervals.corners = static_cast<int64_t>(corners.size());
  intervals.samples = static_cast<int64_t>(sample.size());
  for (size_t i = 0; i < keys.size(); ++i) intervals.parameters.push_back({keys[i], "", "", "", "", acts[i]});
  for (const Figure& figure : standard.figures) intervals.figures.push_back(IntervalOf(table, figure, keys, sample.size()));
  for (const Claim& claim : standard.claims) intervals.claims.push_back(DecisionOf(table, claim, keys));
  return intervals;
}

std::vector<reports::IntervalParameter> DescribeUncertain(const Profile& profile, const std::vector<std::string>& keys) {
  std::vector<reports::IntervalParameter> parameters;
  for (const std::string& key : keys) {
    const ProfileEntry* entry = profile.Find(key);
    if (entry == nullptr) continue;
    const auto text = [&](uint64_t value) { return FormatParameter(*entry->spec, value); };
    parameters.push_back({key, text(entry->low), text(entry->standard), text(entry->high), entry->tag + ": " + entry->origin, false});
  }
  return parameters;
}

}  // namespace pvpci::scenarios
