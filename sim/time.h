// SPDX-License-Identifier: Apache-2.0
// Simulated time: unsigned integer picoseconds since the machine was powered on.
// Models compute in Ps only; sc_time appears where SystemC itself is called (sim/simulation.cc).
#ifndef PVPCI_SIM_TIME_H_
#define PVPCI_SIM_TIME_H_

#include <cstdint>

namespace pvpci::sim {

using Ps = uint64_t;

inline constexpr Ps kPs = 1;
inline constexpr Ps kNs = 1000;
inline constexpr Ps kUs = 1000 * kNs;
inline constexpr Ps kMs = 1000 * kUs;
inline constexpr Ps kSec = 1000 * kMs;
inline constexpr Ps kNever = UINT64_MAX;

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_TIME_H_
