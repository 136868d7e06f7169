// SPDX-License-Identifier: Apache-2.0
// JUnit XML as CI servers read it: a testsuite per result, a testcase "verdict" and one per expectation.
// A violated expectation is a failure, verdict unable (and an incomplete run) an error, skipped is skipped.
// Times are simulated seconds.
#ifndef PVPCI_REPORTS_JUNIT_H_
#define PVPCI_REPORTS_JUNIT_H_

#include <string>
#include <string_view>
#include <vector>

#include "reports/result.h"

namespace pvpci::reports {

std::string JunitXml(const std::vector<Result>& results);

// `text` as XML 1.0 character data or attribute value: markup escaped, characters XML forbids and bytes that are not
// UTF-8 replaced by U+FFFD. In an attribute value line ends and tabs are character references, or a reader would fold
// them into spaces.
enum class XmlPlace { kText, kAttribute };
std::string XmlEscape(std::string_view text, XmlPlace place = XmlPlace::kAttribute);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_JUNIT_H_
