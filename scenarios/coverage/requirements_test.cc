// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scenarios/problem.h"

namespace pvpci::scenarios {
namespace {

using testing::HasSubstr;
using LineCode = LineCount::Code;

// Lines of `f` (1-4) and `g` (5-7); those in `ran` ran.
FileCoverage TwoFunctions(const std::vector<uint32_t>& ran) {
  FileCoverage file;
  file.path = "a.c";
  file.functions.resize(2);
  file.functions[0].name = "f";
  file.functions[1].name = "g";
  for (uint32_t line = 1; line <= 7; ++line) {
    LineCount count;
    count.line = line;
    count.code = LineCode::kLinked;
    count.runs = std::find(ran.begin(), ran.end(), line) != ran.end();
    count.function = line > 4;
    file.lines.push_back(count);
  }
  return file;
}

const std::vector<std::string> kText = {"f {",    "  if (no_memory)", "    return -ENOMEM;", "    goto out;",
                                        "g {",    "  return 0;",      "}"};

Requirement Parse(const std::string& rest) {
  return ParseRequirements("t.yaml", "a.c:\n  threshold: 90\n" + rest).front();
}

std::string Refusal(const std::string& text) {
  try {
    ParseRequirements("t.yaml", text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Requirements, LinesThatAreLeftOutCountNeitherWay) {
  const Requirement requirement = Parse("  left_out:\n    - {functions: [g], why: never}\n");

  const Judgement judgement = Judge(TwoFunctions({1, 2, 5}), kText, &requirement);

  EXPECT_EQ(judgement.coverable, 4u);
  EXPECT_EQ(judgement.covered, 2u);
  EXPECT_EQ(judgement.left_out, 3u);
  EXPECT_EQ(judgement.unexplained(), 2u);
}

TEST(Requirements, AReasonHoldsForItsWholeFunctionOrFromItsCodeOn) {
  const Requirement requirement = Parse(
      "  uncovered:\n    - {functions: f, code: -ENOMEM, why: memory never runs out}\n"
      "    - {functions: [g], why: nobody calls it}\n");

  const Judgement judgement = Judge(TwoFunctions({1}), kText, &requirement);

  ASSERT_EQ(judgement.gaps.size(), 3u);
  EXPECT_EQ(judgement.gaps[0].first, 2u);
  EXPECT_EQ(judgement.gaps[0].last, 2u);
  EXPECT_EQ(judgement.gaps[0].why, "");
  EXPECT_EQ(judgement.gaps[1].first, 3u);
  EXPECT_EQ(judgement.gaps[1].last, 4u);
  EXPECT_EQ(judgement.gaps[1].why, "memory never runs out");
  EXPECT_EQ(judgement.gaps[2].function, "g");
  EXPECT_EQ(judgement.gaps[2].why, "nobody calls it");
  EXPECT_EQ(judgement.unexplained(), 1u);
  EXPECT_TRUE(judgement.stale.empty());
}

TEST(Requirements, AReasonThatFitsNothingIsStale) {
  const Requirement requirement = Parse("  uncovered:\n    - {functions: f, code: goto out, why: never}\n");

  EXPECT_EQ(Judge(TwoFunctions({1, 2, 3, 4, 5, 6, 7}), kText, &requirement).stale.size(), 1u);
  EXPECT_EQ(Judge(TwoFunctions({1, 2, 3, 5, 6, 7}), kText, &requirement).stale.size(), 0u);
}

TEST(Requirements, WhatTheLinkLeftOutExplainsItself) {
  FileCoverage file = TwoFunctions({1, 2, 3, 4});
  for (LineCount& line : file.lines) line.code = line.runs == 0 ? LineCode::kDropped : line.code;

  const Judgement judgement = Judge(file, kText, nullptr);

  EXPECT_EQ(judgement.coverable, 7u);
  EXPECT_EQ(judgement.covered, 4u);
  EXPECT_EQ(judgement.unexplained(), 0u);
  EXPECT_THAT(judgement.gaps.front().why, HasSubstr("not linked"));
}

TEST(Requirements, AFileMayBeOpen) {
  EXPECT_FALSE(Parse("").open);
  EXPECT_TRUE(Parse("  open: true\n").open);
  EXPECT_THAT(Refusal("a.c: {threshold: 1, open: maybe}\n"), HasSubstr("open: expected true or false"));
}

TEST(Requirements, SharesAreCutNotRounded) {
  EXPECT_EQ(PerMille(899, 1000), 899u);
  EXPECT_EQ(PerMille(8999, 10000), 899u);
  EXPECT_EQ(PerMille(0, 0), 1000u);
}

TEST(Requirements, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(Refusal("a.c:\n  threshold: 101\n"), HasSubstr("t.yaml:2:14: threshold"));
  EXPECT_THAT(Refusal("a.c: {}\n"), HasSubstr("threshold"));
  EXPECT_THAT(Refusal("a.c: {threshold: 1, leftout: []}\n"), HasSubstr("did you mean 'left_out'"));
  EXPECT_THAT(Refusal("a.c: {threshold: 1, uncovered: [{functions: f}]}\n"), HasSubstr("why: expected a text"));
  EXPECT_THAT(Refusal("- a.c\n"), HasSubstr("expected a map"));
}

}  // namespace
}  // namespace pvpci::scenarios
