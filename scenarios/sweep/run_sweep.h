// SPDX-License-Identifier: Apache-2.0
// ./pvpci sweep: runs the points of an experiment on this machine's processors, or as a Slurm job array, and leaves
// points.csv, sweep.json and index.html. Each finished point is a file of its own below points/: what --resume goes on
// from, and what the tasks of a job array leave for the merge, which is the same code.
#ifndef PVPCI_SCENARIOS_SWEEP_RUN_SWEEP_H_
#define PVPCI_SCENARIOS_SWEEP_RUN_SWEEP_H_

#include <cstddef>
#include <functional>
#include <string>

#include "scenarios/progress_line.h"

namespace pvpci::scenarios {

struct SweepOptions {
  std::string root;             // of the project
  std::string file;             // an experiment's name, or a file
  std::string out;              // folder; empty: out/NAME
  unsigned jobs = 0;            // runs at a time; with Slurm tasks of the array; 0: as many as there are processors
  bool json = false;            // sweep.json on standard output, in place of the table
  bool resume = false;          // keep the points that an earlier call of the same program finished
  bool quick = false;           // the factors' quick levels only
  bool intervals = false;       // every point also with other values of what its profile is not sure of
  std::string profile;          // of every point that names none itself; empty: the scenarios' own
  bool slurm = false;
  size_t first = 0, last = 0;   // a slice: these points and no report; 0: all
  unsigned timeout_s = 600;     // per point, real time
  ProgressStyle progress = ProgressStyle::kNone;
  std::string command;          // as the user typed it
  std::function<int(const std::function<int()>& body)> systemc;
};

// Exit code: 0 every point and finding holds, 1 one does not, 4 a point could not be run, 128 + signal. Throws InputError
// and UsageError before anything runs.
int RunSweep(const SweepOptions& options);

// The shipped experiments with their questions.
std::string ListExperiments(const std::string& root);

// The kernels that the points of a sweep run, one per line: for the front script.
std::string KernelsOfSweep(const SweepOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_RUN_SWEEP_H_
