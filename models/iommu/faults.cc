// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/faults.h"

#include <fmt/format.h>

namespace pvpci::iommu {

const char* Text(FaultReason reason) {
  switch (reason) {
    case FaultReason::kNone: return "Protected memory region";
    case FaultReason::kRootNotPresent: return "Present bit in root entry is clear";
    case FaultReason::kContextNotPresent: return "Present bit in context entry is clear";
    case FaultReason::kContextInvalid: return "Invalid context entry";
    case FaultReason::kBeyondAddressWidth: return "Access beyond MGAW";
    case FaultReason::kNoWritePermission: return "PTE Write access is not set";
    case FaultReason::kNoReadPermission: return "PTE Read access is not set";
    case FaultReason::kTableAccess: return "Next page table ptr is invalid";
    case FaultReason::kRootTableAccess: return "Root table address invalid";
    case FaultReason::kContextTableAccess: return "Context table ptr is invalid";
    case FaultReason::kRootReserved: return "Non-zero reserved fields in root entry";
    case FaultReason::kContextReserved: return "Non-zero reserved fields in context entry";
    case FaultReason::kEntryReserved: return "Non-zero reserved fields in PTE";
    case FaultReason::kTranslatedRequestBlocked: return "Blocked a translated request";
    case FaultReason::kInterruptRequestReserved: return "Reserved fields set in the remappable interrupt request";
    case FaultReason::kInterruptIndexTooBig: return "Interrupt index exceeds the interrupt remapping table";
    case FaultReason::kInterruptEntryNotPresent: return "Present bit in IRTE is clear";
    case FaultReason::kInterruptTableAccess: return "Interrupt remapping table address invalid";
    case FaultReason::kInterruptEntryReserved: return "Non-zero reserved fields in IRTE";
    case FaultReason::kCompatibilityBlocked: return "Blocked a compatibility format interrupt request";
    case FaultReason::kSourceRefused: return "Blocked an interrupt request: source id verification failed";
    case FaultReason::kPostedDescriptorAccess: return "Posted interrupt descriptor address invalid";
    case FaultReason::kPostedDescriptorReserved: return "Non-zero reserved fields in the posted interrupt descriptor";
  }
  return "Unknown";
}

std::string ToString(const FaultRecorded& fault) {
  const std::string requester = fmt::format("{:04x}:{:02x}:{:02x}.{}", fault.segment, fault.requester >> 8,
                                            fault.requester >> 3 & 31, fault.requester & 7);
  const char* const lost = fault.recorded ? "" : " (not recorded)";
  if (fault.interrupt) {
    return fmt::format("{} interrupt index {} reason {:#04x} {}{}", requester, fault.address, fault.reason,
                       FaultText(fault.reason), lost);
  }
  return fmt::format("{} {} {:#x} reason {:#04x} {}{}", requester, fault.write ? "write" : "read", fault.address,
                     fault.reason, FaultText(fault.reason), lost);
}

}  // namespace pvpci::iommu
