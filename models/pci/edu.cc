// SPDX-License-Identifier: Apache-2.0
#include "models/pci/edu.h"

namespace pvpci::pci {
namespace {

enum Register : uint64_t {
  kIdentification = 0x00,
  kLiveness = 0x04,
  kFactorial = 0x08,
  kStatus = 0x20,
  kIrqStatus = 0x24,
  kIrqRaise = 0x60,
  kIrqAcknowledge = 0x64,
  kDmaSource = 0x80,
  kDmaDestination = 0x88,
  kDmaCount = 0x90,
  kDmaCommand = 0x98,
};
constexpr uint64_t kWideRegisters = 0x80;  // from here 4 or 8 bytes, below 4 only
constexpr uint32_t kIdentity = 0x010000ed;
constexpr uint32_t kComputing = 0x01, kRaiseOnFactorial = 0x80;
constexpr uint32_t kFactorialIrq = 0x001, kDmaIrq = 0x100;
constexpr uint64_t kDmaRun = 1, kDmaToHost = 2, kDmaRaise = 4;

bool Accessible(uint64_t offset, unsigned size) { return size == 4 || (size == 8 && offset >= kWideRegisters); }

bool InBuffer(uint64_t address, uint64_t count) {
  return address >= Edu::kBufferAddress && count <= Edu::kBufferBytes &&
         address - Edu::kBufferAddress <= Edu::kBufferBytes - count;
}

}  // namespace

FunctionSpec Edu::Spec() {
  return FunctionSpec(/*vendor=*/0x1234, /*device=*/0x11e8, /*class_code=*/0x00ff00)
      .Revision(0x10)
      .Subsystem(0x1af4, 0x1100)
      .InterruptPin(1)
      .Bar(0, BarKind::kMemory32, 1 << 20)
      .Msi(1);
}

Edu::Edu(EduConfig config)
    : Function(Spec()),
      edu_config_(config),
      address_mask_(config.dma_address_bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << config.dma_address_bits) - 1) {}

uint64_t Edu::OnBarRead(unsigned, uint64_t offset, unsigned size) {
  if (!Accessible(offset, size)) return ~uint64_t{0};
  switch (offset) {
    case kIdentification:
      return kIdentity;
    case kLiveness:
      return liveness_;
    case kFactorial:
      return factorial_;
    case kStatus:
      return status_;
    case kIrqStatus:
      return irq_status_;
    case kDmaSource:
      return dma_source_;
    case kDmaDestination:
      return dma_destination_;
    case kDmaCount:
      return dma_count_;
    case kDmaCommand:
      return dma_command_;
    default:
      return ~uint64_t{0};
  }
}

void Edu::OnBarWrite(unsigned, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  if (!Accessible(offset, size)) return;
  const uint32_t word = static_cast<uint32_t>(value);
  const bool running = dma_command_ & kDmaRun;
  switch (offset) {
    case kLiveness:
      liveness_ = ~word;
      break;
    case kFactorial:
      if (status_ & kComputing) break;
      factorial_ = word;
      status_ |= kComputing;
      After(edu_config_.factorial_time, [this] {
        uint32_t product = 1;
        for (uint32_t n = factorial_; n > 1 && product != 0; --n) product *= n;
        factorial_ = product;
        status_ &= ~kComputing;
        if (status_ & kRaiseOnFactorial) RaiseIrq(kFactorialIrq);
      });
      break;
    case kStatus:
      status_ = (status_ & ~kRaiseOnFactorial) | (word & kRaiseOnFactorial);
      break;
    case kIrqRaise:
      RaiseIrq(word);
      break;
    case kIrqAcknowledge:
      LowerIrq(word);
      break;
    case kDmaSource:
      if (!running) {
        dma_source_ = value;
        source_writer_ = provenance;
      }
      break;
    case kDmaDestination:
      if (!running) {
        dma_destination_ = value;
        destination_writer_ = provenance;
      }
      break;
    case kDmaCount:
      if (!running) dma_count_ = value;
      break;
    case kDmaCommand:
      if (!running && (value & kDmaRun)) {
        dma_command_ = value;
        StartDma();
      }
      break;
    default:
      break;
  }
}

void Edu::RaiseIrq(uint32_t bits) {
  irq_status_ |= bits;
  if (!irq_status_) return;
  if (msi_enabled()) {
    RaiseMsi(0);
  } else {
    SetIntx(true);
  }
}

void Edu::AssertInterrupt(InterruptKind, unsigned) { RaiseIrq(kFactorialIrq); }

void Edu::LowerIrq(uint32_t bits) {
  irq_status_ &= ~bits;
  if (!irq_status_) SetIntx(false);
}

void Edu::StartDma() {
  if (edu_config_.dma_time) {
    After(edu_config_.dma_time, [this] { RunDma(); });
  } else {
    RunDma();
  }
}

void Edu::RunDma() {
  const auto done = [this](Completion) { DmaDone(); };
  if (dma_command_ & kDmaToHost) {
    if (InBuffer(dma_source_, dma_count_)) {
      WriteMemory(dma_destination_ & address_mask_, dma_count_, buffer_.data() + (dma_source_ - kBufferAddress),
                  destination_writer_, done);
      return;
    }
  } else if (InBuffer(dma_destination_, dma_count_)) {
    ReadMemory(dma_source_ & address_mask_, dma_count_, buffer_.data() + (dma_destination_ - kBufferAddress),
               source_writer_, done);
    return;
  }
  After(0, [this] { DmaDone(); });
}

void Edu::DmaDone() {
  dma_command_ &= ~kDmaRun;
  if (dma_command_ & kDmaRaise) RaiseIrq(kDmaIrq);
}

void Edu::OnReset(ResetKind) {
  buffer_.fill(std::byte{0});
  liveness_ = factorial_ = status_ = irq_status_ = 0;
  dma_source_ = dma_destination_ = dma_count_ = dma_command_ = 0;
  source_writer_ = destination_writer_ = 0;
}

}  // namespace pvpci::pci
