// SPDX-License-Identifier: Apache-2.0
#include "sim/random.h"

#include <gtest/gtest.h>

#include <array>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

TEST(Random, SameSeedAndStreamGiveTheSameNumbers) {
  Random a(7, "p2m");
  Random b(7, "p2m");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.Next(), b.Next());
}

TEST(Random, SeedsAndStreamsAreIndependent) {
  EXPECT_NE(Random(7, "p2m").Next(), Random(8, "p2m").Next());
  EXPECT_NE(Random(7, "p2m").Next(), Random(7, "canary").Next());
  EXPECT_NE(Random(0, "").Next(), 0u);
}

TEST(Random, BelowCoversItsRangeEvenly) {
  Random random(1, "even");
  std::array<int, 10> seen{};
  for (int i = 0; i < 100'000; ++i) ++seen.at(random.Below(seen.size()));
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_THROW(random.Below(0), BenchError);
}

}  // namespace
}  // namespace pvpci::sim
