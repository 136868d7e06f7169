// SPDX-License-Identifier: Apache-2.0
// One run in a child process of its own: SystemC elaborates once per process, and whatever the bench does wrong ends
// the child, not the answer. Forwards SIGINT and SIGTERM, enforces a real-time limit.
#ifndef PVPCI_SCENARIOS_SUPERVISE_H_
#define PVPCI_SCENARIOS_SUPERVISE_H_

#include <functional>
#include <string>

namespace pvpci::scenarios {

struct ChildAnswer {
  int exit_code = 4;
  int signal = 0;        // the child died of it, 0: it exited
  bool timed_out = false;
  std::string text;      // what the body answered (the trace digest)
};

// Runs `body` in a forked child; its return value is the exit code, what it stores in its argument the answer's text.
// An exception in `body` is told on standard error: bad_alloc and FileError exit 5, everything else 4.
// `timeout_s` 0: no limit. After a timeout or signal the child gets three seconds to write its partial results.
ChildAnswer RunInChild(const std::function<int(std::string* answer)>& body, unsigned timeout_s);

// The signal that asked this process to end, 0: none. Set by RunInChild's handlers.
int interrupted_by();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SUPERVISE_H_
