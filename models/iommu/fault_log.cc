// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/fault_log.h"

#include <algorithm>
#include <utility>

#include "models/iommu/registers.h"

namespace pvpci::iommu {
namespace {

constexpr size_t kLow = IndexOf(kFaultRegister, "FRCD_LOW");
constexpr size_t kHigh = IndexOf(kFaultRegister, "FRCD_HIGH");
// Conditions that hold the fault event: while one of them is set, another causes no new interrupt. 7.3.
constexpr uint64_t kConditions = Fsts::Overflow::kMask | Fsts::Pending::kMask | Fsts::QueueError::kMask |
                                 Fsts::CompletionError::kMask | Fsts::TimeoutError::kMask;

}  // namespace

EventInterrupt::EventInterrupt(sim::RegisterBank* bank, const std::string& prefix)
    : bank_(bank),
      control_(IndexOf(kRegisters, prefix + "CTL")),
      data_(IndexOf(kRegisters, prefix + "DATA")),
      address_(IndexOf(kRegisters, prefix + "ADDR")),
      upper_address_(IndexOf(kRegisters, prefix + "UADDR")) {}

void EventInterrupt::Raise() {
  const uint64_t control = bank_->Get(control_);
  if (EventControl::Masked::Get(control)) {
    bank_->Set(control_, control | EventControl::Pending::kMask);
    return;
  }
  if (sender_) {
    sender_(bank_->Get(upper_address_) << 32 | bank_->Get(address_), static_cast<uint32_t>(bank_->Get(data_)));
  }
}

void EventInterrupt::Clear() { bank_->Set(control_, bank_->Get(control_) & ~EventControl::Pending::kMask); }

void EventInterrupt::Unmasked() {
  const uint64_t control = bank_->Get(control_);
  if (EventControl::Masked::Get(control) || !EventControl::Pending::Get(control)) return;
  Clear();
  Raise();
}

FaultLog::FaultLog(sim::RegisterBank* bank, unsigned registers, EventInterrupt* event)
    : bank_(bank), event_(event), status_(IndexOf(kRegisters, "FSTS")) {
  records_.reserve(registers);
  for (unsigned i = 0; i < registers; ++i) records_.emplace_back(kFaultRegister);
}

uint32_t FaultLog::bytes() const { return static_cast<uint32_t>(records_.size()) * kFaultBytes; }

bool FaultLog::AnyPending() const {
  return std::any_of(records_.begin(), records_.end(),
                     [](const sim::RegisterBank& r) { return FaultRecord::Fault::Get(r.Get(kHigh)) != 0; });
}

void FaultLog::SetStatus(uint64_t bit) {
  const uint64_t before = bank_->Get(status_);
  bank_->Set(status_, before | bit);
  if ((before & kConditions) == 0) event_->Raise();
}

bool FaultLog::Record(const FaultRecorded& fault) {
  if (Fsts::Overflow::Get(bank_->Get(status_))) return false;
  sim::RegisterBank& record = records_[next_];
  if (FaultRecord::Fault::Get(record.Get(kHigh))) {
    SetStatus(Fsts::Overflow::kMask);
    return false;
  }
  record.Set(kLow, fault.interrupt ? FaultRecord::InterruptIndex::Of(fault.address)
                                   : fault.address & FaultRecord::Page::kMask);
  record.Set(kHigh, FaultRecord::Source::Of(fault.requester) | FaultRecord::Reason::Of(fault.reason) |
                        FaultRecord::Read::Of(!fault.write && !fault.interrupt) | FaultRecord::Fault::kMask);
  const uint64_t status = bank_->Get(status_);
  if (!Fsts::Pending::Get(status)) bank_->Set(status_, Fsts::Index::Set(status, next_));
  next_ = (next_ + 1) % static_cast<unsigned>(records_.size());
  SetStatus(Fsts::Pending::kMask);
  return true;
}

uint64_t FaultLog::Read(uint32_t offset, unsigned length_bytes) const {
  return records_[offset / kFaultBytes].Read(offset % kFaultBytes, length_bytes);
}

void FaultLog::Write(uint32_t offset, uint64_t value, unsigned length_bytes) {
  records_[offset / kFaultBytes].Write(offset % kFaultBytes, value, length_bytes);
  if (AnyPending()) return;
  bank_->Set(status_, bank_->Get(status_) & ~Fsts::Pending::kMask);
  StatusWritten();
}

void FaultLog::StatusWritten() {
  if ((bank_->Get(status_) & kConditions) == 0) event_->Clear();
}

}  // namespace pvpci::iommu
