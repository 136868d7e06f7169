// SPDX-License-Identifier: Apache-2.0
// Measures DMA: the fabric with a switch and an IOMMU that hits, against bare TLM-2.0 transport over as many hops. One
// per process.
#ifndef PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_

#include <memory>

namespace pvpci::scenarios {

class DmaBench {
 public:
  DmaBench();
  ~DmaBench();

  // ns of processor time per access of 64 bytes, reads and writes in turn, over a few pages.
  double Fabric(unsigned accesses);  // endpoint, switch, root port, IOMMU and memory; timed, gated, in order
  double Bare(unsigned accesses);    // initiator, bridge, bridge, memory; one payload, no time

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_
