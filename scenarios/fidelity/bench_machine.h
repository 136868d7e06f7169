// SPDX-License-Identifier: Apache-2.0
// One of pcie-bench's hosts, with its IOMMU off and on: the models of a run (fabric, IOMMU, memory), no hypervisor, no
// kernel.
#ifndef PVPCI_SCENARIOS_FIDELITY_BENCH_MACHINE_H_
#define PVPCI_SCENARIOS_FIDELITY_BENCH_MACHINE_H_

#include <memory>

#include "scenarios/fidelity/hosts.h"
#include "scenarios/fidelity/published_data.h"

namespace pvpci::scenarios {

struct Measured {
  double average_ns = 0, median_ns = 0, p999_ns = 0;  // of a latency test
  double per_second = 0;                              // of a bandwidth test
};

// One per process: it has the one sim::Simulation. Construct and use inside SystemC.
class BenchMachine {
 public:
  BenchMachine(const Hosts& hosts, const MeasuredHost& host);
  ~BenchMachine();
  // Does what the row's test did. Throws std::runtime_error for a test that it does not know.
  Measured Measure(const PublishedRow& row);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_BENCH_MACHINE_H_
