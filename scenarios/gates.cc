// SPDX-License-Identifier: Apache-2.0
#include "scenarios/gates.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/path_diff.h"
#include "scenarios/cli.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

bool Holds(const std::string& sign, double value, double bound) {
  if (sign == "<=") return value <= bound;
  if (sign == "<") return value < bound;
  if (sign == ">=") return value >= bound;
  if (sign == ">") return value > bound;
  return value == bound;
}

bool IsAbout(const GateSpec& gate, const ordered_json& path, const std::map<std::string, std::string>& devices) {
  return std::all_of(gate.of.begin(), gate.of.end(), [&](const std::string& word) {
    const auto device = devices.find(word);
    const std::string wanted = device == devices.end() ? word : device->second;
    const ordered_json& row = path["interrupts"];
    return row["source"] == wanted || row["kind"] == wanted || row["abi"] == wanted || row["domain"] == wanted;
  });
}

std::string Figure(const std::string& measure, double value) {
  return reports::IsTimeMeasure(measure) ? fmt::format("{:.3f} ns", value) : fmt::format("{:.4g}", value);
}

std::string NameOf(const ordered_json& path) {
  const ordered_json& row = path["interrupts"];
  return fmt::format("{} {} to {}", row["source"].get<std::string>(), row["kind"].get<std::string>(), row["domain"].get<std::string>());
}

// Of several documents that which fits this run.
const ordered_json* Fitting(const ordered_json& baseline, const ordered_json& document, std::string* why_not) {
  if (baseline.is_null()) {
    *why_not = "no baseline";
    return nullptr;
  }
  if (baseline.is_array()) {
    for (const ordered_json& each : baseline) {
      if (reports::Incomparable(each, document).empty()) return &each;
    }
    *why_not = "the baseline has no run like this";
    return nullptr;
  }
  const std::string unlike = reports::Incomparable(baseline, document);
  if (unlike.empty()) return &baseline;
  *why_not = "the baseline cannot be compared with: " + unlike;
  return nullptr;
}

struct Judgement {
  bool held = false;
  std::string figure;
  std::string why;
};

Judgement Judge(const GateBound& bound, const ordered_json& path, const ordered_json* before, const std::string& why_not) {
  const std::optional<double> value = reports::MeasureOf(path, bound.measure);
  if (!value) return {false, "not measured", "blocks were not counted"};
  std::optional<double> limit = bound.value;
  if (bound.percent) {
    const std::optional<double> was = before == nullptr ? std::nullopt : reports::MeasureOf(*before, bound.measure);
    if (!was) return {false, Figure(bound.measure, *value), why_not.empty() ? "the baseline does not have it" : why_not};
    limit = *was * (1 + bound.value / 100);
  }
  Judgement judgement{Holds(bound.sign, *value, *limit), Figure(bound.measure, *value), ""};
  if (judgement.held) return judgement;
  if (bound.percent) judgement.figure += fmt::format(", the limit is {}", Figure(bound.measure, *limit));
  judgement.why = reports::WhatGrew(before, path, bound.measure);
  if (before == nullptr) judgement.why += fmt::format(" ({}: --baseline names an earlier run to compare with)", why_not);
  return judgement;
}

}  // namespace

ordered_json LoadBaseline(const std::string& path, const std::string& scenario, const std::string& origin) {
  fs::path file = path;
  std::error_code error;
  for (const fs::path& candidate : {fs::path(path) / scenario / "paths.json", fs::path(path) / scenario / "result.json",
                                    fs::path(path) / "paths.json", fs::path(path) / "result.json"}) {
    if (!fs::is_regular_file(candidate, error)) continue;
    file = candidate;
    break;
  }
  std::ifstream stream(file);
  if (!stream || fs::is_directory(file, error)) {
    throw UsageError(fmt::format("{}: no paths.json or result.json at '{}'", origin, path));
  }
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  ordered_json document = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto fits = [](const ordered_json& each) {
    return each.is_object() && each.contains("paths") && each["paths"].is_array() && each.contains("scenario") && each.contains("mode");
  };
  const bool good = document.is_array() ? !document.empty() && std::all_of(document.begin(), document.end(), fits) : fits(document);
  if (!good) throw UsageError(fmt::format("{}: '{}' holds no paths of interrupts: expected a result.json or paths.json", origin, file.string()));
  return document;
}

std::vector<reports::ExpectationResult> JudgeGate(const GateSpec& gate, const ordered_json& document, const ordered_json& baseline,
                                                  const std::map<std::string, std::string>& devices) {
  std::string why_not;
  const ordered_json* const earlier = Fitting(baseline, document, &why_not);
  std::vector<reports::ExpectationResult> rows;
  for (const GateBound& bound : gate.bounds) {
    reports::ExpectationResult row;
    row.text = gate.of.empty() ? bound.text : fmt::format("{} of {}", bound.text, fmt::join(gate.of, " "));
    row.held = true;
    std::vector<std::string> figures, broken;
    for (const ordered_json& path : document["paths"]) {
      if (!IsAbout(gate, path, devices)) continue;
      const ordered_json* const before = earlier == nullptr ? nullptr : reports::PathLike(*earlier, path);
      const std::string why_none = earlier != nullptr && before == nullptr ? "the baseline has no such interrupts" : why_not;
      const Judgement judgement = Judge(bound, path, before, why_none);
      figures.push_back(judgement.figure);
      if (judgement.held) continue;
      row.held = false;
      broken.push_back(fmt::format("{}: {}; {}", NameOf(path), judgement.figure, judgement.why));
    }
    if (figures.empty()) {
      row.held = false;
      row.actual = "no such interrupts were delivered";
    } else {
      row.actual = row.held ? fmt::format("{}", fmt::join(figures, ", ")) : fmt::format("{}", fmt::join(broken, " | "));
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace pvpci::scenarios
