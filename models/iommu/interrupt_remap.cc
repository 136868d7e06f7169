// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/interrupt_remap.h"

#include <algorithm>

#include "models/iommu/registers.h"

namespace pvpci::iommu {
namespace {

// The local APIC's own format. Intel SDM volume 3, 11.11 (message signalled interrupts).
struct MessageAddress {
  using Destination = Bits<12, 19>;
  using RedirectionHint = Bits<3>;
  using Logical = Bits<2>;
};
struct MessageData {
  using Vector = Bits<0, 7>;
  using DeliveryMode = Bits<8, 10>;
  using Assert = Bits<14>;
  using Level = Bits<15>;
};
constexpr uint64_t kWindow = 0xFEE0'0000;
constexpr uint32_t kSubHandleReserved = 0xFFFF'0000;

}  // namespace

InterruptRemapper::InterruptRemapper(sim::MachineMemory* memory, const UnitMemory* unit_memory, bool posts)
    : memory_(memory), unit_memory_(unit_memory), posts_(posts), cache_(kCacheLines) {}

void InterruptRemapper::SetTable(uint64_t table_address_register) {
  table_ = table_address_register & InterruptTable::Base::kMask;
  entries_ = 2u << InterruptTable::Size::Get(table_address_register);
}

bool InterruptRemapper::SourceAllowed(const Irte& entry, uint16_t requester) {
  static constexpr uint16_t kIgnored[] = {0, 4, 6, 7};
  switch (entry.validation()) {
    case Irte::Validation::kNone: return true;
    case Irte::Validation::kRequester: {
      const uint16_t ignored = kIgnored[entry.source_qualifier()];
      return (requester | ignored) == (entry.source_id() | ignored);
    }
    case Irte::Validation::kBusRange: {
      const unsigned bus = requester >> 8;
      return bus >= entry.source_id() >> 8 && bus <= (entry.source_id() & 0xffu);
    }
    case Irte::Validation::kReserved: return false;
  }
  return false;
}

std::variant<RemappedInterrupt, Fault> InterruptRemapper::Remap(uint16_t requester, uint64_t address, uint32_t data,
                                                                bool compatibility, unsigned* index) {
  const RemappableAddress request{address};
  *index = 0;
  if (!request.remappable()) {
    if (!compatibility) return Fault{FaultReason::kCompatibilityBlocked, true};
    return RemappedInterrupt{address, data, true};
  }
  *index = request.handle();
  if (request.sub_handle_valid()) {
    if ((data & kSubHandleReserved) != 0) return Fault{FaultReason::kInterruptRequestReserved, true};
    *index += static_cast<unsigned>(RemappableAddress::SubHandle::Get(data));
  }
  if (*index >= entries_) return Fault{FaultReason::kInterruptIndexTooBig, true};

  Line& line = cache_[*index % kCacheLines];
  const bool cached = line.index == *index;
  Irte entry = line.entry;
  if (!cached) {
    if (!unit_memory_->Read(table_ + sizeof(Irte) * *index, &entry, sizeof entry)) {
      return Fault{FaultReason::kInterruptTableAccess, true};
    }
    if (!entry.present()) return Fault{FaultReason::kInterruptEntryNotPresent, entry.faults_recorded()};
    if (entry.reserved() || (entry.posted() && !posts_)) return Fault{FaultReason::kInterruptEntryReserved, entry.faults_recorded()};
    line = {*index, entry};
  }
  if (!SourceAllowed(entry, requester)) return Fault{FaultReason::kSourceRefused, entry.faults_recorded()};
  if (entry.posted()) return Post(entry, cached);
  RemappedInterrupt result;
  result.cached = cached;
  result.address = kWindow | MessageAddress::Destination::Of(entry.destination()) |
                   MessageAddress::RedirectionHint::Of(entry.redirection_hint()) |
                   MessageAddress::Logical::Of(entry.logical());
  result.data = static_cast<uint32_t>(MessageData::Vector::Of(entry.vector()) |
                                      MessageData::DeliveryMode::Of(entry.delivery_mode()) |
                                      MessageData::Assert::kMask | MessageData::Level::Of(entry.level()));
  return result;
}

// VT-d 5.2.3: note the vector, and notify unless somebody already was or does not want to be.
std::variant<RemappedInterrupt, Fault> InterruptRemapper::Post(const Irte& entry, bool cached) {
  PostedDescriptor descriptor;
  if (!memory_->Read(entry.descriptor(), &descriptor, sizeof descriptor)) {
    return Fault{FaultReason::kPostedDescriptorAccess, entry.faults_recorded()};
  }
  if (descriptor.reserved()) return Fault{FaultReason::kPostedDescriptorReserved, entry.faults_recorded()};
  descriptor.requests[entry.vector() / 64] |= uint64_t{1} << entry.vector() % 64;
  RemappedInterrupt result;
  result.cached = cached;
  const bool wanted = entry.urgent() || !PostedDescriptor::Suppress::Get(descriptor.control);
  result.posted = !wanted || PostedDescriptor::Outstanding::Get(descriptor.control);
  if (!result.posted) {
    descriptor.control |= PostedDescriptor::Outstanding::kMask;
    result.address = kWindow | MessageAddress::Destination::Of(
                                   PostedDescriptor::XapicDestination::Get(descriptor.control));
    result.data = static_cast<uint32_t>(MessageData::Vector::Of(PostedDescriptor::Vector::Get(descriptor.control)) |
                                        MessageData::Assert::kMask);
  }
  memory_->Write(entry.descriptor(), &descriptor, sizeof descriptor);
  return result;
}

std::vector<unsigned> InterruptRemapper::EntriesFor(uint16_t requester) const {
  std::vector<unsigned> indices;
  for (unsigned index = 0; index < entries_; ++index) {
    Irte entry;
    if (!unit_memory_->Read(table_ + sizeof entry * index, &entry, sizeof entry)) break;
    if (entry.present() && !entry.reserved() && SourceAllowed(entry, requester)) indices.push_back(index);
  }
  return indices;
}

void InterruptRemapper::InvalidateAll() { std::fill(cache_.begin(), cache_.end(), Line()); }

void InterruptRemapper::Invalidate(unsigned first, unsigned order) {
  const unsigned mask = order >= 16 ? 0xFFFF : (1u << order) - 1;
  for (Line& line : cache_) {
    if (line.index != kNoIndex && (line.index | mask) == (first | mask)) line = Line();
  }
}

}  // namespace pvpci::iommu
