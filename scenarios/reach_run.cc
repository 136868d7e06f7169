// SPDX-License-Identifier: Apache-2.0
#include "scenarios/reach_run.h"

#include <cstdio>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/files.h"
#include "reports/html_text.h"
#include "reports/json_text.h"
#include "scenarios/cli.h"
#include "scenarios/machine/reach.h"
#include "scenarios/supervise.h"
#include "scenarios/units.h"
#include "sim/machine_memory.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;

// What a reviewer asks first, then the rest.
struct Relation {
  const char* key;
  const char* text;
  const char* colour;
};
constexpr Relation kRelations[] = {
    {"hypervisor", "the hypervisor's", "#b3123b"}, {"foreign", "another domain's", "#e8590c"},
    {"device", "another device's registers", "#9c36b5"}, {"granted", "granted to it", "#1971c2"},
    {"own", "its own domain's", "#2f9e44"}, {"free", "nobody's", "#868e96"},
    {"reserved", "firmware's (RMRR)", "#f08c00"}, {"scratch", "the scratch page", "#495057"},
};

std::string Bytes(uint64_t pages) { return FormatSize(pages << sim::kPageShift); }

std::string Rights(const ordered_json& run) {
  return std::string(run["read"].get<bool>() ? "r" : "-") + (run["write"].get<bool>() ? "w" : "-");
}

uint64_t PagesOf(const ordered_json& device, const char* relation) {
  uint64_t pages = 0;
  for (const ordered_json& run : device["runs"]) {
    if (run["relation"] == relation) pages += run["pages"].get<uint64_t>();
  }
  return pages;
}

// Owner, type, rights and way together: what a line of the table tells.
struct Line {
  std::string owner, type, rights, by, relation;
  friend bool operator<(const Line& a, const Line& b) {
    return std::tie(a.relation, a.owner, a.type, a.rights, a.by) < std::tie(b.relation, b.owner, b.type, b.rights, b.by);
  }
};
struct Sum {
  uint64_t pages = 0;
  const ordered_json* first = nullptr;  // run with the witness
};
std::map<Line, Sum> Lines(const ordered_json& device) {
  std::map<Line, Sum> lines;
  for (const ordered_json& run : device["runs"]) {
    Sum& sum = lines[{run["owner"], run["type"], Rights(run), run["by"], run["relation"]}];
    sum.pages += run["pages"].get<uint64_t>();
    if (sum.first == nullptr) sum.first = &run;
  }
  return lines;
}

std::string Witness(const ordered_json& run) {
  std::string text = fmt::format("bus address {} is machine frame {}", run["bus_address"].get<std::string>(),
                                 run["mfn"].get<std::string>());
  for (const ordered_json& entry : run["witness"]) text += "; " + entry.get<std::string>();
  return text;
}

std::string DeviceText(const ordered_json& device) {
  std::string text = fmt::format("  {} {} of {}: {}{}; interrupt window: {}\n", device["device"].get<std::string>(),
                                 device["bdf"].get<std::string>(), device["domain"].get<std::string>(),
                                 device["by"].get<std::string>(),
                                 device["bus_master"].get<bool>() ? "" : "; bus mastering is off now",
                                 device["interrupts"].get<std::string>());
  for (const Relation& relation : kRelations) {
    const uint64_t pages = PagesOf(device, relation.key);
    if (pages == 0) continue;
    text += fmt::format("    {:>10}  {}\n", Bytes(pages), relation.text);
    for (const auto& [line, sum] : Lines(device)) {
      if (line.relation != relation.key) continue;
      text += fmt::format("      {:>10}  {} {:<12} {:<14} {}\n", Bytes(sum.pages), line.rights, line.owner, line.type,
                          line.by);
      text += fmt::format("                  {}\n", Witness(*sum.first));
    }
  }
  if (device["runs"].empty()) text += "             0  nothing\n";
  return text;
}

std::string Text(const ordered_json& document) {
  std::string text;
  for (const ordered_json& mode : document["modes"]) {
    text += fmt::format("{} {}\n", document["scenario"].get<std::string>(), mode["mode"].get<std::string>());
    for (const ordered_json& device : mode["devices"]) text += DeviceText(device);
  }
  return text;
}

std::string Html(const ordered_json& document) {
  const std::string title = "Reach of " + document["scenario"].get<std::string>();
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
                     reports::HtmlEscape(title) + "</title>\n<style>body{font:15px/1.5 sans-serif;margin:2em auto;"
                     "max-width:70em;padding:0 1em}.bar{display:flex;height:1.6em;border:1px solid #888}"
                     "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .6em;"
                     "border-bottom:1px solid #ddd}td:first-child{text-align:right;white-space:nowrap}"
                     "code{font-size:85%;word-break:break-word}i{display:inline-block;width:.9em;height:.9em;"
                     "margin-right:.4em}@media print{.bar{print-color-adjust:exact}}</style></head><body>\n<h1>" +
                     reports::HtmlEscape(title) + "</h1>\n<p>At the end of the scenario: every machine frame that each "
                     "device can read or write, whose it is, and the shortest way to the first of each kind.</p>\n";
  for (const ordered_json& mode : document["modes"]) {
    page += "<h2>" + mode["mode"].get<std::string>() + "</h2>\n";
    for (const ordered_json& device : mode["devices"]) {
      page += fmt::format("<h3>{} {} of {}</h3><p>{}{}. Interrupt window: {}.</p>\n<div class=\"bar\" role=\"img\" "
                          "aria-label=\"shares of the memory reached\">",
                          reports::HtmlEscape(device["device"].get<std::string>()), device["bdf"].get<std::string>(),
                          reports::HtmlEscape(device["domain"].get<std::string>()),
                          reports::HtmlEscape(device["by"].get<std::string>()),
                          device["bus_master"].get<bool>() ? "" : "; bus mastering is off now",
                          reports::HtmlEscape(device["interrupts"].get<std::string>()));
      for (const Relation& relation : kRelations) {
        const uint64_t pages = PagesOf(device, relation.key);
        if (pages == 0) continue;
        page += fmt::format("<span style=\"flex:{} 0 2px;background:{}\" title=\"{}: {}\"></span>", pages,
                            relation.colour, relation.text, Bytes(pages));
      }
      page += "</div>\n<table><thead><tr><th>size</th><th>rights</th><th>owner</th><th>type</th><th>by</th>"
              "<th>cheapest way</th></tr></thead><tbody>\n";
      for (const Relation& relation : kRelations) {
        for (const auto& [line, sum] : Lines(device)) {
          if (line.relation != relation.key) continue;
          page += fmt::format("<tr><td><i style=\"background:{}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td>"
                              "<td>{}</td><td><code>{}</code></td></tr>\n",
                              relation.colour, Bytes(sum.pages), line.rights, reports::HtmlEscape(line.owner),
                              reports::HtmlEscape(line.type), reports::HtmlEscape(line.by),
                              reports::HtmlEscape(Witness(*sum.first)));
        }
      }
      page += "</tbody></table>\n";
    }
  }
  return page + "</body></html>\n";
}

}  // namespace

int RunReach(const ReachOptions& options) {
  ordered_json document = {{"schema", 1}, {"scenario", options.scenarios.front().name}, {"modes", ordered_json::array()}};
  for (const Scenario& scenario : options.scenarios) {
    const ChildAnswer answer = RunInChild(
        [&](std::string* text) {
          RunOptions run = options.run;
          run.at_end = [text](Machine& machine) { *text = ReachJson(Reach(machine)).dump(); };
          return options.systemc([&] { return ExitCodeOf(RunScenario(scenario, run)); });
        },
        options.timeout_s);
    const auto devices = ordered_json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
    if (!devices.is_array()) return answer.exit_code == kExitHolds ? kExitBench : answer.exit_code;
    document["modes"].push_back({{"mode", ModeName(scenario.machine.iommu)}, {"devices", devices}});
  }
  const std::filesystem::path out = options.out;
  std::filesystem::create_directories(out);
  reports::WriteFileAtomically(out / "reach.json", reports::FormatJson(document));
  reports::WriteFileAtomically(out / "reach.html", Html(document));
  const std::string shown =
      options.json ? reports::FormatJson(document) : Text(document) + (out / "reach.html").string() + "\n";
  std::fputs(shown.c_str(), stdout);
  return kExitHolds;
}

}  // namespace pvpci::scenarios
