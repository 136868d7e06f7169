// SPDX-License-Identifier: Apache-2.0
#include "driver/loader/domain_space.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace pvpci::driver {
namespace {

constexpr uint64_t kPage = 4096;

TEST(DomainSpace, LiesAtTheAddressesOfItsIndex) {
  DomainSpace first({0, 256});
  DomainSpace third({2, 512});
  EXPECT_EQ(first.base(), DomainSpace::kDirectMapBase);
  EXPECT_EQ(third.base(), DomainSpace::kDirectMapBase + (128ull << 20));
  EXPECT_EQ(third.base() % (2ull << 20), 0u);
  EXPECT_LT(third.base() + third.bytes(), 1ull << 31);
  EXPECT_EQ(third.vmalloc_base(), DomainSpace::kVmallocBase + 2 * DomainSpace::kVmallocStride);
}

TEST(DomainSpace, IsItsMemfd) {
  DomainSpace space({0, 16});
  std::memcpy(space.page(3) + 5, "hello", 5);
  char text[6] = {};
  ASSERT_EQ(pread(space.memfd(), text, 5, 3 * kPage + 5), 5);
  EXPECT_STREQ(text, "hello");
}

TEST(DomainSpace, RefusesAnAddressThatIsTaken) {
  DomainSpace first({1, 16});
  try {
    DomainSpace second({1, 16});
    FAIL() << "mapped over another domain";
  } catch (const SpaceError& error) {
    EXPECT_NE(std::string(error.what()).find("0x14000000"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("already"), std::string::npos) << error.what();
  }
}

TEST(DomainSpace, RefusesWhatDoesNotFit) {
  EXPECT_THROW(DomainSpace({0, 0}), SpaceError);
  EXPECT_THROW(DomainSpace({0, 16385}), SpaceError);
  EXPECT_THROW(DomainSpace({28, 16}), SpaceError);
  EXPECT_THROW(DomainSpace({0, 16, 3 * kPage}), SpaceError);
}

TEST(DomainSpace, CanBeBuiltAgainAfterItsEnd) {
  for (int round = 0; round < 3; ++round) {
    DomainSpace space({0, 16});
    EXPECT_EQ(std::to_integer<int>(*space.page(0)), 0) << "bytes of a dead domain";
    *space.page(0) = std::byte{1};
  }
}

TEST(DomainSpace, MapsAFrameInTheVmallocArea) {
  DomainSpace space({0, 16});
  DomainSpace other({1, 16});
  std::memcpy(other.page(2), "secret", 6);
  const uint64_t va = space.vmalloc_base() + 7 * kPage;
  EXPECT_EQ(space.Access(va, 1, false), nullptr);
  ASSERT_TRUE(space.MapFrame(va, other.memfd(), 2 * kPage, false));
  EXPECT_EQ(std::memcmp(space.Access(va, 6, false), "secret", 6), 0);
  EXPECT_EQ(space.Access(va, 1, true), nullptr) << "read-only";
  EXPECT_EQ(space.Access(va + kPage - 1, 2, false), nullptr) << "the next page is not mapped";
  ASSERT_TRUE(space.MapFrame(va + kPage, other.memfd(), 3 * kPage, true));
  EXPECT_NE(space.Access(va + kPage - 1, 2, false), nullptr);
  EXPECT_NE(space.Access(va + kPage, kPage, true), nullptr);
  ASSERT_TRUE(space.UnmapPage(va));
  EXPECT_EQ(space.Access(va, 1, false), nullptr);
}

TEST(DomainSpace, MapsAFrameOverItsOwnPageAndBringsThatBack) {
  DomainSpace space({0, 16});
  DomainSpace other({1, 16});
  std::memcpy(space.page(4), "mine", 4);
  std::memcpy(other.page(2), "their", 5);
  const uint64_t va = space.base() + 4 * kPage;
  ASSERT_TRUE(space.MapFrame(va, other.memfd(), 2 * kPage, true));
  EXPECT_EQ(std::memcmp(space.Access(va, 5, true), "their", 5), 0);
  ASSERT_TRUE(space.UnmapPage(va));
  EXPECT_EQ(std::memcmp(space.Access(va, 4, true), "mine", 4), 0);
}

TEST(DomainSpace, RefusesMappingsElsewhere) {
  DomainSpace space({0, 16});
  EXPECT_FALSE(space.MapFrame(space.base() + space.bytes(), space.memfd(), 0, true));
  EXPECT_FALSE(space.MapFrame(space.base() + 1, space.memfd(), 0, true));
  EXPECT_FALSE(space.UnmapPage(0x1000));
  EXPECT_FALSE(space.Guard(space.base() + 15 * kPage, 2 * kPage));
  EXPECT_FALSE(space.Guard(space.vmalloc_base(), kPage));
}

TEST(DomainSpace, GuardsPages) {
  DomainSpace space({0, 16});
  const uint64_t va = space.base() + 8 * kPage;
  ASSERT_TRUE(space.Guard(va, 2 * kPage));
  EXPECT_TRUE(space.guarded(va + kPage + 1));
  EXPECT_FALSE(space.guarded(va + 2 * kPage));
  EXPECT_EQ(space.Access(va - 1, 2, false), nullptr);
  EXPECT_NE(space.Access(va - 1, 1, false), nullptr);
  EXPECT_DEATH(*reinterpret_cast<volatile char*>(va) = 1, "");
  ASSERT_TRUE(space.Unguard(va, 2 * kPage));
  EXPECT_NE(space.Access(va - 1, 3 * kPage, true), nullptr);
}

TEST(DomainSpace, NoGuardHidesWhatIsBeneath) {
  DomainSpace space({0, 16});
  ASSERT_TRUE(space.Guard(space.base() + 8 * kPage, kPage));
  ASSERT_NE(space.Beneath(8), nullptr);
  std::memcpy(space.Beneath(8), "device", 6);
  ASSERT_TRUE(space.Unguard(space.base() + 8 * kPage, kPage));
  EXPECT_EQ(std::memcmp(space.page(8), "device", 6), 0);
  EXPECT_EQ(space.Beneath(16), nullptr);
}

TEST(DomainSpace, AccessRefusesWhatRunsOutOfItsRegion) {
  DomainSpace space({0, 16});
  EXPECT_NE(space.Access(space.base(), 16 * kPage, true), nullptr);
  EXPECT_EQ(space.Access(space.base(), 16 * kPage + 1, true), nullptr);
  EXPECT_EQ(space.Access(space.base() - 1, 2, true), nullptr);
  EXPECT_EQ(space.Access(UINT64_MAX - 1, 8, true), nullptr);
  EXPECT_EQ(space.Access(0, 8, false), nullptr);
}

}  // namespace
}  // namespace pvpci::driver
