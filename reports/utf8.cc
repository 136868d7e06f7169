// SPDX-License-Identifier: Apache-2.0
#include "reports/utf8.h"

namespace pvpci::reports {

uint32_t TakeCharacter(std::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>((*text)[i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : (first & 0xf0) == 0xe0        ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  uint32_t character = length == 1 ? first : length == 0 ? kReplacement : first & (0x7f >> length);
  bool well_formed = length != 0 && length <= text->size();
  for (size_t i = 1; well_formed && i < length; ++i) {
    well_formed = (byte(i) & 0xc0) == 0x80;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (well_formed) {
    well_formed = character >= kLeast[length] && character <= 0x10ffff && (character < 0xd800 || character > 0xdfff);
  }
  text->remove_prefix(well_formed ? length : 1);
  return well_formed ? character : kReplacement;
}

void AppendUtf8(uint32_t character, std::string* out) {
  if (character < 0x80) {
    out->push_back(static_cast<char>(character));
    return;
  }
  const int following = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  const uint32_t marker = following == 1 ? 0xc0 : following == 2 ? 0xe0 : 0xf0;
  out->push_back(static_cast<char>(marker | character >> 6 * following));
  for (int i = following - 1; i >= 0; --i) out->push_back(static_cast<char>(0x80 | (character >> 6 * i & 0x3f)));
}

std::string ToUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) AppendUtf8(TakeCharacter(&text), &out);
  return out;
}

}  // namespace pvpci::reports
