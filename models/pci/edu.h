// SPDX-License-Identifier: Apache-2.0
// Compatible with QEMU's educational device (1234:11e8; QEMU docs/specs/edu). A conventional function: INTx and one
// MSI.
//
// Differences: QEMU waits 100 ms per DMA, here `dma_time` does (default 0, plus what the links take); a transfer
// outside the 4 KiB buffer, which ends QEMU, moves nothing and completes; 64-bit registers take both halves of a 4-byte
// write pair as QEMU does: each write replaces the whole register.
#ifndef PVPCI_MODELS_PCI_EDU_H_
#define PVPCI_MODELS_PCI_EDU_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "models/pci/function.h"

namespace pvpci::pci {

struct EduConfig {
  unsigned dma_address_bits = 28;  // 1 .. 64; higher bits are dropped silently, as QEMU does
  sim::Ps dma_time = 0;            // before each transfer. 0 .. 100 ms. QEMU: 100 ms
  sim::Ps factorial_time = 0;      // 0 .. 1 s. QEMU: a thread's whim
};

class Edu : public Function {
 public:
  static constexpr uint64_t kBufferAddress = 0x40000;
  static constexpr uint64_t kBufferBytes = 4096;

  explicit Edu(EduConfig config = {});
  static FunctionSpec Spec();

  void AssertInterrupt(InterruptKind kind, unsigned vector) override;
  const std::array<std::byte, kBufferBytes>& buffer() const { return buffer_; }

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  void RaiseIrq(uint32_t bits);
  void LowerIrq(uint32_t bits);
  void StartDma();
  void RunDma();
  void DmaDone();

  EduConfig edu_config_;
  uint64_t address_mask_;
  std::array<std::byte, kBufferBytes> buffer_{};
  uint32_t liveness_ = 0, factorial_ = 0, status_ = 0, irq_status_ = 0;
  uint64_t dma_source_ = 0, dma_destination_ = 0, dma_count_ = 0, dma_command_ = 0;
  ProvenanceId source_writer_ = 0, destination_writer_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_EDU_H_
