// SPDX-License-Identifier: Apache-2.0
#include "reports/text_layout.h"

#include <fmt/format.h>

#include "reports/utf8.h"

namespace pvpci::reports {

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto first = static_cast<uint8_t>(text.front());
    const size_t before = text.size();
    const uint32_t character = TakeCharacter(&text);
    const bool malformed = character == kReplacement && before - text.size() == 1;
    if (first == '\n' || first == '\t') {
      out += ' ';
    } else if (malformed || character < 0x20 || (character >= 0x7f && character < 0xa0)) {
      out += fmt::format("\\x{:02x}", malformed ? first : character);
    } else {
      AppendUtf8(character, &out);
    }
  }
  return out;
}

size_t Columns(std::string_view text) {
  size_t columns = 0;
  for (char c : text) columns += (c & 0xc0) != 0x80;
  return columns;
}

std::string PadRight(std::string_view text, size_t width) {
  const size_t columns = Columns(text);
  return std::string(text) + std::string(columns < width ? width - columns : 0, ' ');
}

std::string PadLeft(std::string_view text, size_t width) {
  const size_t columns = Columns(text);
  return std::string(columns < width ? width - columns : 0, ' ') + std::string(text);
}

std::string Cut(std::string_view text, size_t width) {
  if (Columns(text) <= width) return std::string(text);
  constexpr std::string_view kMark = "...";
  if (width < kMark.size()) return std::string(kMark.substr(0, width));
  std::string out;
  for (size_t columns = 0; columns + kMark.size() < width; ++columns) AppendUtf8(TakeCharacter(&text), &out);
  return out + std::string(kMark);
}

std::vector<std::string> Wrap(std::string_view text, size_t width) {
  std::vector<std::string> lines(1);
  size_t used = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (used > 0 && used + 1 + Columns(word) > width) {
      lines.emplace_back();
      used = 0;
    }
    if (used > 0) {
      lines.back() += ' ';
      ++used;
    }
    while (!word.empty()) {
      if (used == width) {
        lines.emplace_back();
        used = 0;
      }
      AppendUtf8(TakeCharacter(&word), &lines.back());
      ++used;
    }
  }
  return lines;
}

std::string Grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t sign = number < 0 ? 1 : 0;
  for (size_t place = digits.size(); place > sign + 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

}  // namespace pvpci::reports
