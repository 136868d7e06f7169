// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/invalidation_queue.h"

#include "models/iommu/registers.h"

namespace pvpci::iommu {
namespace {

constexpr size_t kStatus = IndexOf(kRegisters, "FSTS");
constexpr size_t kHead = IndexOf(kRegisters, "IQH");
constexpr size_t kTail = IndexOf(kRegisters, "IQT");
constexpr size_t kAddress = IndexOf(kRegisters, "IQA");
constexpr size_t kCompletion = IndexOf(kRegisters, "ICS");
constexpr size_t kErrorRecord = IndexOf(kRegisters, "IQERCD");

using D = InvalidationDescriptor;

// Bits each descriptor type may have set, low and high word. Drain requests are accepted without effect: nothing is in
// flight inside the unit between two calls.
struct Layout {
  uint64_t low;
  uint64_t high;
};
constexpr Layout kContextLayout = {D::Type::kMask | D::Granularity::kMask | D::Domain::kMask | D::Source::kMask |
                                       D::FunctionMask::kMask,
                                   0};
constexpr Layout kIotlbLayout = {
    D::Type::kMask | D::Granularity::kMask | sim::Bits<6, 7>::kMask | D::Domain::kMask,
    D::AddressMask::kMask | sim::Bits<6>::kMask | D::Address::kMask};
constexpr Layout kDeviceTlbLayout = {D::Type::kMask | sim::Bits<16, 20>::kMask | D::Source::kMask,
                                     D::DeviceSize::kMask | D::Address::kMask};
constexpr Layout kInterruptLayout = {D::Type::kMask | D::OneEntry::kMask | D::IndexMask::kMask | D::Index::kMask, 0};
constexpr Layout kWaitLayout = {
    D::Type::kMask | D::WaitInterrupt::kMask | D::WaitStatus::kMask | sim::Bits<6>::kMask | D::StatusData::kMask,
    D::StatusAddress::kMask};

bool Fits(const D& descriptor, const Layout& layout) {
  return (descriptor.low & ~layout.low) == 0 && (descriptor.high & ~layout.high) == 0;
}

}  // namespace

InvalidationQueue::InvalidationQueue(sim::RegisterBank* bank, sim::MachineMemory* memory, FaultLog* faults,
                                     EventInterrupt* completion, InvalidationTarget* target)
    : bank_(bank), memory_(memory), faults_(faults), completion_(completion), target_(target) {}

void InvalidationQueue::Enable() {
  if (enabled_) return;
  enabled_ = true;
  bank_->Set(kHead, 0);
  Process();
}

void InvalidationQueue::Disable() {
  enabled_ = false;
  bank_->Set(kHead, 0);
}

void InvalidationQueue::Process() {
  const uint64_t address = bank_->Get(kAddress);
  const uint64_t entries = uint64_t{256} << QueueAddress::Size::Get(address);
  constexpr uint64_t kStops = Fsts::QueueError::kMask | Fsts::TimeoutError::kMask;
  while (enabled_ && (bank_->Get(kStatus) & kStops) == 0) {
    const uint64_t head = QueuePointer::Index::Get(bank_->Get(kHead));
    const uint64_t tail = QueuePointer::Index::Get(bank_->Get(kTail));
    if (head == tail) return;
    D descriptor;
    Error error = Error::kNone;
    if (QueueAddress::Wide::Get(address)) {
      error = Error::kWidth;
    } else if (tail >= entries) {
      error = Error::kTail;
    } else if (!memory_->Read((address & QueueAddress::Base::kMask) + head * sizeof descriptor, &descriptor,
                              sizeof descriptor)) {
      error = Error::kFetch;
    } else {
      error = Execute(descriptor);
    }
    if (error != Error::kNone) {
      bank_->Set(kErrorRecord, QueueErrorRecord::Information::Of(static_cast<uint64_t>(error)));
      faults_->SetStatus(Fsts::QueueError::kMask);
      return;
    }
    bank_->Set(kHead, QueuePointer::Index::Of((head + 1) % entries));
  }
}

InvalidationQueue::Error InvalidationQueue::Execute(const D& d) {
  const auto domain = static_cast<uint16_t>(D::Domain::Get(d.low));
  const auto source = static_cast<uint16_t>(D::Source::Get(d.low));
  switch (D::Type::Get(d.low)) {
    case D::kContext:
      if (!Fits(d, kContextLayout)) return Error::kReserved;
      switch (D::Granularity::Get(d.low)) {
        case D::kGlobal: target_->InvalidateContexts(); return Error::kNone;
        case D::kDomain: target_->InvalidateContextsOfDomain(domain); return Error::kNone;
        case D::kSelective:
          target_->InvalidateContextsOfDevice(domain, source, static_cast<unsigned>(D::FunctionMask::Get(d.low)));
          return Error::kNone;
        default: return Error::kReserved;
      }
    case D::kIotlb:
      if (!Fits(d, kIotlbLayout)) return Error::kReserved;
      switch (D::Granularity::Get(d.low)) {
        case D::kGlobal: target_->InvalidateIotlb(); return Error::kNone;
        case D::kDomain: target_->InvalidateIotlbOfDomain(domain); return Error::kNone;
        case D::kSelective:
          target_->InvalidateIotlbPages(domain, d.high & D::Address::kMask,
                                        static_cast<unsigned>(D::AddressMask::Get(d.high)),
                                        D::Hint::Get(d.high) != 0);
          return Error::kNone;
        default: return Error::kReserved;
      }
    case D::kDeviceTlb: {
      if (!target_->has_device_tlbs()) return Error::kType;
      if (!Fits(d, kDeviceTlbLayout)) return Error::kReserved;
      // With S set the lowest clear address bit says how many pages: PCIe 6.0, 10.3.2.
      const uint64_t address = d.high & D::Address::kMask;
      const unsigned order =
          D::DeviceSize::Get(d.high) ? static_cast<unsigned>(__builtin_ctzll(~(address >> 12))) + 1 : 0;
      const uint64_t first = order >= 52 ? 0 : address >> (12 + order) << (12 + order);
      if (!target_->InvalidateDeviceTlb(source, first, order)) unanswered_ = true;
      return Error::kNone;
    }
    case D::kInterruptEntries:
      if (!Fits(d, kInterruptLayout)) return Error::kReserved;
      if (!D::OneEntry::Get(d.low)) {
        target_->InvalidateInterruptEntries();
      } else {
        target_->InvalidateInterruptEntries(static_cast<unsigned>(D::Index::Get(d.low)),
                                            static_cast<unsigned>(D::IndexMask::Get(d.low)));
      }
      return Error::kNone;
    case D::kWait:
      if (!Fits(d, kWaitLayout)) return Error::kReserved;
      Wait(d);
      return Error::kNone;
    default: return Error::kType;
  }
}

void InvalidationQueue::FinishLater(sim::Simulation* simulation, sim::Ps delay) {
  simulation_ = simulation;
  delay_ = delay;
}

void InvalidationQueue::Wait(const D& d) {
  if (unanswered_) {
    unanswered_ = false;
    faults_->SetStatus(Fsts::TimeoutError::kMask);
    return;
  }
  if (simulation_ == nullptr) return Finish(d);
  simulation_->After(delay_, [this, d] { Finish(d); });
}

void InvalidationQueue::Finish(const D& d) {
  if (D::WaitStatus::Get(d.low)) {
    memory_->Store<uint32_t>(d.high & D::StatusAddress::kMask, static_cast<uint32_t>(D::StatusData::Get(d.low)));
  }
  if (D::WaitInterrupt::Get(d.low) && !CompletionStatus::WaitComplete::Get(bank_->Get(kCompletion))) {
    bank_->Set(kCompletion, CompletionStatus::WaitComplete::kMask);
    completion_->Raise();
  }
}

}  // namespace pvpci::iommu
