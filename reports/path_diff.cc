// SPDX-License-Identifier: Apache-2.0
#include "reports/path_diff.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace pvpci::reports {
namespace {

using nlohmann::ordered_json;

constexpr double kPsPerNs = 1000;

// A name and what it came to before and after.
struct Pair {
  std::string name;
  double before = 0, after = 0;
  double by() const { return after - before; }
};

// In the order of `after`; what only `before` has comes last.
std::vector<Pair> Join(const std::vector<std::pair<std::string, double>>& before,
                       const std::vector<std::pair<std::string, double>>& after) {
  std::vector<Pair> pairs;
  const auto at = [&pairs](const std::string& name) {
    return std::find_if(pairs.begin(), pairs.end(), [&](const Pair& pair) { return pair.name == name; });
  };
  for (const auto& [name, value] : after) pairs.push_back({name, 0, value});
  for (const auto& [name, value] : before) {
    if (const auto pair = at(name); pair != pairs.end()) {
      pair->before = value;
    } else {
      pairs.push_back({name, value, 0});
    }
  }
  return pairs;
}

double Delivered(const ordered_json& path) { return path["interrupts"]["delivered"].get<double>(); }

using Figures = std::vector<std::pair<std::string, double>>;

// Mean of each part over all delivered interrupts, in ns: they add up to the mean latency.
Figures MeanParts(const ordered_json& path) {
  Figures parts;
  for (const ordered_json& part : path["interrupts"]["parts"]) {
    parts.emplace_back(part["name"], part["total_ps"].get<double>() / kPsPerNs / Delivered(path));
  }
  return parts;
}

// Of the interrupt at a mark, in ns.
Figures SampleParts(const ordered_json& path, const std::string& mark, const char* which) {
  Figures parts;
  for (const ordered_json& sample : path["samples"]) {
    if (sample["at"] != mark) continue;
    for (const ordered_json& part : sample[which]) parts.emplace_back(part["name"], part["ps"].get<double>() / kPsPerNs);
  }
  return parts;
}

// For each delivered interrupt of the domain.
Figures Calls(const ordered_json& path) {
  Figures calls;
  const double delivered = path["delivered_in_domain"].get<double>();
  for (const ordered_json& call : path["hypercalls"]) {
    calls.emplace_back(call["name"], delivered == 0 ? 0 : call["calls"].get<double>() / delivered);
  }
  return calls;
}

Figures Blocks(const ordered_json& path) {
  Figures blocks;
  for (const ordered_json& each : path["functions"]) {
    blocks.emplace_back(fmt::format("{} ({})", each["function"].get<std::string>(), each["source"].get<std::string>()),
                        each["blocks"].get<double>());
  }
  return blocks;
}

std::string MarkOf(const std::string& measure) { return measure.substr(0, measure.find('_')); }

Figures PartsOf(const ordered_json& path, const std::string& measure) {
  if (measure == "hypercalls_per_interrupt") return Calls(path);
  if (measure == "blocks_per_upcall") return Blocks(path);
  if (measure == "tail_mean_ns") return SampleParts(path, "p50", "tail");
  if (measure == "mean_ns" || measure == "min_ns") return MeanParts(path);
  return SampleParts(path, MarkOf(measure), "parts");
}

std::string Figure(double value, bool time) {
  if (time) return fmt::format("{:.3f} ns", value);
  return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.4f}", value);
}

std::string Signed(double value, bool time) { return (value < 0 ? "" : "+") + Figure(value, time); }

ordered_json PairsJson(const Figures& before, const Figures& after) {
  ordered_json list = ordered_json::array();
  for (const Pair& pair : Join(before, after)) list.push_back({{"name", pair.name}, {"before", pair.before}, {"after", pair.after}});
  return list;
}

// The first event that is another, else the first that comes at another time.
ordered_json FirstDifference(const ordered_json& before, const ordered_json& after) {
  const auto differs = [&](auto&& same) -> ordered_json {
    for (size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
      if (i < before.size() && i < after.size() && same(before[i], after[i])) continue;
      return {{"event", i},
              {"before", i < before.size() ? before[i] : ordered_json(nullptr)},
              {"after", i < after.size() ? after[i] : ordered_json(nullptr)}};
    }
    return nullptr;
  };
  ordered_json other = differs([](const ordered_json& a, const ordered_json& b) {
    return a["where"] == b["where"] && a["what"] == b["what"];
  });
  if (!other.is_null()) return other;
  return differs([](const ordered_json& a, const ordered_json& b) { return a["after_ps"] == b["after_ps"]; });
}

std::string NameOf(const ordered_json& path) {
  const ordered_json& row = path["interrupts"];
  return fmt::format("{} {} {} to {}", row["source"].get<std::string>(), row["kind"].get<std::string>(),
                     row["abi"].get<std::string>(), row["domain"].get<std::string>());
}

std::string EventText(const ordered_json& event) {
  if (event.is_null()) return "nothing more";
  return fmt::format("{} {} at +{:.3f} ns", event["where"].get<std::string>(), event["what"].get<std::string>(),
                     event["after_ps"].get<double>() / kPsPerNs);
}

void PairLines(const char* title, const ordered_json& pairs, bool time, bool unchanged_too, std::string* text) {
  bool titled = false;
  for (const ordered_json& pair : pairs) {
    const double before = pair["before"].get<double>(), after = pair["after"].get<double>();
    if (before == after && !unchanged_too) continue;
    if (!std::exchange(titled, true)) *text += fmt::format("    {}\n", title);
    *text += fmt::format("      {:<52} {:>16} -> {:>16}  {}\n", pair["name"].get<std::string>(), Figure(before, time),
                         Figure(after, time), before == after ? "" : Signed(after - before, time));
  }
}

}  // namespace

ordered_json PathsDocument(const ordered_json& result) {
  ordered_json document;
  for (const char* key : {"schema", "scenario", "seed", "mode", "trace_digest", "kernels", "paths"}) {
    if (result.contains(key)) document[key] = result[key];
  }
  return document;
}

std::string Incomparable(const ordered_json& before, const ordered_json& after) {
  const auto kernel = [](const ordered_json& document) {
    return document.contains("kernels") && !document["kernels"].empty() ? document["kernels"][0]["name"] : ordered_json();
  };
  const auto unlike = [](const ordered_json& a, const ordered_json& b) {
    return fmt::format("it is of {}, this run of {}", a.is_string() ? a.get<std::string>() : a.dump(),
                       b.is_string() ? b.get<std::string>() : b.dump());
  };
  for (const char* key : {"scenario", "mode"}) {
    if (before[key] != after[key]) return unlike(before[key], after[key]);
  }
  return kernel(before) == kernel(after) ? "" : unlike(kernel(before), kernel(after));
}

const ordered_json* PathLike(const ordered_json& document, const ordered_json& like) {
  for (const ordered_json& path : document["paths"]) {
    const auto same = [&](const char* key) { return path["interrupts"][key] == like["interrupts"][key]; };
    if (same("source") && same("kind") && same("abi") && same("domain")) return &path;
  }
  return nullptr;
}

const std::vector<PathMeasure>& PathMeasures() {
  static const std::vector<PathMeasure> measures = {
      {"min_ns", true, "shortest latency, from the device's assertion (t0) to the entry of the driver's handler (t6)"},
      {"p50_ns", true, "median of the latency, nearest rank"},
      {"p90_ns", true, "90th percentile"},
      {"p99_ns", true, "99th percentile"},
      {"max_ns", true, "longest"},
      {"mean_ns", true, "mean"},
      {"tail_mean_ns", true, "mean time from the handler's entry to the last probe (EOI)"},
      {"hypercalls_per_interrupt", false, "hypercalls of the domain, timers included, for each interrupt delivered to it"},
      {"blocks_per_upcall", false, "basic blocks of the upcall that is met most often"},
  };
  return measures;
}

bool IsTimeMeasure(const std::string& name) {
  const auto& all = PathMeasures();
  const auto found = std::find_if(all.begin(), all.end(), [&](const PathMeasure& each) { return name == each.name; });
  return found != all.end() && found->time;
}

std::optional<double> MeasureOf(const ordered_json& path, const std::string& measure) {
  const ordered_json& row = path["interrupts"];
  if (measure == "mean_ns") return row["total_ps"].get<double>() / kPsPerNs / Delivered(path);
  if (measure == "tail_mean_ns") return row["eoi_tail_ps"].get<double>() / kPsPerNs / Delivered(path);
  if (measure == "hypercalls_per_interrupt") {
    double calls = 0;
    for (const auto& [name, each] : Calls(path)) calls += each;
    return calls;
  }
  if (measure == "blocks_per_upcall") {
    const ordered_json& blocks = path["upcall_blocks"];
    return blocks.is_null() ? std::nullopt : std::optional(blocks.get<double>());
  }
  return row["latency_ns"][MarkOf(measure)].get<double>();
}

std::string WhatGrew(const ordered_json* before, const ordered_json& after, const std::string& measure) {
  const bool time = IsTimeMeasure(measure);
  const Figures now = PartsOf(after, measure);
  const std::vector<Pair> pairs = Join(before == nullptr ? Figures() : PartsOf(*before, measure), now);
  if (pairs.empty()) return "it has no parts";
  const auto grown = std::max_element(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.by() < b.by(); });
  if (before == nullptr) return fmt::format("its largest part is {}, {}", grown->name, Figure(grown->after, time));
  if (grown->by() <= 0) return "no part of it grew against the baseline";
  return fmt::format("{} grew by {}, from {} to {}", grown->name, Figure(grown->by(), time), Figure(grown->before, time),
                     Figure(grown->after, time));
}

ordered_json PathsDiff(const ordered_json& before, const ordered_json& after) {
  ordered_json diff = {{"paths", ordered_json::array()}, {"only_before", ordered_json::array()},
                       {"only_after", ordered_json::array()}};
  for (const ordered_json& path : before["paths"]) {
    if (PathLike(after, path) == nullptr) diff["only_before"].push_back(NameOf(path));
  }
  for (const ordered_json& path : after["paths"]) {
    const ordered_json* const old = PathLike(before, path);
    if (old == nullptr) {
      diff["only_after"].push_back(NameOf(path));
      continue;
    }
    Figures old_measures, measures;
    for (const PathMeasure& measure : PathMeasures()) {
      const auto was = MeasureOf(*old, measure.name), is = MeasureOf(path, measure.name);
      if (!was || !is) continue;
      old_measures.emplace_back(measure.name, *was);
      measures.emplace_back(measure.name, *is);
    }
    diff["paths"].push_back({{"path", NameOf(path)},
                             {"measures", PairsJson(old_measures, measures)},
                             {"parts", PairsJson(MeanParts(*old), MeanParts(path))},
                             {"hypercalls", PairsJson(Calls(*old), Calls(path))},
                             {"blocks_counted", !(*old)["upcall_blocks"].is_null() && !path["upcall_blocks"].is_null()},
                             {"functions", PairsJson(Blocks(*old), Blocks(path))},
                             {"first_difference", FirstDifference((*old)["events"], path["events"])}});
  }
  return diff;
}

std::string PathsDiffText(const ordered_json& diff) {
  std::string text;
  for (const ordered_json& path : diff["only_before"]) text += fmt::format("path      {}: only before\n", path.get<std::string>());
  for (const ordered_json& path : diff["only_after"]) text += fmt::format("path      {}: only after\n", path.get<std::string>());
  for (const ordered_json& path : diff["paths"]) {
    text += fmt::format("path      {}\n", path["path"].get<std::string>());
    ordered_json of_time = ordered_json::array(), of_count = ordered_json::array();
    for (const ordered_json& measure : path["measures"]) {
      (IsTimeMeasure(measure["name"]) ? of_time : of_count).push_back(measure);
    }
    PairLines("latency", of_time, true, true, &text);
    PairLines("parts of the mean latency", path["parts"], true, true, &text);
    PairLines("counts", of_count, false, true, &text);
    PairLines("hypercalls for each interrupt that changed", path["hypercalls"], false, false, &text);
    if (path["blocks_counted"].get<bool>()) {
      PairLines("blocks of the upcall, functions that changed", path["functions"], false, false, &text);
    }
    const ordered_json& first = path["first_difference"];
    text += first.is_null() ? "    the median interrupt's way is the same, event by event\n"
                            : fmt::format("    first event of the median interrupt that differs (number {})\n      before  {}\n"
                                          "      after   {}\n",
                                          first["event"].get<int>(), EventText(first["before"]), EventText(first["after"]));
  }
  return text;
}

}  // namespace pvpci::reports
