// SPDX-License-Identifier: Apache-2.0
#include "reports/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(XmlEscape, LeavesNoMarkupAndNoForbiddenCharacter) {
  EXPECT_EQ(XmlEscape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
  EXPECT_EQ(XmlEscape(std::string("\0\x1b", 2)), "\uFFFD\uFFFD");
  EXPECT_EQ(XmlEscape("\xef\xbf\xbf\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // U+FFFF, then a lone surrogate
  EXPECT_EQ(XmlEscape("\t\n\r"), "&#9;&#10;&#13;");
  EXPECT_EQ(XmlEscape("\t\n\r", XmlPlace::kText), "\t\n&#13;");
  EXPECT_EQ(XmlEscape("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
}

TEST(JunitXml, HasACaseForTheVerdictAndOnePerExpectation) {
  const std::string xml = JunitXml({SampleSlurp(Mode::kM0)});
  EXPECT_THAT(xml, HasSubstr(R"(<testsuites name="pvpci" tests="3" failures="0" errors="0" skipped="0">)"));
  EXPECT_THAT(
      xml, HasSubstr(R"(<testsuite name="slurp" tests="3" failures="0" errors="0" skipped="0" time="0.812345678">)"));
  EXPECT_THAT(xml, HasSubstr(R"(<testcase classname="pvpci.slurp.M0" name="verdict")"));
  EXPECT_THAT(xml, HasSubstr(R"(name="dma.E5.bytes == 4096" time="0"/>)"));
  EXPECT_THAT(xml, HasSubstr(R"(<property name="seed" value="1"/>)"));
  EXPECT_THAT(xml, HasSubstr(R"(<property name="mode" value="M0"/>)"));
  EXPECT_THAT(xml, HasSubstr(R"xml(<property name="kernel" value="6.1 (linux-source-6.1 6.1.192-2)"/>)xml"));
}

TEST(JunitXml, AFailureSaysWhatWasExpectedAndWhatWas) {
  Result result = SampleSlurp(Mode::kM0);
  result.verdict = Verdict::kViolated;
  result.expectations = {{"dma.E5.bytes == 0", false, "4096", std::nullopt}};
  const std::string xml = JunitXml({result});
  EXPECT_THAT(xml, HasSubstr("expected: dma.E5.bytes == 0\nactual: 4096\nreproduce: ./pvpci run slurp"));
  EXPECT_THAT(xml, HasSubstr(R"(tests="2" failures="2" errors="0")"));
}

TEST(JunitXml, UnableIsAnErrorAndSkippedIsSkipped) {
  Result unable;
  unable.scenario = "a";
  unable.verdict_reason = "scalable mode is not modelled (VT-d 3.4.3)";
  Result skipped;
  skipped.scenario = "b";
  skipped.verdict = Verdict::kSkipped;
  skipped.expectations = {{"x == 1", false, "", std::nullopt}};
  const std::string xml = JunitXml({unable, skipped});
  EXPECT_THAT(xml, HasSubstr(R"xml(<error type="unable" message="scalable mode is not modelled (VT-d 3.4.3)"/>)xml"));
  EXPECT_THAT(xml, HasSubstr(R"(tests="3" failures="0" errors="1" skipped="2">)"));
}

TEST(JunitXml, AnInterruptedRunIsAnError) {
  Result result = SampleSlurp(Mode::kM0);
  result.incomplete = true;
  EXPECT_THAT(JunitXml({result}), HasSubstr(R"(<error type="incomplete")"));
}

TEST(JunitXml, HostileStringsStayText) {
  const std::string xml = JunitXml({SampleTrouble()});
  EXPECT_THAT(xml, Not(HasSubstr("</script>")));
  EXPECT_THAT(xml, Not(HasSubstr("<!--")));
  for (char c : xml) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
}

}  // namespace
}  // namespace pvpci::reports
