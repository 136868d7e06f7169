// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intervals/intervals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scenarios/machine/model_parameters.h"
#include "scenarios/parser.h"
#include "scenarios/root.h"

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kKeys = {"a", "b", "c"};

// A machine whose figures are functions of its deviations.
reports::Intervals Of(const std::function<Observation(const Deviation&)>& machine) {
  const auto intervals = FindIntervals(kKeys, 1, [&](const std::vector<Deviation>& deviations) {
    std::vector<Observation> observed;
    for (const Deviation& each : deviations) observed.push_back(machine(each));
    return observed;
  });
  EXPECT_TRUE(intervals);
  return *intervals;
}

TEST(Intervals, OfASumAreItsCornersAndNameTheLargestTerm) {
  const auto intervals = Of([](const Deviation& by) {
    return Observation{{{"row", "sum", "ns", 100 + 10 * by[0] + 30 * by[1]}, {"row", "fixed", "", 7}}, {}, false};
  });
  const reports::FigureInterval& sum = intervals.figures.at(0);
  EXPECT_EQ(sum.low, 60);
  EXPECT_EQ(sum.standard, 100);
  EXPECT_EQ(sum.high, 140);
  EXPECT_EQ(sum.most_sensitive, "b");
  EXPECT_EQ(sum.share, 0.75);
  EXPECT_TRUE(sum.monotone);
  ASSERT_EQ(sum.sways.size(), 2u);
  EXPECT_EQ(sum.sways[1].low, 90);
  EXPECT_EQ(intervals.figures.at(1).low, 7);
  EXPECT_FALSE(intervals.figures.at(1).most_sensitive);
  // One way to go is two corners; what does not act is left alone.
  EXPECT_EQ(intervals.corners, 2);
  EXPECT_TRUE(intervals.parameters.at(1).acts);
  EXPECT_FALSE(intervals.parameters.at(2).acts);
}

TEST(Intervals, FiguresThatGoOppositeWaysHaveCornersOfTheirOwn) {
  const auto intervals = Of([](const Deviation& by) {
    return Observation{{{"row", "latency", "ns", 10 + by[0] + by[1]}, {"row", "room", "ns", 10 + by[0] - by[1]}}, {}, false};
  });
  EXPECT_EQ(intervals.corners, 4);
  for (const reports::FigureInterval& each : intervals.figures) {
    EXPECT_EQ(each.low, 8) << each.figure;
    EXPECT_EQ(each.high, 12) << each.figure;
  }
}

TEST(Intervals, FigureThatLeavesItsCornersInBetweenIsNotMonotone) {
  const auto intervals = Of([](const Deviation& by) {
    return Observation{{{"row", "hill", "ns", 100 + by[0] - 50 * std::fabs(by[1] - 0.5)}}, {}, false};
  });
  EXPECT_FALSE(intervals.figures.at(0).monotone);
  EXPECT_GT(intervals.figures.at(0).high, 90);
  const auto peak = Of([](const Deviation& by) { return Observation{{{"row", "peak", "ns", 100 - by[0] * by[0]}}, {}, false}; });
  EXPECT_FALSE(peak.figures.at(0).monotone);
  EXPECT_EQ(peak.figures.at(0).high, 100);
}

TEST(Intervals, DecideClaims) {
  const auto intervals = Of([](const Deviation& by) {
    const double latency = 10 + 3 * by[0] + by[1];
    return Observation{{{"row", "latency", "ns", latency}},
                       {{"always", latency > 0}, {"never", latency > 99}, {"one turns it", latency < 12.5},
                        {"only two do", latency < 13.5}},
                       false};
  });
  ASSERT_EQ(intervals.claims.size(), 4u);
  EXPECT_EQ(intervals.claims[0].decided, reports::kClaimHolds);
  EXPECT_EQ(intervals.claims[1].decided, reports::kClaimFails);
  EXPECT_EQ(intervals.claims[2].decided, reports::kClaimUndecided);
  EXPECT_THAT(intervals.claims[2].flipped_by, ElementsAre("a"));
  EXPECT_EQ(intervals.claims[3].decided, reports::kClaimUndecided);
  EXPECT_TRUE(intervals.claims[3].flipped_by.empty());
}

TEST(Intervals, RunThatFailsDecidesNothing) {
  const auto intervals = Of([](const Deviation& by) {
    if (by[2] > 0.9) return Observation{{}, {}, true};
    return Observation{{{"row", "latency", "ns", 10 + by[0]}}, {{"claim", true}}, false};
  });
  EXPECT_EQ(intervals.failed, 1);
  EXPECT_EQ(intervals.claims[0].decided, reports::kClaimHolds);
  EXPECT_EQ(intervals.claims[0].runs, intervals.runs - 1);
}

TEST(Intervals, InterruptedCallHasNone) {
  EXPECT_FALSE(FindIntervals(kKeys, 1, [](const std::vector<Deviation>&) { return std::vector<Observation>{}; }));
}

TEST(Sample, IsALatinHypercube) {
  const std::vector<Deviation> sample = SampleOf({true, false, true}, 3);
  ASSERT_EQ(sample.size(), kSamples);
  for (const size_t i : {0u, 2u}) {
    std::vector<double> column;
    for (const Deviation& each : sample) column.push_back(each[i]);
    std::sort(column.begin(), column.end());
    for (size_t n = 0; n < kSamples; ++n) EXPECT_NEAR(column[n], 2 * (n + 0.5) / kSamples - 1, 1e-9);
  }
  for (const Deviation& each : sample) EXPECT_EQ(each[1], 0);
  EXPECT_EQ(sample, SampleOf({true, false, true}, 3));
  EXPECT_NE(sample, SampleOf({true, false, true}, 4));
}

TEST(Deviated, MovesWhatIsUncertainAndNobodySets) {
  const std::string root = FindRoot();
  const Scenario scenario = LoadScenario(root + "/scenarios/interrupt_latency.yaml", {{"machine.timing.hypercall", "300 ns", "--set"}});
  const auto uncertain = UncertainOf(scenario, ProfileOf(scenario, root));
  const auto has = [&](const std::string& key) {
    return std::any_of(uncertain.begin(), uncertain.end(), [&](const ProfileEntry* each) { return each->key() == key; });
  };
  EXPECT_TRUE(has("timing.vcpu_unblock"));
  EXPECT_FALSE(has("timing.hypercall")) << "the scenario says it";
  EXPECT_FALSE(has("timing.inv_wait")) << "there is no IOMMU";
  EXPECT_FALSE(has("xen.irq_ratelimit")) << "a constant";
  const std::vector<std::string> keys = {"timing.hypercall", "timing.vcpu_unblock", "timing.upcall_inject"};
  xen::HypervisorConfig config;
  ApplyParameters(Deviated(scenario, keys, {1, -1, 0.5}, root).machine, &config);
  EXPECT_EQ(config.hypercall, 300 * sim::kNs);
  EXPECT_EQ(config.vcpu_unblock, 1000 * sim::kNs);
  EXPECT_EQ(config.upcall_inject, 1200 * sim::kNs);
}

}  // namespace
}  // namespace pvpci::scenarios
