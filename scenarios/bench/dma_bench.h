// SPDX-License-Identifier: Apache-2.0
// Measures DMA: the fabric with a switch and an IOMMU, against bare TLM-2.0 transport over as many hops, and against
// itself with more devices, domains and pages. One per process.
#ifndef PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_

#include <memory>

namespace pvpci::scenarios {

// What stands around the one device that is active: the last of `devices`, in the last of `domains`.
struct DmaShape {
  unsigned devices = 1;  // behind as many switches as it takes, 20 functions to a port. 1..4096
  unsigned domains = 1;  // of the IOMMU, with tables of their own; device n is in domain n % domains. 1..1024
  unsigned pages = 16;   // that the accesses go to in turn; what the IOTLB does not hold misses each time
  unsigned mapped = 0;   // pages that each domain's tables map beyond those. 0..1'000'000
  bool paging_caches = true;  // false: every walk starts at the root
};

class DmaBench {
 public:
  explicit DmaBench(const DmaShape& shape = {});
  ~DmaBench();

  // ns of processor time per access of 64 bytes, reads and writes in turn.
  double Fabric(unsigned accesses);  // endpoint, switch, root port, IOMMU and memory; timed, gated, in order
  double Bare(unsigned accesses);    // initiator, bridge, bridge, memory; one payload, no time
  // A loop that somebody writes who needs just this: lookup in a set-associative translation cache, the same two hops'
  // occupancy in integer picoseconds, the same copy.
  double ByHand(unsigned accesses);

  // ns of processor time per read of a register behind the switch, and back: one crossing of the device's boundary.
  // With one device only.
  double RegisterRead(unsigned reads);

  // Bytes of second-level tables per page that they map, in all domains.
  double TableBytesPerPage() const;
  // Processor time in us that the fabric took to come up, per device.
  double CreationUs() const;
  // KiB resident in this process.
  static double ResidentKiB();

  // Entries of second-level tables that the IOMMU read per miss, over that many accesses.
  double ReadsPerMiss(unsigned accesses);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_DMA_BENCH_H_
