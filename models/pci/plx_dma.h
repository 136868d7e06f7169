// SPDX-License-Identifier: Apache-2.0
// DMA channel function of a PLX ExpressLane PCIe switch (10b5:87d0, base class 08 "system other"): memory to memory
// copies from a ring of descriptors in host memory.
//
// There is no public data sheet: registers and descriptors are those that drivers/dma/plx_dma.c of Linux 6.1 names and
// uses, and each says below what that driver expects of it. The sizes of BAR 0 and of the capabilities are choices.
//
// Descriptor, 16 bytes, little endian: { bits 0-26 size, 30 interrupt when done, 31 valid; destination address bits
// 32-47, source address bits 32-47 (16 bits each); destination address low; source address low }. With write-back on,
// the first word returns with the valid bit clear, the number of bytes moved, and bit 30 success, 29 read failed,
// 28 write failed (a posted write never tells, so bit 28 is never set here).
// Left out: block mode and on-chip descriptors (a START in those modes does nothing), prefetch of more than one
// descriptor, the size limit of CTRL2, abort (no driver uses it).
#ifndef PVPCI_MODELS_PCI_PLX_DMA_H_
#define PVPCI_MODELS_PCI_PLX_DMA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/function.h"
#include "sim/field.h"
#include "sim/register.h"

namespace pvpci::pci {

namespace plx {

// CTRL. The four bits that report are write-1-to-clear: the driver's RESET_VAL writes them all back.
struct Ctrl {
  using GracefulPause = sim::Bits<0>;      // finish the descriptor in work, then stop and set GracefulPauseDone
  using Abort = sim::Bits<1>;              // stored
  using WriteBack = sim::Bits<2>;          // write descriptors back
  using Start = sim::Bits<3>;              // take up work at NEXT_ADDR; reads 0
  using RingStop = sim::Bits<4>;           // stored
  using DescriptorMode = sim::Bits<5, 6>;  // 2: descriptors in host memory
  using DescriptorInvalid = sim::Bits<8>;  // met a descriptor that is not valid, and stopped
  using GracefulPauseDone = sim::Bits<9>;
  using AbortDone = sim::Bits<10>;
  using ImmediatePauseDone = sim::Bits<12>;
};
inline constexpr uint64_t kModeOffChip = 2;

// The upper half of the word at CTRL.
struct Ctrl2 {
  using MaxTransfer = sim::Bits<0, 2>;
  using InProgress = sim::Bits<14>;  // bit 30 of the word
};

struct Intr {
  using Error = sim::Bits<0>;
  using InvalidDescriptor = sim::Bits<1>;
  using DescriptorDone = sim::Bits<2>;  // by the descriptor's own bit; has no enable in INTR_CTRL
  using AbortDone = sim::Bits<3>;
  using PauseDone = sim::Bits<4>;
  using ImmediatePauseDone = sim::Bits<5>;
};

inline constexpr uint64_t kReports = Ctrl::DescriptorInvalid::kMask | Ctrl::GracefulPauseDone::kMask |
                                     Ctrl::AbortDone::kMask | Ctrl::ImmediatePauseDone::kMask;

inline constexpr std::array kRegisters = {
    sim::Reg32("DESC_RING_ADDR", 0x214).Rw(0xffffffff),       // bits 0-31 of the ring's first descriptor
    sim::Reg32("DESC_RING_ADDR_HI", 0x218).Rw(0xffff),        // bits 32-47 of the ring and of NEXT_ADDR
    sim::Reg32("DESC_RING_NEXT_ADDR", 0x21c).Rw(0xffffffff),  // bits 0-31 of the next descriptor; moves on
    sim::Reg32("DESC_RING_COUNT", 0x220).Rw(0xffffffff),      // descriptors until the ring wraps; 0: no ring
    sim::Reg32("DESC_RING_LAST_ADDR", 0x224),                 // bits 0-31 of the last descriptor done
    sim::Reg32("DESC_RING_LAST_SIZE", 0x228),                 // bytes it moved
    sim::Reg32("PREF_LIMIT", 0x234).Rw(0xff),                 // descriptors fetched ahead: stored
    sim::Reg16("CTRL", 0x238)
        .Rw(Ctrl::GracefulPause::kMask | Ctrl::Abort::kMask | Ctrl::WriteBack::kMask | Ctrl::RingStop::kMask |
            Ctrl::DescriptorMode::kMask)
        .Wo(Ctrl::Start::kMask)
        .W1c(kReports),
    sim::Reg16("CTRL2", 0x23a).Rw(Ctrl2::MaxTransfer::kMask).Ro(Ctrl2::InProgress::kMask),
    sim::Reg16("INTR_CTRL", 0x23c)
        .Rw(Intr::Error::kMask | Intr::InvalidDescriptor::kMask | Intr::AbortDone::kMask | Intr::PauseDone::kMask |
            Intr::ImmediatePauseDone::kMask),
    sim::Reg16("INTR_STATUS", 0x23e).W1c(0x3f),
};
static_assert(sim::WellFormed(kRegisters), "sorted, aligned, disjoint masks");

}  // namespace plx

struct PlxDmaConfig {
  sim::Ps descriptor_time = 100 * sim::kNs;  // from a fetched descriptor to its first request. 0 .. 1 ms. A
  uint32_t request_bytes = 4096;             // what the engine holds at a time. 64 .. 65536. A
  // Every so many descriptors one bit of what is written is wrong: a broken device, so that a test of the data can
  // fail. 0: never.
  unsigned corrupt_every = 0;
};

class PlxDma : public Function {
 public:
  explicit PlxDma(PlxDmaConfig config = {});
  static FunctionSpec Spec();

  uint64_t descriptors_done() const { return descriptors_done_; }

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnReset(ResetKind kind) override;

 private:
  struct Descriptor {
    uint32_t flags_and_size = 0;
    uint64_t destination = 0, source = 0;
  };

  void Control(const sim::RegisterWrite& write);
  void Fetch();
  void Take();
  void Move();
  void Finish(bool read_failed);
  void Done(uint32_t moved_bytes);
  void Stop(uint64_t report, uint64_t interrupt);
  void Raise(uint64_t bits);
  uint64_t NextAddress() const;

  PlxDmaConfig plx_config_;
  sim::RegisterBank registers_;
  bool running_ = false;
  bool restarted_ = false;  // START was written while the engine was running: look once more before stopping
  ProvenanceId ring_writer_ = 0, start_writer_ = 0, writer_ = 0;
  ProvenanceId source_found_ = 0, destination_found_ = 0;  // the addresses of the descriptor at work
  std::array<std::byte, 16> fetched_{};
  std::array<std::byte, 4> written_back_{};
  Descriptor descriptor_;
  uint32_t moved_ = 0;
  std::vector<std::byte> buffer_;
  uint64_t descriptors_done_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_PLX_DMA_H_
