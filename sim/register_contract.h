// SPDX-License-Identifier: Apache-2.0
// The contract every register table keeps, as one call from a test: reset values, masks, byte lanes, neighbours.
#ifndef PVPCI_SIM_REGISTER_CONTRACT_H_
#define PVPCI_SIM_REGISTER_CONTRACT_H_

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sim/register.h"

namespace pvpci::sim {

// On a fresh bank without handlers.
inline void RegisterContract(const std::vector<RegisterSpec>& table) {
  constexpr uint64_t kPatterns[] = {~uint64_t{0}, 0, 0xA5A5'A5A5'A5A5'A5A5, 0x5A5A'5A5A'5A5A'5A5A};
  for (size_t i = 0; i < table.size(); ++i) {
    const RegisterSpec& spec = table[i];
    SCOPED_TRACE("register " + std::string(spec.name));
    RegisterBank bank(table);
    EXPECT_EQ(bank.Read(spec.offset, spec.bytes), spec.reset) << "reset value";
    for (const uint64_t pattern : kPatterns) {
      for (unsigned size = 1; size <= spec.bytes; size *= 2) {
        for (unsigned lane = 0; lane < spec.bytes; lane += size) {
          bank.Reset();
          const uint64_t lanes = (size == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1) << (8 * lane);
          bank.Write(spec.offset + lane, pattern >> (8 * lane), size);
          uint64_t expected = spec.reset;
          expected = (expected & ~(spec.rw & lanes)) | (pattern & spec.rw & lanes);
          expected &= ~(spec.w1c & lanes & pattern);
          EXPECT_EQ(bank.Read(spec.offset, spec.bytes), expected)
              << "after " << size << " bytes of " << pattern << " at lane " << lane;
          for (size_t j = 0; j < table.size(); ++j) {
            if (j == i) continue;
            EXPECT_EQ(bank.Get(j), table[j].reset) << "neighbour " << table[j].name << " changed";
          }
        }
      }
    }
  }
}

template <size_t kCount>
void RegisterContract(const std::array<RegisterSpec, kCount>& table) {
  RegisterContract(std::vector<RegisterSpec>(table.begin(), table.end()));
}

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_REGISTER_CONTRACT_H_
