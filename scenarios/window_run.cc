// SPDX-License-Identifier: Apache-2.0
#include "scenarios/window_run.h"

#include <cstdio>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "reports/files.h"
#include "reports/windows.h"
#include "scenarios/cli.h"
#include "scenarios/window_points.h"

namespace pvpci::scenarios {
namespace {

std::string ReadableTime(const std::optional<sim::Ps>& ps) {
  if (!ps) return "-";
  const auto value = static_cast<double>(*ps);
  if (*ps == 0) return "0";
  if (value < 1e6) return fmt::format("{:.0f} ns", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} us", value / 1e6);
  return fmt::format("{:.2f} ms", value / 1e9);
}

std::string Text(const reports::Windows& windows) {
  std::string text;
  for (const reports::WindowProfile& profile : windows.profiles) {
    const bool median = profile.drawn == "p50_ps";
    text += fmt::format("{}: {}; the {}\n{:<14}", profile.profile, profile.question, median ? "median" : "longest",
                        "IOTLB entries");
    for (const reports::WindowPoint& point : profile.curves.front().points) text += fmt::format("{:>12}", point.iotlb_entries);
    text += "\n";
    for (const reports::WindowCurve& curve : profile.curves) {
      text += fmt::format("{:<14}", curve.policy);
      for (const reports::WindowPoint& point : curve.points) {
        text += fmt::format("{:>12}", point.open != 0 ? fmt::format("{} stay", point.open)
                                                      : ReadableTime(median ? point.p50_ps : point.max_ps));
      }
      text += fmt::format("   {}\n", curve.what);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

int RunWindow(const WindowOptions& options) {
  const MeasuredWindows measured = MeasureWindows({options.root, options.kernel, options.timeout_s, options.systemc, {}});
  if (!measured.failed.empty()) {
    std::fputs(fmt::format("pvpci: window: nothing was measured by: {}\n", measured.failed).c_str(), stderr);
    return measured.exit_code;
  }
  const std::filesystem::path out = options.out;
  std::filesystem::create_directories(out);
  reports::WriteFileAtomically(out / "window.json", reports::WindowsJson(measured.windows));
  reports::WriteFileAtomically(out / "window.html", reports::WindowsHtml(measured.windows));
  const std::string shown = options.json ? reports::WindowsJson(measured.windows)
                                         : Text(measured.windows) + (out / "window.html").string() + "\n";
  std::fputs(shown.c_str(), stdout);
  return kExitHolds;
}

}  // namespace pvpci::scenarios
