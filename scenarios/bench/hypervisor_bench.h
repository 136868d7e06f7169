// SPDX-License-Identifier: Apache-2.0
// Measures the hypervisor model alone: domains that have memory, page tables, event channels and a vCPU, but no kernel.
#ifndef PVPCI_SCENARIOS_BENCH_HYPERVISOR_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_HYPERVISOR_BENCH_H_

namespace pvpci::scenarios {

// Processor time in us that the domain builder takes for each of so many domains of 128 KiB. Once per process.
double DomainCreationUs(unsigned domains);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_HYPERVISOR_BENCH_H_
