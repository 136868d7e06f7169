// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/responses.h"

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;
using Figure = std::optional<double>;

struct Word {
  const char* name;
  const char* unit;
  const char* help;
  Figure (*of)(const ordered_json& point);
};

Figure Count(const ordered_json& point, const char* key) { return point["interrupts"][key].get<double>(); }

Figure Latency(const ordered_json& point, const char* key) {
  const ordered_json& latency = point["interrupts"]["latency_ns"];
  if (latency.is_null()) return std::nullopt;
  return latency[key].get<double>();
}

// Per delivered interrupt.
Figure Each(const ordered_json& point, double total) {
  const double delivered = point["interrupts"]["delivered"].get<double>();
  if (delivered == 0) return std::nullopt;
  return total / delivered;
}

double Calls(const ordered_json& point) {
  double calls = 0;
  for (const auto& [name, count] : point["hypercalls"].items()) calls += count.get<double>();
  return calls;
}

Figure Upcalls(const ordered_json& point, const char* key) {
  if (point["upcalls"].is_null()) return std::nullopt;
  return point["upcalls"][key].get<double>();
}

const std::vector<Word>& Words() {
  static const std::vector<Word> words = {
      {"latency_min_ns", "ns", "shortest, from the device's assertion (t0) to the entry of the driver's handler (t6)",
       [](const ordered_json& p) { return Latency(p, "min"); }},
      {"latency_p50_ns", "ns", "median", [](const ordered_json& p) { return Latency(p, "p50"); }},
      {"latency_p90_ns", "ns", "90th percentile, nearest rank", [](const ordered_json& p) { return Latency(p, "p90"); }},
      {"latency_p99_ns", "ns", "99th percentile", [](const ordered_json& p) { return Latency(p, "p99"); }},
      {"latency_max_ns", "ns", "longest", [](const ordered_json& p) { return Latency(p, "max"); }},
      {"latency_mean_ns", "ns", "mean, exactly the sum of the means of the parts",
       [](const ordered_json& p) { return Each(p, p["interrupts"]["total_ps"].get<double>() / 1e3); }},
      {"tail_mean_ns", "ns", "mean time from the handler's entry to the last probe (EOI)",
       [](const ordered_json& p) { return Each(p, p["interrupts"]["eoi_tail_ps"].get<double>() / 1e3); }},
      {"asserted", "", "interrupts that devices asserted", [](const ordered_json& p) { return Count(p, "asserted"); }},
      {"delivered", "", "that reached a handler", [](const ordered_json& p) { return Count(p, "delivered"); }},
      {"coalesced", "", "that were merged into one under way", [](const ordered_json& p) { return Count(p, "coalesced"); }},
      {"lost", "", "that reached none", [](const ordered_json& p) { return Count(p, "lost"); }},
      {"spurious", "", "deliveries of a line that was still up at EOI",
       [](const ordered_json& p) { return Count(p, "spurious"); }},
      {"coalesced_share", "", "coalesced of asserted",
       [](const ordered_json& p) {
         const double asserted = *Count(p, "asserted");
         return asserted == 0 ? Figure() : Figure(*Count(p, "coalesced") / asserted);
       }},
      {"hypercalls_per_interrupt", "", "hypercalls of the measured domains, timers included, for each delivered one",
       [](const ordered_json& p) { return Each(p, Calls(p)); }},
      {"blocks_per_upcall", "", "basic blocks of the upcall that is met most often",
       [](const ordered_json& p) { return Upcalls(p, "typical_blocks"); }},
      {"blocks_per_interrupt", "", "basic blocks of all upcalls, for each delivered interrupt",
       [](const ordered_json& p) {
         const Figure blocks = Upcalls(p, "blocks");
         return blocks ? Each(p, *blocks) : blocks;
       }},
      {"interrupts_per_upcall", "", "delivered interrupts for each upcall, timers' upcalls counted",
       [](const ordered_json& p) {
         const Figure upcalls = Upcalls(p, "count");
         return upcalls && *upcalls > 0 ? Figure(*Count(p, "delivered") / *upcalls) : Figure();
       }},
      {"elapsed_us", "us", "simulated time from the start of the measurement to the end of the run",
       [](const ordered_json& p) { return Figure(p["elapsed_ps"].get<double>() / 1e6); }},
  };
  return words;
}

}  // namespace

std::vector<std::string> ResponseWords() {
  std::vector<std::string> names;
  for (const Word& word : Words()) names.emplace_back(word.name);
  return names;
}

std::string DescribeResponses() {
  std::string text;
  for (const Word& word : Words()) text += fmt::format("  {:<26} {}\n", word.name, word.help);
  return text + fmt::format("  {:<26} {}\n", "part_NAME_ns", "mean of a part; every part that occurs is a column");
}

std::string UnitOf(const std::string& name) {
  for (const Word& word : Words()) {
    if (name == word.name) return word.unit;
  }
  return PartNameOf(name) ? "ns" : "";
}

std::optional<std::string> PartNameOf(const std::string& response) {
  if (response.rfind("part_", 0) != 0 || response.size() < 9 || response.substr(response.size() - 3) != "_ns") return std::nullopt;
  return response.substr(5, response.size() - 8);
}

std::optional<double> ResponseOf(const ordered_json& point, const std::string& name) {
  if (!point.contains("interrupts")) return std::nullopt;  // it did not come to its end
  if (const auto part = PartNameOf(name)) {
    for (const ordered_json& each : point["interrupts"]["parts"]) {
      if (each["name"] == *part) return Each(point, each["total_ps"].get<double>() / 1e3);
    }
    return std::nullopt;
  }
  for (const Word& word : Words()) {
    if (name == word.name) return word.of(point);
  }
  const ordered_json& values = point["values"];
  if (!values.contains(name) || values[name].is_null()) return std::nullopt;
  return values[name].get<double>();
}

}  // namespace pvpci::scenarios
