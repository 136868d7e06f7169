// SPDX-License-Identifier: Apache-2.0
// Text into HTML.
#ifndef PVPCI_REPORTS_HTML_TEXT_H_
#define PVPCI_REPORTS_HTML_TEXT_H_

#include <map>
#include <string>
#include <string_view>

namespace pvpci::reports {

// `text` as content or quoted attribute value; control characters and what is not UTF-8 as U+FFFD, newlines kept.
std::string HtmlEscape(std::string_view text);

// `page` with each {{name}} replaced, in one pass: a value that contains {{...}} is not looked into. Throws
// std::logic_error for a name that `values` lacks.
std::string FillTemplate(std::string_view page, const std::map<std::string, std::string, std::less<>>& values);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_HTML_TEXT_H_
