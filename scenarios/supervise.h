// SPDX-License-Identifier: Apache-2.0
// One run in a child process of its own: SystemC elaborates once per process, and whatever the bench does wrong ends
// the child, not the answer. Forwards SIGINT and SIGTERM, enforces a real-time limit.
#ifndef PVPCI_SCENARIOS_SUPERVISE_H_
#define PVPCI_SCENARIOS_SUPERVISE_H_

#include <functional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

struct ChildAnswer {
  int exit_code = 4;
  int signal = 0;        // the child died of it, 0: it exited
  bool timed_out = false;
  double seconds = 0;    // real time from its start to its end
  std::string text;      // what the body answered (the trace digest)
};

// Its return value is the exit code, what it stores in `answer` the answer's text.
using ChildBody = std::function<int(std::string* answer)>;

// Runs `body` in a forked child. An exception in `body` is told on standard error: bad_alloc, OutOfResources and FileError
// exit 5, everything else 4. `timeout_s` 0: no limit. After a timeout or signal the child gets three seconds to write its partial
// results.
ChildAnswer RunInChild(const ChildBody& body, unsigned timeout_s);

// Runs each as RunInChild does it, at most `at_once` at a time. `done` hears of each as it ends, with its index; answers
// stand in the order of the bodies. After a signal no further child is started: its answer has exit code 128 + signal.
std::vector<ChildAnswer> RunInChildren(const std::vector<ChildBody>& bodies, unsigned at_once, unsigned timeout_s,
                                       const std::function<void(size_t index, const ChildAnswer& answer)>& done);

// The processors that this process may use, at least one.
unsigned UsableProcessors();

// Takes note of SIGINT and SIGTERM from now on, as RunInChild does, and passes them to the children that run.
void HearSignals();

// The signal that asked this process to end, 0: none. Set by the handlers of RunInChild and HearSignals.
int interrupted_by();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SUPERVISE_H_
