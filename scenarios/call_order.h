// SPDX-License-Identifier: Apache-2.0
// Orders of hypercalls as scenarios write them: "bind_pirq {pirq=* flags=1", one pattern for each call, matched against
// the start of the call's trace line without domain and group; '*' stands for anything. A call inside a multicall stands
// before it.
#ifndef PVPCI_SCENARIOS_CALL_ORDER_H_
#define PVPCI_SCENARIOS_CALL_ORDER_H_

#include <optional>
#include <string>
#include <vector>

namespace pvpci::scenarios {

// "1200 driver hypercall physdev_op eoi {irq=16} = 0" -> "eoi {irq=16} = 0"; nothing for a line that is none `of` these
// hypercalls. One without operations ("multicall") keeps its name.
std::optional<std::string> CallText(const std::string& trace_line, const std::vector<std::string>& of);

struct CallOrder {
  bool same = false;
  std::string actual;  // the calls; the first one that differs comes with the pattern that it misses
};
// `calls` that match a pattern of `without` are left out; the others must match `patterns` one by one, all of them.
CallOrder CompareCalls(const std::vector<std::string>& calls, const std::vector<std::string>& patterns,
                       const std::vector<std::string>& without);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_CALL_ORDER_H_
