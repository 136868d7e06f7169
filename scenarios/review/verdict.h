// SPDX-License-Identifier: Apache-2.0
// What became of an attack (threats.md 4), from what its run recorded and what its scenario says that counts. The table
// of what is expected has no part in it.
//
//   ESCAPED      a finding of one of review.escapes landed, or an observation of escaped_if holds
//   HOST-FAULT   dom0 crashed or hangs, or one of host_fault_if holds
//   GUEST-FAULT  a domU crashed or hangs, or one of guest_fault_if holds
//   DEGRADED     one of degraded_if holds
//   N/A          the scenario does not apply in this mode or on this kernel
//   CONTAINED    none of these
//
// The first that is so.
#ifndef PVPCI_SCENARIOS_REVIEW_VERDICT_H_
#define PVPCI_SCENARIOS_REVIEW_VERDICT_H_

#include <nlohmann/json.hpp>

#include "reports/result.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// `observations`: what expectations are evaluated on (expectations.h). The scenario has a `review`.
reports::Attack JudgeAttack(const Scenario& scenario, const reports::Result& result,
                            const nlohmann::json& observations);

// Whether one of its observations looks at the trace.
bool AsksTrace(const ReviewSpec& review);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_VERDICT_H_
