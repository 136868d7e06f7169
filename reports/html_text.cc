// SPDX-License-Identifier: Apache-2.0
#include "reports/html_text.h"

#include <stdexcept>

#include "reports/utf8.h"

namespace pvpci::reports {

std::string HtmlEscape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const uint32_t character = TakeCharacter(&text);
    if (character == '&') {
      out += "&amp;";
    } else if (character == '<') {
      out += "&lt;";
    } else if (character == '>') {
      out += "&gt;";
    } else if (character == '"') {
      out += "&quot;";
    } else if ((character < 0x20 && character != '\n' && character != '\t') || character == 0x7f) {
      AppendUtf8(kReplacement, &out);
    } else {
      AppendUtf8(character, &out);
    }
  }
  return out;
}

std::string FillTemplate(std::string_view page, const std::map<std::string, std::string, std::less<>>& values) {
  std::string out;
  while (true) {
    const size_t open = page.find("{{");
    out += page.substr(0, open);
    if (open == std::string_view::npos) return out;
    const size_t close = page.find("}}", open);
    if (close == std::string_view::npos) throw std::logic_error("template with an open {{");
    const auto value = values.find(page.substr(open + 2, close - open - 2));
    if (value == values.end()) {
      throw std::logic_error("template value missing: " + std::string(page.substr(open + 2, close - open - 2)));
    }
    out += value->second;
    page.remove_prefix(close + 2);
  }
}

}  // namespace pvpci::reports
