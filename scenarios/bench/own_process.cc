// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/own_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "scenarios/bench/bench.h"
#include "scenarios/bench/worker.h"

extern char** environ;

namespace pvpci::scenarios {
namespace {

double Milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) * 1e-3;
}

}  // namespace

OwnRun RunSelf(const std::vector<std::string>& arguments) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, answer[1], STDOUT_FILENO);
  std::vector<std::string> words = {"pvpci"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  OwnRun run;
  pid_t child = 0;
  run.begin_ns = WallNs();
  const int failed = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(answer[1]);
  if (failed != 0) {
    close(answer[0]);
    throw std::runtime_error("cannot start a process");
  }
  char buffer[65536];
  for (ssize_t n; (n = read(answer[0], buffer, sizeof buffer)) > 0;) run.text.append(buffer, static_cast<size_t>(n));
  close(answer[0]);
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  run.processor_ms = Milliseconds(used.ru_utime) + Milliseconds(used.ru_stime);
  if (WIFEXITED(status)) run.exit_code = WEXITSTATUS(status);
  return run;
}

double FirstInterruptMs(double* processor_ms) {
  const OwnRun run = RunSelf({kFirstInterruptVerb});
  if (run.exit_code != 0) throw std::runtime_error("no first interrupt was measured");
  if (processor_ms != nullptr) *processor_ms = run.processor_ms;
  return (std::stod(run.text) - run.begin_ns) * 1e-6;
}

}  // namespace pvpci::scenarios
