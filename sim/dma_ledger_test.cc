// SPDX-License-Identifier: Apache-2.0
#include "sim/dma_ledger.h"

#include <gtest/gtest.h>

#include <vector>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

using Cover = DmaLedger::Cover;

constexpr DmaDevice kNic = MakeDmaDevice(0, 0x0200);
constexpr DmaDevice kDisk = MakeDmaDevice(0, 0x0300);
constexpr DomId kDomU = 1;

class Ledger : public testing::Test {
 protected:
  uint64_t Map(uint64_t address, uint64_t length, DmaDirection direction = DmaDirection::kBidirectional, Ps time = 0) {
    return ledger_.Map(kNic, kDomU, address, length, direction, DmaKind::kSingle, time, /*backtrace=*/7);
  }
  Cover Access(uint64_t address, uint64_t length, bool write = true) {
    last_ = ledger_.Covering(kNic, address, length, write);
    return last_.cover;
  }

  DmaLedger ledger_;
  DmaLedger::Coverage last_;
};

TEST_F(Ledger, TellsInsideFromSamePageFromNowhere) {
  const uint64_t serial = Map(0x10'0100, 0x200);
  EXPECT_EQ(Access(0x10'0100, 0x200), Cover::kInside);
  EXPECT_EQ(last_.mapping->serial, serial);
  EXPECT_EQ(last_.mapping->mapped_by, 7u);
  EXPECT_EQ(Access(0x10'00FF, 2), Cover::kSamePage) << "one byte before";
  EXPECT_EQ(Access(0x10'02FF, 2), Cover::kSamePage) << "one byte behind";
  EXPECT_EQ(Access(0x10'0F00, 4), Cover::kSamePage);
  EXPECT_EQ(last_.mapping->serial, serial);
  EXPECT_EQ(Access(0x10'1000, 4), Cover::kNone);
  EXPECT_EQ(last_.mapping, nullptr);
}

TEST_F(Ledger, KeepsDevicesApart) {
  Map(0x10'0000, 0x1000);
  EXPECT_EQ(ledger_.Covering(kDisk, 0x10'0000, 4, true).cover, Cover::kNone);
  EXPECT_EQ(ledger_.live_count(kNic), 1u);
  EXPECT_EQ(ledger_.live_count(kDisk), 0u);
}

TEST_F(Ledger, CountsAdjacentMappingsTogether) {
  Map(0x10'0000, 0x800);
  Map(0x10'0800, 0x900);
  EXPECT_EQ(Access(0x10'07F0, 0x20), Cover::kInside);
  EXPECT_EQ(Access(0x10'0000, 0x1100), Cover::kInside) << "across the page";
  EXPECT_EQ(Access(0x10'0000, 0x1101), Cover::kSamePage);
}

TEST_F(Ledger, SpansManyPages) {
  Map(0x10'0800, 1 << 20);
  EXPECT_EQ(Access(0x10'0800 + (1 << 20) - 64, 64), Cover::kInside);
  EXPECT_EQ(Access(0x10'0800 + (1 << 20), 1), Cover::kSamePage);
}

TEST_F(Ledger, RemembersWhoUnmapped) {
  Map(0x10'0000, 0x100, DmaDirection::kBidirectional, 10);
  EXPECT_TRUE(ledger_.Unmap(kNic, 0x10'0000, 0x100, 20, /*backtrace=*/9));
  EXPECT_EQ(Access(0x10'0010, 4), Cover::kNone);
  ASSERT_NE(last_.stale, nullptr);
  EXPECT_FALSE(last_.stale->live());
  EXPECT_EQ(last_.stale->mapped_at, 10u);
  EXPECT_EQ(last_.stale->unmapped_at, 20u);
  EXPECT_EQ(last_.stale->unmapped_by, 9u);
  EXPECT_EQ(Access(0x10'0200, 4), Cover::kNone);
  EXPECT_EQ(last_.stale, nullptr) << "was never inside";
}

TEST_F(Ledger, RefusesToUnmapWhatIsNotMapped) {
  Map(0x10'0000, 0x100);
  EXPECT_FALSE(ledger_.Unmap(kNic, 0x10'0000, 0x80, 1, 0)) << "another length";
  EXPECT_FALSE(ledger_.Unmap(kDisk, 0x10'0000, 0x100, 1, 0)) << "another device";
  EXPECT_TRUE(ledger_.Unmap(kNic, 0x10'0000, 0, 1, 0)) << "any length";
  EXPECT_FALSE(ledger_.Unmap(kNic, 0x10'0000, 0x100, 1, 0)) << "twice";
}

TEST_F(Ledger, EndsTheYoungestOfEqualMappings) {
  const uint64_t older = Map(0x10'0000, 0x100);
  Map(0x10'0000, 0x100);
  EXPECT_TRUE(ledger_.Unmap(kNic, 0x10'0000, 0x100, 1, 0));
  EXPECT_EQ(Access(0x10'0000, 0x100), Cover::kInside);
  EXPECT_EQ(last_.mapping->serial, older);
}

TEST_F(Ledger, NoticesTheWrongDirection) {
  Map(0x10'0000, 0x100, DmaDirection::kToDevice);
  EXPECT_EQ(Access(0x10'0000, 4, /*write=*/false), Cover::kInside);
  EXPECT_TRUE(last_.direction_ok);
  EXPECT_EQ(Access(0x10'0000, 4, /*write=*/true), Cover::kInside);
  EXPECT_FALSE(last_.direction_ok);
  Map(0x10'0000, 0x100, DmaDirection::kFromDevice);
  EXPECT_EQ(Access(0x10'0000, 4, /*write=*/true), Cover::kInside);
  EXPECT_TRUE(last_.direction_ok) << "the other mapping allows it";
}

TEST_F(Ledger, ReportsLeaksAtUnbind) {
  Map(0x10'0000, 0x100);
  Map(0x20'0000, 0x2000);
  ASSERT_EQ(ledger_.Live(kNic).size(), 2u);
  EXPECT_EQ(ledger_.Live(kNic)[1].bus_address, 0x20'0000u);
  EXPECT_EQ(ledger_.UnmapAll(kNic, 5, 3), 2u);
  EXPECT_EQ(ledger_.live_count(), 0u);
  EXPECT_EQ(Access(0x20'1000, 4), Cover::kNone);
  EXPECT_NE(last_.stale, nullptr);
}

TEST_F(Ledger, ListsLiveMappingsInOrderOfMappingWhateverEnded) {
  for (uint64_t i = 0; i < 6; ++i) Map(i << 12, 0x100);
  ledger_.Unmap(kNic, 1 << 12, 0x100, 1, 0);
  ledger_.Unmap(kNic, 3 << 12, 0x100, 1, 0);
  ledger_.Unmap(kNic, 5 << 12, 0x100, 1, 0);
  std::vector<uint64_t> pages;
  for (const DmaMapping& mapping : ledger_.Live(kNic)) pages.push_back(mapping.bus_address >> 12);
  EXPECT_EQ(pages, (std::vector<uint64_t>{0, 2, 4}));
}

TEST_F(Ledger, ReusesWhatNobodyRemembers) {
  for (uint64_t i = 0; i < 10'000; ++i) {
    const uint64_t serial = Map(0x10'0000, 0x3000);
    ASSERT_EQ(Access(0x10'2FFF, 1), Cover::kInside);
    ASSERT_EQ(last_.mapping->serial, serial);
    ASSERT_TRUE(ledger_.Unmap(kNic, 0x10'0000, 0x3000, i, 0));
    ASSERT_EQ(Access(0x10'2FFF, 1), Cover::kNone);
    ASSERT_EQ(last_.stale->serial, serial) << "the most recent one";
  }
}

TEST_F(Ledger, RefusesEmptyAndWrappingMappings) {
  EXPECT_THROW(Map(0x1000, 0), BenchError);
  EXPECT_THROW(Map(~uint64_t{0}, 2), BenchError);
  Map(~uint64_t{0} - 0xFFF, 0x1000);
  EXPECT_EQ(Access(~uint64_t{0}, 1), Cover::kInside) << "the last byte of the address space";
}

}  // namespace
}  // namespace pvpci::sim
