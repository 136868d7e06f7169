// SPDX-License-Identifier: Apache-2.0
// Attacker models. threats.md 9, at its end: who is trusted, and whose denial of service counts.
#ifndef PVPCI_SCENARIOS_REVIEW_PROFILE_H_
#define PVPCI_SCENARIOS_REVIEW_PROFILE_H_

#include <string>
#include <vector>

#include "reports/review.h"

namespace pvpci::scenarios {

// "server": availability is in scope. "qubes": a device's denial of service is accepted (QSB-017).
std::vector<reports::AttackerRow> AttackerModel(const std::string& profile);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_PROFILE_H_
