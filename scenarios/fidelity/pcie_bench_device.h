// SPDX-License-Identifier: Apache-2.0
// The device of pcie-bench: reads and writes windows of memory and takes the time. Its paths: "CMD", a short one
// without an engine, and "DMA", an engine that is commanded, copies what it read, and streams. What is known of it is
// hosts.yaml.
#ifndef PVPCI_SCENARIOS_FIDELITY_PCIE_BENCH_DEVICE_H_
#define PVPCI_SCENARIOS_FIDELITY_PCIE_BENCH_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "models/pci/function.h"
#include "models/pci/link.h"
#include "scenarios/fidelity/hosts.h"
#include "sim/random.h"
#include "sim/time.h"

namespace pvpci::scenarios {

enum class Probe : uint8_t {
  kCommandRead,   // LAT_CMD_RD
  kDmaRead,       // LAT_DMA_RD
  kDmaWriteRead,  // LAT_DMA_WRRD
  kReadStream,    // BW_DMA_RD
  kWriteStream,   // BW_DMA_WR
};

// Accesses of `size` bytes begin at multiples of it, rounded up to whole cache lines, inside the window; none crosses a
// page.
struct Measurement {
  Probe probe = Probe::kCommandRead;
  uint64_t base = 0;  // bus address
  uint64_t window_bytes = 0;
  uint32_t size_bytes = 0;
  bool sequential = false;
  unsigned warm_up = 0;  // accesses before the first that counts
  unsigned count = 0;
};

class PcieBenchDevice final : public pci::Function {
 public:
  PcieBenchDevice(const MeasuringDevice& properties, pci::LinkSpec link, uint32_t max_payload);

  // Begins; `finished` is called at the end.
  void Begin(const Measurement& measurement, std::function<void()> finished);
  // Of each access, in order. Streams have none.
  const std::vector<sim::Ps>& latencies() const { return latencies_; }
  // Accesses per second of a stream, after its warm-up.
  double rate() const;

 private:
  uint64_t NextAddress();
  void Single();
  void ReadBack(uint64_t address);
  void WritePieces(uint64_t address, uint32_t sent);
  void Ended();
  void Stream();
  void Next(sim::Ps interval);
  void StreamRead();
  void StreamWrite();
  void StreamEnded();

  const MeasuringDevice properties_;
  const uint32_t max_payload_bytes_;
  const pci::LinkDirection wire_;
  Measurement m_;
  unsigned measurement_ = 0;  // its number
  std::function<void()> finished_;
  sim::Random random_{1, "pcie-bench"};
  std::vector<std::byte> buffer_;
  std::vector<sim::Ps> latencies_;
  uint64_t next_unit_ = 0;
  unsigned begun_ = 0, ended_ = 0;
  unsigned in_flight_ = 0;
  bool waiting_ = false;   // for an access in flight to end
  uint32_t unlanded_ = 0;  // bytes of the one write
  sim::Ps write_done_ = 0;
  std::function<void()> resume_;
  sim::Ps access_began_ = 0;
  sim::Ps first_counted_ = 0, last_counted_ = 0;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_FIDELITY_PCIE_BENCH_DEVICE_H_
