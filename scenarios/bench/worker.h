// SPDX-License-Identifier: Apache-2.0
// A measuring process: forked, it builds what it measures once and then answers requests, so that rounds of several of
// them can be interleaved. SystemC elaborates once per process, so every machine room needs one of its own.
#ifndef PVPCI_SCENARIOS_BENCH_WORKER_H_
#define PVPCI_SCENARIOS_BENCH_WORKER_H_

#include <cstdint>
#include <functional>
#include <string>

#include <sys/types.h>

namespace pvpci::scenarios {

// What is to be measured, and how often in a row.
struct BenchRequest {
  uint32_t what = 0;
  uint32_t count = 0;
};

// The measuring process's end.
class WorkerPort {
 public:
  WorkerPort(int in, int out) : in_(in), out_(out) {}
  // Waits. False: nobody asks any more.
  bool Next(BenchRequest* request);
  void Answer(double value);

 private:
  int in_, out_;
};

class Worker {
 public:
  // Runs `body` in a child. Exceptions in it are told on standard error and end the child.
  Worker(std::string name, const std::function<void(WorkerPort&)>& body);
  ~Worker();  // the child sees the end of its requests, and is waited for
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Throws std::runtime_error if the child has ended.
  double Ask(uint32_t what, uint32_t count);

 private:
  const std::string name_;
  pid_t child_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
};

// Processor time of this thread, ns: what other programs do meanwhile does not count.
double ThreadNs();
// Wall clock, ns since some fixed point of this boot.
double WallNs();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_WORKER_H_
