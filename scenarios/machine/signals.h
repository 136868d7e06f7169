// SPDX-License-Identifier: Apache-2.0
// Named values that change over time.
#ifndef PVPCI_SCENARIOS_MACHINE_SIGNALS_H_
#define PVPCI_SCENARIOS_MACHINE_SIGNALS_H_

#include <cstdint>
#include <string>

#include "sim/time.h"

namespace pvpci::scenarios {

struct Signal {
  std::string scope;  // "endpoint", "ioapic", "driver"
  std::string name;   // "intx", "msix_mask"
  unsigned width = 1;
};

struct SignalChange {
  sim::Ps time;
  uint32_t signal;  // index
  uint64_t value;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SIGNALS_H_
