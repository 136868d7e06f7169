// SPDX-License-Identifier: Apache-2.0
// Runs `bench --json` as a user would, with few rounds, and checks its answer against spec/result.md. No figure is
// judged: how fast this machine is, is not what the test asks.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "scenarios/bench/table.h"

namespace pvpci::scenarios {
namespace {

struct Answer {
  std::string text;
  int code = -1;
};

Answer Bench(const std::string& arguments) {
  // Bazel runs tests in the folder of their data.
  setenv("PVPCI_IMAGES", "driver:yours", 1);  // as the front script sets it
  FILE* const pipe = popen(("scenarios/pvpci bench " + arguments).c_str(), "r");
  Answer answer;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) answer.text.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) answer.code = WEXITSTATUS(status);
  return answer;
}

TEST(Bench, AnswersTheContractsDocumentAndNothingElse) {
  const Answer answer = Bench("--json --rounds 1");
  const nlohmann::json table = nlohmann::json::parse(answer.text);
  std::set<std::string> ids;
  bool all_met = true;
  for (const nlohmann::json& line : table) {
    SCOPED_TRACE(line.dump());
    EXPECT_TRUE(ids.insert(line.at("id").get<std::string>()).second);
    EXPECT_FALSE(line.at("what").get<std::string>().empty());
    EXPECT_FALSE(line.at("baseline").get<std::string>().empty());
    EXPECT_GT(line.at("figure").get<double>(), 0);
    EXPECT_EQ(line.at("quartiles").size(), 2u);
    EXPECT_EQ(line.at("rounds"), 1);
    EXPECT_EQ(line.at("met").get<bool>(), Meets(line.at("figure").get<double>(), line.at("goal").get<std::string>()));
    all_met = all_met && line.at("met").get<bool>();
  }
  EXPECT_EQ(ids, (std::set<std::string>{"B1", "G1", "G2", "G6", "G6b", "G7", "R1", "R2", "S3", "S5", "S7", "S14",
                                         "S17"}));
  EXPECT_EQ(answer.code, all_met ? 0 : 1);
}

TEST(Bench, MeasuresTheLinesThatAreAsked) {
  const Answer answer = Bench("--json --rounds 2 --only G1,S3");
  const nlohmann::json table = nlohmann::json::parse(answer.text);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table[0].at("id"), "S3");
  EXPECT_EQ(table[1].at("id"), "G1");
  EXPECT_EQ(table[1].at("rounds"), 2);
}

// Figures that do not depend on how fast the machine is.
TEST(Bench, FindsNothingThatVariesAndNothingThatGrows) {
  const nlohmann::json table = nlohmann::json::parse(Bench("--json --rounds 1 --only D3,G9,G12").text);
  ASSERT_EQ(table.size(), 3u);
  for (const nlohmann::json& line : table) EXPECT_EQ(line.at("met"), true) << line.dump();
}

TEST(Bench, HasNoFigureWithoutAPeer) {
  const Answer answer = Bench("--json --rounds 1 --only S12");
  const nlohmann::json line = nlohmann::json::parse(answer.text).at(0);
  EXPECT_TRUE(line.at("figure").is_null());
  EXPECT_EQ(line.at("met"), false);
  EXPECT_NE(line.at("detail").get<std::string>().find("peer absent"), std::string::npos);
  EXPECT_EQ(answer.code, 1);
}

TEST(Bench, RefusesALineThatThereIsNot) {
  const Answer answer = Bench("--only G99 2>/dev/null");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.text, "");
}

TEST(Bench, RefusesRoundsThatAreNoNumber) {
  const Answer answer = Bench("--rounds many 2>/dev/null");
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.text, "");
}

}  // namespace
}  // namespace pvpci::scenarios
