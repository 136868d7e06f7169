// SPDX-License-Identifier: Apache-2.0
// ./pvpci window: for how long a device still reaches what has been taken from it, as curves over the flush policy and the
// size of the IOTLB. Where a kernel drives the unit, from the unmap; under Xen, from the loss of a frame. Each point is a run
// of a shipped scenario, measured by scenarios/machine/escape_meter.h.
#ifndef PVPCI_SCENARIOS_WINDOW_RUN_H_
#define PVPCI_SCENARIOS_WINDOW_RUN_H_

#include <cstdint>
#include <functional>
#include <string>

namespace pvpci::scenarios {

struct WindowOptions {
  std::string root;         // of the project
  std::string kernel;       // "6.1"
  std::string out;          // folder of window.json and window.html
  bool json = false;        // the document on standard output, in place of the table
  unsigned timeout_s = 60;  // per run
  std::function<int(const std::function<int()>& body)> systemc;
};

// Exit code 0, or that of a run that did not come to its end.
int RunWindow(const WindowOptions& options);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_WINDOW_RUN_H_
