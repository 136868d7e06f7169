// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/iotlb.h"

#include <gtest/gtest.h>

#include "models/iommu/context_cache.h"
#include "sim/random.h"

namespace pvpci::iommu {
namespace {

constexpr uint64_t Page(uint64_t number) { return number << 12; }

TEST(Iotlb, TagsByDomainAndPage) {
  Iotlb iotlb(8);
  iotlb.Insert(1, Page(5) + 0x123, 1, Page(77) + 0x123, true, false, 0);
  const Iotlb::Entry* const entry = iotlb.Find(1, Page(5) + 0xFFF);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->host_page, Page(77));
  EXPECT_TRUE(entry->readable);
  EXPECT_FALSE(entry->writable);
  EXPECT_EQ(iotlb.Find(2, Page(5)), nullptr);
  EXPECT_EQ(iotlb.Find(1, Page(6)), nullptr);
}

TEST(Iotlb, HoldsPagesOfThreeSizes) {
  Iotlb iotlb(8);
  iotlb.Insert(1, 0, 1, Page(1), true, true, 0);
  iotlb.Insert(1, uint64_t{2} << 20, 2, uint64_t{4} << 20, true, true, 0);
  iotlb.Insert(1, uint64_t{3} << 30, 3, uint64_t{5} << 30, true, true, 0);
  EXPECT_EQ(iotlb.Find(1, (uint64_t{4} << 20) - 1)->host_page, uint64_t{4} << 20);
  EXPECT_EQ(iotlb.Find(1, (uint64_t{4} << 30) - 1)->host_page, uint64_t{5} << 30);
  EXPECT_EQ(iotlb.Find(1, uint64_t{4} << 30), nullptr);
  EXPECT_EQ(iotlb.size(), 3u);
}

TEST(Iotlb, ReplacesAnEntryWithTheSameTag) {
  Iotlb iotlb(2);
  iotlb.Insert(1, 0, 1, Page(1), true, true, 0);
  iotlb.Insert(1, 0, 1, Page(2), true, true, 0);
  EXPECT_EQ(iotlb.size(), 1u);
  EXPECT_EQ(iotlb.Find(1, 0)->host_page, Page(2));
}

TEST(Iotlb, NeverHoldsMoreThanItsCapacity) {
  Iotlb iotlb(4);
  for (uint64_t i = 0; i < 100; ++i) {
    iotlb.Insert(1, Page(i), 1, Page(i), true, true, 0);
    EXPECT_NE(iotlb.Find(1, Page(i)), nullptr);
  }
  EXPECT_EQ(iotlb.size(), 4u);
}

TEST(Iotlb, HitsUnderRandomAccessAsOftenAsItCovers) {
  constexpr unsigned kCapacity = 118;
  constexpr unsigned kPages = 512;
  constexpr unsigned kAccesses = 200'000;
  Iotlb iotlb(kCapacity);
  sim::Random random(1, "iotlb");
  unsigned hits = 0;
  for (unsigned i = 0; i < kAccesses; ++i) {
    const uint64_t address = Page(random.Below(kPages));
    if (iotlb.Find(1, address) != nullptr) {
      ++hits;
    } else {
      iotlb.Insert(1, address, 1, address, true, true, 0);
    }
  }
  EXPECT_NEAR(static_cast<double>(hits) / kAccesses, static_cast<double>(kCapacity) / kPages, 0.01);
}

TEST(Iotlb, InvalidatesDomainsAlone) {
  Iotlb iotlb(8);
  for (const uint16_t domain : {1, 2}) iotlb.Insert(domain, Page(3), 1, Page(9), true, true, 0);
  iotlb.InvalidateDomain(1);
  EXPECT_EQ(iotlb.Find(1, Page(3)), nullptr);
  EXPECT_NE(iotlb.Find(2, Page(3)), nullptr);
  iotlb.InvalidateAll();
  EXPECT_EQ(iotlb.size(), 0u);
}

TEST(Iotlb, InvalidatesPagesByMaskAndWhatOverlapsThem) {
  Iotlb iotlb(16);
  for (uint64_t i = 0; i < 8; ++i) iotlb.Insert(1, Page(i), 1, Page(i), true, true, 0);
  iotlb.Insert(1, uint64_t{2} << 20, 2, 0, true, true, 0);
  iotlb.InvalidatePages(1, Page(2), 1);
  for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(iotlb.Find(1, Page(i)) == nullptr, i == 2 || i == 3) << i;
  iotlb.InvalidatePages(2, Page(0), 3);
  EXPECT_EQ(iotlb.size(), 7u) << "another domain's pages stay";
  iotlb.InvalidatePages(1, (uint64_t{2} << 20) + Page(17), 0);
  EXPECT_EQ(iotlb.Find(1, uint64_t{2} << 20), nullptr) << "a larger page around it goes";
}

TEST(ContextCache, InvalidatesByDomainAndDevice) {
  ContextCache cache;
  for (const uint16_t requester : {0x0210, 0x0211, 0x0214, 0x0310}) {
    cache.Insert(requester, ContextEntry::Translate(0x1000, 4, requester == 0x0310 ? 9 : 7));
  }
  EXPECT_EQ(cache.Find(0x0218), nullptr);
  cache.InvalidateDevice(9, 0x0210, 0);
  EXPECT_NE(cache.Find(0x0210), nullptr) << "tagged with another domain";
  cache.InvalidateDevice(7, 0x0210, 1);
  EXPECT_EQ(cache.Find(0x0210), nullptr);
  EXPECT_EQ(cache.Find(0x0214), nullptr) << "function bit 2 ignored";
  EXPECT_NE(cache.Find(0x0211), nullptr);
  cache.InvalidateDomain(7);
  EXPECT_EQ(cache.Find(0x0211), nullptr);
  EXPECT_NE(cache.Find(0x0310), nullptr);
  cache.InvalidateAll();
  EXPECT_EQ(cache.Find(0x0310), nullptr);
}

}  // namespace
}  // namespace pvpci::iommu
