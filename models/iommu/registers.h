// SPDX-License-Identifier: Apache-2.0
// The register block of a remapping unit. VT-d 4.0, chapter 11.4 (legacy mode; no page requests, no performance
// monitoring).
#ifndef PVPCI_MODELS_IOMMU_REGISTERS_H_
#define PVPCI_MODELS_IOMMU_REGISTERS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/field.h"
#include "sim/register.h"

namespace pvpci::iommu {

using sim::Bits;

// 11.4.2
struct Cap {
  using Domains = Bits<0, 2>;              // 6: 16-bit domain ids
  using ProtectedLow = Bits<5>;
  using ProtectedHigh = Bits<6>;
  using CachingMode = Bits<7>;             // 0: not-present entries are never cached
  using AddressWidths = Bits<8, 12>;       // SAGAW: bit n: tables of n + 2 levels
  using MaximumWidth = Bits<16, 21>;       // MGAW - 1
  using ZeroLengthRead = Bits<22>;
  using FaultOffset = Bits<24, 33>;        // in 16 bytes
  using SuperPages = Bits<34, 37>;         // bit 0: 2 MiB, bit 1: 1 GiB
  using PageSelective = Bits<39>;
  using FaultRegisters = Bits<40, 47>;     // NFR - 1
  using MaximumMask = Bits<48, 53>;
  using PostedInterrupts = Bits<59>;
};
// 11.4.3
struct Ecap {
  using Coherent = Bits<0>;
  using QueuedInvalidation = Bits<1>;
  using DeviceTlb = Bits<2>;
  using InterruptRemapping = Bits<3>;
  using PassThrough = Bits<6>;
  using IotlbOffset = Bits<8, 17>;         // in 16 bytes
  using MaximumHandleMask = Bits<20, 23>;
};
// 11.4.4 GCMD (commands) and GSTS (their status), same bits.
struct Gcmd {
  using CompatibilityInterrupts = Bits<23>;
  using SetInterruptTable = Bits<24>;
  using InterruptRemapping = Bits<25>;
  using QueuedInvalidation = Bits<26>;
  using WriteBufferFlush = Bits<27>;
  using SetRootTable = Bits<30>;
  using Translation = Bits<31>;
};
// 11.4.6
struct Ccmd {
  using Domain = Bits<0, 15>;
  using Source = Bits<16, 31>;
  using FunctionMask = Bits<32, 33>;
  using ActualGranularity = Bits<59, 60>;
  using Granularity = Bits<61, 62>;        // 1 global, 2 domain, 3 device
  using Invalidate = Bits<63>;
};
// 11.4.7.1
struct Fsts {
  using Overflow = Bits<0>;                // PFO
  using Pending = Bits<1>;                 // PPF: some record's F bit is set
  using QueueError = Bits<4>;              // IQE
  using CompletionError = Bits<5>;         // ICE: device TLBs only
  using TimeoutError = Bits<6>;            // ITE: device TLBs only
  using Index = Bits<8, 15>;               // FRI: first record pending
};
// 11.4.7.2 FECTL, and IECTL of the invalidation event.
struct EventControl {
  using Pending = Bits<30>;
  using Masked = Bits<31>;
};
// 11.4.13: protected memory. Both regions in units of 2 MiB.
struct ProtectedMemory {
  using Status = Bits<0>;                  // PRS
  using Enable = Bits<31>;                 // EPM
};
inline constexpr uint64_t kProtectedUnit = 2 << 20;

// 11.4.9
struct QueueAddress {
  using Size = Bits<0, 2>;                 // 2^size pages of 256 descriptors
  using Wide = Bits<11>;                   // 256-bit descriptors: scalable mode
  using Base = Bits<12, 63>;
};
struct QueuePointer {
  using Index = Bits<4, 18>;
};
struct QueueErrorRecord {
  using Information = Bits<0, 3>;          // IQEI
};
struct CompletionStatus {
  using WaitComplete = Bits<0>;            // IWC
};
// 11.4.11
struct InterruptTable {
  using Size = Bits<0, 3>;                 // 2^(size + 1) entries
  using Extended = Bits<11>;               // x2APIC ids
  using Base = Bits<12, 63>;
};
// 11.4.8.1
struct Iva {
  using Mask = Bits<0, 5>;
  using Hint = Bits<6>;
  using Address = Bits<12, 63>;
};
// 11.4.8.2
struct IotlbCommand {
  using Domain = Bits<32, 47>;
  using Drain = Bits<48, 49>;
  using ActualGranularity = Bits<57, 58>;
  using Granularity = Bits<60, 61>;        // 1 global, 2 domain, 3 pages
  using Invalidate = Bits<63>;
};
// 11.4.7.6: fault recording register, upper word. The lower holds the page, or the interrupt index in bits 48..63.
struct FaultRecord {
  using Page = Bits<12, 63>;
  using InterruptIndex = Bits<48, 63>;
  using Source = Bits<0, 15>;
  using Reason = Bits<32, 39>;
  using Read = Bits<62>;
  using Fault = Bits<63>;
};

using sim::Reg32;
using sim::Reg64;

inline constexpr uint32_t kIotlbOffset = 0x200;   // of IVA; ECAP.IRO says so
inline constexpr uint32_t kFaultOffset = 0x400;   // of the first record; CAP.FRO says so
inline constexpr uint32_t kFaultBytes = 16;
inline constexpr uint32_t kBlockBytes = 0x1000;
inline constexpr uint64_t kPageFrame = Bits<12, 63>::kMask;

// CAP and ECAP get their values from IommuConfig.
inline constexpr std::array kRegisters = {
    Reg32("VER", 0x000).Reset(0x10),
    Reg64("CAP", 0x008),
    Reg64("ECAP", 0x010),
    Reg32("GCMD", 0x018).Wo(Gcmd::CompatibilityInterrupts::kMask | Gcmd::SetInterruptTable::kMask |
                            Gcmd::InterruptRemapping::kMask | Gcmd::QueuedInvalidation::kMask |
                            Gcmd::WriteBufferFlush::kMask | Gcmd::SetRootTable::kMask | Gcmd::Translation::kMask),
    Reg32("GSTS", 0x01C),
    Reg64("RTADDR", 0x020).Rw(kPageFrame),
    Reg64("CCMD", 0x028).Rw(Ccmd::Domain::kMask | Ccmd::Granularity::kMask)
        .Wo(Ccmd::Source::kMask | Ccmd::FunctionMask::kMask | Ccmd::Invalidate::kMask),
    Reg32("FSTS", 0x034).W1c(Fsts::Overflow::kMask | Fsts::QueueError::kMask | Fsts::CompletionError::kMask |
                             Fsts::TimeoutError::kMask),
    Reg32("FECTL", 0x038).Reset(EventControl::Masked::kMask).Rw(EventControl::Masked::kMask),
    Reg32("FEDATA", 0x03C).Rw(0xFFFF),
    Reg32("FEADDR", 0x040).Rw(0xFFFF'FFFC),
    Reg32("FEUADDR", 0x044).Rw(0xFFFF'FFFF),
    Reg32("PMEN", 0x064).Rw(ProtectedMemory::Enable::kMask),
    Reg32("PLMBASE", 0x068).Rw(0xFFE0'0000),
    Reg32("PLMLIMIT", 0x06C).Rw(0xFFE0'0000),
    Reg64("PHMBASE", 0x070).Rw(~(kProtectedUnit - 1)),
    Reg64("PHMLIMIT", 0x078).Rw(~(kProtectedUnit - 1)),
    Reg64("IQH", 0x080),
    Reg64("IQT", 0x088).Rw(QueuePointer::Index::kMask),
    Reg64("IQA", 0x090).Rw(QueueAddress::Size::kMask | QueueAddress::Wide::kMask | QueueAddress::Base::kMask),
    Reg32("ICS", 0x09C).W1c(CompletionStatus::WaitComplete::kMask),
    Reg32("IECTL", 0x0A0).Reset(EventControl::Masked::kMask).Rw(EventControl::Masked::kMask),
    Reg32("IEDATA", 0x0A4).Rw(0xFFFF),
    Reg32("IEADDR", 0x0A8).Rw(0xFFFF'FFFC),
    Reg32("IEUADDR", 0x0AC).Rw(0xFFFF'FFFF),
    Reg64("IQERCD", 0x0B0),
    Reg64("IRTA", 0x0B8).Rw(InterruptTable::Size::kMask | InterruptTable::Base::kMask),
    Reg64("IVA", kIotlbOffset).Wo(Iva::Mask::kMask | Iva::Hint::kMask | Iva::Address::kMask),
    Reg64("IOTLB", kIotlbOffset + 8).Rw(IotlbCommand::Domain::kMask | IotlbCommand::Drain::kMask |
                                        IotlbCommand::Granularity::kMask)
        .Wo(IotlbCommand::Invalidate::kMask),
};
static_assert(WellFormed(kRegisters), "sorted, aligned, disjoint masks");

// One fault recording register; IommuConfig::fault_registers of them follow each other from kFaultOffset on.
inline constexpr std::array kFaultRegister = {
    Reg64("FRCD_LOW", 0x0),
    Reg64("FRCD_HIGH", 0x8).W1c(FaultRecord::Fault::kMask),
};
static_assert(WellFormed(kFaultRegister), "sorted, aligned, disjoint masks");

constexpr uint32_t OffsetOf(std::string_view name) { return kRegisters[IndexOf(kRegisters, name)].offset; }

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_REGISTERS_H_
