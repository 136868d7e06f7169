// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/golden_reasons.h"

#include <regex>

namespace pvpci::scenarios {
namespace {

// ECMAScript patterns over four lines, any of which may be empty:
//
//   <the recording's line before
//   -the recording's line, if it has no partner with equal values
//   +ours
//   >the recording's line after
struct Reason {
  const char* pattern;
  const char* why;
};
constexpr Reason kReasons[] = {
    {"^<(domU ring request .*)\n-\\1\n\\+\n>domU hypercall event_channel_op send ",
     "the recording has this request twice, with one send and one response: pcifront sends exactly once for each "
     "access (abi.md 1.1, row 20), so the recorder, which was busy there (golden/README.md), noted one request twice"},
};

}  // namespace

std::string WhyDifferent(const std::vector<std::string>& golden, const TraceDifference& difference) {
  // The difference stands at golden[here]; a line of ours alone stands before it.
  const size_t here = difference.line - 1;
  const size_t after = difference.golden.empty() ? here : here + 1;
  const std::string text = "<" + (here == 0 ? "" : golden[here - 1]) + "\n-" + difference.golden + "\n+" +
                           difference.bench + "\n>" + (after < golden.size() ? golden[after] : "");
  for (const Reason& reason : kReasons) {
    if (std::regex_search(text, std::regex(reason.pattern))) return reason.why;
  }
  return kUnexplained;
}

}  // namespace pvpci::scenarios
