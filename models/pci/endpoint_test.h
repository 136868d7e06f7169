// SPDX-License-Identifier: Apache-2.0
// The kernel's PCI endpoint test function, as drivers/misc/pci_endpoint_test.c sees it (Linux 6.1, 6.12; the device side is
// drivers/pci/endpoint/functions/pci-epf-test.c). Identity TI DRA74x, which selects BAR 0 for the registers and
// 4 KiB alignment.
//
// BAR 0: page 0 registers, page 1 MSI-X table, page 2 pending bits; the rest and BARs 1 to 5 are plain memory.
// READ fetches the buffer, checks its CRC, and reports; WRITE sends seeded random bytes and their CRC; COPY does both.
// Status bits, their order and what raises which interrupt follow pci-epf-test: a RAISE command for a vector beyond
// those granted raises nothing and leaves STATUS 0.
//
// INTx is a pulse: endpoint controllers send Assert_INTx, wait and send Deassert_INTx, whatever the host does meanwhile
// (drivers/pci/controller: dwc/pci-dra7xx.c dra7xx_pcie_raise_intx_irq, cadence/pcie-cadence-ep.c and
// pcie-rockchip-ep.c mdelay(1), pcie-rcar-ep.c usleep_range(1000, 1001), dwc/pcie-tegra194.c usleep_range(1000, 2000),
// dwc/pcie-uniphier-ep.c udelay(30)). The line is a level to the host, so its handler is called again until the pulse
// ends. Different from those controllers, it comes down early when the host writes STATUS with IRQ_RAISED clear (the
// handler of 6.1 does, that of 6.12 does not), when a new command starts, and at reset.
// Left out: FLAGS.USE_DMA is accepted and changes nothing (the model's engine is always its own).
#ifndef PVPCI_MODELS_PCI_ENDPOINT_TEST_H_
#define PVPCI_MODELS_PCI_ENDPOINT_TEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/byte_store.h"
#include "models/pci/function.h"
#include "sim/random.h"

namespace pvpci::pci {

struct EndpointTestConfig {
  uint16_t device_id = 0xb500;  // TI: 0xb500 DRA74x, 0xb501 DRA72x
  unsigned msi_messages = 32;   // 1, 2, 4 .. 32; 0: no MSI
  bool msi_maskable = false;    // mask and pending bits per MSI message (PCI 3.0 6.8.1.7)
  unsigned msix_entries = 32;   // 1 .. 32; 0: no MSI-X
  // Smallest first 16 KiB; 0: absent. Kept small because the driver writes every word of them.
  std::array<uint64_t, 6> bar_bytes = {0x4000, 0x1000, 0x1000, 0x4000, 0x8000, 0x10000};
  sim::Ps command_time =
      500 * sim::kNs;               // from the write of COMMAND to the first request. 0 .. 1 ms. A: firmware poll.
  sim::Ps intx_pulse = sim::kMs;    // Assert_INTx to Deassert_INTx. 30 us .. 2 ms, see above
  uint32_t request_bytes = 4096;    // size of one engine request. 64 .. 4096
  unsigned requests_in_flight = 8;  // 1 .. 32
  uint32_t largest_transfer = 64u << 20;  // beyond it the engine has no buffer: *_ADDR_INVALID
  uint64_t seed = 1;                      // of the bytes that WRITE sends
};

class EndpointTest : public Function {
 public:
  explicit EndpointTest(EndpointTestConfig config = {});
  static FunctionSpec Spec(const EndpointTestConfig& config);

  // What its own RAISE commands do, without a processor that writes them: status, then the interrupt.
  void AssertInterrupt(InterruptKind kind, unsigned vector) override;

  // Registers as the device holds them, for tests and reports.
  uint32_t status() const;
  uint64_t transfers_done() const { return transfers_done_; }

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  void WriteRegister(unsigned offset, uint32_t value, ProvenanceId provenance);
  void Start(uint32_t command);
  void Raise(uint32_t command);
  void Issue();
  void PieceDone(Completion status);
  void PhaseDone();
  void Finish(bool success);
  void RaiseSelected(uint32_t type, uint32_t number);
  void StartPulse();
  void EndPulse();
  uint32_t& word(unsigned offset) { return registers_[offset / 4]; }

  EndpointTestConfig test_config_;
  sim::Random random_;
  std::array<uint32_t, 12> registers_{};
  std::array<ByteStore, 6> memory_;
  ProvenanceId source_writer_ = 0, destination_writer_ = 0;  // who wrote the low halves of the addresses

  // The engine.
  std::vector<std::byte> buffer_;
  uint32_t command_ = 0;
  bool writing_ = false;  // phase: to the host
  bool failed_ = false;
  uint64_t position_ = 0;  // of the next request
  unsigned in_flight_ = 0;
  uint64_t transfers_done_ = 0;
  uint64_t pulse_ = 0;     // number of the pulse on the line
};

// CRC-32 as crc32_le(~0, ...) of the kernel: reflected 0xedb88320, no final inversion.
uint32_t Crc32Le(uint32_t crc, const std::byte* data, uint64_t length);

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_ENDPOINT_TEST_H_
