// SPDX-License-Identifier: Apache-2.0
// Why the IOMMU refuses a request, and the record it leaves. VT-d 4.0, chapter 7 (fault reasons 7.1.3, records 11.4.8).
// The numbers are the hardware's; the texts are what a Xen operator reads in the log.
#ifndef PVPCI_MODELS_IOMMU_FAULTS_H_
#define PVPCI_MODELS_IOMMU_FAULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/pci/tlp.h"
#include "sim/time.h"

namespace pvpci::iommu {

enum class FaultReason : uint8_t {
  kNone = 0x00,                   // a protected memory region: blocked, never recorded (VT-d 11.4.13)
  // DMA remapping.
  kRootNotPresent = 0x01,
  kContextNotPresent = 0x02,
  kContextInvalid = 0x03,
  kBeyondAddressWidth = 0x04,
  kNoWritePermission = 0x05,
  kNoReadPermission = 0x06,
  kTableAccess = 0x07,
  kRootTableAccess = 0x08,
  kContextTableAccess = 0x09,
  kRootReserved = 0x0A,
  kContextReserved = 0x0B,
  kEntryReserved = 0x0C,
  kTranslatedRequestBlocked = 0x0D,
  // Interrupt remapping.
  kInterruptRequestReserved = 0x20,
  kInterruptIndexTooBig = 0x21,
  kInterruptEntryNotPresent = 0x22,
  kInterruptTableAccess = 0x23,
  kInterruptEntryReserved = 0x24,
  kCompatibilityBlocked = 0x25,
  kSourceRefused = 0x26,
  kPostedDescriptorAccess = 0x27,
  kPostedDescriptorReserved = 0x28,
};
// "Present bit in root entry is clear"; unknown numbers: "Unknown".
const char* Text(FaultReason reason);
inline const char* FaultText(uint8_t reason) { return Text(static_cast<FaultReason>(reason)); }

// A refused request as models see it. Trace record RecordKind::kFault carries it as FaultRecorded.
struct FaultRecorded {
  uint64_t time = 0;         // Ps
  uint64_t address = 0;      // DMA: the bus page; interrupt: the handle
  uint16_t segment = 0;
  uint16_t requester = 0;
  uint8_t reason = 0;        // FaultReason
  uint8_t write = 0;
  uint8_t interrupt = 0;     // 1: interrupt remapping
  uint8_t recorded = 0;      // 0: not in a register (overflow, or fault processing disabled)
};
static_assert(sizeof(FaultRecorded) == 24);
std::string ToString(const FaultRecorded& fault);  // "0000:02:00.0 write 0x12345000 reason 0x05 PTE Write ..."

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_FAULTS_H_
