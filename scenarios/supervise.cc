// SPDX-License-Identifier: Apache-2.0
#include "scenarios/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "reports/files.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "sim/memory_file.h"
#include "sim/out_of_resources.h"

namespace pvpci::scenarios {
namespace {

constexpr double kGraceSeconds = 3;

volatile sig_atomic_t g_signal = 0;
constexpr size_t kChildrenMax = 64;
volatile sig_atomic_t g_children[kChildrenMax] = {};  // pids; 0: a free place

void Forward(int number) {
  if (g_signal == 0) g_signal = number;
  for (const auto& child : g_children) {
    if (child > 0) kill(static_cast<pid_t>(child), number);
  }
}

void StopRun(int number) { RequestStop(number); }

void Install(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

double Now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

int RunBody(const std::function<int(std::string*)>& body, std::string* answer) {
  try {
    return body(answer);
  } catch (const std::bad_alloc&) {
    std::fputs("pvpci: out of memory\n", stderr);
    return kExitResources;
  } catch (const sim::OutOfResources& error) {
    std::fputs(fmt::format("pvpci: out of resources: {}\n", error.what()).c_str(), stderr);
    return kExitResources;
  } catch (const reports::FileError& error) {
    std::fputs(fmt::format("pvpci: {}\n", error.what()).c_str(), stderr);
    return kExitResources;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("pvpci: the bench failed: {}\n", error.what()).c_str(), stderr);
    return kExitBench;
  }
}

[[noreturn]] void Child(const std::function<int(std::string*)>& body, int answer_fd, size_t place) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left to read the answer
  Install(SIGINT, StopRun);
  Install(SIGTERM, StopRun);
  Install(SIGALRM, StopRun);
  sim::TakeMemoryFilesOf(static_cast<unsigned>(place));
  std::string answer;
  const int code = RunBody(body, &answer);
  std::fflush(stdout);
  std::fflush(stderr);
  size_t done = 0;
  while (done < answer.size()) {
    const ssize_t n = write(answer_fd, answer.data() + done, answer.size() - done);
    if (n <= 0 && errno != EINTR) break;
    if (n > 0) done += static_cast<size_t>(n);
  }
  // Not exit(): destructors of a machine room that stopped half way have nothing to add.
  _exit(code);
}

// A child that runs: its end of the pipe, its clock, what it has answered so far.
struct Running {
  size_t index = 0;
  size_t place = 0;  // in g_children
  pid_t pid = -1;
  int fd = -1;
  double start = 0;
  double kill_at = 0;
  ChildAnswer answer;
};

size_t FreePlace() {
  size_t place = 0;
  while (place < kChildrenMax - 1 && g_children[place] != 0) ++place;
  return place;
}

Running Start(const ChildBody& body, size_t index) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(fmt::format("pipe: {}", std::strerror(errno)));
  std::fflush(stdout);
  std::fflush(stderr);
  Running run;
  run.index = index;
  run.place = FreePlace();
  run.pid = fork();
  if (run.pid < 0) {
    close(ends[0]);
    close(ends[1]);
    throw std::bad_alloc();
  }
  if (run.pid == 0) {
    close(ends[0]);
    Child(body, ends[1], run.place);
  }
  close(ends[1]);
  run.fd = ends[0];
  run.start = Now();
  g_children[run.place] = run.pid;
  HearSignals();
  return run;
}

// Reads what is there; false once the child has closed its end.
bool Read(Running* run) {
  char buffer[65536];
  const ssize_t n = read(run->fd, buffer, sizeof buffer);
  if (n > 0) run->answer.text.append(buffer, static_cast<size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

void Limit(Running* run, unsigned timeout_s) {
  const double now = Now();
  if (timeout_s != 0 && !run->answer.timed_out && now - run->start > timeout_s) {
    run->answer.timed_out = true;
    kill(run->pid, SIGALRM);
  }
  if (run->kill_at == 0 && (run->answer.timed_out || g_signal != 0)) run->kill_at = now + kGraceSeconds;
  if (run->kill_at != 0 && now > run->kill_at) {
    kill(run->pid, SIGKILL);
    run->kill_at = now + 3600;
  }
}

void Reap(Running* run) {
  close(run->fd);
  int status = 0;
  while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR) {
  }
  g_children[run->place] = 0;
  ChildAnswer& answer = run->answer;
  answer.seconds = Now() - run->start;
  if (WIFSIGNALED(status)) answer.signal = WTERMSIG(status);
  answer.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : kExitBench;
  if (answer.timed_out) answer.exit_code = kExitResources;
  if (g_signal != 0) answer.exit_code = 128 + static_cast<int>(g_signal);
}

}  // namespace

void HearSignals() {
  Install(SIGINT, Forward);
  Install(SIGTERM, Forward);
}

int interrupted_by() { return g_signal; }

unsigned UsableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(std::max(1, CPU_COUNT(&set))) : 1;
}

std::vector<ChildAnswer> RunInChildren(const std::vector<ChildBody>& bodies, unsigned at_once, unsigned timeout_s,
                                       const std::function<void(size_t, const ChildAnswer&)>& done) {
  std::vector<ChildAnswer> answers(bodies.size());
  std::vector<Running> running;
  size_t next = 0;
  const size_t most = std::clamp<size_t>(at_once, 1, kChildrenMax);
  std::optional<sim::MemoryStock> stock;  // for places that more than one child takes
  if (bodies.size() > most) stock.emplace(static_cast<unsigned>(most));
  while (next < bodies.size() || !running.empty()) {
    while (next < bodies.size() && running.size() < most && g_signal == 0) {
      running.push_back(Start(bodies[next], next));
      ++next;
    }
    if (running.empty()) {  // a signal came before the rest was started
      for (; next < bodies.size(); ++next) answers[next].exit_code = 128 + static_cast<int>(g_signal);
      break;
    }
    std::vector<pollfd> wait_for;
    for (const Running& run : running) wait_for.push_back({run.fd, POLLIN, 0});
    if (poll(wait_for.data(), wait_for.size(), 100) < 0) wait_for.assign(wait_for.size(), {});
    for (size_t i = running.size(); i-- > 0;) {
      Running& run = running[i];
      Limit(&run, timeout_s);
      if (wait_for[i].revents == 0 || Read(&run)) continue;
      Reap(&run);
      answers[run.index] = run.answer;
      if (done) done(run.index, run.answer);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return answers;
}

ChildAnswer RunInChild(const ChildBody& body, unsigned timeout_s) {
  return RunInChildren({body}, 1, timeout_s, {}).front();
}

}  // namespace pvpci::scenarios
