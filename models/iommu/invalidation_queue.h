// SPDX-License-Identifier: Apache-2.0
// The invalidation queue: descriptors in machine memory, executed in order when software moves the tail.
// VT-d 4.0, 6.5.2. 128-bit descriptors. Device-TLB descriptors are refused where ECAP.DT is 0.
#ifndef PVPCI_MODELS_IOMMU_INVALIDATION_QUEUE_H_
#define PVPCI_MODELS_IOMMU_INVALIDATION_QUEUE_H_

#include <cstdint>

#include "models/iommu/fault_log.h"
#include "sim/field.h"
#include "sim/machine_memory.h"
#include "sim/register.h"
#include "sim/simulation.h"

namespace pvpci::iommu {

// One descriptor as software writes it. VT-d 6.5.2.1 to 6.5.2.8.
struct InvalidationDescriptor {
  uint64_t low = 0;
  uint64_t high = 0;

  using Type = sim::Bits<0, 3>;
  using Granularity = sim::Bits<4, 5>;     // context, IOTLB: 1 global, 2 domain, 3 device or pages
  using Domain = sim::Bits<16, 31>;
  using Source = sim::Bits<32, 47>;
  using FunctionMask = sim::Bits<48, 49>;
  using AddressMask = sim::Bits<0, 5>;     // upper word: 2^mask pages
  using Hint = sim::Bits<6>;               // upper word, IH: no table that led there has changed
  using DeviceSize = sim::Bits<0>;         // device TLB, upper word: the address itself tells the size
  using Address = sim::Bits<12, 63>;       // upper word
  using OneEntry = sim::Bits<4>;           // interrupt entries: 0 all, 1 those named
  using IndexMask = sim::Bits<27, 31>;
  using Index = sim::Bits<32, 47>;
  using WaitInterrupt = sim::Bits<4>;
  using WaitStatus = sim::Bits<5>;
  using StatusData = sim::Bits<32, 63>;
  using StatusAddress = sim::Bits<2, 63>;  // upper word

  static constexpr uint64_t kContext = 1, kIotlb = 2, kDeviceTlb = 3, kInterruptEntries = 4, kWait = 5;
  static constexpr uint64_t kGlobal = 1, kDomain = 2, kSelective = 3;

  static InvalidationDescriptor Contexts() { return {kContext | Granularity::Of(kGlobal), 0}; }
  static InvalidationDescriptor ContextOfDevice(uint16_t domain, uint16_t requester) {
    return {kContext | Granularity::Of(kSelective) | Domain::Of(domain) | Source::Of(requester), 0};
  }
  static InvalidationDescriptor Iotlb() { return {kIotlb | Granularity::Of(kGlobal), 0}; }
  static InvalidationDescriptor IotlbOfDomain(uint16_t domain) {
    return {kIotlb | Granularity::Of(kDomain) | Domain::Of(domain), 0};
  }
  static InvalidationDescriptor IotlbPages(uint16_t domain, uint64_t bus_address, unsigned order) {
    return {kIotlb | Granularity::Of(kSelective) | Domain::Of(domain),
            (bus_address & Address::kMask) | AddressMask::Of(order)};
  }
  // One page of a function's own TLB, or all it holds.
  static InvalidationDescriptor DeviceTlb(uint16_t requester, uint64_t bus_address) {
    return {kDeviceTlb | Source::Of(requester), bus_address & Address::kMask};
  }
  static InvalidationDescriptor DeviceTlbAll(uint16_t requester) {
    return {kDeviceTlb | Source::Of(requester), (Address::kMask >> 1 & Address::kMask) | DeviceSize::kMask};
  }
  static InvalidationDescriptor InterruptEntries() { return {kInterruptEntries, 0}; }
  static InvalidationDescriptor InterruptEntry(unsigned index, unsigned order) {
    return {kInterruptEntries | OneEntry::kMask | IndexMask::Of(order) | Index::Of(index), 0};
  }
  static InvalidationDescriptor Wait(uint64_t status_address, uint32_t status_data) {
    return {kWait | WaitStatus::kMask | StatusData::Of(status_data), status_address & StatusAddress::kMask};
  }
};
static_assert(sizeof(InvalidationDescriptor) == 16);

// The caches, as the queue sees them.
class InvalidationTarget {
 public:
  virtual ~InvalidationTarget() = default;
  virtual void InvalidateContexts() = 0;
  virtual void InvalidateContextsOfDomain(uint16_t domain) = 0;
  virtual void InvalidateContextsOfDevice(uint16_t domain, uint16_t requester, unsigned function_mask) = 0;
  virtual void InvalidateIotlb() = 0;
  virtual void InvalidateIotlbOfDomain(uint16_t domain) = 0;
  // `leaf_only`: the paging-structure caches may keep what they have (IH).
  virtual void InvalidateIotlbPages(uint16_t domain, uint64_t bus_address, unsigned order, bool leaf_only) = 0;
  virtual bool has_device_tlbs() const = 0;
  // False: the function does not answer.
  virtual bool InvalidateDeviceTlb(uint16_t requester, uint64_t bus_address, unsigned order) = 0;
  virtual void InvalidateInterruptEntries() = 0;
  virtual void InvalidateInterruptEntries(unsigned first, unsigned order) = 0;
};

class InvalidationQueue {
 public:
  InvalidationQueue(sim::RegisterBank* bank, sim::MachineMemory* memory, FaultLog* faults, EventInterrupt* completion,
                    InvalidationTarget* target);

  void Enable();   // GCMD.QIE set: the head starts at 0
  void Disable();
  // Executes what lies between head and tail. Stops at an error (FSTS.IQE), and at a wait behind a device TLB that did not
  // answer (FSTS.ITE), until software clears that; the wait is then dropped without its status. VT-d 6.5.2.10.
  void Process();
  // Wait descriptors take `delay` from now on.
  void FinishLater(sim::Simulation* simulation, sim::Ps delay);

 private:
  enum class Error : uint8_t { kNone = 0, kTail = 1, kFetch = 2, kType = 3, kReserved = 4, kWidth = 5 };
  Error Execute(const InvalidationDescriptor& descriptor);
  void Wait(const InvalidationDescriptor& descriptor);
  void Finish(const InvalidationDescriptor& descriptor);

  sim::RegisterBank* bank_;
  sim::MachineMemory* memory_;
  FaultLog* faults_;
  EventInterrupt* completion_;
  InvalidationTarget* target_;
  bool enabled_ = false;
  bool unanswered_ = false;  // by a device TLB, since the last wait
  sim::Simulation* simulation_ = nullptr;  // null: waits end at once
  sim::Ps delay_ = 0;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_INVALIDATION_QUEUE_H_
