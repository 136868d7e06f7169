// SPDX-License-Identifier: Apache-2.0
#include "models/pci/plx_dma.h"

#include <algorithm>
#include <cstring>

namespace pvpci::pci {
namespace {

using plx::Ctrl;
using plx::Ctrl2;
using plx::Intr;

constexpr uint64_t kDescriptorBytes = 16;
using Size = sim::Bits<0, 26>;
using InterruptWhenDone = sim::Bits<30>;
using Valid = sim::Bits<31>;
using WriteBackSuccess = sim::Bits<30>;
using WriteBackReadFailed = sim::Bits<29>;

template <typename Word>
Word Load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

FunctionSpec PlxDma::Spec() {
  return FunctionSpec(/*vendor=*/0x10b5, /*device=*/0x87d0, /*class_code=*/0x088000)
      .Revision(0xca)
      .Subsystem(0x10b5, 0x87d0)
      .InterruptPin(1)
      .Bar(0, BarKind::kMemory32, 0x2000)
      .PowerManagement()
      .Msi(1, /*address64=*/true, /*per_vector_mask=*/true)
      .Express();
}

PlxDma::PlxDma(PlxDmaConfig config)
    : Function(Spec()), plx_config_(config), registers_(plx::kRegisters), buffer_(config.request_bytes) {
  registers_.OnWrite("CTRL", &PlxDma::Control, this);
  registers_.OnWrite("DESC_RING_ADDR", [this](const sim::RegisterWrite&) { ring_writer_ = writer_; });
  registers_.OnWrite("DESC_RING_NEXT_ADDR", [this](const sim::RegisterWrite&) { ring_writer_ = writer_; });
  registers_.OnWrite("INTR_STATUS", [this](const sim::RegisterWrite& write) {
    if (write.after == 0) SetIntx(false);
  });
}

void PlxDma::OnReset(ResetKind) {
  registers_.Reset();
  running_ = restarted_ = false;
  ring_writer_ = start_writer_ = 0;
}

uint64_t PlxDma::OnBarRead(unsigned, uint64_t offset, unsigned size) {
  return registers_.Read(static_cast<uint32_t>(offset), size);
}

void PlxDma::OnBarWrite(unsigned, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  writer_ = provenance;
  registers_.Write(static_cast<uint32_t>(offset), value, size);
}

void PlxDma::Control(const sim::RegisterWrite& write) {
  if (Ctrl::GracefulPause::Get(write.after)) {
    // A running engine reports when its descriptor is done. The report of one that stands still follows at once.
    if (running_ || Ctrl::GracefulPause::Get(write.before)) return;
    Stop(Ctrl::GracefulPauseDone::kMask, Intr::PauseDone::kMask);
    return;
  }
  if (!Ctrl::Start::Get(write.written) || Ctrl::DescriptorMode::Get(write.after) != plx::kModeOffChip) return;
  start_writer_ = writer_;
  restarted_ = running_;
  if (!running_) {
    running_ = true;
    registers_.Set("CTRL2", registers_.Get("CTRL2") | Ctrl2::InProgress::kMask);
    Fetch();
  }
}

uint64_t PlxDma::NextAddress() const {
  return registers_.Get("DESC_RING_ADDR_HI") << 32 | registers_.Get("DESC_RING_NEXT_ADDR");
}

void PlxDma::Fetch() {
  if (Ctrl::GracefulPause::Get(registers_.Get("CTRL"))) {
    Stop(Ctrl::GracefulPauseDone::kMask, Intr::PauseDone::kMask);
    return;
  }
  restarted_ = false;
  ReadMemory(NextAddress(), kDescriptorBytes, fetched_.data(), ring_writer_, [this](Completion status) {
    if (status == Completion::kSuccess) {
      Take();
    } else {
      Stop(Ctrl::DescriptorInvalid::kMask, Intr::Error::kMask);
    }
  });
}

void PlxDma::Take() {
  const std::byte* at = fetched_.data();
  descriptor_.flags_and_size = Load<uint32_t>(at);
  descriptor_.destination = uint64_t{Load<uint16_t>(at + 4)} << 32 | Load<uint32_t>(at + 8);
  descriptor_.source = uint64_t{Load<uint16_t>(at + 6)} << 32 | Load<uint32_t>(at + 12);
  if (!Valid::Get(descriptor_.flags_and_size)) {
    // The driver may have made it valid and written START since this copy was fetched.
    if (restarted_) {
      Fetch();
    } else {
      Stop(Ctrl::DescriptorInvalid::kMask, Intr::InvalidDescriptor::kMask);
    }
    return;
  }
  moved_ = 0;
  destination_found_ = Fetched(NextAddress() + 8, 4, descriptor_.destination, start_writer_);
  source_found_ = Fetched(NextAddress() + 12, 4, descriptor_.source, start_writer_);
  After(plx_config_.descriptor_time, [this] { Move(); });
}

void PlxDma::Move() {
  const uint32_t size = static_cast<uint32_t>(Size::Get(descriptor_.flags_and_size));
  const uint32_t count = std::min<uint32_t>(size - moved_, static_cast<uint32_t>(buffer_.size()));
  if (count == 0) {
    Finish(false);
    return;
  }
  ReadMemory(descriptor_.source + moved_, count, buffer_.data(), source_found_, [this, count](Completion status) {
    if (status != Completion::kSuccess) {
      Finish(true);
      return;
    }
    const unsigned period = plx_config_.corrupt_every;
    if (moved_ == 0 && period != 0 && (descriptors_done_ + 1) % period == 0) buffer_[0] ^= std::byte{0x10};
    WriteMemory(descriptor_.destination + moved_, count, buffer_.data(), destination_found_, [this, count](Completion) {
      moved_ += count;
      Move();
    });
  });
}

void PlxDma::Finish(bool read_failed) {
  if (!Ctrl::WriteBack::Get(registers_.Get("CTRL"))) {
    Done(moved_);
    return;
  }
  const uint32_t word = static_cast<uint32_t>(
      Size::Of(moved_) | (read_failed ? WriteBackReadFailed::kMask : WriteBackSuccess::kMask));
  std::memcpy(written_back_.data(), &word, sizeof word);
  WriteMemory(NextAddress(), sizeof word, written_back_.data(), ring_writer_, [this](Completion) { Done(moved_); });
}

void PlxDma::Done(uint32_t moved_bytes) {
  ++descriptors_done_;
  const uint64_t first = registers_.Get("DESC_RING_ADDR"), at = registers_.Get("DESC_RING_NEXT_ADDR");
  const uint64_t end = first + kDescriptorBytes * registers_.Get("DESC_RING_COUNT");
  registers_.Set("DESC_RING_LAST_ADDR", at);
  registers_.Set("DESC_RING_LAST_SIZE", moved_bytes);
  registers_.Set("DESC_RING_NEXT_ADDR", at + kDescriptorBytes == end ? first : at + kDescriptorBytes);
  if (InterruptWhenDone::Get(descriptor_.flags_and_size)) Raise(Intr::DescriptorDone::kMask);
  Fetch();
}

void PlxDma::Stop(uint64_t report, uint64_t interrupt) {
  running_ = false;
  registers_.Set("CTRL", registers_.Get("CTRL") | report);
  registers_.Set("CTRL2", registers_.Get("CTRL2") & ~Ctrl2::InProgress::kMask);
  if (registers_.Get("INTR_CTRL") & interrupt) Raise(interrupt);
}

void PlxDma::Raise(uint64_t bits) {
  registers_.Set("INTR_STATUS", registers_.Get("INTR_STATUS") | bits);
  if (msi_enabled()) {
    RaiseMsi(0);
  } else {
    SetIntx(true);
  }
}

}  // namespace pvpci::pci
