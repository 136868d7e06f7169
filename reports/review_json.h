// SPDX-License-Identifier: Apache-2.0
// review.json: writer and reader.
#ifndef PVPCI_REPORTS_REVIEW_JSON_H_
#define PVPCI_REPORTS_REVIEW_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reports/review.h"

namespace pvpci::reports {

nlohmann::ordered_json ToJson(const Review& review);
std::string WriteReviewJson(const Review& review);

// Inverse of WriteReviewJson. Throws ReadError (result_json.h).
Review ReadReviewJson(std::string_view text);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REVIEW_JSON_H_
