// SPDX-License-Identifier: Apache-2.0
// Tables are built by hand from the entry types: one entry per test is wrong.
#include "models/iommu/walk.h"

#include <gtest/gtest.h>

#include "models/iommu/test_bench.h"

namespace pvpci::iommu {
namespace {

constexpr uint64_t kBus = 0x12'3456'7890;  // inside 39 bits
constexpr uint64_t kHost = 0x3F'F000;
constexpr uint16_t kRequester = 0x0210;
constexpr uint16_t kDomain = 7;

class Walk : public testing::Test {
 protected:
  // `levels` levels down to a 4 KiB leaf that allows everything.
  void Build(unsigned levels) {
    root_ = memory_.NewTable();
    const uint64_t contexts = memory_.NewTable();
    root_entry_ = root_ + 16 * (kRequester >> 8);
    context_entry_ = contexts + 16 * (kRequester & 0xff);
    uint64_t table = memory_.NewTable();
    Put(root_entry_, RootEntry::Table(contexts));
    Put(context_entry_, ContextEntry::Translate(table, levels, kDomain));
    for (unsigned level = levels; level >= 1; --level) {
      entry_[level] = table + 8 * ((kBus >> (12 + 9 * (level - 1))) & 511);
      if (level > 1) {
        table = memory_.NewTable();
        Put(entry_[level], SecondLevelEntry::Table(table));
      }
    }
    Put(entry_[1], SecondLevelEntry::Page(kHost, true, true));
  }
  template <typename T>
  void Put(uint64_t address, const T& entry) {
    ASSERT_TRUE(memory_.memory.Write(address, &entry, sizeof entry));
  }
  template <typename T>
  T Get(uint64_t address) {
    T entry;
    memory_.memory.Read(address, &entry, sizeof entry);
    return entry;
  }
  FaultReason Try(bool write = true, uint64_t bus_address = kBus) {
    read_ = EntriesRead();
    const auto context = FindContext(memory_.memory, limits_, root_, kRequester, &read_);
    if (const auto* fault = std::get_if<Fault>(&context)) return report_ = fault->report, fault->reason;
    const auto walked =
        WalkTable(memory_.memory, limits_, std::get<ContextEntry>(context), bus_address, write, &read_);
    if (const auto* fault = std::get_if<Fault>(&walked)) return report_ = fault->report, fault->reason;
    translation_ = std::get<Translation>(walked);
    return FaultReason::kNone;
  }

  TestMemory memory_{1024};
  WalkLimits limits_{46, 48, 1u << 2 | 1u << 3 | 1u << 4};
  uint64_t root_ = 0;
  uint64_t root_entry_ = 0;
  uint64_t context_entry_ = 0;
  uint64_t entry_[6] = {};
  EntriesRead read_;
  Translation translation_;
  bool report_ = true;
};

TEST_F(Walk, ReadsOneEntryPerLevel) {
  for (const unsigned levels : {3u, 4u}) {
    Build(levels);
    ASSERT_EQ(Try(), FaultReason::kNone);
    EXPECT_EQ(translation_.host_address, kHost | (kBus & 0xFFF));
    EXPECT_EQ(translation_.level, 1u);
    EXPECT_EQ(read_.count, 2 + levels);
    EXPECT_EQ(read_.entries[0].address, root_entry_);
    EXPECT_EQ(read_.entries[1].address, context_entry_);
    EXPECT_EQ(read_.entries[read_.count - 1].address, entry_[1]);
  }
}

TEST_F(Walk, TakesTwoLevelTablesOnlyWhereSupported) {
  Build(2);
  EXPECT_EQ(Try(true, kBus & 0x3FFF'FFFF), FaultReason::kNone);
  limits_.levels = 1u << 3 | 1u << 4;
  EXPECT_EQ(Try(true, kBus & 0x3FFF'FFFF), FaultReason::kContextInvalid);
}

TEST_F(Walk, EndsAtSuperpages) {
  Build(4);
  Put(entry_[2], SecondLevelEntry::Super(2 << 20, true, true));
  ASSERT_EQ(Try(), FaultReason::kNone);
  EXPECT_EQ(translation_.level, 2u);
  EXPECT_EQ(translation_.host_address, (2u << 20) | (kBus & 0x1F'FFFF));
  Put(entry_[3], SecondLevelEntry::Super(uint64_t{1} << 30, true, false));
  ASSERT_EQ(Try(false), FaultReason::kNone);
  EXPECT_EQ(translation_.page_bytes(), uint64_t{1} << 30);
  EXPECT_EQ(translation_.host_address, (uint64_t{1} << 30) | (kBus & 0x3FFF'FFFF));
  EXPECT_FALSE(translation_.writable);
}

TEST_F(Walk, FaultsOnAbsentRootEntry) {
  Build(4);
  Put(root_entry_, RootEntry());
  EXPECT_EQ(Try(), FaultReason::kRootNotPresent);
}

TEST_F(Walk, FaultsOnAbsentContextEntry) {
  Build(4);
  Put(context_entry_, ContextEntry());
  EXPECT_EQ(Try(), FaultReason::kContextNotPresent);
}

TEST_F(Walk, FaultsOnInvalidContextEntry) {
  Build(4);
  ContextEntry entry = ContextEntry::Translate(memory_.NewTable(), 6, kDomain);
  Put(context_entry_, entry);
  EXPECT_EQ(Try(), FaultReason::kContextInvalid) << "unsupported width";
  entry = ContextEntry::Translate(memory_.NewTable(), 4, kDomain);
  entry.raw[0] = ContextEntry::TranslationType::Set(entry.raw[0], 3);
  Put(context_entry_, entry);
  EXPECT_EQ(Try(), FaultReason::kContextInvalid) << "reserved translation type";
}

TEST_F(Walk, FaultsBeyondTheAddressWidth) {
  Build(3);
  EXPECT_EQ(Try(true, uint64_t{1} << 39), FaultReason::kBeyondAddressWidth);
  Build(4);
  EXPECT_EQ(Try(true, uint64_t{1} << 48), FaultReason::kBeyondAddressWidth);
  limits_.guest_address_bits = 39;
  EXPECT_EQ(Try(true, uint64_t{1} << 39), FaultReason::kBeyondAddressWidth) << "MGAW bounds deeper tables too";
}

TEST_F(Walk, FaultsOnMissingPermissionAtAnyLevel) {
  for (unsigned level = 1; level <= 4; ++level) {
    Build(4);
    const SecondLevelEntry good = Get<SecondLevelEntry>(entry_[level]);
    Put(entry_[level], SecondLevelEntry{good.raw & ~SecondLevelEntry::Write::kMask});
    EXPECT_EQ(Try(true), FaultReason::kNoWritePermission) << level;
    EXPECT_EQ(Try(false), FaultReason::kNone) << level;
    Put(entry_[level], SecondLevelEntry{good.raw & ~SecondLevelEntry::Read::kMask});
    EXPECT_EQ(Try(false), FaultReason::kNoReadPermission) << level;
    EXPECT_EQ(Try(true), FaultReason::kNone) << level;
    Put(entry_[level], SecondLevelEntry());
    EXPECT_EQ(Try(true), FaultReason::kNoWritePermission) << level;
    EXPECT_EQ(Try(false), FaultReason::kNoReadPermission) << level;
  }
}

TEST_F(Walk, ReportsThePermissionsOfAllLevelsTogether) {
  Build(4);
  Put(entry_[3], SecondLevelEntry{Get<SecondLevelEntry>(entry_[3]).raw & ~SecondLevelEntry::Write::kMask});
  ASSERT_EQ(Try(false), FaultReason::kNone);
  EXPECT_TRUE(translation_.readable);
  EXPECT_FALSE(translation_.writable) << "the leaf alone would allow it";
}

TEST_F(Walk, FaultsOnTablesOutsideMemory) {
  const uint64_t nowhere = uint64_t{1} << 40;
  Build(4);
  Put(entry_[3], SecondLevelEntry::Table(nowhere));
  EXPECT_EQ(Try(), FaultReason::kTableAccess);
  Put(root_entry_, RootEntry::Table(nowhere));
  EXPECT_EQ(Try(), FaultReason::kContextTableAccess);
  root_ = nowhere;
  EXPECT_EQ(Try(), FaultReason::kRootTableAccess);
}

TEST_F(Walk, FaultsOnReservedBitsInRootAndContext) {
  Build(4);
  const RootEntry good = Get<RootEntry>(root_entry_);
  RootEntry root = good;
  root.raw[1] = 1;
  Put(root_entry_, root);
  EXPECT_EQ(Try(), FaultReason::kRootReserved);
  root = good;
  root.raw[0] |= uint64_t{1} << 46;
  Put(root_entry_, root);
  EXPECT_EQ(Try(), FaultReason::kRootReserved) << "beyond the host address width";
  Put(root_entry_, good);
  ContextEntry context = Get<ContextEntry>(context_entry_);
  context.raw[1] |= uint64_t{1} << 24;
  Put(context_entry_, context);
  EXPECT_EQ(Try(), FaultReason::kContextReserved);
}

TEST_F(Walk, FaultsOnReservedBitInLeaf) {
  Build(4);
  const SecondLevelEntry good = Get<SecondLevelEntry>(entry_[1]);
  Put(entry_[1], SecondLevelEntry{good.raw | uint64_t{1} << 46});
  EXPECT_EQ(Try(), FaultReason::kEntryReserved) << "beyond the host address width";
  Put(entry_[1], SecondLevelEntry{good.raw | SecondLevelEntry::Snoop::kMask});
  EXPECT_EQ(Try(), FaultReason::kEntryReserved) << "snoop control is not supported";
  Put(entry_[1], good);
  Put(entry_[2], SecondLevelEntry::Super(kHost, true, true));
  EXPECT_EQ(Try(), FaultReason::kEntryReserved) << "misaligned superpage";
  Put(entry_[4], SecondLevelEntry::Super(0, true, true));
  EXPECT_EQ(Try(), FaultReason::kEntryReserved) << "no 512 GiB pages";
}

TEST_F(Walk, CarriesFaultProcessingDisable) {
  Build(4);
  ContextEntry context = Get<ContextEntry>(context_entry_);
  context.raw[0] |= ContextEntry::FaultProcessingDisable::kMask;
  Put(context_entry_, context);
  Put(entry_[1], SecondLevelEntry());
  EXPECT_EQ(Try(), FaultReason::kNoWritePermission);
  EXPECT_FALSE(report_);
}

TEST_F(Walk, PassesThroughWhereTheContextSaysSo) {
  Build(4);
  Put(context_entry_, ContextEntry::PassThrough(4, kDomain));
  ASSERT_EQ(Try(), FaultReason::kNone);
  EXPECT_EQ(translation_.host_address, kBus);
  EXPECT_EQ(read_.count, 2u);
}

}  // namespace
}  // namespace pvpci::iommu
