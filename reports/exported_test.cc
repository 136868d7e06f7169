// SPDX-License-Identifier: Apache-2.0
#include "reports/exported.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/junit.h"
#include "reports/report_html.h"
#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Exported, LeavesOutFindingsUnderEmbargo) {
  Result result = SampleSlurp(Mode::kM0);
  ASSERT_FALSE(result.findings.empty());
  result.findings.front().title = "a flaw nobody has heard of";
  EXPECT_THAT(ReportHtml(result), HasSubstr("a flaw nobody has heard of"));
  result.findings.front().embargo = true;
  const std::string id = result.findings.front().id;
  const Result exported = Exported(result);
  EXPECT_EQ(exported.findings.size(), result.findings.size() - 1);
  for (const Landing& landing : exported.view.landings) EXPECT_NE(landing.finding, id);
  EXPECT_THAT(ReportHtml(result), Not(HasSubstr("a flaw nobody has heard of")));
  EXPECT_THAT(JunitXml({result}), Not(HasSubstr("a flaw nobody has heard of")));
}

TEST(Exported, TellsOnlyTheVerdictOfAResultUnderEmbargo) {
  Result result = SampleSlurp(Mode::kM0);
  result.claim = "something breaks";
  result.expectations = {{"secrets.count == 7", true, "7", "because it breaks"}};
  EXPECT_THAT(JunitXml({result}), HasSubstr("secrets.count"));
  result.embargo = true;
  for (const std::string& text : {ReportHtml(result), JunitXml({result})}) {
    EXPECT_THAT(text, Not(HasSubstr("something breaks")));
    EXPECT_THAT(text, Not(HasSubstr("secrets.count")));
    EXPECT_THAT(text, HasSubstr("Withheld"));
    EXPECT_THAT(text, HasSubstr(result.scenario));
  }
}

}  // namespace
}  // namespace pvpci::reports
