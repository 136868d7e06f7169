// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

// All of it, or false at the end of the stream.
bool ReadAll(int fd, void* data, size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

bool WriteAll(int fd, const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

// Our ends of all workers' pipes. A child closes those of the others: they would not see the end of their requests.
std::vector<int>& OurEnds() {
  static std::vector<int> ends;
  return ends;
}

double Nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

bool WorkerPort::Next(BenchRequest* request) { return ReadAll(in_, request, sizeof *request); }

void WorkerPort::Answer(double value) {
  if (!WriteAll(out_, &value, sizeof value)) throw std::runtime_error("nobody reads what was measured");
}

Worker::Worker(std::string name, const std::function<void(WorkerPort&)>& body) : name_(std::move(name)) {
  int requests[2];
  int answers[2];
  if (pipe2(requests, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::fflush(stdout);
  std::fflush(stderr);
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("cannot fork");
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(requests[1]);
    close(answers[0]);
    for (const int end : OurEnds()) close(end);
    OurEnds().clear();
    int code = 0;
    try {
      WorkerPort port(requests[0], answers[1]);
      body(port);
    } catch (const std::exception& error) {
      std::fputs(fmt::format("pvpci: bench: {}: {}\n", name_, error.what()).c_str(), stderr);
      code = 1;
    }
    _exit(code);
  }
  close(requests[0]);
  close(answers[1]);
  to_child_ = requests[1];
  from_child_ = answers[0];
  OurEnds().insert(OurEnds().end(), {to_child_, from_child_});
}

Worker::~Worker() {
  for (const int end : {to_child_, from_child_}) {
    close(end);
    OurEnds().erase(std::find(OurEnds().begin(), OurEnds().end(), end));
  }
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

double Worker::Ask(uint32_t what, uint32_t count) {
  const BenchRequest request{what, count};
  double value = 0;
  if (!WriteAll(to_child_, &request, sizeof request) || !ReadAll(from_child_, &value, sizeof value)) {
    throw std::runtime_error(fmt::format("{}: the measuring process ended", name_));
  }
  return value;
}

double ThreadNs() { return Nanoseconds(CLOCK_THREAD_CPUTIME_ID); }

double WallNs() { return Nanoseconds(CLOCK_MONOTONIC); }

}  // namespace pvpci::scenarios
