// SPDX-License-Identifier: Apache-2.0
#include "reports/path_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::reports {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;
using ::testing::Not;

// Two interrupts: one of 1000 + 3000 ns, one of 1000 + `second` ns, which is the 99th percentile.
ordered_json Document(int64_t second, int64_t unmasks, int64_t blocks, const char* call) {
  const auto parts = [](int64_t wait) {
    return ordered_json::array({{{"name", "t0_t1_fabric"}, {"ps", 1'000'000}}, {{"name", "t3_t4_wait"}, {"ps", wait * 1000}}});
  };
  ordered_json path = {{"since", "storm"}, {"delivered_in_domain", 2}, {"upcall_blocks", 100 + blocks}};
  path["interrupts"] = {{"source", "0000:02:00.0"}, {"kind", "msix"}, {"abi", "fifo"}, {"domain", "driver"},
                        {"delivered", 2}, {"total_ps", (5000 + second) * 1000}, {"eoi_tail_ps", 4000}};
  path["interrupts"]["latency_ns"] = {{"min", 4000.0}, {"p50", 4000.0}, {"p90", 1000.0 + second}, {"p99", 1000.0 + second},
                                      {"max", 1000.0 + second}};
  path["interrupts"]["parts"] = ordered_json::array(
      {{{"name", "t0_t1_fabric"}, {"total_ps", 2'000'000}}, {{"name", "t3_t4_wait"}, {"total_ps", (3000 + second) * 1000}}});
  path["hypercalls"] = ordered_json::array({{{"name", "EVTCHNOP_unmask"}, {"calls", unmasks}}});
  path["samples"] = ordered_json::array({{{"at", "p50"}, {"parts", parts(3000)}, {"tail", ordered_json::array()}},
                                         {{"at", "p99"}, {"parts", parts(second)}, {"tail", ordered_json::array()}}});
  path["functions"] = ordered_json::array({{{"function", "handle_edge_irq"}, {"source", "kernel/irq/chip.c"}, {"blocks", blocks}},
                                           {{"function", "other"}, {"source", "x.c"}, {"blocks", 100}}});
  path["events"] = ordered_json::array({{{"after_ps", 0}, {"where", "0000:02:00.0"}, {"what", "t0 vector 0"}},
                                        {{"after_ps", 5000}, {"where", "driver"}, {"what", call}}});
  return {{"scenario", "s"}, {"mode", "M0"}, {"kernels", ordered_json::array({{{"name", "6.1"}}})},
          {"paths", ordered_json::array({path})}};
}

TEST(PathDiff, NamesThePartOfThePercentileThatGrew) {
  const ordered_json before = Document(3000, 2, 10, "a"), after = Document(5000, 2, 10, "a");
  EXPECT_EQ(MeasureOf(after["paths"][0], "p99_ns"), 6000);
  EXPECT_EQ(WhatGrew(&before["paths"][0], after["paths"][0], "p99_ns"),
            "t3_t4_wait grew by 2000.000 ns, from 3000.000 ns to 5000.000 ns");
  EXPECT_EQ(WhatGrew(&before["paths"][0], after["paths"][0], "p50_ns"), "no part of it grew against the baseline");
  EXPECT_EQ(WhatGrew(&before["paths"][0], after["paths"][0], "mean_ns"),
            "t3_t4_wait grew by 1000.000 ns, from 3000.000 ns to 4000.000 ns")
      << "of two interrupts one";
  EXPECT_EQ(WhatGrew(nullptr, after["paths"][0], "p99_ns"), "its largest part is t3_t4_wait, 5000.000 ns");
}

TEST(PathDiff, NamesTheHypercallAndTheFunctionThatGrew) {
  const ordered_json before = Document(3000, 2, 10, "a"), after = Document(3000, 5, 17, "a");
  EXPECT_EQ(MeasureOf(after["paths"][0], "hypercalls_per_interrupt"), 2.5);
  EXPECT_EQ(WhatGrew(&before["paths"][0], after["paths"][0], "hypercalls_per_interrupt"),
            "EVTCHNOP_unmask grew by 1.5000, from 1 to 2.5000");
  EXPECT_EQ(WhatGrew(&before["paths"][0], after["paths"][0], "blocks_per_upcall"),
            "handle_edge_irq (kernel/irq/chip.c) grew by 7, from 10 to 17");
}

TEST(PathDiff, TellsTheFirstEventThatDiffersElseTheFirstThatIsLater) {
  const ordered_json before = Document(3000, 2, 10, "hypercall a");
  ordered_json after = Document(3000, 2, 10, "hypercall b");
  ordered_json first = PathsDiff(before, after)["paths"][0]["first_difference"];
  EXPECT_EQ(first["event"], 1);
  EXPECT_EQ(first["before"]["what"], "hypercall a");
  EXPECT_EQ(first["after"]["what"], "hypercall b");
  after = Document(3000, 2, 10, "hypercall a");
  EXPECT_TRUE(PathsDiff(before, after)["paths"][0]["first_difference"].is_null());
  after["paths"][0]["events"][1]["after_ps"] = 6000;
  first = PathsDiff(before, after)["paths"][0]["first_difference"];
  EXPECT_EQ(first["after"]["after_ps"], 6000);
  after["paths"][0]["events"].push_back({{"after_ps", 7000}, {"where", "driver"}, {"what", "more"}});
  first = PathsDiff(before, after)["paths"][0]["first_difference"];
  EXPECT_TRUE(first["before"].is_null()) << "another event says more than a later one";
}

TEST(PathDiff, TextHoldsWhatChangedAndNoMore) {
  const std::string text = PathsDiffText(PathsDiff(Document(3000, 2, 10, "a"), Document(5000, 5, 17, "a")));
  EXPECT_THAT(text, HasSubstr("0000:02:00.0 msix fifo to driver"));
  EXPECT_THAT(text, HasSubstr("+1000.000 ns"));
  EXPECT_THAT(text, HasSubstr("EVTCHNOP_unmask"));
  EXPECT_THAT(text, HasSubstr("handle_edge_irq (kernel/irq/chip.c)"));
  EXPECT_THAT(text, Not(HasSubstr("other (x.c)")));
}

TEST(PathDiff, OfAnotherModeOrKernelIsNotComparable) {
  const ordered_json one = Document(3000, 2, 10, "a");
  ordered_json other = one;
  EXPECT_EQ(Incomparable(one, other), "");
  other["mode"] = "M1";
  EXPECT_EQ(Incomparable(one, other), "it is of M0, this run of M1");
  other = one;
  other["kernels"][0]["name"] = "6.12";
  EXPECT_EQ(Incomparable(one, other), "it is of 6.1, this run of 6.12");
  other = one;
  other["paths"][0]["interrupts"]["source"] = "0000:03:00.0";
  EXPECT_EQ(PathsDiff(one, other)["only_after"][0], "0000:03:00.0 msix fifo to driver");
}

}  // namespace
}  // namespace pvpci::reports
