// SPDX-License-Identifier: Apache-2.0
#include "reports/report_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "reports/html_text.h"
#include "reports/index_html.h"
#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string EmbeddedJson(const std::string& page) {
  constexpr std::string_view kOpen = "<script type=\"application/json\" id=\"result\">";
  const size_t start = page.find(kOpen) + kOpen.size();
  return page.substr(start, page.find("</script>", start) - start);
}

TEST(ReportHtml, CarriesTheWholeResult) {
  const nlohmann::json data = nlohmann::json::parse(EmbeddedJson(ReportHtml(SampleSlurp(Mode::kM0))));
  EXPECT_EQ(data["scenario"], "slurp");
  EXPECT_EQ(data["findings"][0]["programmed_by"]["backtrace"][0]["line"], 41);
  EXPECT_FALSE(data["view"]["memory"]["runs"].empty());
}

TEST(ReportHtml, HostileStringsDoNotBecomeMarkup) {
  const std::string page = ReportHtml(SampleTrouble());
  const std::regex script("</?script", std::regex::icase);
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), script), std::sregex_iterator()), 4);
  EXPECT_EQ(nlohmann::json::parse(EmbeddedJson(page))["programs"][0]["exit"], nullptr);
}

TEST(ReportHtml, LoadsNothing) {
  for (const std::string& page : {ReportHtml(SampleTrouble()), IndexHtml({{"a", SampleTrouble(), ""}})}) {
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    EXPECT_THAT(page, Not(HasSubstr("src=")));
    EXPECT_THAT(page, Not(HasSubstr("@import")));
    EXPECT_THAT(page, Not(HasSubstr("<link")));
    EXPECT_FALSE(std::regex_search(page, std::regex("(fetch|import|WebSocket|Worker)\\s*\\(")));
    EXPECT_FALSE(std::regex_search(page, std::regex("url\\(\\s*['\"]?(https?:)?//")));
  }
}

TEST(ReportHtml, IsTheSameEveryTime) { EXPECT_EQ(ReportHtml(SampleHonestDma()), ReportHtml(SampleHonestDma())); }

TEST(ReportHtml, ShowsTheSummaryWithoutScript) {
  EXPECT_THAT(ReportHtml(SampleSlurp(Mode::kM0)), HasSubstr("<noscript>"));
  EXPECT_THAT(ReportHtml(SampleSlurp(Mode::kM0)), HasSubstr("BAR0+0x0c = 0x1f400000"));
}

TEST(IndexHtml, EscapesWhatItShows) {
  Result result = SampleTrouble();
  result.claim = "<b>\"&";
  const std::string page = IndexHtml({{"x<y", result, ""}, {"z", std::nullopt, "<oops>"}});
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;&quot;&amp;"));
  EXPECT_THAT(page, HasSubstr("x&lt;y/report.html"));
  EXPECT_THAT(page, HasSubstr("&lt;oops&gt;"));
  EXPECT_THAT(page, HasSubstr("0 of 2 hold"));
}

TEST(FillTemplate, ReplacesInOnePass) {
  EXPECT_EQ(FillTemplate("a {{x}} {{y}}", {{"x", "{{y}}"}, {"y", "2"}}), "a {{y}} 2");
  EXPECT_THROW(FillTemplate("{{z}}", {}), std::logic_error);
  EXPECT_THROW(FillTemplate("{{z", {}), std::logic_error);
}

}  // namespace
}  // namespace pvpci::reports
