// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/groups.h"

namespace pvpci::scenarios {

const std::vector<LineGroup>& LineGroups() {
  static const std::vector<LineGroup> groups = {SchedulerLines(), DmaLines(),  InterruptLines(),  RunLines(),
                                              PeerLines(),      ReviewLines(), DeterminismLines()};
  return groups;
}

}  // namespace pvpci::scenarios
