// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "scenarios/bench/table.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kCacheHolds = 16 << 20;  // windows up to this fit every host's cache, or nearly

struct Errors {
  uint64_t points = 0;
  double worst = 0, sum = 0;
  const Point* worst_point = nullptr;
  double mean() const { return points == 0 ? 0 : sum / static_cast<double>(points); }
};

std::string Describe(const PublishedRow& row) {
  return fmt::format("{} IOMMU {} {} {} {} of {} KiB, {} bytes", row.host, row.iommu ? "on" : "off", row.test,
                     row.sequential ? "in sequence" : "at random", row.warm ? "warm" : "cold", row.window_bytes / 1024,
                     row.size_bytes);
}

std::string Describe(const Errors& errors) {
  if (errors.worst_point == nullptr) return "";
  const Point& point = *errors.worst_point;
  return fmt::format("worst: {}: {:.4g} against {:.4g}", Describe(point.row), point.measured, *point.published);
}

std::optional<double> Figure(const Errors& errors, double figure) {
  return errors.points == 0 ? std::nullopt : std::optional<double>(figure);
}

std::string Kib(uint64_t bytes) {
  return bytes >= 1 << 20 ? fmt::format("{:g} MiB", static_cast<double>(bytes) / (1 << 20))
                          : fmt::format("{} KiB", bytes / 1024);
}

// Averages of one check: a line per window, a column per host.
std::string LatencyTable(const std::string& title, const std::vector<Point>& points, bool warm) {
  std::vector<std::string> hosts;
  std::map<uint64_t, std::map<std::string, const Point*>> table;
  for (const Point& point : points) {
    const bool wanted = (point.check == "F2" && !warm) || (point.check.rfind("F3", 0) == 0 && warm);
    if (!wanted) continue;
    if (std::find(hosts.begin(), hosts.end(), point.row.host) == hosts.end()) hosts.push_back(point.row.host);
    table[point.row.window_bytes][point.row.host] = &point;
  }
  std::string text = fmt::format("\n{}\n{:>9}", title, "window");
  for (const std::string& host : hosts) text += fmt::format("  {:>23}", host);
  text += "\n";
  for (const auto& [window, row] : table) {
    text += fmt::format("{:>9}", Kib(window));
    for (const std::string& host : hosts) {
      const auto cell = row.find(host);
      if (cell == row.end()) continue;
      const Point& point = *cell->second;
      text += fmt::format("  {:6.1f} / {:6.1f} {:+6.2f} %", point.measured, *point.published, 100 * point.error());
    }
    text += "\n";
  }
  return text;
}

// Of many points: mean and worst error by host, test, IOMMU and cache.
std::string GroupTable(const std::string& title, const std::vector<Point>& points,
                       const std::set<std::string>& checks) {
  std::map<std::string, Errors> groups;
  for (const Point& point : points) {
    if (checks.count(point.check) == 0 || !point.published) continue;
    const std::string group = fmt::format("{:<11} {:<13} IOMMU {:<3} {} {:<10}", point.row.host, point.row.test,
                                          point.row.iommu ? "on" : "off", point.row.warm ? "warm" : "cold", point.what);
    Errors& errors = groups[group];
    ++errors.points;
    errors.sum += std::fabs(point.error());
    if (std::fabs(point.error()) >= errors.worst) {
      errors.worst = std::fabs(point.error());
      errors.worst_point = &point;
    }
  }
  std::string text = "\n" + title + "\n";
  for (const auto& [group, errors] : groups) {
    const Point& point = *errors.worst_point;
    text += fmt::format("  {} {:>3} points, mean {:4.1f} %, worst {:+5.1f} % ({}, {} B: {:.4g} / {:.4g})\n", group,
                        errors.points, 100 * errors.mean(), 100 * point.error(), Kib(point.row.window_bytes),
                        point.row.size_bytes, point.measured, *point.published);
  }
  return text;
}

}  // namespace

std::vector<Point> PointsOf(const std::string& file, const PublishedRow& row, const Measured& measured) {
  std::vector<Point> points;
  const auto add = [&](const char* check, const char* what, std::optional<double> published, double value) {
    points.push_back({check, what, row, published, value});
  };
  if (file == "latency_window") {
    if (!row.iommu) return points;
    const char* const check = !row.warm ? "F2" : row.window_bytes <= kCacheHolds ? "F3" : "F3b";
    add(check, "average_ns", row.average_ns, measured.average_ns);
  } else if (file == "latency_details") {
    add("F4", "median_ns", row.median_ns, measured.median_ns);
    add("F4b", "p999_ns", row.p999_ns, measured.p999_ns);
  } else if (file == "bandwidth_window") {
    add("F5", "per_second", row.per_second, measured.per_second);
  }
  return points;
}

std::vector<FidelityLine> LinesOf(const LinkCheck& links, const std::vector<Point>& points) {
  std::map<std::string, Errors> errors;
  for (const Point& point : points) {
    if (!point.published) continue;
    Errors& of = errors[point.check];
    ++of.points;
    of.sum += std::fabs(point.error());
    if (std::fabs(point.error()) >= of.worst) {
      of.worst = std::fabs(point.error());
      of.worst_point = &point;
    }
  }
  const auto worst = [&](const char* id, const char* what, const char* goal) {
    const Errors& of = errors[id];
    return FidelityLine{id, what, of.points, Figure(of, of.worst), goal, Describe(of)};
  };
  const auto mean = [&](const char* id, const char* of_check, const char* what, const char* goal) {
    const Errors& of = errors[of_check];
    return FidelityLine{id, what, of.points, Figure(of, of.mean()), goal, ""};
  };
  return {
      {"F1", "link efficiency, generations 1 to 5, x1 to x16, against pcie-bench's closed form, worst error",
       links.points, links.worst, "<= 0.001", "worst: " + links.worst_point},
      worst("F2", "cold IOTLB averages by the simulated IOMMU, four hosts, worst error", "<= 0.01"),
      mean("F2b", "F2", "the same, mean error", "<= 0.003"),
      worst("F3", "averages with the window in the cache, to 16 MiB, worst error", "<= 0.01"),
      worst("F3b", "the same, windows of 32 and 64 MiB, worst error", "<= 0.02"),
      worst("F4", "hold-out: DMA reads, writes with reads, medians, worst error", "<= 0.03"),
      worst("F4b", "the same, 99.9th percentiles, worst error", "<= 0.1"),
      worst("F5", "hold-out: bandwidth of 64 to 512 bytes, IOMMU off and on, all windows, worst error", "<= 0.1"),
      mean("F5b", "F5", "the same, mean error", "<= 0.05"),
  };
}

nlohmann::ordered_json FidelityLinesJson(const std::vector<FidelityLine>& lines) {
  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const FidelityLine& line : lines) {
    const bool met = line.figure && Meets(Rounded(*line.figure), line.goal);
    nlohmann::ordered_json out = {{"id", line.id}, {"what", line.what}, {"points", line.points}};
    out["figure"] = line.figure ? nlohmann::ordered_json(Rounded(*line.figure)) : nlohmann::ordered_json();
    out["goal"] = line.goal;
    out["met"] = met;
    table.push_back(std::move(out));
  }
  return table;
}

bool AllLinesMet(const std::vector<FidelityLine>& lines) {
  return std::all_of(lines.begin(), lines.end(),
                     [](const FidelityLine& line) { return line.figure && Meets(Rounded(*line.figure), line.goal); });
}

std::string FidelityLinesText(const std::vector<FidelityLine>& lines, const std::vector<Point>& points) {
  std::string text =
      LatencyTable("Device reads of cold memory, IOMMU on, averages in ns: measured / published", points, false);
  text += LatencyTable("The same, window touched by the host beforehand", points, true);
  text += GroupTable("Hold-out: DMA latencies", points, {"F4", "F4b"});
  text += GroupTable("Hold-out: bandwidth", points, {"F5"});
  text += "\n";
  for (const FidelityLine& line : lines) {
    const bool met = line.figure && Meets(Rounded(*line.figure), line.goal);
    text +=
        fmt::format("{} {:<4} {:<9} goal {:<9} {} points  {}\n", met ? "✔" : "✘", line.id,
                    line.figure ? fmt::format("{:g}", Rounded(*line.figure)) : "-", line.goal, line.points, line.what);
    if (!line.detail.empty()) text += fmt::format("       {}\n", line.detail);
  }
  return text;
}

std::string PointsCsv(const std::vector<Point>& points) {
  std::string text = "check,host,iommu,test,pattern,cache,window_bytes,size_bytes,what,measured,published\n";
  for (const Point& point : points) {
    const PublishedRow& row = point.row;
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{:.1f},{}\n", point.check, row.host, row.iommu ? "4k" : "off", row.test,
                    row.sequential ? "Seq" : "Rand", row.warm ? "HWarm" : "Cold", row.window_bytes, row.size_bytes,
                    point.what, point.measured, point.published ? fmt::format("{:.1f}", *point.published) : "");
  }
  return text;
}

}  // namespace pvpci::scenarios
