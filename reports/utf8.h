// SPDX-License-Identifier: Apache-2.0
// Guest strings are bytes; JSON, XML and HTML want UTF-8.
#ifndef PVPCI_REPORTS_UTF8_H_
#define PVPCI_REPORTS_UTF8_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace pvpci::reports {

inline constexpr uint32_t kReplacement = 0xfffd;

// Takes one character off the front of *text, which is not empty. Malformed, overlong and surrogate sequences give
// kReplacement, one per offending byte.
uint32_t TakeCharacter(std::string_view* text);

void AppendUtf8(uint32_t character, std::string* out);

// `text` with everything that is not UTF-8 replaced by U+FFFD.
std::string ToUtf8(std::string_view text);

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_UTF8_H_
