// SPDX-License-Identifier: Apache-2.0
#include "models/pci/endpoint_test.h"

#include <cstring>

namespace pvpci::pci {
namespace {

enum Register : unsigned {
  kMagic = 0x00,
  kCommand = 0x04,
  kStatus = 0x08,
  kSourceLow = 0x0c,
  kSourceHigh = 0x10,
  kDestinationLow = 0x14,
  kDestinationHigh = 0x18,
  kSize = 0x1c,
  kChecksum = 0x20,
  kIrqType = 0x24,
  kIrqNumber = 0x28,
  kFlags = 0x2c,
  kRegistersEnd = 0x30,
};

enum Command : uint32_t {
  kRaiseLegacy = 1u << 0,
  kRaiseMsi = 1u << 1,
  kRaiseMsix = 1u << 2,
  kRead = 1u << 3,
  kWrite = 1u << 4,
  kCopy = 1u << 5,
};

enum Status : uint32_t {
  kReadSuccess = 1u << 0,
  kReadFail = 1u << 1,
  kWriteSuccess = 1u << 2,
  kWriteFail = 1u << 3,
  kCopySuccess = 1u << 4,
  kCopyFail = 1u << 5,
  kIrqRaised = 1u << 6,
  kSourceInvalid = 1u << 7,
  kDestinationInvalid = 1u << 8,
};

enum IrqType : uint32_t { kLegacy = 0, kMsi = 1, kMsix = 2 };

constexpr unsigned kRegisterBar = 0;
constexpr uint32_t kTableOffset = 0x1000, kPendingOffset = 0x2000;

const std::array<uint32_t, 256>& CrcTable() {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
      t[i] = crc;
    }
    return t;
  }();
  return table;
}

uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

uint32_t Crc32Le(uint32_t crc, const std::byte* data, uint64_t length) {
  const auto& table = CrcTable();
  for (uint64_t i = 0; i < length; ++i) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(data[i])) & 0xff];
  return crc;
}

FunctionSpec EndpointTest::Spec(const EndpointTestConfig& config) {
  FunctionSpec spec(/*vendor=*/0x104c, config.device_id, /*class_code=*/0xff0000);
  spec.InterruptPin(1).Subsystem(0x104c, config.device_id).PowerManagement();
  for (unsigned i = 0; i < 6; ++i) {
    if (config.bar_bytes[i]) spec.Bar(i, BarKind::kMemory32, config.bar_bytes[i]);
  }
  if (config.msi_messages) spec.Msi(config.msi_messages, /*address64=*/true, config.msi_maskable);
  if (config.msix_entries) spec.MsiX(config.msix_entries, kRegisterBar, kTableOffset, kPendingOffset);
  return spec.Express().Aer();
}

EndpointTest::EndpointTest(EndpointTestConfig config)
    : Function(Spec(config)), test_config_(config), random_(config.seed, "pci.endpoint_test") {}

uint32_t EndpointTest::status() const { return registers_[kStatus / 4]; }

uint64_t EndpointTest::OnBarRead(unsigned bar, uint64_t offset, unsigned size) {
  if (bar == kRegisterBar && offset < kRegistersEnd) {
    const uint64_t both = Join(word(offset & ~3u), offset + 4 < kRegistersEnd ? word((offset & ~3u) + 4) : 0);
    return both >> 8 * (offset & 3);
  }
  return memory_[bar].Read(offset, size);
}

void EndpointTest::OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  if (bar != kRegisterBar || offset >= kRegistersEnd) {
    memory_[bar].Write(offset, size, value);
    return;
  }
  const unsigned at = static_cast<unsigned>(offset & ~3u);
  if (size == 8) {
    WriteRegister(at, static_cast<uint32_t>(value), provenance);
    WriteRegister(at + 4, static_cast<uint32_t>(value >> 32), provenance);
    return;
  }
  const unsigned shift = 8 * (offset & 3);
  const uint32_t mask = static_cast<uint32_t>((size == 4 ? ~uint64_t{0} : (uint64_t{1} << 8 * size) - 1) << shift);
  WriteRegister(at, (word(at) & ~mask) | (static_cast<uint32_t>(value << shift) & mask), provenance);
}

void EndpointTest::WriteRegister(unsigned offset, uint32_t value, ProvenanceId provenance) {
  word(offset) = value;
  switch (offset) {
    case kCommand:
      if (value) After(test_config_.command_time, [this, value] { Start(value); });
      break;
    case kStatus:
      if (!(value & kIrqRaised)) EndPulse();
      break;
    case kSourceLow:
      source_writer_ = provenance;
      break;
    case kDestinationLow:
      destination_writer_ = provenance;
      break;
    default:
      break;
  }
}

void EndpointTest::Start(uint32_t command) {
  if (command_ || !word(kCommand)) return;  // busy with a transfer, or already taken
  word(kCommand) = 0;
  word(kStatus) = 0;
  EndPulse();
  if (word(kIrqType) > kMsix) return;
  if (!(command & (kRead | kWrite | kCopy)) || (command & kRaiseLegacy)) {
    Raise(command);
    return;
  }
  // The order in which pci-epf-test looks at the bits.
  command_ = command & kWrite ? kWrite : command & kRead ? kRead : kCopy;
  const uint32_t size = word(kSize);
  if (size > test_config_.largest_transfer) {
    word(kStatus) = command_ == kWrite ? kDestinationInvalid : kSourceInvalid;
    Finish(false);
    return;
  }
  buffer_.assign(size, std::byte{0});
  failed_ = false;
  writing_ = command_ == kWrite;
  if (writing_) {
    for (uint32_t i = 0; i < size; i += 8) {
      const uint64_t bytes = random_.Next();
      std::memcpy(buffer_.data() + i, &bytes, size - i < 8 ? size - i : 8);
    }
    word(kChecksum) = Crc32Le(~0u, buffer_.data(), size);
  }
  position_ = 0;
  Issue();
}

void EndpointTest::Raise(uint32_t command) {
  const uint32_t number = word(kIrqNumber);
  if (command & kRaiseLegacy) {
    word(kStatus) = kIrqRaised;
    RaiseSelected(kLegacy, 0);
  } else if (command & kRaiseMsi) {
    if (msi_messages() == 0 || number > msi_messages()) return;
    word(kStatus) = kIrqRaised;
    RaiseSelected(kMsi, number);
  } else if (command & kRaiseMsix) {
    if (msix_entries() == 0 || number > msix_entries()) return;
    word(kStatus) = kIrqRaised;
    RaiseSelected(kMsix, number);
  }
}

// Keeps the engine's requests in flight; a phase ends when its last one is back.
void EndpointTest::Issue() {
  const uint64_t size = buffer_.size();
  while (in_flight_ < test_config_.requests_in_flight && position_ < size && !failed_) {
    const uint64_t base =
        writing_ ? Join(word(kDestinationLow), word(kDestinationHigh)) : Join(word(kSourceLow), word(kSourceHigh));
    const uint64_t length = std::min<uint64_t>(test_config_.request_bytes, size - position_);
    std::byte* at = buffer_.data() + position_;
    const uint64_t address = base + position_;
    ++in_flight_;
    position_ += length;
    if (writing_) {
      WriteMemory(address, length, at, destination_writer_, [this](Completion status) { PieceDone(status); });
    } else {
      ReadMemory(address, length, at, source_writer_, [this](Completion status) { PieceDone(status); });
    }
  }
  if (in_flight_ == 0) PhaseDone();
}

void EndpointTest::PieceDone(Completion status) {
  --in_flight_;
  // A posted write does not learn its fate; only a discarded one is noticed by the engine itself.
  if (status != Completion::kSuccess && (!writing_ || !bus_master())) failed_ = true;
  Issue();
}

void EndpointTest::PhaseDone() {
  if (!failed_ && command_ == kCopy && !writing_) {
    writing_ = true;
    position_ = 0;
    Issue();
    return;
  }
  bool success = !failed_;
  if (command_ == kRead) success = success && Crc32Le(~0u, buffer_.data(), buffer_.size()) == word(kChecksum);
  Finish(success);
}

void EndpointTest::Finish(bool success) {
  const uint32_t good = command_ == kWrite ? kWriteSuccess : command_ == kRead ? kReadSuccess : kCopySuccess;
  command_ = 0;
  ++transfers_done_;
  word(kStatus) |= (success ? good : good << 1) | kIrqRaised;
  RaiseSelected(word(kIrqType), word(kIrqNumber));
}

void EndpointTest::RaiseSelected(uint32_t type, uint32_t number) {
  switch (type) {
    case kLegacy:
      StartPulse();
      break;
    case kMsi:
      if (number) RaiseMsi(number - 1);
      break;
    case kMsix:
      if (number) RaiseMsix(number - 1);
      break;
    default:
      break;
  }
}

void EndpointTest::StartPulse() {
  SetIntx(true);
  After(test_config_.intx_pulse, [this, number = ++pulse_] {
    if (number == pulse_) SetIntx(false);
  });
}

void EndpointTest::EndPulse() {
  ++pulse_;
  SetIntx(false);
}

void EndpointTest::AssertInterrupt(InterruptKind kind, unsigned vector) {
  const bool legacy = kind == InterruptKind::kIntx;
  BarWrite(kRegisterBar, kIrqType, 4, legacy ? kLegacy : kind == InterruptKind::kMsi ? kMsi : kMsix, 0);
  BarWrite(kRegisterBar, kIrqNumber, 4, legacy ? 0 : vector + 1, 0);
  BarWrite(kRegisterBar, kCommand, 4, legacy ? kRaiseLegacy : kind == InterruptKind::kMsi ? kRaiseMsi : kRaiseMsix, 0);
}

void EndpointTest::OnReset(ResetKind) {
  registers_.fill(0);
  for (ByteStore& bar : memory_) bar.Clear();
  buffer_.clear();
  source_writer_ = destination_writer_ = 0;
  command_ = 0;
  in_flight_ = 0;
  position_ = 0;
  failed_ = false;
  ++pulse_;
}

}  // namespace pvpci::pci
