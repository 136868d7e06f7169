// SPDX-License-Identifier: Apache-2.0
// Commands that people can paste.
#ifndef PVPCI_SCENARIOS_SHELL_WORD_H_
#define PVPCI_SCENARIOS_SHELL_WORD_H_

#include <algorithm>
#include <cctype>
#include <string>

namespace pvpci::scenarios {

// `text` as one word of a shell: in quotes if it needs them.
inline std::string ShellWord(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string("_-./+=:,").find(c) != std::string::npos;
  });
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SHELL_WORD_H_
