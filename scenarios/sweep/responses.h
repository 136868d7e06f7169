// SPDX-License-Identifier: Apache-2.0
// The figures that a sweep can ask of a point, computed from the point's record (measure.h).
#ifndef PVPCI_SCENARIOS_SWEEP_RESPONSES_H_
#define PVPCI_SCENARIOS_SWEEP_RESPONSES_H_

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pvpci::scenarios {

// What a sweep shows that names no responses.
inline constexpr const char* kUsualResponses[] = {"latency_p50_ns", "latency_p99_ns", "latency_max_ns", "delivered",
                                                  "coalesced",      "lost",           "hypercalls_per_interrupt"};

std::vector<std::string> ResponseWords();
// One line for each word, for `./pvpci sweep --responses`.
std::string DescribeResponses();
// "ns", "" for counts.
std::string UnitOf(const std::string& word);

// "t4_t5_entry" of "part_t4_t5_entry_ns": the mean of that part, a response whether the file names it or not.
std::optional<std::string> PartNameOf(const std::string& response);

// The figure of a point: a word, a part, or a name in the record's "values". Nothing if the point has none.
std::optional<double> ResponseOf(const nlohmann::ordered_json& point, const std::string& name);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_RESPONSES_H_
