// SPDX-License-Identifier: Apache-2.0
#include "scenarios/store_path.h"

#include <fmt/format.h>

namespace pvpci::scenarios {

std::optional<std::string> StorePath(const std::string& text, const DomainIds& ids, std::string* error) {
  const auto refuse = [&](std::string why) -> std::optional<std::string> {
    if (error != nullptr) *error = std::move(why);
    return std::nullopt;
  };
  if (!text.empty() && text[0] == '/') return text;
  const size_t slash = text.find('/');
  const std::string head = text.substr(0, slash);
  const size_t dot = head.rfind('.');
  if (slash == std::string::npos || dot == std::string::npos) {
    return refuse(fmt::format("expected an absolute path in the store, DOMAIN.be/... or DOMAIN.fe/..., found '{}'", text));
  }
  const std::string name = head.substr(0, dot), end = head.substr(dot + 1), rest = text.substr(slash);
  const auto id = ids(name);
  if (!id) return refuse(fmt::format("'{}': no domain '{}'", text, name));
  if (end == "be") return fmt::format("/local/domain/0/backend/pci/{}/0{}", *id, rest);
  if (end == "fe") return fmt::format("/local/domain/{}/device/pci/0{}", *id, rest);
  if (end == "home") return fmt::format("/local/domain/{}{}", *id, rest);
  return refuse(fmt::format("'{}': a domain has be, fe and home, not '{}'", text, end));
}

}  // namespace pvpci::scenarios
