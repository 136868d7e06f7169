// SPDX-License-Identifier: Apache-2.0
// The ways of interrupts in two runs, compared: latency part by part, hypercalls for each interrupt, blocks of the upcall
// function by function, and the first event of the median interrupt that differs. Works on JSON: result.json, or paths.json,
// which holds no more of it than is compared here.
#ifndef PVPCI_REPORTS_PATH_DIFF_H_
#define PVPCI_REPORTS_PATH_DIFF_H_

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pvpci::reports {

// The part of result.json that is compared, and what tells whether two may be.
nlohmann::ordered_json PathsDocument(const nlohmann::ordered_json& result);

// "" if figures of both may be compared, else why not: "it is of M1, this run of M0".
std::string Incomparable(const nlohmann::ordered_json& before, const nlohmann::ordered_json& after);

// The path in the document that has the same source, kind, ABI and domain as `like`; null if there is none.
const nlohmann::ordered_json* PathLike(const nlohmann::ordered_json& document, const nlohmann::ordered_json& like);

// What a gate can bound, in the order of the help: "p50_ns", ..., "hypercalls_per_interrupt".
struct PathMeasure {
  const char* name;
  bool time;  // in ns
  const char* help;
};
const std::vector<PathMeasure>& PathMeasures();
bool IsTimeMeasure(const std::string& name);

// Empty: the path does not have it (blocks that were not counted).
std::optional<double> MeasureOf(const nlohmann::ordered_json& path, const std::string& measure);

// Which part of the measure grew most against `before`, or if that is null the largest: "t3_t4_wait is 5000.000 ns, 2000.000
// ns more than in the baseline". Of a percentile the parts are those of the interrupt that stands there.
std::string WhatGrew(const nlohmann::ordered_json* before, const nlohmann::ordered_json& after, const std::string& measure);

// {"paths": [...], "only_before": [...], "only_after": [...]}.
nlohmann::ordered_json PathsDiff(const nlohmann::ordered_json& before, const nlohmann::ordered_json& after);
std::string PathsDiffText(const nlohmann::ordered_json& diff);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_PATH_DIFF_H_
