// SPDX-License-Identifier: Apache-2.0
#include "scenarios/units.h"

#include <gtest/gtest.h>

#include "scenarios/suggest.h"

namespace pvpci::scenarios {
namespace {

TEST(Units, ReadSizes) {
  EXPECT_EQ(ParseSize("64 MiB"), 64u << 20);
  EXPECT_EQ(ParseSize("1.5KiB"), 1536u);
  EXPECT_EQ(ParseSize("0x1000"), 4096u);
  EXPECT_EQ(ParseSize("17"), 17u);
  for (const char* bad : {"", "MiB", "64 MB", "64  MiB", "-1 KiB", "0.0001 KiB", "1e3", "99999999999999 GiB", "1. KiB"}) {
    EXPECT_FALSE(ParseSize(bad)) << bad;
  }
}

TEST(Units, ReadDurations) {
  EXPECT_EQ(ParseDuration("10 us"), 10 * sim::kUs);
  EXPECT_EQ(ParseDuration("1.5ms"), 1500 * sim::kUs);
  EXPECT_EQ(ParseDuration("0"), 0u);
  for (const char* bad : {"", "10", "10 m", "us", "1.5 ps", "99999999 s", "-1 s"}) EXPECT_FALSE(ParseDuration(bad)) << bad;
}

TEST(Units, ReadLinks) {
  ASSERT_TRUE(ParseLink("gen5 x16"));
  EXPECT_EQ(ParseLink("gen3 x8")->width, 8u);
  for (const char* bad : {"gen3x8", "gen0 x1", "gen6 x1", "gen3 x3", "x8 gen3", ""}) EXPECT_FALSE(ParseLink(bad)) << bad;
}

TEST(Units, PrintWhatTheyRead) {
  for (const uint64_t bytes : {1ull, 4096ull, 64ull << 20, 3ull << 30, 1500ull}) {
    EXPECT_EQ(ParseSize(FormatSize(bytes)), bytes);
  }
  for (const sim::Ps time : {sim::kPs, 1500 * sim::kNs, 10 * sim::kUs, 60 * sim::kSec, sim::Ps{1234}}) {
    EXPECT_EQ(ParseDuration(FormatDuration(time)), time);
  }
  EXPECT_EQ(FormatDuration(1500 * sim::kNs), "1.5 us");
}

TEST(Suggest, FindsTheNearWord) {
  EXPECT_EQ(Nearest("memroy", {"name", "memory", "vcpus"}), "memory");
  EXPECT_EQ(Nearest("clam", {"claim", "name"}), "claim");
  EXPECT_EQ(Nearest("zzz", {"claim", "name"}), "");
  EXPECT_EQ(EditDistance("ab", "ba"), 1u);
  EXPECT_EQ(OneOf({"a", "b", "c"}), "a, b or c");
}

}  // namespace
}  // namespace pvpci::scenarios
