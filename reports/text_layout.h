// SPDX-License-Identifier: Apache-2.0
// Columns of a terminal: widths counted in characters, wrapping, colours that can be off.
#ifndef PVPCI_REPORTS_TEXT_LAYOUT_H_
#define PVPCI_REPORTS_TEXT_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pvpci::reports {

// `text` as one printable line: control characters and what is not UTF-8 as \xNN, newlines as spaces.
std::string Printable(std::string_view text);

// Characters of UTF-8 text; East Asian double width is not considered.
size_t Columns(std::string_view text);

// Padded with spaces to `width` columns, on the right or on the left; longer text is kept.
std::string PadRight(std::string_view text, size_t width);
std::string PadLeft(std::string_view text, size_t width);

// Cut to `width` columns, with "..." at the end if anything was cut.
std::string Cut(std::string_view text, size_t width);

// Lines of at most `width` columns, broken at spaces; a longer word is broken where it must. At least one line.
std::vector<std::string> Wrap(std::string_view text, size_t width);

// `number` with groups of three digits: "1,024,001".
std::string Grouped(int64_t number);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_TEXT_LAYOUT_H_
