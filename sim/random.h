// SPDX-License-Identifier: Apache-2.0
// Seeded randomness, the only kind there is. Each user derives its own stream by name, so that adding one user
// changes no other's numbers.
#ifndef PVPCI_SIM_RANDOM_H_
#define PVPCI_SIM_RANDOM_H_

#include <cstdint>
#include <string_view>

namespace pvpci::sim {

// xoshiro256** seeded through splitmix64 (Blackman and Vigna). Same numbers on every machine and compiler.
class Random {
 public:
  Random(uint64_t seed, std::string_view stream);
  uint64_t Next();
  uint64_t Below(uint64_t bound);  // uniform in [0, bound), bound > 0

 private:
  uint64_t state_[4];
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_RANDOM_H_
