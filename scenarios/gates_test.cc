// SPDX-License-Identifier: Apache-2.0
#include "scenarios/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "scenarios/cli.h"
#include "scenarios/gate_bounds.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;
using ::testing::HasSubstr;

ordered_json Document(const char* kind, double p99, double wait) {
  const auto parts = ordered_json::array({{{"name", "t0_t1_fabric"}, {"ps", 1'000'000}}, {{"name", "t3_t4_wait"}, {"ps", wait * 1000}}});
  ordered_json path = {{"interrupts", {{"source", "0000:02:00.0"}, {"kind", kind}, {"abi", "fifo"}, {"domain", "driver"},
                                       {"delivered", 10}, {"latency_ns", {{"p99", p99}}}}},
                       {"delivered_in_domain", 10},
                       {"hypercalls", ordered_json::array({{{"name", "EVTCHNOP_unmask"}, {"calls", 15}}})},
                       {"samples", ordered_json::array({{{"at", "p99"}, {"parts", parts}}})},
                       {"upcall_blocks", nullptr}};
  return {{"scenario", "s"}, {"mode", "M0"}, {"kernels", ordered_json::array({{{"name", "6.1"}}})}, {"paths", ordered_json::array({path})}};
}

GateSpec Gate(const char* measure, const char* bound, std::vector<std::string> of = {}) {
  GateSpec gate;
  gate.bounds = {ParseBound(measure, bound)};
  gate.of = std::move(of);
  return gate;
}

reports::ExpectationResult JudgeOne(const GateSpec& gate, const ordered_json& document, const ordered_json& baseline = nullptr) {
  return JudgeGate(gate, document, baseline, {{"nic", "0000:02:00.0"}}).at(0);
}

TEST(Bound, IsASignAndANumberInNanosecondsUnlessItSaysOtherwise) {
  GateBound bound = ParseBound("p99_ns", "<= 4300");
  EXPECT_EQ(bound.sign, "<=");
  EXPECT_EQ(bound.value, 4300);
  EXPECT_FALSE(bound.percent);
  EXPECT_EQ(ParseBound("p99_ns", "<4.3 us").value, 4300);
  EXPECT_EQ(ParseBound("hypercalls_per_interrupt", "== 2").sign, "==");
  bound = ParseBound("hypercalls_per_interrupt", "<= +5 %");
  EXPECT_TRUE(bound.percent);
  EXPECT_EQ(bound.value, 5);
  for (const char* bad : {"4300", "", "<=", "<= fast", "<= 5 us or so", "~ 4", "<= %"}) {
    EXPECT_THROW(ParseBound("p99_ns", bad), std::invalid_argument) << bad;
  }
  EXPECT_THROW(ParseBound("hypercalls_per_interrupt", "<= 2 us"), std::invalid_argument) << "a count has no unit";
}

TEST(Gate, NamesThePartThatGrewAgainstTheBaseline) {
  const ordered_json before = Document("msix", 4000, 3000), after = Document("msix", 6000, 5000);
  EXPECT_TRUE(JudgeOne(Gate("p99_ns", "<= 6000"), after, before).held);
  const auto broken = JudgeOne(Gate("p99_ns", "<= 5999"), after, before);
  EXPECT_FALSE(broken.held);
  EXPECT_EQ(broken.actual, "0000:02:00.0 msix to driver: 6000.000 ns; t3_t4_wait grew by 2000.000 ns, from 3000.000 ns to 5000.000 ns");
}

TEST(Gate, WithoutABaselineNamesTheLargestPart) {
  const auto broken = JudgeOne(Gate("p99_ns", "<= 4000"), Document("msix", 6000, 5000));
  EXPECT_THAT(broken.actual, HasSubstr("its largest part is t3_t4_wait, 5000.000 ns (no baseline"));
}

TEST(Gate, OfPercentIsMeasuredAgainstTheBaseline) {
  const ordered_json before = Document("msix", 4000, 3000), after = Document("msix", 4200, 3200);
  EXPECT_TRUE(JudgeOne(Gate("p99_ns", "<= +5 %"), after, before).held);
  EXPECT_THAT(JudgeOne(Gate("p99_ns", "<= +4 %"), after, before).actual, HasSubstr("the limit is 4160.000 ns; t3_t4_wait grew by 200.000 ns"));
  EXPECT_FALSE(JudgeOne(Gate("p99_ns", "<= +5 %"), after).held) << "no baseline";
  ordered_json other = before;
  other["mode"] = "M2";
  EXPECT_THAT(JudgeOne(Gate("p99_ns", "<= +5 %"), after, other).actual, HasSubstr("it is of M2, this run of M0"));
  EXPECT_TRUE(JudgeOne(Gate("p99_ns", "<= +5 %"), after, ordered_json::array({other, before})).held) << "that which fits";
}

TEST(Gate, IsAboutThePathsThatFitAllItsWords) {
  ordered_json document = Document("msix", 4000, 3000);
  document["paths"].push_back(Document("intx", 9000, 8000)["paths"][0]);
  EXPECT_TRUE(JudgeOne(Gate("p99_ns", "<= 5000", {"nic", "msix"}), document).held);
  EXPECT_FALSE(JudgeOne(Gate("p99_ns", "<= 5000", {"nic"}), document).held) << "every path must hold";
  EXPECT_FALSE(JudgeOne(Gate("p99_ns", "<= 5000", {"msi"}), document).held) << "nothing is no success";
  EXPECT_TRUE(JudgeOne(Gate("hypercalls_per_interrupt", "== 1.5"), document).held);
  EXPECT_THAT(JudgeOne(Gate("blocks_per_upcall", "<= 5"), document).actual, HasSubstr("blocks were not counted"));
}

TEST(Baseline, IsAFileOrAFolderWithOne) {
  const std::string folder = testing::TempDir();
  std::ofstream(folder + "/paths.json") << Document("msix", 4000, 3000).dump();
  EXPECT_EQ(LoadBaseline(folder, "s", "--baseline")["scenario"], "s");
  EXPECT_EQ(LoadBaseline(folder + "/paths.json", "s", "--baseline")["mode"], "M0");
  std::ofstream(folder + "/other.json") << "{\"cells\": []}";
  EXPECT_THROW(LoadBaseline(folder + "/other.json", "s", "--baseline"), UsageError);
  EXPECT_THROW(LoadBaseline(folder + "/nowhere", "s", "--baseline"), UsageError);
}

}  // namespace
}  // namespace pvpci::scenarios
