// SPDX-License-Identifier: Apache-2.0
// The points of a sweep as a Slurm job array: each task is this program with a slice of the points, on a folder that all
// nodes share. Partition, account, time and the like are taken from sbatch's own environment (SBATCH_PARTITION, ...).
#ifndef PVPCI_SCENARIOS_SWEEP_SLURM_H_
#define PVPCI_SCENARIOS_SWEEP_SLURM_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

namespace pvpci::scenarios {

struct SlurmJob {
  std::string name;                       // one that no other job of the user has
  std::filesystem::path out, file, root;  // absolute
  size_t points = 0, tasks = 1;           // tasks <= points
  bool quick = false;
  std::string profile;                    // empty: the scenarios' own
};

// The batch script: OUT/slurm/job.sh. Task n of the array takes the n-th slice.
std::string SlurmScript(const SlurmJob& job, const std::string& program, const std::string& images);

// Submits it and waits for its end; `tick` is called some times a second. A signal cancels the job. What a task says is in
// OUT/slurm/task-N.log; whether all points are there is the caller's to see. Throws UsageError if there is no sbatch,
// std::runtime_error if it refuses the job.
void RunSlurmJob(const SlurmJob& job, const std::function<void()>& tick);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_SLURM_H_
