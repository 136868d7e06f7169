// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/table.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pvpci::scenarios {
namespace {

BenchLine Line(std::vector<double> rounds, const std::string& goal) {
  return {"X1", "a thing", "another thing", goal, "1 ns against 2 ns", std::move(rounds)};
}

TEST(Quartiles, LieBetweenTheNearestRanks) {
  const Quartiles odd = QuartilesOf({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(odd.first, 2);
  EXPECT_DOUBLE_EQ(odd.median, 3);
  EXPECT_DOUBLE_EQ(odd.third, 4);
  const Quartiles even = QuartilesOf({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(even.first, 1.75);
  EXPECT_DOUBLE_EQ(even.median, 2.5);
  EXPECT_DOUBLE_EQ(even.third, 3.25);
  EXPECT_THROW(QuartilesOf({}), std::invalid_argument);
}

TEST(Rounded, KeepsThreeDigits) {
  EXPECT_DOUBLE_EQ(Rounded(1.2345), 1.23);
  EXPECT_DOUBLE_EQ(Rounded(0.0012355), 0.00124);
  EXPECT_DOUBLE_EQ(Rounded(45678), 45700);
  EXPECT_DOUBLE_EQ(Rounded(0), 0);
}

TEST(Meets, ComparesByTheSign) {
  EXPECT_TRUE(Meets(1.5, "<= 1.5"));
  EXPECT_FALSE(Meets(1.51, "<= 1.5"));
  EXPECT_FALSE(Meets(1.5, "< 1.5"));
  EXPECT_TRUE(Meets(8, ">= 8"));
  EXPECT_FALSE(Meets(8, "> 8"));
  EXPECT_TRUE(Meets(1, "== 1"));
}

TEST(Meets, RefusesAGoalThatIsNoSignAndDecimal) {
  for (const char* goal : {"<= 1/12", "1.5", "<= 2 MiB", "~ 3", "", "<= .5"}) {
    EXPECT_THROW(Meets(1, goal), std::invalid_argument) << goal;
  }
}

TEST(BenchJson, SaysWhatTheContractAsksFor) {
  const auto table = BenchJson({Line({1.4, 1.2, 1.6, 1.3, 1.5}, "<= 1.5"), Line({1.6}, "<= 1.5")});
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[0]["id"], "X1");
  EXPECT_EQ(table[0]["what"], "a thing");
  EXPECT_EQ(table[0]["baseline"], "another thing");
  EXPECT_DOUBLE_EQ(table[0]["figure"].get<double>(), 1.4);
  EXPECT_EQ(table[0]["quartiles"], nlohmann::ordered_json::array({1.3, 1.5}));
  EXPECT_EQ(table[0]["rounds"], 5);
  EXPECT_EQ(table[0]["goal"], "<= 1.5");
  EXPECT_EQ(table[0]["met"], true);
  EXPECT_EQ(table[1]["met"], false);
}

// What is printed is what is judged: 1.504 prints as 1.5.
TEST(BenchJson, JudgesTheFigureItPrints) {
  const auto table = BenchJson({Line({1.504}, "<= 1.5")});
  EXPECT_DOUBLE_EQ(table[0]["figure"].get<double>(), 1.5);
  EXPECT_EQ(table[0]["met"], true);
}

// A peer that is not there is never a pass.
TEST(BenchJson, HasNoFigureWithoutAMeasurement) {
  BenchLine line = Line({}, "<= 1.5");
  line.absent = "peer absent: no such program";
  const auto table = BenchJson({line});
  EXPECT_TRUE(table[0]["figure"].is_null());
  EXPECT_EQ(table[0]["met"], false);
  EXPECT_EQ(table[0]["detail"], "peer absent: no such program");
  EXPECT_FALSE(AllMet({line}));
  EXPECT_NE(BenchText({line}).find("peer absent"), std::string::npos);
}

TEST(BenchText, PrintsTheFigureOfAMissedGoal) {
  const std::vector<BenchLine> lines = {Line({1.62}, "<= 1.5")};
  const std::string text = BenchText(lines);
  EXPECT_NE(text.find("1.62"), std::string::npos);
  EXPECT_NE(text.find("NO"), std::string::npos);
  EXPECT_FALSE(AllMet(lines));
}

}  // namespace
}  // namespace pvpci::scenarios
