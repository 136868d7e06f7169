// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/interrupt_remap.h"

#include <gtest/gtest.h>

#include "models/iommu/registers.h"
#include "models/iommu/test_bench.h"

namespace pvpci::iommu {
namespace {

IommuConfig WithInterrupts() {
  IommuConfig config;
  config.remap_interrupts = true;
  return config;
}

class Remap : public testing::Test {
 protected:
  void SetUp() override { bench_.writer.Enable(); }
  // The fault reason, or kNone and `message_`.
  FaultReason Send(pci::Bdf requester, uint64_t address, uint32_t data) {
    const auto result = bench_.iommu.Remap(requester, address, data);
    if (const auto* fault = std::get_if<pci::DmaFault>(&result)) return static_cast<FaultReason>(fault->reason);
    message_ = std::get<pci::InterruptMessage>(result);
    return FaultReason::kNone;
  }
  static uint64_t Address(unsigned handle, bool sub_handle = false) {
    return RemappableAddress::For(handle, sub_handle).raw;
  }

  TestBench bench_{WithInterrupts()};
  pci::InterruptMessage message_;
};

TEST_F(Remap, DeliversWhatTheEntrySays) {
  const unsigned index = *bench_.writer.AllocateIrte();
  bench_.writer.WriteIrte(index, Irte::Remapped(0x52, 3, kNic));
  ASSERT_EQ(Send(kNic, Address(index), 0), FaultReason::kNone);
  EXPECT_EQ(message_.address, 0xFEE0'3000u);
  EXPECT_EQ(message_.data & 0xFF, 0x52u);
  EXPECT_EQ(message_.data >> 15 & 1, 0u) << "edge";
  EXPECT_EQ(message_.latency, bench_.iommu.config().interrupt_miss);
  ASSERT_EQ(Send(kNic, Address(index), 0), FaultReason::kNone);
  EXPECT_EQ(message_.latency, bench_.iommu.config().interrupt_hit);
}

TEST_F(Remap, AddsTheSubHandleOfMultiMessageMsi) {
  const unsigned first = *bench_.writer.AllocateIrte(4);
  EXPECT_EQ(first % 4, 0u);
  for (unsigned i = 0; i < 4; ++i) {
    bench_.writer.WriteIrte(first + i, Irte::Remapped(static_cast<uint8_t>(0x60 + i), 0, kNic));
  }
  for (uint32_t i = 0; i < 4; ++i) {
    ASSERT_EQ(Send(kNic, Address(first, true), i), FaultReason::kNone);
    EXPECT_EQ(message_.data & 0xFF, 0x60u + i);
  }
}

TEST_F(Remap, BlocksCompatibilityFormatUnlessAllowed) {
  EXPECT_EQ(Send(kNic, 0xFEE0'0000, 0x41), FaultReason::kCompatibilityBlocked);
  const uint64_t enables = bench_.iommu.ReadRegister(OffsetOf("GSTS"), 4);
  bench_.iommu.WriteRegister(OffsetOf("GCMD"), enables | Gcmd::CompatibilityInterrupts::kMask, 4);
  ASSERT_EQ(Send(kNic, 0xFEE0'0000, 0x41), FaultReason::kNone);
  EXPECT_EQ(message_.address, 0xFEE0'0000u);
  EXPECT_EQ(message_.data, 0x41u);
}

TEST_F(Remap, RefusesReservedFieldsOfTheRequest) {
  EXPECT_EQ(Send(kNic, Address(0, true), 0x1'0000), FaultReason::kInterruptRequestReserved);
}

TEST_F(Remap, RefusesAnIndexBeyondTheTable) {
  EXPECT_EQ(Send(kNic, Address(1024), 0), FaultReason::kInterruptIndexTooBig);
  EXPECT_EQ(Send(kNic, Address(1023, true), 1), FaultReason::kInterruptIndexTooBig);
  EXPECT_EQ(Send(kNic, Address(0x8000), 0), FaultReason::kInterruptIndexTooBig) << "handle bit 15";
}

TEST_F(Remap, RefusesAnAbsentEntry) {
  EXPECT_EQ(Send(kNic, Address(5), 0), FaultReason::kInterruptEntryNotPresent);
}

TEST_F(Remap, RefusesATableOutsideMemory) {
  bench_.iommu.WriteRegister(OffsetOf("IRTA"), uint64_t{1} << 40 | InterruptTable::Size::Of(9), 8);
  const uint64_t enables = bench_.iommu.ReadRegister(OffsetOf("GSTS"), 4);
  bench_.iommu.WriteRegister(OffsetOf("GCMD"), enables | Gcmd::SetInterruptTable::kMask, 4);
  EXPECT_EQ(Send(kNic, Address(5), 0), FaultReason::kInterruptTableAccess);
}

TEST_F(Remap, RefusesReservedBitsInTheEntry) {
  Irte entry = Irte::Remapped(0x52, 0, kNic);
  entry.raw[0] |= Irte::Mode::kMask;
  bench_.writer.WriteIrte(5, entry);
  EXPECT_EQ(Send(kNic, Address(5), 0), FaultReason::kInterruptEntryReserved);
}

TEST_F(Remap, RefusesAnotherSource) {
  bench_.writer.WriteIrte(5, Irte::Remapped(0x52, 0, kNic));
  EXPECT_EQ(Send(kDisk, Address(5), 0), FaultReason::kSourceRefused);
  EXPECT_EQ(Send(kNic, Address(5), 0), FaultReason::kNone);
  EXPECT_EQ(Send(kDisk, Address(5), 0), FaultReason::kSourceRefused) << "the cached entry is checked too";
  bool overflow;
  const auto faults = bench_.writer.ReadFaults(&overflow);
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[0].requester, kDisk.id);
  EXPECT_EQ(faults[0].address, 5u) << "the interrupt index";
  EXPECT_EQ(faults[0].interrupt, 1);
}

TEST_F(Remap, QualifiesTheSourceByFunctionMask) {
  Irte entry = Irte::Remapped(0x52, 0, pci::Bdf(0, 2, 0, 0));
  entry.raw[1] = Irte::SourceQualifier::Set(entry.raw[1], 3);
  bench_.writer.WriteIrte(5, entry);
  for (unsigned f = 0; f < 8; ++f) EXPECT_EQ(Send(pci::Bdf(0, 2, 0, f), Address(5), 0), FaultReason::kNone);
  EXPECT_EQ(Send(pci::Bdf(0, 2, 1, 0), Address(5), 0), FaultReason::kSourceRefused);
}

TEST_F(Remap, ChecksABusRange) {
  Irte entry = Irte::Remapped(0x52, 0, pci::Bdf::FromId(0x0204));  // buses 2 to 4
  entry.raw[1] = Irte::SourceValidation::Set(entry.raw[1], 2);
  bench_.writer.WriteIrte(5, entry);
  for (unsigned bus = 0; bus < 8; ++bus) {
    const bool inside = bus >= 2 && bus <= 4;
    EXPECT_EQ(Send(pci::Bdf(0, bus, 0, 0), Address(5), 0) == FaultReason::kNone, inside) << bus;
  }
}

TEST_F(Remap, CachesEntriesUntilInvalidated) {
  bench_.writer.WriteIrte(5, Irte::Remapped(0x52, 0, kNic));
  ASSERT_EQ(Send(kNic, Address(5), 0), FaultReason::kNone);
  const Irte other = Irte::Remapped(0x53, 0, kNic);
  bench_.memory.memory.Write(bench_.writer.IrteAddress(5), &other, sizeof other);
  ASSERT_EQ(Send(kNic, Address(5), 0), FaultReason::kNone);
  EXPECT_EQ(message_.data & 0xFF, 0x52u) << "a raw edit is not seen before invalidation";
  bench_.writer.FlushInterruptIndex(4, 0);
  ASSERT_EQ(Send(kNic, Address(5), 0), FaultReason::kNone);
  EXPECT_EQ(message_.data & 0xFF, 0x52u) << "another entry was invalidated";
  bench_.writer.FlushInterruptIndex(4, 1);
  ASSERT_EQ(Send(kNic, Address(5), 0), FaultReason::kNone);
  EXPECT_EQ(message_.data & 0xFF, 0x53u);
  bench_.writer.FreeIrte(5);
  EXPECT_EQ(Send(kNic, Address(5), 0), FaultReason::kInterruptEntryNotPresent);
}

TEST(RemapOff, PassesForgedMessagesUntouched) {
  TestBench bench;
  bench.writer.Enable();
  const auto result = bench.iommu.Remap(kNic, 0xFEE0'0000, 0x1234'0041);
  const auto* const message = std::get_if<pci::InterruptMessage>(&result);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->address, 0xFEE0'0000u);
  EXPECT_EQ(message->data, 0x1234'0041u);
}

}  // namespace
}  // namespace pvpci::iommu
