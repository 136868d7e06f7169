// SPDX-License-Identifier: Apache-2.0
// A register or table field as a type: Bits<low, high> of an unsigned word, both ends included.
// `struct Fsts { using Overflow = Bits<0>; using Index = Bits<8, 15>; };`
#ifndef PVPCI_SIM_FIELD_H_
#define PVPCI_SIM_FIELD_H_

#include <cstdint>

namespace pvpci::sim {

template <unsigned kLowBit, unsigned kHighBit = kLowBit>
struct Bits {
  static_assert(kLowBit <= kHighBit && kHighBit < 64, "a field lies inside a 64-bit word");
  static constexpr unsigned kLow = kLowBit;
  static constexpr unsigned kHigh = kHighBit;
  static constexpr unsigned kWidth = kHighBit - kLowBit + 1;
  static constexpr uint64_t kMax = kWidth == 64 ? ~uint64_t{0} : (uint64_t{1} << kWidth) - 1;
  static constexpr uint64_t kMask = kMax << kLowBit;

  static constexpr uint64_t Get(uint64_t word) { return (word >> kLowBit) & kMax; }
  // The field alone, in place: for composing words. Bits of `value` beyond the field are dropped.
  static constexpr uint64_t Of(uint64_t value) { return (value & kMax) << kLowBit; }
  // `word` with the field replaced.
  static constexpr uint64_t Set(uint64_t word, uint64_t value) { return (word & ~kMask) | Of(value); }
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_FIELD_H_
