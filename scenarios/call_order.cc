// SPDX-License-Identifier: Apache-2.0
#include "scenarios/call_order.h"

#include <algorithm>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

// True if `text` starts with what `pattern` says.
bool Starts(const std::string& text, const std::string& pattern, size_t t = 0, size_t p = 0) {
  for (; p < pattern.size(); ++p, ++t) {
    if (pattern[p] == '*') {
      for (size_t next = t; next <= text.size(); ++next) {
        if (Starts(text, pattern, next, p + 1)) return true;
      }
      return false;
    }
    if (t >= text.size() || text[t] != pattern[p]) return false;
  }
  return true;
}

std::string Short(const std::string& call) { return call.substr(0, call.find(" -> ")); }

}  // namespace

std::optional<std::string> CallText(const std::string& trace_line, const std::vector<std::string>& of) {
  const std::string marker = " hypercall ";
  const size_t at = trace_line.find(marker);
  if (at == std::string::npos) return std::nullopt;
  const std::string text = trace_line.substr(at + marker.size());
  for (const std::string& name : of) {
    if (text.compare(0, name.size() + 1, name + " ") != 0) continue;
    const bool group = name.size() > 3 && name.compare(name.size() - 3, 3, "_op") == 0;
    return group ? text.substr(name.size() + 1) : text;
  }
  return std::nullopt;
}

CallOrder CompareCalls(const std::vector<std::string>& calls, const std::vector<std::string>& patterns,
                       const std::vector<std::string>& without) {
  CallOrder order;
  size_t next = 0;
  for (const std::string& call : calls) {
    if (std::any_of(without.begin(), without.end(), [&](const auto& pattern) { return Starts(call, pattern); })) continue;
    if (next == patterns.size()) {
      order.actual += fmt::format("{}then {}", next == 0 ? "" : ", ", Short(call));
      return order;
    }
    if (!Starts(call, patterns[next])) {
      order.actual += fmt::format("{}{} for '{}'", next == 0 ? "" : ", ", call, patterns[next]);
      return order;
    }
    order.actual += (next == 0 ? "" : ", ") + Short(call);
    ++next;
  }
  order.same = next == patterns.size();
  if (!order.same) order.actual += fmt::format("{}nothing for '{}'", next == 0 ? "" : ", ", patterns[next]);
  if (order.actual.empty()) order.actual = "no calls";
  return order;
}

}  // namespace pvpci::scenarios
