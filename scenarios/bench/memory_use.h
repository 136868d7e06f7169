// SPDX-License-Identifier: Apache-2.0
// How much memory this process uses, as the host's kernel counts it.
#ifndef PVPCI_SCENARIOS_BENCH_MEMORY_USE_H_
#define PVPCI_SCENARIOS_BENCH_MEMORY_USE_H_

#include <string>

namespace pvpci::scenarios {

// KiB of a field of /proc/self/status: "VmPTE" is page tables.
double StatusKiB(const std::string& field);

// Resident KiB of all mappings but those of domains' memory, which are memfds.
double MappedKiB();

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_MEMORY_USE_H_
