// SPDX-License-Identifier: Apache-2.0
// What refresh costs a read of DRAM. Every `interval` (tREFI, 7.8 us) each rank is busy for `time` (tRFC: 160 ns with
// chips of 2 Gbit, 260 ns with 4, 350 ns with 8; JESD79-3F and JESD79-4B, timing parameters by device density). A read
// that comes meanwhile waits for its end; ranks take turns. This is the tail that published latencies show:
// pcie-bench's 99.9th percentiles lie tRFC above the medians.
#ifndef PVPCI_SIM_DRAM_H_
#define PVPCI_SIM_DRAM_H_

#include <cstdint>

#include "sim/time.h"

namespace pvpci::sim {

struct DramSpec {
  Ps refresh_interval = 0;  // 0: never busy. 7.8 us; 3.9 us above 85 degrees.
  Ps refresh_time = 0;      // 160, 260 or 350 ns.
  unsigned ranks = 2;       // 1 .. 8. A power of two.
};

class Dram {
 public:
  explicit Dram(const DramSpec& spec = {}) : spec_(spec) {}

  // How long a read of the cache line at `machine_address`, begun at `at`, waits for its rank.
  Ps Wait(uint64_t machine_address, Ps at) const {
    if (spec_.refresh_interval == 0) return 0;
    // Controllers spread lines over channels and ranks by a hash of the address.
    constexpr unsigned kLineBits = 6;
    const uint64_t rank = (machine_address >> kLineBits) * 0x9E3779B97F4A7C15 >> 40 & (spec_.ranks - 1);
    const Ps phase = (at + spec_.refresh_interval * rank / spec_.ranks) % spec_.refresh_interval;
    return phase < spec_.refresh_time ? spec_.refresh_time - phase : 0;
  }

 private:
  DramSpec spec_;
};

}  // namespace pvpci::sim

#endif  // PVPCI_SIM_DRAM_H_
