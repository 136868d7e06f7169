// SPDX-License-Identifier: Apache-2.0
// For the tests of this folder: a machine of plain memory, a unit, and the software that drives it.
#ifndef PVPCI_MODELS_IOMMU_TEST_BENCH_H_
#define PVPCI_MODELS_IOMMU_TEST_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/pci/tlp.h"
#include "sim/machine_memory.h"
#include "sim/out_of_resources.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::iommu {

// `frames` frames of memory in one block. Allocation goes upward from frame 16.
class TestMemory {
 public:
  explicit TestMemory(uint64_t frames) : memory(frames), bytes_(frames * sim::kPageSize) {
    for (uint64_t i = 0; i < frames; ++i) memory.frame(i).host = bytes_.data() + i * sim::kPageSize;
  }
  sim::Mfn Allocate(sim::FrameType type, unsigned count) {
    if (full) throw sim::OutOfResources("full");
    const sim::Mfn first = next_;
    next_ += count;
    for (unsigned i = 0; i < count; ++i) {
      memory.SetOwner(first + i, sim::kDomXen);
      memory.SetType(first + i, type);
    }
    return first;
  }
  void Free(sim::Mfn first, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      memory.SetType(first + i, sim::FrameType::kNone);
      memory.SetOwner(first + i, sim::kDomNone);
    }
    freed += count;
  }
  uint64_t NewTable() { return Allocate(sim::FrameType::kIommuTable, 1) << sim::kPageShift; }
  FrameSource source() {
    return {[this](sim::FrameType type, unsigned count) { return Allocate(type, count); },
            [this](sim::Mfn first, unsigned count) { Free(first, count); }};
  }

  sim::MachineMemory memory;
  uint64_t freed = 0;
  bool full = false;

 private:
  std::vector<std::byte> bytes_;
  sim::Mfn next_ = 16;
};

struct TestBench {
  explicit TestBench(IommuConfig config = {}, TableWriterConfig writer_config = {}, uint64_t frames = 1024)
      : memory(frames),
        simulation({}),
        trace([this] { return simulation.now(); }),
        iommu(&simulation, &memory.memory, &trace, config),
        writer(&iommu, &memory.memory, memory.source(), writer_config) {}

  // Host address, or nothing and `reason` says why.
  bool Allowed(pci::Bdf device, uint64_t bus_address, bool write) {
    const auto result = iommu.Translate(device, bus_address, write);
    if (const auto* fault = std::get_if<pci::DmaFault>(&result)) {
      reason = static_cast<FaultReason>(fault->reason);
      recorded = fault->recorded;
      return false;
    }
    translation = std::get<pci::Translation>(result);
    reason = FaultReason::kNone;
    return true;
  }

  TestMemory memory;
  sim::Simulation simulation;
  sim::Trace trace;
  Iommu iommu;
  TableWriter writer;
  pci::Translation translation;
  FaultReason reason = FaultReason::kNone;
  bool recorded = false;
};

inline constexpr pci::Bdf kNic(0, 2, 0, 0);
inline constexpr pci::Bdf kDisk(0, 3, 1, 2);

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_TEST_BENCH_H_
