// SPDX-License-Identifier: Apache-2.0
#include "scenarios/supervise.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "reports/files.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"

namespace pvpci::scenarios {
namespace {

constexpr double kGraceSeconds = 3;

volatile sig_atomic_t g_signal = 0;
volatile sig_atomic_t g_child = 0;

void Forward(int number) {
  if (g_signal == 0) g_signal = number;
  if (g_child > 0) kill(static_cast<pid_t>(g_child), number);
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
  } catch (const reports::FileError& error) {
    std::fputs(fmt::format("pvpci: {}\n", error.what()).c_str(), stderr);
    return kExitResources;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("pvpci: the bench failed: {}\n", error.what()).c_str(), stderr);
    return kExitBench;
  }
}

[[noreturn]] void Child(const std::function<int(std::string*)>& body, int answer_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left to read the answer
  Install(SIGINT, StopRun);
  Install(SIGTERM, StopRun);
  Install(SIGALRM, StopRun);
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

}  // namespace

int interrupted_by() { return g_signal; }

ChildAnswer RunInChild(const std::function<int(std::string* answer)>& body, unsigned timeout_s) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error(fmt::format("pipe: {}", std::strerror(errno)));
  std::fflush(stdout);
  std::fflush(stderr);
  const pid_t pid = fork();
  if (pid < 0) {
    close(ends[0]);
    close(ends[1]);
    throw std::bad_alloc();
  }
  if (pid == 0) {
    close(ends[0]);
    Child(body, ends[1]);
  }
  close(ends[1]);
  g_child = pid;
  Install(SIGINT, Forward);
  Install(SIGTERM, Forward);

  ChildAnswer answer;
  const double start = Now();
  double kill_at = 0;
  for (bool open = true; open;) {
    pollfd wait_for{ends[0], POLLIN, 0};
    const int ready = poll(&wait_for, 1, 100);
    if (ready > 0) {
      char buffer[4096];
      const ssize_t n = read(ends[0], buffer, sizeof buffer);
      if (n > 0) answer.text.append(buffer, static_cast<size_t>(n));
      open = n > 0 || (n < 0 && errno == EINTR);
    }
    const double now = Now();
    if (timeout_s != 0 && !answer.timed_out && now - start > timeout_s) {
      answer.timed_out = true;
      kill(pid, SIGALRM);
    }
    if (kill_at == 0 && (answer.timed_out || g_signal != 0)) kill_at = now + kGraceSeconds;
    if (kill_at != 0 && now > kill_at) {
      kill(pid, SIGKILL);
      kill_at = now + 3600;
    }
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  g_child = 0;
  if (WIFSIGNALED(status)) answer.signal = WTERMSIG(status);
  answer.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : kExitBench;
  if (answer.timed_out) answer.exit_code = kExitResources;
  if (g_signal != 0) answer.exit_code = 128 + static_cast<int>(g_signal);
  return answer;
}

}  // namespace pvpci::scenarios
