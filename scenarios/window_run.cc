// SPDX-License-Identifier: Apache-2.0
#include "scenarios/window_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/files.h"
#include "reports/html_text.h"
#include "reports/json_text.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "scenarios/library.h"
#include "scenarios/parser.h"
#include "scenarios/supervise.h"
#include "sim/time.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;

constexpr unsigned kSizes[] = {16, 32, 64, 128, 256, 512, 1024};

struct Policy {
  const char* name;
  const char* what;
  std::vector<std::pair<const char*, const char*>> settings;
  const char* scenario = nullptr;  // null: the profile's
};

struct Profile {
  const char* name;
  const char* question;
  const char* scenario;
  const char* loss;         // kind of EscapeWindow
  const char* drawn;        // which field of a point: the median, or the longest where most losses are of what no device had used
  std::vector<Policy> policies;
};

const std::vector<Profile>& Profiles() {
  static const std::vector<Profile> profiles = {
      {"bare metal",
       "from dma_unmap_single() until the device no longer reaches the page; the real Intel IOMMU driver flushes",
       "window_unmap",
       "unmap",
       "p50_ps",
       {{"strict", "each unmap waits for its invalidation", {{"domains.host.cmdline", "intel_iommu=on iommu.strict=1"}}},
        {"lazy", "busy device: the flush queue of 255 fills before its timer ends", {}},
        {"lazy + timer",
         "quiet device, an unmap each 500 us: the timer of 10 ms ends first",
         {},
         "window_unmap_quiet"}}},
      {"Xen PV",
       "from the exchange of 64 frames until their former domain's device no longer reaches them",
       "window_exchange",
       "ownership",
       "max_ps",
       {{"page", "each unmap invalidated at once, as Xen's PV paths do", {}},
        {"operation", "invalidated once per hypercall; frames held back until then", {{"machine.xen.iommu-flush", "operation"}}},
        {"XSA-346", "the flaw of 2020: frames are free before the invalidation", {{"machine.xen.unfixed", "XSA-346"}}},
        {"XSA-78", "the flaw of 2013: no invalidation at all", {{"machine.xen.unfixed", "XSA-78"}}}}},
  };
  return profiles;
}

std::string ReadableTime(const ordered_json& ps) {
  if (ps.is_null()) return "-";
  const double value = ps.get<double>();
  if (value == 0) return "0";
  if (value < 1e6) return fmt::format("{:.0f} ns", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} us", value / 1e6);
  return fmt::format("{:.2f} ms", value / 1e9);
}

std::optional<reports::EscapeWindow> WindowOf(const reports::Result& result, const std::string& loss) {
  if (!result.iommu) return std::nullopt;
  for (const reports::EscapeWindow& window : result.iommu->escape_windows) {
    if (window.loss == loss) return window;
  }
  return std::nullopt;
}

ordered_json Time(const std::optional<reports::Ps>& ps) { return ps ? ordered_json(*ps) : ordered_json(nullptr); }

// One run's window as JSON text, for the parent.
std::string PointOf(const reports::Result& result, const std::string& loss) {
  const auto window = WindowOf(result, loss);
  if (!window) return "";
  return ordered_json{{"losses", window->count}, {"nonzero", window->nonzero}, {"open", window->open},
                      {"p50_ps", Time(window->p50_ps)}, {"max_ps", Time(window->max_ps)}}.dump();
}

struct Point {
  const Profile* profile;
  const Policy* policy;
  unsigned entries;
  Scenario scenario;
  std::string command;
};

std::vector<Point> Points(const WindowOptions& options) {
  std::vector<Point> points;
  for (const Profile& profile : Profiles()) {
    for (const Policy& policy : profile.policies) {
      const char* scenario = policy.scenario != nullptr ? policy.scenario : profile.scenario;
      for (const unsigned entries : kSizes) {
        std::vector<Override> overrides = {{"kernel", options.kernel, "--kernel"},
                                           {"machine.timing.iotlb_entries", fmt::format("{}", entries), "window"}};
        std::string command = fmt::format("./pvpci run {} --kernel {} --set machine.timing.iotlb_entries={}",
                                          scenario, options.kernel, entries);
        for (const auto& [key, value] : policy.settings) {
          overrides.push_back({key, value, "window"});
          command += fmt::format(" --set '{}={}'", key, value);
        }
        points.push_back({&profile, &policy, entries,
                          LoadScenario(FindScenario(options.root, scenario), overrides), command});
      }
    }
  }
  return points;
}

// --- The picture: size of the IOTLB to the right, time upward, both logarithmic; what never ends is on top. ---
constexpr double kLeft = 90, kTop = 24, kWidth = 560, kHeight = 260;
constexpr double kLeastPs = 1e5, kMostPs = 1e11;  // 100 ns .. 100 ms
constexpr const char* kColours[] = {"#2f9e44", "#1971c2", "#e8590c", "#b3123b"};

double XOf(unsigned entries) {
  const double first = std::log2(kSizes[0]), last = std::log2(*(std::end(kSizes) - 1));
  return kLeft + kWidth * (std::log2(entries) - first) / (last - first);
}

double YOf(const ordered_json& point, const std::string& drawn) {
  if (point["open"].get<int64_t>() != 0) return kTop;
  const double ps = point[drawn].is_null() ? 0 : point[drawn].get<double>();
  const double bottom = kTop + kHeight;
  if (ps <= 0) return bottom;
  const double share = (std::log10(std::clamp(ps, kLeastPs, kMostPs)) - std::log10(kLeastPs)) /
                       (std::log10(kMostPs) - std::log10(kLeastPs));
  return bottom - 20 - share * (kHeight - 40);
}

std::string Svg(const ordered_json& profile) {
  const std::string drawn = profile["drawn"];
  std::string svg = fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{} window over the size of "
                                "the IOTLB\">\n", kLeft + kWidth + 150, kTop + kHeight + 46,
                                drawn == "p50_ps" ? "median" : "longest");
  const auto rule = [&](double y, const std::string& text) {
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#ddd\"/><text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">"
                       "{}</text>\n", kLeft, y, kLeft + kWidth, kLeft - 8, y + 4, text);
  };
  rule(kTop, "never ends");
  rule(kTop + kHeight, "0");
  for (double ps = kLeastPs * 10; ps < kMostPs; ps *= 10) {
    rule(YOf({{"open", 0}, {drawn, ps}}, drawn), ReadableTime(ps));
  }
  for (const unsigned entries : kSizes) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", XOf(entries), kTop + kHeight + 18,
                       entries);
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">entries of the IOTLB</text>\n", kLeft + kWidth / 2,
                     kTop + kHeight + 38);
  size_t number = 0;
  for (const ordered_json& curve : profile["curves"]) {
    const char* colour = kColours[number % std::size(kColours)];
    // Curves that lie on each other stay visible.
    const double aside = 2.5 * static_cast<double>(number);
    std::string line;
    for (const ordered_json& point : curve["points"]) {
      line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : "L", XOf(point["iotlb_entries"]), YOf(point, drawn) - aside);
    }
    svg += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", line, colour);
    for (const ordered_json& point : curve["points"]) {
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\"><title>{}, {} entries: {}</title></circle>\n",
                         XOf(point["iotlb_entries"]), YOf(point, drawn) - aside, colour,
                         reports::HtmlEscape(curve["policy"].get<std::string>()), point["iotlb_entries"].get<unsigned>(),
                         point["open"] != 0 ? "never ends" : ReadableTime(point[drawn]));
    }
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n", kLeft + kWidth + 12,
                       kTop + 16 + 18.0 * static_cast<double>(number), colour,
                       reports::HtmlEscape(curve["policy"].get<std::string>()));
    ++number;
  }
  return svg + "</svg>\n";
}

std::string Html(const ordered_json& document) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Escape windows</title>\n<style>"
      "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}svg{width:100%;font:12px sans-serif}"
      "table{border-collapse:collapse;width:100%}td,th{text-align:right;padding:.2em .6em;border-bottom:1px solid #ddd}"
      "td:first-child,th:first-child{text-align:left}code{font-size:85%}</style></head><body>\n<h1>Escape windows</h1>\n"
      "<p>For how long a device still reaches what has been taken from it, over the flush policy and the size of the IOTLB. "
      "Every point can be repeated with the command beside it.</p>\n";
  for (const ordered_json& profile : document["profiles"]) {
    page += fmt::format("<h2>{}</h2><p>Measured {}. The {} window of each run:</p>\n",
                        reports::HtmlEscape(profile["profile"].get<std::string>()),
                        reports::HtmlEscape(profile["question"].get<std::string>()),
                        profile["drawn"] == "p50_ps" ? "median" : "longest");
    page += Svg(profile);
    for (const ordered_json& curve : profile["curves"]) {
      page += fmt::format("<h3>{}</h3><p>{}.</p>\n<table><thead><tr><th>entries</th><th>losses</th><th>reached after it</th>"
                          "<th>never ended</th><th>median</th><th>longest</th></tr></thead><tbody>\n",
                          reports::HtmlEscape(curve["policy"].get<std::string>()),
                          reports::HtmlEscape(curve["what"].get<std::string>()));
      for (const ordered_json& point : curve["points"]) {
        page += fmt::format("<tr title=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                            reports::HtmlEscape(point["command"].get<std::string>()),
                            point["iotlb_entries"].get<unsigned>(), point["losses"].get<int64_t>(),
                            point["nonzero"].get<int64_t>(), point["open"].get<int64_t>(), ReadableTime(point["p50_ps"]),
                            ReadableTime(point["max_ps"]));
      }
      page += fmt::format("</tbody></table>\n<p><code>{}</code></p>\n",
                          reports::HtmlEscape(curve["points"].front()["command"].get<std::string>()));
    }
  }
  return page + "</body></html>\n";
}

std::string Text(const ordered_json& document) {
  std::string text;
  for (const ordered_json& profile : document["profiles"]) {
    text += fmt::format("{}: {}; the {}\n{:<14}", profile["profile"].get<std::string>(),
                        profile["question"].get<std::string>(), profile["drawn"] == "p50_ps" ? "median" : "longest",
                        "IOTLB entries");
    for (const unsigned entries : kSizes) text += fmt::format("{:>12}", entries);
    text += "\n";
    for (const ordered_json& curve : profile["curves"]) {
      text += fmt::format("{:<14}", curve["policy"].get<std::string>());
      for (const ordered_json& point : curve["points"]) {
        const int64_t open = point["open"].get<int64_t>();
        text += fmt::format("{:>12}", open != 0 ? fmt::format("{} stay", open) : ReadableTime(point[profile["drawn"].get<std::string>()]));
      }
      text += fmt::format("   {}\n", curve["what"].get<std::string>());
    }
    text += "\n";
  }
  return text;
}

}  // namespace

int RunWindow(const WindowOptions& options) {
  const std::vector<Point> points = Points(options);
  std::vector<ChildBody> bodies;
  for (const Point& point : points) {
    bodies.push_back([&point, &options](std::string* answer) {
      RunOptions run;
      run.root = options.root;
      run.text = false;
      run.line_coverage = false;
      return options.systemc([&] {
        const reports::Result result = RunScenario(point.scenario, run);
        *answer = PointOf(result, point.profile->loss);
        return result.verdict == reports::Verdict::kUnable ? kExitBench : kExitHolds;
      });
    });
  }
  const std::vector<ChildAnswer> answers = RunInChildren(bodies, UsableProcessors(), options.timeout_s, {});
  ordered_json document = {{"schema", 1}, {"kernel", options.kernel}, {"profiles", ordered_json::array()}};
  for (size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    ordered_json measured = ordered_json::parse(answers[i].text, nullptr, /*allow_exceptions=*/false);
    if (!measured.is_object()) {
      std::fputs(fmt::format("pvpci: window: nothing was measured by: {}\n", point.command).c_str(), stderr);
      return answers[i].exit_code == kExitHolds ? kExitBench : answers[i].exit_code;
    }
    ordered_json& profiles = document["profiles"];
    if (profiles.empty() || profiles.back()["profile"] != point.profile->name) {
      profiles.push_back({{"profile", point.profile->name}, {"question", point.profile->question},
                          {"scenario", point.profile->scenario}, {"loss", point.profile->loss}, {"drawn", point.profile->drawn},
                          {"curves", ordered_json::array()}});
    }
    ordered_json& curves = profiles.back()["curves"];
    if (curves.empty() || curves.back()["policy"] != point.policy->name) {
      curves.push_back({{"policy", point.policy->name}, {"what", point.policy->what}, {"points", ordered_json::array()}});
    }
    ordered_json entry = {{"iotlb_entries", point.entries}};
    entry.update(measured);
    entry["command"] = point.command;
    curves.back()["points"].push_back(entry);
  }
  const std::filesystem::path out = options.out;
  std::filesystem::create_directories(out);
  reports::WriteFileAtomically(out / "window.json", reports::FormatJson(document));
  reports::WriteFileAtomically(out / "window.html", Html(document));
  const std::string shown =
      options.json ? reports::FormatJson(document) : Text(document) + (out / "window.html").string() + "\n";
  std::fputs(shown.c_str(), stdout);
  return kExitHolds;
}

}  // namespace pvpci::scenarios
