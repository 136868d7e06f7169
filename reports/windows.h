// SPDX-License-Identifier: Apache-2.0
// Escape windows as curves: for how long a device still reaches what has been taken from it, over the flush policy and the
// size of the IOTLB. scenarios/window_points.h measures them; here they become JSON and a page.
#ifndef PVPCI_REPORTS_WINDOWS_H_
#define PVPCI_REPORTS_WINDOWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/time.h"

namespace pvpci::reports {

// One run.
struct WindowPoint {
  int64_t iotlb_entries = 0;
  int64_t losses = 0;
  int64_t nonzero = 0;  // of them with a window longer than 0
  int64_t open = 0;     // that never ended
  std::optional<sim::Ps> p50_ps, max_ps;  // of those that ended; empty: none did
  std::string command;  // that repeats it
};

struct WindowCurve {
  std::string policy;
  std::string what;     // the policy in a sentence
  std::vector<WindowPoint> points;  // by iotlb_entries
};

struct WindowProfile {
  std::string profile;  // "Xen PV: type"
  std::string question; // from which moment until which
  std::string scenario;
  std::string loss;     // kind of EscapeWindow
  std::string drawn;    // "p50_ps", or "max_ps" where most losses are of what no device had used
  std::vector<WindowCurve> curves;
};

struct Windows {
  std::string kernel;   // "6.1"
  std::vector<WindowProfile> profiles;
};

// window.json, schema 1.
std::string WindowsJson(const Windows& windows);
// window.html: one file, loads nothing.
std::string WindowsHtml(const Windows& windows);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_WINDOWS_H_
