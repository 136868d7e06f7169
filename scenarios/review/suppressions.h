// SPDX-License-Identifier: Apache-2.0
// Accepted risks: a YAML list of {fingerprint, reason, expires}. Both a reason and a last day are needed; after that day the
// entry no longer counts.
#ifndef PVPCI_SCENARIOS_REVIEW_SUPPRESSIONS_H_
#define PVPCI_SCENARIOS_REVIEW_SUPPRESSIONS_H_

#include <map>
#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct Suppression {
  std::string fingerprint;
  std::string reason;
  std::string expires;  // "2027-01-31", the last day
  Place place;
};

// Throws InputError: form, days that do not exist, a fingerprint twice.
std::vector<Suppression> ParseSuppressions(const std::string& file, const std::string& text);
std::vector<Suppression> LoadSuppressions(const std::string& file);

// Fingerprint and reason of those that count on `today`; the others into *expired.
std::map<std::string, std::string> Accepted(const std::vector<Suppression>& suppressions, const std::string& today,
                                            std::vector<Suppression>* expired);

// As suppressions write days, in UTC.
std::string Today();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_SUPPRESSIONS_H_
