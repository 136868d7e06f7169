// SPDX-License-Identifier: Apache-2.0
// The basic blocks of a domain's upcalls, by hooks that cost no simulated time.
#ifndef PVPCI_SCENARIOS_MACHINE_UPCALL_BLOCKS_H_
#define PVPCI_SCENARIOS_MACHINE_UPCALL_BLOCKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/loader/image.h"
#include "driver/vcpu/vcpu_runner.h"
#include "reports/result.h"
#include "scenarios/machine/guest_domain.h"

namespace pvpci::scenarios {

class UpcallBlocks {
 public:
  // Upcalls of one sort.
  struct Tally {
    uint64_t count = 0, blocks = 0;
    std::map<uint64_t, uint64_t> lengths;             // number of blocks -> upcalls
    std::map<uint64_t, std::vector<uint32_t>> first;  // the first upcall of each length

    // The most frequent number of blocks (of two the smaller). There was an upcall.
    uint64_t Typical() const;
  };

  // Every block of the guest's image is watched from now on: it runs some ten times slower.
  void Install(GuestDomain& guest);
  // The upcall under way on the vCPU that runs now entered the handler of an interrupt of this sort.
  void NoteDelivered(const std::string& sort);

  // After the run: all upcalls; those that delivered one interrupt, which was of this sort. Empty: there were none.
  std::optional<Tally> All();
  std::optional<Tally> Of(const std::string& sort);
  // Of an upcall of that length, by source and name.
  std::vector<reports::FunctionBlocks> Functions(const Tally& tally, uint64_t length) const;

 private:
  struct Upcall {
    std::vector<uint32_t> blocks;
    std::vector<std::string> delivered;
  };
  void AtBlock(driver::VcpuRunner& vcpu);
  void End(const driver::VcpuRunner* vcpu);
  void EndAll();
  static void Add(Tally* tally, std::vector<uint32_t> blocks);

  const driver::Image* image_ = nullptr;
  std::vector<bool> starts_;  // blocks that every upcall begins with
  std::map<const driver::VcpuRunner*, Upcall> under_way_;
  Tally all_;
  std::map<std::string, Tally> by_sort_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_UPCALL_BLOCKS_H_
