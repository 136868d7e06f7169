// SPDX-License-Identifier: Apache-2.0
#include "models/pci/attacker.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace pvpci::pci {
namespace {

using namespace attacker;  // the register names of the header

constexpr uint32_t kIdentityValue = 0x41545441;
constexpr uint32_t kUseRequester = 1u << 16;
constexpr uint32_t kBusy = 1;
constexpr uint64_t kRegistersEnd = 0x40;

uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

FunctionSpec Attacker::Spec(AttackerConfig config) {
  FunctionSpec spec = FunctionSpec(/*vendor=*/0x1b36, /*device=*/0x0bad, /*class_code=*/0xff0000)
      .InterruptPin(1)
      .Bar(0, BarKind::kMemory32, 0x20000)
      .PowerManagement()
      .Msi(4)
      .MsiX(/*vectors=*/4, /*bar=*/0, /*table=*/0x2000, /*pba=*/0x3000)
      .Express(config.function_level_reset);
  if (config.ats) spec.Ats();
  return spec;
}

Attacker::Attacker(AttackerConfig config)
    : Function(Spec(config)), attacker_config_(config), buffer_(kBufferBytes) {
  if (config.deaf) IgnoreMasterBit();
}

void Attacker::EmitMessage(uint64_t address, uint32_t data) {
  auto bytes = std::make_shared<std::array<std::byte, 4>>();
  std::memcpy(bytes->data(), &data, 4);
  DmaRequest request;
  request.type = TlpType::kMemoryWrite;
  request.bus_address = address;
  request.length_bytes = 4;
  request.data = bytes->data();
  Send(request, [bytes](Completion) {});
}

uint64_t Attacker::OnBarRead(unsigned, uint64_t offset, unsigned size) {
  if (offset >= kBuffer) {
    uint64_t value = 0;
    std::memcpy(&value, buffer_.data() + (offset - kBuffer), size);
    return value;
  }
  if (offset >= kRegistersEnd) return 0;
  if (offset == kIdentity) return kIdentityValue;
  const unsigned at = static_cast<unsigned>(offset & ~3u);
  return Join(word(at), at + 4 < kRegistersEnd ? word(at + 4) : 0) >> 8 * (offset & 3);
}

void Attacker::OnBarWrite(unsigned, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  if (offset >= kBuffer) {
    std::memcpy(buffer_.data() + (offset - kBuffer), &value, size);
    return;
  }
  if (offset >= kRegistersEnd || (size != 4 && size != 8)) return;
  for (unsigned at = static_cast<unsigned>(offset); size; at += 4, size -= 4, value >>= 32) {
    const uint32_t data = static_cast<uint32_t>(value);
    switch (at) {
      case kIdentity:
      case kStatus:
      case kCompleted:
      case kErrors:
        break;
      case kCommand:
        Start(data);
        break;
      case kAddressLow:
        address_writer_ = provenance;
        [[fallthrough]];
      default:
        word(at) = data;
    }
  }
}

void Attacker::Start(uint32_t command) {
  if (command & kLowerIntx) SetIntx(false);
  const uint32_t operation = command & kOperation;
  if (command_ || operation < kRead || operation > kMessage) return;
  command_ = command;
  left_ = std::max<uint32_t>(word(kRepeat), 1);
  address_ = Join(word(kAddressLow), word(kAddressHigh));
  lap_ = 0;
  buffer_at_ = word(kBufferOffset) % kBufferBytes;
  word(kStatus) = kBusy;
  word(kCompleted) = word(kErrors) = 0;
  Next();
}

void Attacker::Next() {
  const uint32_t operation = command_ & kOperation;
  DmaRequest request;
  request.type = operation == kRead ? TlpType::kMemoryRead : TlpType::kMemoryWrite;
  request.bus_address = address_;
  request.length_bytes = operation == kMessage ? 4 : std::min<uint64_t>(word(kLength), kBufferBytes);
  request.provenance = address_writer_;
  request.spoof = word(kRequester) & kUseRequester;
  request.requester = Bdf::FromId(static_cast<uint16_t>(word(kRequester)));
  request.whole = command_ & kWhole;
  if (operation == kRead || operation == kWriteBuffer) {
    if (buffer_at_ + request.length_bytes > kBufferBytes) buffer_at_ = 0;
    request.data = buffer_.data() + buffer_at_;
    buffer_at_ += request.length_bytes;
  } else {
    pattern_.resize((request.length_bytes + 3) & ~uint64_t{3});
    for (size_t i = 0; i < pattern_.size(); i += 4) std::memcpy(pattern_.data() + i, &word(kPattern), 4);
    request.data = pattern_.data();
  }
  Send(request, [this](Completion status) { Done(status); });
}

void Attacker::Done(Completion status) {
  ++word(kCompleted);
  if (status != Completion::kSuccess) ++word(kErrors);
  word(kStatus) = kBusy | static_cast<uint32_t>(status) << 8;
  address_ += Join(word(kStrideLow), word(kStrideHigh));
  if (word(kSpan) != 0 && ++lap_ == word(kSpan)) {
    lap_ = 0;
    address_ = Join(word(kAddressLow), word(kAddressHigh));
  }
  if (--left_) {
    Again();
    return;
  }
  word(kStatus) &= ~kBusy;
  const bool interrupt = command_ & kInterrupt;
  command_ = 0;
  if (!interrupt) return;
  if (msix_enabled()) {
    RaiseMsix(0);
  } else if (msi_enabled()) {
    RaiseMsi(0);
  } else {
    SetIntx(true);
  }
}

void Attacker::Again() {
  if (word(kInterval) == 0) return Next();
  After(word(kInterval) * sim::kNs, [this] { Next(); });
}

void Attacker::OnReset(ResetKind) {
  if (attacker_config_.deaf) {
    if (command_ != 0) Again();  // the request under way is lost, the next one follows
    return;
  }
  registers_.fill(0);
  std::fill(buffer_.begin(), buffer_.end(), std::byte{0});
  address_writer_ = 0;
  command_ = left_ = 0;
}

}  // namespace pvpci::pci
