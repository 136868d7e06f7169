// SPDX-License-Identifier: Apache-2.0
// ./pvpci run SCENARIO --intervals: the scenario again and again, each time with other values of what its profile is not sure of.
#ifndef PVPCI_SCENARIOS_INTERVALS_RUN_INTERVALS_H_
#define PVPCI_SCENARIOS_INTERVALS_RUN_INTERVALS_H_

#include <functional>
#include <optional>
#include <string>

#include "reports/intervals.h"
#include "reports/result.h"
#include "scenarios/engine.h"
#include "scenarios/intervals/intervals.h"
#include "scenarios/progress_line.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct IntervalRun {
  Scenario scenario;
  RunOptions options;           // root, mutant; nothing is written
  unsigned jobs = 0;            // 0: as many as there are processors
  unsigned timeout_s = 0;       // per run, real time; 0: none
  ProgressStyle progress = ProgressStyle::kNone;
  std::function<int(const std::function<int()>& body)> systemc;
};

// Latencies with their parts, counts and hypercalls as figures; the scenario's claim and every expectation as claims.
Observation ObservationOf(const reports::Result& result);

// Nothing: interrupted.
std::optional<reports::Intervals> IntervalsOfRun(const IntervalRun& run);

// For a child process to answer with.
std::string ToText(const Observation& observation);
Observation ObservationFromText(const std::string& text);  // failed, if it is no such text

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_INTERVALS_RUN_INTERVALS_H_
