// SPDX-License-Identifier: Apache-2.0
// VT-d in-memory structures, legacy mode: raw words and typed accessors.
// Intel Virtualization Technology for Directed I/O, revision 4.0, chapter 9. Left out: scalable mode, first-level
// tables.
#ifndef PVPCI_MODELS_IOMMU_TABLE_ENTRIES_H_
#define PVPCI_MODELS_IOMMU_TABLE_ENTRIES_H_

#include <cstdint>

#include "models/pci/tlp.h"
#include "sim/field.h"

namespace pvpci::iommu {

using sim::Bits;

inline constexpr uint64_t kFrameMask = 0x000F'FFFF'FFFF'F000;  // bits 12..51: a 4 KiB aligned host address

// Root entry: one per bus, 256 of them in the root table. VT-d 9.1.
struct RootEntry {
  uint64_t raw[2] = {0, 0};

  using Present = Bits<0>;
  using ContextTable = Bits<12, 63>;

  bool present() const { return Present::Get(raw[0]); }
  uint64_t context_table() const { return raw[0] & kFrameMask; }
  // Reserved bits set? Bits 11:1, those above `host_address_bits`, and the whole upper word.
  bool reserved(unsigned host_address_bits) const {
    return (raw[0] & 0xFFE) != 0 || raw[1] != 0 || (raw[0] >> host_address_bits) != 0;
  }
  static RootEntry Table(uint64_t context_table) {
    RootEntry e;
    e.raw[0] = context_table | Present::Of(1);
    return e;
  }
};
static_assert(sizeof(RootEntry) == 16);

// Context entry: one per device and function, 256 of them in a context table. VT-d 9.3.
struct ContextEntry {
  uint64_t raw[2] = {0, 0};

  using Present = Bits<0>;
  using FaultProcessingDisable = Bits<1>;
  using TranslationType = Bits<2, 3>;
  using SecondLevelTable = Bits<12, 63>;
  using AddressWidth = Bits<0, 2>;   // upper word
  using DomainId = Bits<8, 23>;      // upper word

  enum class Type : uint8_t { kUntranslated = 0, kWithDeviceTlb = 1, kPassThrough = 2, kReserved = 3 };

  bool present() const { return Present::Get(raw[0]); }
  bool faults_recorded() const { return !FaultProcessingDisable::Get(raw[0]); }
  Type type() const { return static_cast<Type>(TranslationType::Get(raw[0])); }
  uint64_t table() const { return raw[0] & kFrameMask; }
  unsigned address_width() const { return static_cast<unsigned>(AddressWidth::Get(raw[1])); }
  unsigned levels() const { return address_width() + 2; }           // 1: 3 levels (39 bits), 2: 4 levels (48 bits)
  uint16_t domain() const { return static_cast<uint16_t>(DomainId::Get(raw[1])); }
  bool reserved(unsigned host_address_bits) const {
    return (raw[0] & 0xFF0) != 0 || (raw[0] >> host_address_bits) != 0 || (raw[1] & ~(uint64_t{0xFFFF7F})) != 0;
  }

  // Requests of the function go through `second_level_table` of `levels` levels, tagged `domain`.
  static ContextEntry Translate(uint64_t second_level_table, unsigned levels, uint16_t domain) {
    ContextEntry e;
    e.raw[0] = second_level_table | Present::Of(1);
    e.raw[1] = AddressWidth::Of(levels - 2) | DomainId::Of(domain);
    return e;
  }
  // As Translate, and the function may send requests that it has translated itself (needs ECAP.DT).
  static ContextEntry WithDeviceTlb(uint64_t second_level_table, unsigned levels, uint16_t domain) {
    ContextEntry e = Translate(second_level_table, levels, domain);
    e.raw[0] = TranslationType::Set(e.raw[0], static_cast<uint64_t>(Type::kWithDeviceTlb));
    return e;
  }
  // Requests pass untranslated (needs ECAP.PT).
  static ContextEntry PassThrough(unsigned levels, uint16_t domain) {
    ContextEntry e = Translate(0, levels, domain);
    e.raw[0] = TranslationType::Set(e.raw[0], static_cast<uint64_t>(Type::kPassThrough));
    return e;
  }
};
static_assert(sizeof(ContextEntry) == 16);

// Second-level paging entry: 512 per table; present if readable or writable. VT-d 9.10.
struct SecondLevelEntry {
  uint64_t raw = 0;

  using Read = Bits<0>;
  using Write = Bits<1>;
  using SuperPage = Bits<7>;  // levels 2 (2 MiB) and 3 (1 GiB)
  using Snoop = Bits<11>;     // leaf only; reserved here, as ECAP.SC is 0

  bool present() const { return (raw & (Read::kMask | Write::kMask)) != 0; }
  bool readable() const { return Read::Get(raw); }
  bool writable() const { return Write::Get(raw); }
  bool super_page() const { return SuperPage::Get(raw); }
  uint64_t address() const { return raw & kFrameMask; }

  static SecondLevelEntry Table(uint64_t next_table) { return {next_table | Read::kMask | Write::kMask}; }
  static SecondLevelEntry Page(uint64_t host_address, bool read, bool write) {
    return {host_address | Read::Of(read) | Write::Of(write)};
  }
  static SecondLevelEntry Super(uint64_t host_address, bool read, bool write) {
    return {host_address | Read::Of(read) | Write::Of(write) | SuperPage::kMask};
  }
};
static_assert(sizeof(SecondLevelEntry) == 8);

// Interrupt remapping table entry, remapped format; with Mode set the posted format. VT-d 9.9, 9.10.
struct Irte {
  uint64_t raw[2] = {0, 0};

  using Present = Bits<0>;
  using FaultProcessingDisable = Bits<1>;
  using DestinationMode = Bits<2>;   // 1: logical
  using RedirectionHint = Bits<3>;
  using TriggerMode = Bits<4>;       // 1: level
  using DeliveryMode = Bits<5, 7>;
  using Urgent = Bits<14>;           // posted
  using Mode = Bits<15>;             // 1: posted
  using DescriptorLow = Bits<38, 63>;   // posted: address bits 6..31
  using DescriptorHigh = Bits<32, 63>;  // posted, upper word: address bits 32..63
  using Vector = Bits<16, 23>;
  using Destination = Bits<32, 63>;
  using XapicDestination = Bits<40, 47>;  // 8-bit APIC id when extended interrupt mode is off
  using SourceId = Bits<0, 15>;      // upper word
  using SourceQualifier = Bits<16, 17>;   // upper word: which function bits to ignore
  using SourceValidation = Bits<18, 19>;  // upper word

  enum class Validation : uint8_t { kNone = 0, kRequester = 1, kBusRange = 2, kReserved = 3 };

  bool present() const { return Present::Get(raw[0]); }
  bool faults_recorded() const { return !FaultProcessingDisable::Get(raw[0]); }
  uint8_t vector() const { return static_cast<uint8_t>(Vector::Get(raw[0])); }
  uint8_t delivery_mode() const { return static_cast<uint8_t>(DeliveryMode::Get(raw[0])); }
  bool logical() const { return DestinationMode::Get(raw[0]); }
  bool redirection_hint() const { return RedirectionHint::Get(raw[0]); }
  bool level() const { return TriggerMode::Get(raw[0]); }
  uint8_t destination() const { return static_cast<uint8_t>(XapicDestination::Get(raw[0])); }
  uint16_t source_id() const { return static_cast<uint16_t>(SourceId::Get(raw[1])); }
  uint8_t source_qualifier() const { return static_cast<uint8_t>(SourceQualifier::Get(raw[1])); }
  Validation validation() const { return static_cast<Validation>(SourceValidation::Get(raw[1])); }
  bool posted() const { return Mode::Get(raw[0]); }
  bool urgent() const { return Urgent::Get(raw[0]); }
  uint64_t descriptor() const { return DescriptorHigh::Get(raw[1]) << 32 | DescriptorLow::Get(raw[0]) << 6; }
  bool reserved() const {
    if (posted()) {
      constexpr uint64_t kPostedReserved = Bits<2, 7>::kMask | Bits<12, 13>::kMask | Bits<24, 37>::kMask;
      return (raw[0] & kPostedReserved) != 0 || Bits<20, 31>::Get(raw[1]) != 0 || validation() == Validation::kReserved;
    }
    constexpr uint64_t kLowReserved = Bits<12, 14>::kMask | Bits<24, 31>::kMask | Bits<32, 39>::kMask |
                                      Bits<48, 63>::kMask;
    return (raw[0] & kLowReserved) != 0 || (raw[1] >> 20) != 0 || validation() == Validation::kReserved;
  }

  // Fixed delivery to one xAPIC id, source checked against `requester`.
  static Irte Remapped(uint8_t vector, uint8_t apic_id, pci::Bdf requester, bool level = false) {
    Irte e;
    e.raw[0] = Present::Of(1) | Vector::Of(vector) | XapicDestination::Of(apic_id) | TriggerMode::Of(level);
    e.raw[1] = SourceId::Of(requester.id) | SourceValidation::Of(static_cast<uint64_t>(Validation::kRequester));
    return e;
  }
};
static_assert(sizeof(Irte) == 16);

// Posted interrupt descriptor: 64 bytes, of which the unit uses 40. VT-d 9.11.
struct PostedDescriptor {
  uint64_t requests[4] = {};         // PIR: one bit per vector
  uint64_t control = 0;

  using Outstanding = Bits<0>;       // ON
  using Suppress = Bits<1>;          // SN
  using Vector = Bits<16, 23>;       // NV
  using Destination = Bits<32, 63>;  // NDST
  using XapicDestination = Bits<40, 47>;

  bool reserved() const { return Bits<2, 15>::Get(control) != 0 || Bits<24, 31>::Get(control) != 0; }
};
static_assert(sizeof(PostedDescriptor) == 40);

// The address of a remappable interrupt request. VT-d 5.1.2.2.
struct RemappableAddress {
  uint64_t raw = 0;

  using Window = Bits<20, 63>;
  using HandleLow = Bits<5, 19>;   // handle[14:0]
  using Format = Bits<4>;          // 1: remappable
  using SubHandleValid = Bits<3>;  // SHV
  using HandleHigh = Bits<2>;      // handle[15]
  using SubHandle = Bits<0, 15>;   // of the data word, if SHV

  bool remappable() const { return Format::Get(raw); }
  unsigned handle() const { return static_cast<unsigned>(HandleLow::Get(raw) | HandleHigh::Get(raw) << 15); }
  bool sub_handle_valid() const { return SubHandleValid::Get(raw); }

  // What MSI software puts into the address register; multi-message MSI sets `sub_handle_valid` and counts in data.
  static RemappableAddress For(unsigned handle, bool sub_handle_valid) {
    return {0xFEE0'0000 | HandleLow::Of(handle) | Format::kMask | SubHandleValid::Of(sub_handle_valid) |
            HandleHigh::Of(handle >> 15)};
  }
};

}  // namespace pvpci::iommu

#endif  // PVPCI_MODELS_IOMMU_TABLE_ENTRIES_H_
