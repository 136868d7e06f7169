// SPDX-License-Identifier: Apache-2.0
#include "reports/latency_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace pvpci::reports {
namespace {

using ::testing::ElementsAre;

TEST(NearestRank, TakesTheSmallestSampleThatCoversThePercentage) {
  const std::vector<Ps> sorted = {15, 20, 35, 40, 50};  // the textbook example
  EXPECT_EQ(NearestRank(sorted, 5), 15u);
  EXPECT_EQ(NearestRank(sorted, 30), 20u);
  EXPECT_EQ(NearestRank(sorted, 40), 20u);
  EXPECT_EQ(NearestRank(sorted, 50), 35u);
  EXPECT_EQ(NearestRank(sorted, 100), 50u);
}

TEST(NearestRank, AgreesWithCounting) {
  std::mt19937_64 random(3);
  for (size_t size : {1, 2, 3, 99, 100, 101, 1000}) {
    std::vector<Ps> samples(size);
    for (Ps& sample : samples) sample = random() % 50;
    std::sort(samples.begin(), samples.end());
    for (unsigned percent = 1; percent <= 100; ++percent) {
      const Ps value = NearestRank(samples, percent);
      const auto covered = [&](Ps limit) {
        return 100 * static_cast<size_t>(
                         std::count_if(samples.begin(), samples.end(), [&](Ps s) { return s <= limit; })) >=
               percent * size;
      };
      EXPECT_TRUE(covered(value));
      EXPECT_TRUE(value == samples.front() || !covered(value - 1)) << size << " samples, " << percent << " %";
    }
  }
}

TEST(NearestRank, RefusesNothing) { EXPECT_THROW(NearestRank({}, 50), std::logic_error); }

TEST(Summarize, HasNoLatencyWithoutSamples) { EXPECT_FALSE(Summarize({}).has_value()); }

TEST(Summarize, SortsItsSamples) {
  std::vector<Ps> samples(100);
  std::iota(samples.rbegin(), samples.rend(), 1);
  const Latency latency = *Summarize(samples);
  EXPECT_EQ(latency.min, 1u);
  EXPECT_EQ(latency.p50, 50u);
  EXPECT_EQ(latency.p90, 90u);
  EXPECT_EQ(latency.p99, 99u);
  EXPECT_EQ(latency.max, 100u);
}

TEST(LogHistogram, CountsEverySampleOnceInABucketThatHoldsIt) {
  std::mt19937_64 random(5);
  std::vector<Ps> samples = {0, 0, 1, 2, 3, 63, 64, 65, 1u << 20, (1u << 20) - 1, Ps{1} << 50};
  for (int i = 0; i < 5000; ++i) samples.push_back(random() % (Ps{1} << (1 + random() % 45)));
  const std::vector<LatencyBucket> buckets = LogHistogram(samples);
  int64_t total = 0;
  Ps before = 0;
  for (const LatencyBucket& bucket : buckets) {
    EXPECT_GE(bucket.from_ps, before);
    EXPECT_GT(bucket.to_ps, bucket.from_ps);
    EXPECT_EQ(bucket.count, std::count_if(samples.begin(), samples.end(),
                                          [&](Ps s) { return s >= bucket.from_ps && s < bucket.to_ps; }));
    EXPECT_GT(bucket.count, 0);
    before = bucket.to_ps;
    total += bucket.count;
  }
  EXPECT_EQ(total, static_cast<int64_t>(samples.size()));
}

TEST(LatencyRow, PartsAddUpToTheTotalExactly) {
  std::mt19937_64 random(9);
  LatencyRow row;
  Ps total = 0;
  for (int i = 0; i < 1000; ++i) {
    const Ps a = random() % 1000003, b = random() % 777, c = random() % 99991;
    row.Add({{"t0_t1_fabric", a}, {"t1_t2_do_irq", b}, {"t2_t6_rest", c}}, {{"t6_t8_eoi", 1}, {"t8_t9_apic_eoi", 2}});
    total += a + b + c;
  }
  Interrupt interrupt;
  row.Fill(&interrupt);
  EXPECT_EQ(interrupt.total_ps, total);
  Ps sum = 0;
  for (const LatencyPart& part : interrupt.parts) sum += part.total_ps;
  EXPECT_EQ(sum, total);
  EXPECT_EQ(interrupt.eoi_tail_ps, 3000u);
  ASSERT_EQ(interrupt.tail_parts.size(), 2u);
  EXPECT_EQ(interrupt.tail_parts[0].total_ps + interrupt.tail_parts[1].total_ps, interrupt.eoi_tail_ps);
  EXPECT_EQ(interrupt.tail_parts[1].name, "t8_t9_apic_eoi");
  EXPECT_EQ(row.count(), 1000);
}

TEST(LatencyRow, PutsALatePartBehindTheOneItFollowed) {
  LatencyRow row;
  row.Add({{"t0_t1_fabric", 1}, {"t1_t5_xen", 2}, {"t5_t6_handler", 3}}, {});
  row.Add({{"t0_t1_fabric", 1}, {"t1_t5_xen", 2}, {"t5_t9_eoi", 4}, {"t9_t6_handler", 5}}, {});
  Interrupt interrupt;
  row.Fill(&interrupt);
  std::vector<std::string> names;
  for (const LatencyPart& part : interrupt.parts) names.push_back(part.name);
  EXPECT_THAT(names, ElementsAre("t0_t1_fabric", "t1_t5_xen", "t5_t9_eoi", "t9_t6_handler", "t5_t6_handler"));
  EXPECT_EQ(interrupt.total_ps, 18u);
}

TEST(LatencyRow, IsEmptyWithoutSpans) {
  Interrupt interrupt;
  LatencyRow().Fill(&interrupt);
  EXPECT_FALSE(interrupt.latency.has_value());
  EXPECT_TRUE(interrupt.parts.empty());
}

}  // namespace
}  // namespace pvpci::reports
