// SPDX-License-Identifier: Apache-2.0
// Primary fault logging: the recording registers, their overflow, and the unit's event interrupts.
// VT-d 4.0, 7.2 (fault logging), 7.3 (fault events), 11.4.7.
#ifndef PVPCI_MODELS_IOMMU_FAULT_LOG_H_
#define PVPCI_MODELS_IOMMU_FAULT_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/iommu/faults.h"
#include "sim/register.h"

namespace pvpci::iommu {

// An interrupt of the unit itself: control, data and address registers. Masked: stays pending until unmasked.
class EventInterrupt {
 public:
  using Sender = std::function<void(uint64_t address, uint32_t data)>;
  // `prefix`: "FE" (fault event) or "IE" (invalidation event).
  EventInterrupt(sim::RegisterBank* bank, const std::string& prefix);
  void OnSend(Sender sender) { sender_ = std::move(sender); }
  void Raise();
  void Clear();      // its cause was serviced before it went out
  void Unmasked();   // the control register was written

 private:
  sim::RegisterBank* bank_;
  size_t control_;
  size_t data_;
  size_t address_;
  size_t upper_address_;
  Sender sender_;
};

class FaultLog {
 public:
  FaultLog(sim::RegisterBank* bank, unsigned registers, EventInterrupt* event);

  // Records a fault. False: lost, all registers hold faults that nobody has cleared (FSTS.PFO).
  bool Record(const FaultRecorded& fault);
  // The recording registers, offsets relative to the first.
  uint64_t Read(uint32_t offset, unsigned length_bytes) const;
  void Write(uint32_t offset, uint64_t value, unsigned length_bytes);
  uint32_t bytes() const;
  // FSTS was written: some of its conditions may be gone.
  void StatusWritten();
  // Sets a bit of FSTS, with the fault event that goes with it.
  void SetStatus(uint64_t bit);

 private:
  bool AnyPending() const;

  sim::RegisterBank* bank_;
  EventInterrupt* event_;
  size_t status_;
  std::vector<sim::RegisterBank> records_;
  unsigned next_ = 0;
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_FAULT_LOG_H_
