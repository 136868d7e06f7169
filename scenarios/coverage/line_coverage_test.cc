// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/line_coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;

// f: lines 11 and 12 in two blocks, line 13 proved away; g: dropped; h: one block.
driver::SourceLines ThreeFunctions() {
  driver::SourceLines source;
  source.path = "a/b.c";
  source.functions = {{10, "f"}, {20, "g"}, {30, "h"}};
  source.code = {{11, 1, false}, {12, 1, false}, {12, 2, false}, {31, 3, false}, {13, 0, false}, {21, 0, true}};
  return source;
}

TEST(LineCoverage, ALineIsCoveredIfOneOfItsBlocksRan) {
  const BlocksRan ran = {0, 0, 1, 0};

  const FileCoverage file = Measure(ThreeFunctions(), {&ran});

  ASSERT_EQ(file.lines.size(), 5u);
  EXPECT_EQ(file.lines[0].runs, 0u);
  EXPECT_EQ(file.lines[1].line, 12u);
  EXPECT_EQ(file.lines[1].runs, 1u);
  EXPECT_EQ(file.covered(), 1u);
}

TEST(LineCoverage, WhatTheLinkDroppedCountsAsNotCovered) {
  const BlocksRan ran = {1, 1, 1, 1};

  const FileCoverage file = Measure(ThreeFunctions(), {&ran});

  EXPECT_EQ(file.covered(), 3u);
  EXPECT_EQ(file.lines[2].code, LineCount::Code::kRemoved);
  EXPECT_EQ(file.lines[3].code, LineCount::Code::kDropped);
  ASSERT_EQ(file.functions.size(), 3u);
  EXPECT_EQ(file.functions[0].name, "f");
  EXPECT_TRUE(file.functions[0].linked);
  EXPECT_EQ(file.functions[0].coverable, 3u);
  EXPECT_EQ(file.functions[0].covered, 2u);
  EXPECT_EQ(file.functions[1].name, "g");
  EXPECT_FALSE(file.functions[1].linked);
}

TEST(LineCoverage, CountsRunsAndWhatOnlyOneRunDid) {
  const BlocksRan first = {0, 1, 0, 0}, second = {0, 1, 0, 1};

  const FileCoverage file = Measure(ThreeFunctions(), {&first, &second});

  EXPECT_EQ(file.lines[0].runs, 2u);
  EXPECT_EQ(file.lines[4].runs, 1u);
  EXPECT_EQ(file.shares[0].covered, 2u);
  EXPECT_EQ(file.shares[0].alone, 0u);
  EXPECT_EQ(file.shares[1].alone, 1u);
  EXPECT_THAT(file.functions[0].runs, ElementsAre(0, 1));
  EXPECT_THAT(file.functions[2].runs, ElementsAre(1));
}

}  // namespace
}  // namespace pvpci::scenarios
