// SPDX-License-Identifier: Apache-2.0
// The matrix that README.md shows is the one that a review prints.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

constexpr const char* kBegin = "<!-- ./pvpci review --markdown: the matrix -->\n";
constexpr const char* kEnd = "<!-- end of the matrix -->";

TEST(Readme, ShowsTheMatrixThatAReviewPrints) {
  const std::string readme = ReadText("README.md");
  const size_t begin = readme.find(kBegin), end = readme.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t start = begin + std::string(kBegin).size();
  const std::string shown = readme.substr(start, end - start);
  // Attacks that are named: without the mutants.
  std::vector<std::string> words = {"review", "--markdown"};
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| S-", 0) == 0) words.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  ASSERT_GT(words.size(), 27u);
  const ProgramRun run = RunVerb(words);
  EXPECT_EQ(run.output, shown)
      << "README.md is out of date: put the first table of './pvpci review --markdown' between its two markers";
}

}  // namespace
}  // namespace pvpci::scenarios
