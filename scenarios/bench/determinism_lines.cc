// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "scenarios/bench/groups.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kRuns = 1000;
constexpr unsigned kQuarter = kRuns / 4;
constexpr size_t kAtOnce = 2;
constexpr const char* kThisProgram = "/proc/self/exe";

struct Run {
  pid_t child = -1;
  int answer = -1;
};

// A new process of a program, with its own layout of addresses, that prints its digest. `processors`: it may use the first
// so many; 0: all.
Run StartRun(const char* program, unsigned processors) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (processors != 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      for (unsigned cpu = 0; cpu < processors; ++cpu) CPU_SET(cpu, &set);
      sched_setaffinity(0, sizeof set, &set);
    }
    dup2(answer[1], STDOUT_FILENO);
    std::string name = "pvpci", verb = kDigestVerb;
    char* arguments[] = {name.data(), verb.data(), nullptr};
    execv(program, arguments);
    _exit(127);
  }
  close(answer[1]);
  return {child, answer[0]};
}

std::string DigestOf(const Run& run) {
  std::string text;
  char buffer[128];
  for (ssize_t n; (n = read(run.answer, buffer, sizeof buffer)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  close(run.answer);
  int status = 0;
  while (waitpid(run.child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.empty()) throw std::runtime_error("a run gave no digest");
  return text;
}

// Keeps every processor busy while it lives.
class Stress {
 public:
  Stress() {
    for (size_t i = 0; i < kAtOnce; ++i) {
      children_.push_back(fork());
      if (children_.back() != 0) continue;
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) asm volatile("");
    }
  }
  ~Stress() {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

 private:
  std::vector<pid_t> children_;
};

// ./pvpci builds the other one and says where it is.
void CompareBuilds(Bench& bench) {
  if (!bench.wanted("D2")) return;
  const char* const other = getenv("PVPCI_OTHER_PROGRAM");
  if (other == nullptr || access(other, X_OK) != 0) return bench.Absent("D2", "not measured: there is no other build");
  const std::set<std::string> digests = {DigestOf(StartRun(kThisProgram, 0)), DigestOf(StartRun(other, 0))};
  bench.Record("D2", static_cast<double>(digests.size()));
}

void CompareRuns(Bench& bench) {
  if (!bench.wanted("D1")) return;
  std::set<std::string> digests;
  std::deque<Run> running;
  std::unique_ptr<Stress> stress;
  unsigned ended = 0;
  const auto end_one = [&] {
    digests.insert(DigestOf(running.front()));
    running.pop_front();
    if (++ended % 10 == 0) bench.Show(fmt::format("digests, run {} of {}", ended, kRuns));
  };
  for (unsigned run = 0; run < kRuns; ++run) {
    const unsigned quarter = run / kQuarter;
    if (quarter == 3 && !stress) stress = std::make_unique<Stress>();
    if (running.size() == kAtOnce) end_one();
    running.push_back(StartRun(kThisProgram, quarter == 1 ? 1 : quarter == 2 ? 2 : 0));
  }
  while (!running.empty()) end_one();
  bench.Record("D1", static_cast<double>(digests.size()));
  bench.Detail("D1", fmt::format("{} processes: free, on one processor, on two, and while others are busy; {} each", kRuns,
                                 kQuarter));
}

void Measure(Bench& bench) {
  CompareBuilds(bench);
  CompareRuns(bench);
}

}  // namespace

LineGroup DeterminismLines() {
  return {"determinism",
          {
              {"D1", "different digests of the whole timed trace in 1,000 runs", "nothing", "== 1", Occasion::kGoals},
              {"D2", "different digests of g++ -O2 and of clang++ -O0 that stops at undefined operations", "nothing", "== 1",
               Occasion::kGoals},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
