// SPDX-License-Identifier: Apache-2.0
// Measures escape windows: each point is a run of a shipped scenario in a child, read off scenarios/machine/escape_meter.h.
#ifndef PVPCI_SCENARIOS_WINDOW_POINTS_H_
#define PVPCI_SCENARIOS_WINDOW_POINTS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "reports/windows.h"

namespace pvpci::scenarios {

struct WindowMeasurement {
  std::string root;         // of the project
  std::string kernel;       // "6.1"
  unsigned timeout_s = 60;  // per run
  std::function<int(const std::function<int()>& body)> systemc;
  std::function<void(size_t done, size_t total)> progress;  // may be empty
};

struct MeasuredWindows {
  reports::Windows windows;
  std::string failed;       // the command of a run that measured nothing; "" if all did
  int exit_code = 0;        // of that run
};

MeasuredWindows MeasureWindows(const WindowMeasurement& measurement);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_WINDOW_POINTS_H_
