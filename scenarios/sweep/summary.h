// SPDX-License-Identifier: Apache-2.0
// What a sweep comes to: sweep.json with every point, main effects and findings; points.csv; the summary for a terminal.
// Each is a function of the file and the points' records alone, whoever made them and in whatever order.
#ifndef PVPCI_SCENARIOS_SWEEP_SUMMARY_H_
#define PVPCI_SCENARIOS_SWEEP_SUMMARY_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenarios/sweep/spec.h"

namespace pvpci::scenarios {

// `records`: in the order of the points (measure.h). Effects: for each response and factor the mean at each level, the
// largest of these less the smallest, and the factor's share of the variance (its sum of squares over the total; shares of
// a full design without interactions add up to 1).
nlohmann::ordered_json SweepDocument(const SweepSpec& spec, const std::vector<nlohmann::ordered_json>& records,
                                     const std::string& file, const std::string& command);

// Whether each finding comes out of these records: as SweepDocument has them.
nlohmann::ordered_json FindingsOf(const SweepSpec& spec, const std::vector<nlohmann::ordered_json>& records);

// "latency_p50_ns: domains 8 same than domains 1".
std::string FindingText(const nlohmann::ordered_json& finding);

// One line for each point: number, levels, verdict, responses, means of parts, digest; with intervals the least and the most
// of each response behind it.
std::string PointsCsv(const nlohmann::ordered_json& document);

std::string SweepText(const nlohmann::ordered_json& document);

// Every point held what its scenario expects, and every finding came out.
bool AllHeld(const nlohmann::ordered_json& document);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_SUMMARY_H_
