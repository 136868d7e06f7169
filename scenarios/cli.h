// SPDX-License-Identifier: Apache-2.0
// The command line: verbs, options, help that teaches. Parsing only; nothing runs here.
#ifndef PVPCI_SCENARIOS_CLI_H_
#define PVPCI_SCENARIOS_CLI_H_

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "scenarios/parser.h"
#include "sim/time.h"

namespace pvpci::scenarios {

// design.md 6.
enum ExitCode : int {
  kExitHolds = 0,
  kExitViolated = 1,
  kExitBadInput = 2,
  kExitCorrupt = 3,
  kExitBench = 4,
  kExitResources = 5,
  kExitNondeterminism = 7,
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

enum class Verb {
  kHelp, kRun, kList, kShow, kCheck, kBench, kFidelity, kCoverage, kRows, kReview, kDiff, kReach, kWindow, kKernels,
  kSweep, kSweepKernels, kTrace,
};

struct CommandLine {
  Verb verb = Verb::kHelp;
  std::string help;                     // kHelp: the text to print
  std::vector<std::string> scenarios;   // names or files
  std::vector<Override> overrides;      // --iommu, --kernel, --seed, --set
  std::string out;                      // empty: out/<scenario>, coverage: out/coverage
  std::string mutant;                   // run: id of a mutant, or "none"; empty: the unmutated kernel
  std::set<std::string> formats;        // of kFormats
  bool twice = false;
  unsigned timeout_s = 0;               // wall clock; 0: none
  sim::Ps until = 0;                    // simulated; 0: the scenario's
  bool gdb = false;                     // wait for a debugger ...
  sim::Ps gdb_at = 0;                   // ... at this time; 0: at the first finding or stopped domain
  bool json = false;                    // tables as JSON
  bool golden = false;                  // fidelity: of the recorded traces
  bool schema = false;                  // check: print the JSON Schema
  bool keys = false;                    // check: print the table of keys
  unsigned rounds = 15;                 // bench
  bool goals = false;                   // bench: every line
  bool peers = false;                   // bench: the lines with peers, too
  std::vector<std::string> only;        // bench: these lines; empty: all
  std::vector<std::string> rows;        // rows: which; empty: all
  bool markdown = false;                // rows, review: the tables of README.md
  std::vector<std::string> attacks;     // review: which; empty: all
  std::string profile = "server";       // review: attacker model
  std::string baseline;                 // review, run: an earlier one; empty: none
  std::string trace_file;               // trace
  uint32_t interrupt = 0;               // trace: only what tells of this one; 0: all
  bool blocks = false;                  // run: count the blocks of upcalls
  std::string suppressions;             // review, diff: file of accepted risks; empty: none
  std::vector<std::string> compared;    // diff: before and after
  bool counterfactual = false;          // run: in every mode
  std::string experiment;               // sweep: a name or a file
  bool intervals = false;               // run, sweep: vary what the profile is not sure of
  unsigned jobs = 0;                    // run, sweep: runs at a time; 0: as many as there are processors
  bool slurm = false;                   // sweep: as a job array
  bool resume = false;                  // sweep: keep what is finished
  bool quick = false;                   // sweep: the quick levels
  std::string assumed;                  // sweep: the profile of its points; empty: their own
  size_t first_point = 0, last_point = 0;  // sweep: a slice; 0: all
  bool list = false;                    // sweep: the shipped ones
  bool responses = false;               // sweep: the words for responses
};

// Bad input; what() is one line without "pvpci: ". Exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

CommandLine ParseCommandLine(const std::vector<std::string>& arguments);

std::string MainHelp();

// For the front script: `kernels-of` and the arguments of a run prints what it must build images of, one per line.
inline constexpr const char* kKernelsVerb = "kernels-of";
inline constexpr const char* kSweepKernelsVerb = "kernels-of-sweep";

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_CLI_H_
