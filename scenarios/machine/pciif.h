// SPDX-License-Identifier: Apache-2.0
// The page that pcifront and pciback share, as far as an observer reads it. include/xen/interface/io/pciif.h; abi.md 3.2.
#ifndef PVPCI_SCENARIOS_MACHINE_PCIIF_H_
#define PVPCI_SCENARIOS_MACHINE_PCIIF_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace pvpci::scenarios {

// The flags, then the operation up to its value; vectors follow.
struct SharedOperation {
  uint32_t flags;
  uint32_t cmd;
  int32_t err;
  uint32_t domain;
  uint32_t bus;
  uint32_t devfn;
  int32_t offset;
  int32_t size;
  uint32_t value;
};
static_assert(sizeof(SharedOperation) == 36);

inline constexpr uint32_t kPciActive = 1, kAerActive = 4;         // flags
inline constexpr size_t kAerCommand = 552, kAerError = 556;       // offsets in the page

// Names of operations, by number.
inline constexpr std::array<const char*, 10> kOperations = {
    "conf_read",    "conf_write",   "enable_msi", "disable_msi", "enable_msix",
    "disable_msix", "aer_detected", "aer_resume", "aer_mmio",    "aer_slotreset"};
constexpr size_t NumberOf(const char* operation) {
  for (size_t i = 0; i < kOperations.size(); ++i) {
    const char* a = kOperations[i];
    const char* b = operation;
    while (*a != '\0' && *a == *b) ++a, ++b;
    if (*a == *b) return i;
  }
  return kOperations.size();
}

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_PCIIF_H_
