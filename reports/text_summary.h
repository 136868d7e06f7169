// SPDX-License-Identifier: Apache-2.0
// The summary that `run` prints: verdict, claim, where DMA landed, findings, latencies, expectations, where to look
// next.
#ifndef PVPCI_REPORTS_TEXT_SUMMARY_H_
#define PVPCI_REPORTS_TEXT_SUMMARY_H_

#include <string>

#include "reports/result.h"

namespace pvpci::reports {

struct TextOptions {
  bool colour = false;   // ANSI escapes
  bool unicode = false;  // ticks and blocks; else ASCII
  int width = 90;        // columns, clamped to 80..100
  std::string report;    // path of report.html as the user would type it; empty: not printed
};

// Colour when `fd` is a terminal, TERM is not "dumb" and NO_COLOR is unset or empty; Unicode when the locale's
// environment variables say UTF-8; width from the terminal.
TextOptions TextOptionsFor(int fd);

// Lines end with '\n'. Control characters of guest strings never reach the terminal.
std::string TextSummary(const Result& result, const TextOptions& options);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_TEXT_SUMMARY_H_
