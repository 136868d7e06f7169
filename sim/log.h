// SPDX-License-Identifier: Apache-2.0
// Log lines for people (spdlog behind it): "[1250 ns] I pci.nic0: BAR0 at 0xf0000000". Simulated time only, no wall
// clock, no pointers: identical from run to run. Off below warning unless asked; never read by tests or reports.
#ifndef PVPCI_SIM_LOG_H_
#define PVPCI_SIM_LOG_H_

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

#include "sim/time.h"

namespace pvpci::sim {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void SetLogClock(std::function<Ps()> clock);
void SetLogLevel(LogLevel level);
void SetLogFile(const std::string& path);  // default: standard error
bool LogEnabled(LogLevel level);
void LogText(LogLevel level, std::string_view instance, const std::string& text);

template <typename... Args>
void Log(LogLevel level, std::string_view instance, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogText(level, instance, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_LOG_H_
