// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/profile.h"

namespace pvpci::scenarios {

std::vector<reports::AttackerRow> AttackerModel(const std::string& profile) {
  const bool availability = profile != "qubes";
  const char* accepted = "a device domain that stops its own service or its device's is accepted (QSB-017)";
  std::vector<reports::AttackerRow> rows = {
      {"guest kernel", "untrusted", true, true, availability, "runs any code in a domU that owns a device"},
      {"guest user", "untrusted", true, true, availability, "a program of that domU with access to the device's files"},
      {"device firmware", "untrusted", true, true, availability, "the device's own processor; it sends what it likes"},
      {"backend domain", "trusted", true, true, false,
       "dom0 or a driver domain; Xen gives no security support to a frontend against its backend (SUPPORT.md)"},
      {"toolstack", "trusted", false, false, false, "it assigns devices and can do anything a domain can"},
  };
  if (!availability) {
    for (reports::AttackerRow& row : rows) {
      if (row.trust == "untrusted") row.note += std::string("; ") + accepted;
    }
  }
  return rows;
}

}  // namespace pvpci::scenarios
