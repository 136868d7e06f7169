// SPDX-License-Identifier: Apache-2.0
#include "scenarios/mutants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scenarios/cli.h"

namespace pvpci::scenarios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char* const kEntry = R"(- id: XSA-1
  file: drivers/a.c
  functions: [f, g]
  what: it forgets to look
  fix: 0123456789ab
  detected_by: [s01]
  absent: {"6.1": never had it}
)";

std::vector<Mutant> Parse(const std::string& text) { return ParseMutants("m.yaml", text, {"s01", "s02"}); }

std::string ProblemOf(const std::string& text) {
  try {
    Parse(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = kEntry;
  return text.replace(text.find(from), from.size(), to);
}

TEST(ParseMutants, ReadsEveryKey) {
  const std::vector<Mutant> mutants = Parse(kEntry);
  ASSERT_EQ(mutants.size(), 1u);
  EXPECT_EQ(mutants[0].id, "XSA-1");
  EXPECT_EQ(mutants[0].file, "drivers/a.c");
  EXPECT_THAT(mutants[0].functions, ElementsAre("f", "g"));
  EXPECT_EQ(mutants[0].what, "it forgets to look");
  EXPECT_EQ(mutants[0].fix, "0123456789ab");
  EXPECT_THAT(mutants[0].detected_by, ElementsAre("s01"));
  EXPECT_FALSE(mutants[0].on("6.1"));
  EXPECT_TRUE(mutants[0].on("6.12"));
}

TEST(ParseMutants, SaysWhereTheTableIsWrong) {
  EXPECT_THAT(ProblemOf("a: b\n"), HasSubstr("expected a list of mutants"));
  EXPECT_THAT(ProblemOf(Replaced("s01", "s03")), HasSubstr("m.yaml:6:17: detected_by: no scenario 's03'"));
  EXPECT_THAT(ProblemOf(Replaced("[s01]", "[]")), HasSubstr("m.yaml:6"));
  EXPECT_THAT(ProblemOf(Replaced("6.1", "6.2")), HasSubstr("6.2"));
  EXPECT_THAT(ProblemOf(std::string(kEntry) + kEntry), HasSubstr("m.yaml:8:7: 'XSA-1' is in line 1 already"));
}

TEST(FindMutant, NamesTheNearestAndTheReason) {
  const std::vector<Mutant> mutants = Parse(kEntry);
  EXPECT_EQ(FindMutant(mutants, "XSA-1", "6.12").id, "XSA-1");
  try {
    FindMutant(mutants, "XSA-11", "6.12");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean"));
  }
  try {
    FindMutant(mutants, "XSA-1", "6.1");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not exist on 6.1: never had it"));
  }
}

}  // namespace
}  // namespace pvpci::scenarios
