// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/slurm.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "reports/files.h"
#include "scenarios/cli.h"
#include "scenarios/shell_word.h"
#include "scenarios/supervise.h"

extern char** environ;

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

struct Process {
  pid_t pid = -1;
  int output = -1;
};

Process Spawn(std::vector<std::string> words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(fmt::format("pipe: {}", std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Process process;
  const int error = posix_spawnp(&process.pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    throw UsageError(fmt::format("sweep: --engine slurm: {}: {}; on Debian: apt-get install slurm-client", words[0],
                                 std::strerror(error)));
  }
  process.output = ends[0];
  return process;
}

int Wait(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string SlurmScript(const SlurmJob& job, const std::string& program, const std::string& images) {
  std::string slices;
  for (size_t task = 0; task < job.tasks; ++task) {
    slices += fmt::format(" {}..{}", job.points * task / job.tasks + 1, job.points * (task + 1) / job.tasks);
  }
  return fmt::format(
      "#!/bin/bash\n"
      "#SBATCH --job-name={}\n"
      "#SBATCH --array=0-{}\n"
      "#SBATCH --output={}/slurm/task-%a.log\n"
      "export PVPCI_ROOT={} PVPCI_IMAGES={}\n"
      "slices=({} )\n"
      "exec {} sweep {} --out {}{} --points \"${{slices[SLURM_ARRAY_TASK_ID]}}\" --jobs \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
      job.name, job.tasks - 1, job.out.string(), ShellWord(job.root.string()), ShellWord(images), slices, ShellWord(program),
      ShellWord(job.file.string()), ShellWord(job.out.string()),
      (job.quick ? " --quick" : "") + (job.profile.empty() ? std::string() : " --profile " + ShellWord(job.profile)));
}

void RunSlurmJob(const SlurmJob& job, const std::function<void()>& tick) {
  const char* images = std::getenv("PVPCI_IMAGES");
  std::string absolute;
  for (std::string rest = images == nullptr ? "" : images; !rest.empty();) {
    const size_t colon = rest.find(':');
    absolute += (absolute.empty() ? "" : ":") + fs::absolute(rest.substr(0, colon)).string();
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  const fs::path script = job.out / "slurm" / "job.sh";
  reports::WriteFileAtomically(script, SlurmScript(job, fs::read_symlink("/proc/self/exe").string(), absolute));
  HearSignals();
  const Process sbatch = Spawn({"sbatch", "--parsable", "--wait", script.string()});
  std::string id;
  bool cancelled = false;
  for (;;) {
    pollfd wait_for{sbatch.output, POLLIN, 0};
    poll(&wait_for, 1, 200);
    if (wait_for.revents != 0) {
      char buffer[256];
      const ssize_t n = read(sbatch.output, buffer, sizeof buffer);
      if (n == 0) break;
      if (n > 0) id.append(buffer, static_cast<size_t>(n));
    }
    if (interrupted_by() != 0 && !cancelled) {
      cancelled = true;
      // By its name: sbatch tells the number only when it ends.
      const Process scancel = Spawn({"scancel", "--name", job.name});
      close(scancel.output);
      Wait(scancel.pid);
      kill(sbatch.pid, SIGTERM);
    }
    tick();
  }
  close(sbatch.output);
  Wait(sbatch.pid);  // its code is the tasks' highest: what they left tells more
  tick();
  if (id.empty() && !cancelled) throw std::runtime_error("sbatch refused the job array: " + script.string());
}

}  // namespace pvpci::scenarios
