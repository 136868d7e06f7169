// SPDX-License-Identifier: Apache-2.0
#include "reports/class_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "reports/names.h"

namespace pvpci::reports {
namespace {

Severity Landed(DmaClass dma_class, Access access, MessageReach reach = MessageReach::kNone) {
  return SeverityOf(dma_class, access, /*stopped=*/false, reach);
}

// threats.md 7, severity rule.
TEST(SeverityOf, IsTheRule) {
  EXPECT_EQ(Landed(DmaClass::kE3, Access::kRead), Severity::kCritical);
  EXPECT_EQ(Landed(DmaClass::kE5, Access::kWrite), Severity::kCritical);
  EXPECT_EQ(Landed(DmaClass::kE6, Access::kWrite), Severity::kCritical);
  EXPECT_EQ(Landed(DmaClass::kE7, Access::kRead), Severity::kCritical);
  EXPECT_EQ(Landed(DmaClass::kE9, Access::kWrite, MessageReach::kHypervisor), Severity::kCritical);
  EXPECT_EQ(Landed(DmaClass::kE5, Access::kRead), Severity::kHigh);
  EXPECT_EQ(Landed(DmaClass::kE6, Access::kRead), Severity::kHigh);
  EXPECT_EQ(Landed(DmaClass::kE8, Access::kWrite), Severity::kHigh);
  EXPECT_EQ(Landed(DmaClass::kE9, Access::kWrite, MessageReach::kGuest), Severity::kHigh);
  EXPECT_EQ(Landed(DmaClass::kE11, Access::kRead), Severity::kMedium);
  EXPECT_EQ(Landed(DmaClass::kE2, Access::kWrite), Severity::kLow);
  EXPECT_EQ(Landed(DmaClass::kE1, Access::kWrite), Severity::kInfo);
  for (const DmaClass dma_class : AllClasses()) {
    EXPECT_EQ(SeverityOf(dma_class, Access::kWrite, /*stopped=*/true, MessageReach::kHypervisor), Severity::kInfo);
  }
}

// Scores as the calculator of first.org gives them.
TEST(Cvss, GivesVectorsAndTheirScores) {
  const std::string worst = CvssVector(DmaClass::kE5, Access::kWrite, false, MessageReach::kNone);
  EXPECT_EQ(worst, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H");
  EXPECT_DOUBLE_EQ(CvssScore(worst), 8.8);
  EXPECT_DOUBLE_EQ(CvssScore(CvssVector(DmaClass::kE6, Access::kRead, false, MessageReach::kNone)), 6.5);
  EXPECT_DOUBLE_EQ(CvssScore("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N"), 3.3);
  EXPECT_DOUBLE_EQ(CvssScore("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"), 7.8);
  EXPECT_DOUBLE_EQ(CvssScore(CvssVector(DmaClass::kE7, Access::kWrite, /*stopped=*/true, MessageReach::kNone)), 0);
  EXPECT_THROW(CvssScore("AV:N/AC:L/Au:N/C:C/I:C/A:C"), std::invalid_argument);
}

TEST(Cvss, IsHigherForAForgedExceptionThanForAGuestsVector) {
  const auto score = [](MessageReach reach) { return CvssScore(CvssVector(DmaClass::kE9, Access::kWrite, false, reach)); };
  EXPECT_GT(score(MessageReach::kHypervisor), score(MessageReach::kGuest));
}

TEST(ClassFacts, CoverEveryClassWithWeaknesses) {
  EXPECT_EQ(AllClasses().size(), 12u);
  for (const DmaClass dma_class : AllClasses()) {
    const ClassFacts& facts = FactsOf(dma_class);
    EXPECT_FALSE(std::string(facts.explanation).empty());
    EXPECT_EQ(facts.cwe.empty(), dma_class == DmaClass::kE0 || dma_class == DmaClass::kE4) << Name(dma_class);
    for (const std::string& cwe : facts.cwe) EXPECT_THAT(cwe, testing::MatchesRegex("CWE-[0-9]+"));
  }
}

TEST(SupportText, IsOutsideWithoutAnIommu) {
  EXPECT_THAT(SupportText(Mode::kM0), testing::StartsWith("outside"));
  EXPECT_THAT(SupportText(Mode::kM1), testing::StartsWith("inside"));
}

TEST(AbsentGuard, TellsWhatWouldHaveStoppedIt) {
  EXPECT_THAT(AbsentGuard(DmaClass::kE5, Mode::kM0), testing::HasSubstr("no IOMMU"));
  EXPECT_THAT(AbsentGuard(DmaClass::kE9, Mode::kM1), testing::HasSubstr("no interrupt remapping"));
  EXPECT_THAT(AbsentGuard(DmaClass::kE8, Mode::kM2), testing::HasSubstr("ACS"));
  EXPECT_THAT(AbsentGuard(DmaClass::kE2, Mode::kM1), testing::HasSubstr("page by page"));
}

}  // namespace
}  // namespace pvpci::reports
