// SPDX-License-Identifier: Apache-2.0
// What is taken down of one point while it runs. The record is JSON, so that a child of this process, a task on another
// machine and an earlier call answer in the same words:
//
//   {"point": 7, "levels": {"abi": "2l"}, "command": "...", "verdict": "holds", "trace_digest": "...",
//    "interrupts": {... as a row of result.json, all measured ones in it, with their histogram},
//    "hypercalls": {"EVTCHNOP_send": 12}, "upcalls": {"count", "blocks", "typical_blocks", "functions"} or null,
//    "values": {"packet_ns": 1310}, "elapsed_ps": 123}
#ifndef PVPCI_SCENARIOS_SWEEP_MEASURE_H_
#define PVPCI_SCENARIOS_SWEEP_MEASURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/result.h"
#include "scenarios/engine.h"
#include "scenarios/machine/upcall_blocks.h"
#include "scenarios/sweep/design.h"
#include "scenarios/sweep/spec.h"

namespace pvpci::scenarios {

class Measurement {
 public:
  Measurement(const SweepSpec& spec, const SweepPoint& point) : spec_(spec), point_(point) {}

  // Hooks itself into the run.
  void Attach(RunOptions* run);
  // After the run.
  nlohmann::ordered_json Record(const reports::Result& result) const;

 private:
  void Begin(Machine& machine);
  void End(Machine& machine);
  void Observe(const nlohmann::json& observed);
  bool Measured(const std::string& domain) const;

  const SweepSpec& spec_;
  const SweepPoint& point_;
  bool begun_ = false;
  sim::Ps since_ = 0;
  std::map<std::string, int64_t> calls_before_;
  std::vector<std::unique_ptr<UpcallBlocks>> counters_;
  nlohmann::ordered_json interrupts_, hypercalls_, upcalls_, values_;
  sim::Ps elapsed_ = 0;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_MEASURE_H_
