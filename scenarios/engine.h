// SPDX-License-Identifier: Apache-2.0
// Runs one scenario in this process: elaborates the machine room, walks the steps, judges the expectations, writes the
// results. SystemC elaborates once per process, so there is one call per process (scenarios/supervise.h forks).
#ifndef PVPCI_SCENARIOS_ENGINE_H_
#define PVPCI_SCENARIOS_ENGINE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "reports/result.h"
#include "scenarios/coverage/line_coverage.h"
#include "scenarios/machine/golden.h"
#include "scenarios/machine/machine.h"
#include "scenarios/scenario.h"
#include "sim/time.h"

namespace pvpci::scenarios {

struct RunOptions {
  std::string root;                        // the project's root; images and golden files are found below it
  std::string out;                         // folder of the results; empty: nothing is written
  bool trace = false;                      // trace.txt
  bool perfetto = false;                   // trace.perfetto.json
  bool pcapng = false;                     // tlp.pcapng
  bool vcd = false;                        // trace.vcd
  bool binary = false;                     // trace.bin
  bool sarif = false;                      // findings.sarif
  bool text = true;                        // summary on standard output
  bool json = false;                       // result.json on standard output, in place of the summary
  bool progress = false;                   // on standard error, once a run takes more than two seconds
  Watch watch = Watch::kEverything;
  bool gdb = false;
  sim::Ps gdb_at = 0;                      // 0: at the first finding or stopped domain
  bool blocks = false;                     // count the blocks of upcalls; a scenario with bounds does so anyway
  nlohmann::ordered_json baseline;         // scenarios/gates.h, LoadBaseline; null: those that the scenario names
  bool line_coverage = true;               // of the originals; a run without it is shorter
  std::string mutant;                      // run the mutated image with this fix taken back (scenarios/mutants.h)
  std::string reproduce;                   // command line that repeats this run
  std::map<std::string, std::string> settings;  // --set key=value
  // Called at the end with the comparisons that the steps made, if it is set.
  std::function<void(const std::vector<TraceComparison>&)> comparisons;
  // Called before each step begins, if it is set.
  std::function<void(Machine&, const Step&)> at_step;
  // Called at the end with what expectations are asked of (scenarios/expectations.h), if it is set.
  std::function<void(const nlohmann::json&)> observed;
  // Called at the end, while the machine stands, if it is set.
  std::function<void(Machine&)> at_end;
  // Called at the end with the basic blocks that ran in any domain, if it is set.
  std::function<void(const BlocksRan&)> blocks_ran;
};

// Asks the run in this process to end soon; safe in a signal handler. `reason`: a signal number, or SIGALRM for a
// timeout. The result is marked incomplete.
void RequestStop(int reason);
int stop_reason();  // 0: none

// Throws sim::BenchError (exit 4), reports::FileError, sim::OutOfResources, std::bad_alloc (exit 5). Everything a guest or a
// device does wrong is in the Result.
reports::Result RunScenario(const Scenario& scenario, const RunOptions& options);

// design.md 6: holds and skipped 0, violated 1, unable 4.
int ExitCodeOf(const reports::Result& result);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_ENGINE_H_
