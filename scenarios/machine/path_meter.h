// SPDX-License-Identifier: Apache-2.0
// The ways that interrupts took in a run, source by source: what gates judge and ./pvpci diff compares (reports::Path).
#ifndef PVPCI_SCENARIOS_MACHINE_PATH_METER_H_
#define PVPCI_SCENARIOS_MACHINE_PATH_METER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reports/result.h"
#include "scenarios/machine/bottom_halves.h"
#include "scenarios/machine/machine.h"
#include "scenarios/machine/upcall_blocks.h"

namespace pvpci::scenarios {

class PathMeter {
 public:
  // Interrupts asserted, and hypercalls made, from now on count. Without it: all. `blocks`: count the blocks of upcalls and
  // note bottom halves, too, in every domU that has booted; the run is slower then, and the same.
  void Begin(Machine& machine, const std::string& since, bool blocks);
  bool begun() const { return begun_; }

  // After the run. `rows`: result.json's, which say what each is called.
  std::vector<reports::Path> Paths(Machine& machine, const std::vector<reports::Interrupt>& rows);

 private:
  static std::map<std::string, xen::HypercallCount> CallsOf(Machine& machine, sim::DomId domain);

  bool begun_ = false;
  std::string since_;
  sim::Ps since_ps_ = 0;
  std::map<sim::DomId, std::map<std::string, xen::HypercallCount>> calls_before_;
  std::map<sim::DomId, std::unique_ptr<UpcallBlocks>> blocks_;
  BottomHalves bottom_halves_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_PATH_METER_H_
