// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "scenarios/sweep/responses.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;

constexpr size_t kRowsShown = 48;

// Parts of all points, in the order in which they are first met.
std::vector<std::string> PartNames(const std::vector<ordered_json>& records) {
  std::vector<std::string> names;
  for (const ordered_json& record : records) {
    if (!record.contains("interrupts")) continue;
    for (const ordered_json& part : record["interrupts"]["parts"]) {
      const std::string name = "part_" + part["name"].get<std::string>() + "_ns";
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

std::string Plain(double value) {
  // Exact for whole numbers and for picoseconds in nanoseconds; a ratio gets nine digits.
  if (value == std::floor(value) && std::fabs(value) < 1e15) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.9g}", value);
  return text;
}

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

bool IsAt(const ordered_json& record, const LevelNames& levels) {
  return std::all_of(levels.begin(), levels.end(), [&](const auto& each) { return record["levels"][each.first] == each.second; });
}

struct Mean {
  double sum = 0;
  size_t count = 0;
  std::optional<double> value() const { return count == 0 ? std::nullopt : std::optional<double>(sum / static_cast<double>(count)); }
};

Mean MeanAt(const std::vector<ordered_json>& records, const std::string& response, const LevelNames& levels) {
  Mean mean;
  for (const ordered_json& record : records) {
    const auto value = ResponseOf(record, response);
    if (!value || !IsAt(record, levels)) continue;
    mean.sum += *value;
    ++mean.count;
  }
  return mean;
}

ordered_json Optional(std::optional<double> value) { return value ? ordered_json(*value) : ordered_json(nullptr); }

ordered_json EffectOf(const SweepFactor& factor, const std::string& response, const std::vector<ordered_json>& records) {
  const Mean all = MeanAt(records, response, {});
  ordered_json means = ordered_json::array();
  double lowest = 0, highest = 0, between = 0, total = 0;
  bool first = true;
  for (const SweepLevel& level : factor.levels) {
    const Mean mean = MeanAt(records, response, {{factor.name, level.name}});
    if (mean.count == 0) continue;  // not in this sample
    means.push_back({{"level", level.name}, {"mean", *mean.value()}, {"points", mean.count}});
    lowest = first ? *mean.value() : std::min(lowest, *mean.value());
    highest = first ? *mean.value() : std::max(highest, *mean.value());
    first = false;
    between += static_cast<double>(mean.count) * std::pow(*mean.value() - *all.value(), 2);
  }
  for (const ordered_json& record : records) {
    if (const auto value = ResponseOf(record, response)) total += std::pow(*value - *all.value(), 2);
  }
  return {{"factor", factor.name}, {"means", std::move(means)}, {"range", highest - lowest},
          {"share", total > 0 ? between / total : 0.0}};
}

const char* Words(Relation relation) {
  switch (relation) {
    case Relation::kMore: return "more";
    case Relation::kLess: return "less";
    case Relation::kSame: return "same";
  }
  return "";
}

ordered_json FindingOf(const SweepFinding& finding, const std::vector<ordered_json>& records) {
  const auto of = MeanAt(records, finding.response, finding.of).value();
  const auto than = MeanAt(records, finding.response, finding.than).value();
  ordered_json held;  // null: this sample has no such points
  if (of && than) {
    switch (finding.relation) {
      case Relation::kMore: held = *of > *than; break;
      case Relation::kLess: held = *of < *than; break;
      case Relation::kSame: held = std::fabs(*of - *than) <= finding.within * std::max(std::fabs(*of), std::fabs(*than)); break;
    }
  }
  return {{"response", finding.response}, {"of", finding.of},     {"is", Words(finding.relation)}, {"than", finding.than},
          {"values", {Optional(of), Optional(than)}}, {"held", held}, {"because", finding.because},
          {"decided", nullptr}};  // by intervals, if they are asked for
}

std::string LevelsText(const ordered_json& levels) {
  std::string text;
  for (const auto& [factor, level] : levels.items()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", factor, level.get<std::string>());
  return text.empty() ? "all points" : text;
}

std::string Shown(const ordered_json& value) {
  if (value.is_null()) return "-";
  const double number = value.get<double>();
  if (number == std::floor(number) && std::fabs(number) < 1e12) return fmt::format("{:.0f}", number);
  return std::fabs(number) >= 1000 ? fmt::format("{:.0f}", number) : fmt::format("{:.4g}", number);
}

// "holds in all 51 runs", "not decided by known data: 40 of 51 runs, timing.vcpu_unblock turns it".
std::string DecisionText(const ordered_json& finding) {
  const ordered_json& held = finding["held_in"];
  if (held[0] == held[1]) return fmt::format("holds in all {} runs", held[1].get<int64_t>());
  if (held[0] == 0) return fmt::format("fails in all {} runs", held[1].get<int64_t>());
  const auto by = finding["flipped_by"].get<std::vector<std::string>>();
  return fmt::format("{}: holds in {} of {} runs, turned by {}", finding["decided"].get<std::string>(), held[0].get<int64_t>(),
                     held[1].get<int64_t>(), by.empty() ? "only several parameters together" : fmt::format("{}", fmt::join(by, ", ")));
}

// Of the response that the page shows first.
std::string IntervalsText(const ordered_json& document) {
  const ordered_json& intervals = document["intervals"];
  std::string response = document["plot"]["response"];
  if (response.empty()) response = document["responses"][0]["name"];
  std::string text = fmt::format("\n{}: least, default, most of {} runs with profile {}\n", response, intervals["runs"].get<int64_t>(),
                                 intervals["profile"].get<std::string>());
  size_t rows = 0;
  for (const ordered_json& figure : intervals["figures"]) {
    if (figure["figure"] != response || ++rows > kRowsShown) continue;
    const std::string by = figure["most_sensitive"].is_null()
                               ? std::string(figure["low"] == figure["high"] ? "fixed" : "several together")
                               : fmt::format("{}, {:.0f} %", figure["most_sensitive"].get<std::string>(), 100 * figure["share"].get<double>());
    text += fmt::format("  {:<52} {:>10} {:>10} {:>10}  {}\n", figure["of"].get<std::string>(), Shown(figure["low"]), Shown(figure["default"]),
                        Shown(figure["high"]), by);
  }
  return text;
}

// Least and most of a point's response; empty: there are no intervals, or not of this one.
const ordered_json* FigureOf(const ordered_json& document, const ordered_json& point, const std::string& response) {
  if (document["intervals"].is_null()) return nullptr;
  const std::string of = LevelsText(point["levels"]);
  for (const ordered_json& figure : document["intervals"]["figures"]) {
    if (figure["of"] == of && figure["figure"] == response) return &figure;
  }
  return nullptr;
}

}  // namespace

ordered_json SweepDocument(const SweepSpec& spec, const std::vector<ordered_json>& records, const std::string& file,
                           const std::string& command) {
  std::vector<std::string> names;
  ordered_json responses = ordered_json::array();
  const auto add = [&](const std::string& name, const std::string& unit, bool part) {
    names.push_back(name);
    responses.push_back({{"name", name}, {"unit", unit}, {"part", part}});
  };
  for (const SweepResponse& response : spec.responses) {
    add(response.name, response.unit.empty() ? UnitOf(response.name) : response.unit, false);
  }
  for (const std::string& part : PartNames(records)) {
    if (std::find(names.begin(), names.end(), part) == names.end()) add(part, "ns", true);
  }
  ordered_json factors = ordered_json::array();
  for (const SweepFactor& factor : spec.factors) {
    ordered_json levels = ordered_json::array();
    for (const SweepLevel& level : factor.levels) levels.push_back({{"name", level.name}, {"set", level.settings}});
    factors.push_back({{"name", factor.name}, {"levels", std::move(levels)}});
  }
  ordered_json points = ordered_json::array();
  for (const ordered_json& record : records) {
    ordered_json point = record;
    ordered_json figures = ordered_json::object();
    for (const std::string& name : names) figures[name] = Optional(ResponseOf(record, name));
    point["responses"] = std::move(figures);
    points.push_back(std::move(point));
  }
  ordered_json effects = ordered_json::array();
  for (const std::string& name : names) {
    ordered_json by_factor = ordered_json::array();
    for (const SweepFactor& factor : spec.factors) by_factor.push_back(EffectOf(factor, name, records));
    std::stable_sort(by_factor.begin(), by_factor.end(), [](const ordered_json& a, const ordered_json& b) {
      return a["share"].get<double>() > b["share"].get<double>();
    });
    effects.push_back({{"response", name}, {"factors", std::move(by_factor)}});
  }
  return {{"schema", 1}, {"name", spec.name}, {"question", spec.question}, {"file", file}, {"command", command},
          {"design", spec.design == Design::kFull ? "full" : "fractional"}, {"factors", std::move(factors)},
          {"responses", std::move(responses)},
          {"plot", {{"response", spec.plot.response}, {"across", spec.plot.across}, {"lines", spec.plot.lines}, {"at", spec.plot.at}}},
          {"findings", FindingsOf(spec, records)}, {"effects", std::move(effects)}, {"points", std::move(points)},
          {"intervals", nullptr}, {"incomplete", false}};
}

ordered_json FindingsOf(const SweepSpec& spec, const std::vector<ordered_json>& records) {
  ordered_json findings = ordered_json::array();
  for (const SweepFinding& finding : spec.findings) findings.push_back(FindingOf(finding, records));
  return findings;
}

std::string FindingText(const ordered_json& finding) {
  return fmt::format("{}: {} {} than {}", finding["response"].get<std::string>(), LevelsText(finding["of"]),
                     finding["is"].get<std::string>(), LevelsText(finding["than"]));
}

std::string PointsCsv(const ordered_json& document) {
  std::string csv = "point";
  for (const ordered_json& factor : document["factors"]) csv += "," + CsvCell(factor["name"]);
  csv += ",verdict";
  const auto ends = [&](const ordered_json& response) { return !document["intervals"].is_null() && !response["part"].get<bool>(); };
  for (const ordered_json& response : document["responses"]) {
    const std::string name = response["name"];
    csv += "," + CsvCell(name);
    if (ends(response)) csv += "," + CsvCell(name + "_least") + "," + CsvCell(name + "_most");
  }
  csv += ",trace_digest\n";
  for (const ordered_json& point : document["points"]) {
    csv += fmt::format("{}", point["point"].get<size_t>());
    for (const ordered_json& factor : document["factors"]) {
      csv += "," + CsvCell(point["levels"][factor["name"].get<std::string>()]);
    }
    csv += "," + CsvCell(point["verdict"]);
    for (const ordered_json& response : document["responses"]) {
      const ordered_json& value = point["responses"][response["name"].get<std::string>()];
      csv += "," + (value.is_null() ? "" : Plain(value.get<double>()));
      if (!ends(response)) continue;
      const ordered_json* figure = FigureOf(document, point, response["name"]);
      for (const char* end : {"low", "high"}) csv += "," + (figure == nullptr ? "" : Plain((*figure)[end].get<double>()));
    }
    csv += "," + point["trace_digest"].get<std::string>() + "\n";
  }
  return csv;
}

std::string SweepText(const ordered_json& document) {
  std::string text = document["question"].get<std::string>() + "\n\n";
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head;
  for (const ordered_json& factor : document["factors"]) head.push_back(factor["name"]);
  const size_t names = head.size();
  for (const ordered_json& response : document["responses"]) {
    if (!response["part"].get<bool>()) head.push_back(response["name"]);
  }
  rows.push_back(head);
  for (const ordered_json& point : document["points"]) {
    if (rows.size() > kRowsShown) break;
    std::vector<std::string> row;
    for (const ordered_json& factor : document["factors"]) row.push_back(point["levels"][factor["name"].get<std::string>()]);
    for (const ordered_json& response : document["responses"]) {
      if (!response["part"].get<bool>()) row.push_back(Shown(point["responses"][response["name"].get<std::string>()]));
    }
    if (point["verdict"] != "holds") row.push_back(point["verdict"]);
    rows.push_back(row);
  }
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += i < names ? fmt::format("{:<{}}  ", row[i], widths[i]) : fmt::format("{:>{}}  ", row[i], widths[i]);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    text += line + "\n";
  }
  if (document["points"].size() + 1 > rows.size()) text += fmt::format("... {} points in all\n", document["points"].size());
  text += "\n";
  for (const ordered_json& finding : document["findings"]) {
    const char* mark = finding["held"].is_null() ? "?" : finding["held"].get<bool>() ? "\u2714" : "\u2718";
    text += fmt::format("{} {}: {} {} ({}) than {} ({}): {}\n", mark, finding["response"].get<std::string>(),
                        LevelsText(finding["of"]), finding["is"].get<std::string>(), Shown(finding["values"][0]),
                        LevelsText(finding["than"]), Shown(finding["values"][1]), finding["because"].get<std::string>());
    if (!finding["decided"].is_null()) text += "    " + DecisionText(finding) + "\n";
  }
  if (!document["intervals"].is_null()) text += IntervalsText(document);
  return text;
}

bool AllHeld(const ordered_json& document) {
  const auto& points = document["points"];
  const auto& findings = document["findings"];
  return std::all_of(points.begin(), points.end(), [](const ordered_json& point) { return point["verdict"] == "holds" || point["verdict"] == "skipped"; }) &&
         std::all_of(findings.begin(), findings.end(), [](const ordered_json& finding) { return finding["held"] != false; });
}

}  // namespace pvpci::scenarios
