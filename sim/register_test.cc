// SPDX-License-Identifier: Apache-2.0
#include "sim/register.h"

#include <gtest/gtest.h>

#include <vector>

#include "sim/check.h"
#include "sim/field.h"
#include "sim/register_contract.h"

namespace pvpci::sim {
namespace {

constexpr std::array kTable = {
    Reg16("ID", 0x00).Reset(0x8086).Ro(0xFFFF),
    Reg16("CONTROL", 0x02).Rw(0x0507),
    Reg32("STATUS", 0x04).Reset(0x10).W1c(0xFF00),
    Reg8("BYTE", 0x09).Reset(0xAA).Rw(0x0F),
    Reg64("WIDE", 0x10).Reset(0x1'0000'0001).Rw(0xFFFF'FFFF'0000'0000).Wo(0x2),
};
static_assert(WellFormed(kTable));
static_assert(IndexOf(kTable, "STATUS") == 2);
static_assert(IndexOf(kTable, "none") == kTable.size());

TEST(Field, GetsSetsAndComposes) {
  using F = Bits<4, 7>;
  static_assert(F::kMask == 0xF0 && F::kWidth == 4 && F::kMax == 15);
  static_assert(Bits<0, 63>::kMask == ~uint64_t{0});
  EXPECT_EQ(F::Get(0xABC), 0xBu);
  EXPECT_EQ(F::Set(0xABC, 0x3), 0xA3Cu);
  EXPECT_EQ(F::Of(0x1F), 0xF0u) << "bits beyond the field are dropped";
  EXPECT_EQ(Bits<63>::Get(uint64_t{1} << 63), 1u);
}

TEST(WellFormed, RefusesWhatHardwareCannotBe) {
  EXPECT_FALSE(WellFormed(std::array{Reg32("A", 4), Reg32("B", 0)})) << "order";
  EXPECT_FALSE(WellFormed(std::array{Reg32("A", 0), Reg16("B", 2)})) << "overlap";
  EXPECT_FALSE(WellFormed(std::array{Reg32("A", 2)})) << "alignment";
  EXPECT_FALSE(WellFormed(std::array{Reg8("A", 0).Rw(0x100)})) << "mask outside the register";
  EXPECT_FALSE(WellFormed(std::array{Reg8("A", 0).Rw(3).W1c(1)})) << "masks meet";
  EXPECT_FALSE(WellFormed(std::array{Reg8("A", 0).Wo(1).Reset(1)})) << "write-only bits read 0";
  EXPECT_FALSE(WellFormed(std::array{Reg8("A", 0), Reg8("A", 1)})) << "names";
}

TEST(Contract, HoldsForAnyTable) { RegisterContract(kTable); }

TEST(RegisterBank, ReadsAcrossRegistersAndGaps) {
  const RegisterBank bank(kTable);
  EXPECT_EQ(bank.Read(0x00, 4), 0x0000'8086u);
  EXPECT_EQ(bank.Read(0x00, 8), 0x10'0000'8086u);
  EXPECT_EQ(bank.Read(0x01, 1), 0x80u);
  EXPECT_EQ(bank.Read(0x08, 4), 0x0000'AA00u);
  EXPECT_EQ(bank.Read(0x14, 4), 0x1u);
  EXPECT_EQ(bank.Read(0x40, 4), 0u);
}

TEST(RegisterBank, WritesEachRegisterItsLanes) {
  RegisterBank bank(kTable);
  bank.Write(0x01, 0x03'0755, 4);
  EXPECT_EQ(bank.Read(0x00, 2), 0x8086u);
  EXPECT_EQ(bank.Get("CONTROL"), 0x0307u & 0x0507);
  bank.Set("STATUS", 0xFF10);
  bank.Write(0x05, 0x0F, 1);
  EXPECT_EQ(bank.Get("STATUS"), 0xF010u);
  bank.Write(0x14, 0xDEAD'BEEF, 4);
  EXPECT_EQ(bank.Get("WIDE"), 0xDEAD'BEEF'0000'0001u);
}

TEST(RegisterBank, CallsHandlersWithWhatChanged) {
  struct Device {
    std::vector<RegisterWrite> writes;
    void OnControl(const RegisterWrite& write) { writes.push_back(write); }
    uint64_t OnStatus(uint64_t stored) { return stored | 1; }
  } device;
  RegisterBank bank(kTable);
  bank.OnWrite("CONTROL", &Device::OnControl, &device);
  bank.OnRead("STATUS", &Device::OnStatus, &device);
  bank.Write(0x03, 0xFF, 1);
  bank.Write(0x00, 0xFFFF'FFFF, 4);
  ASSERT_EQ(device.writes.size(), 2u);
  EXPECT_EQ(device.writes[0].before, 0u);
  EXPECT_EQ(device.writes[0].after, 0x0500u);
  EXPECT_EQ(device.writes[0].written, 0xFF00u);
  EXPECT_EQ(device.writes[0].lanes, 0xFF00u);
  EXPECT_EQ(device.writes[1].before, 0x0500u);
  EXPECT_EQ(device.writes[1].after, 0x0507u);
  EXPECT_EQ(bank.Read(0x04, 4), 0x11u);
  EXPECT_EQ(bank.Get("STATUS"), 0x10u);
  EXPECT_THROW(bank.OnWrite("NONE", nullptr), BenchError);
}

TEST(RegisterBank, HandsWriteOnlyBitsToTheHandlerAlone) {
  RegisterBank bank(kTable);
  uint64_t written = 0;
  bank.OnWrite("WIDE", [&](const RegisterWrite& write) { written = write.written; });
  bank.Write(0x10, 0x2, 8);
  EXPECT_EQ(written, 0x2u);
  EXPECT_EQ(bank.Read(0x10, 8), 0x1u);
}

}  // namespace
}  // namespace pvpci::sim
