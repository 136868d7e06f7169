// SPDX-License-Identifier: Apache-2.0
// review.json, junit.xml, the page and the text of a review.
#include "reports/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "reports/review_html.h"
#include "reports/review_json.h"
#include "reports/review_junit.h"
#include "reports/review_text.h"
#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

using testing::HasSubstr;
using testing::Not;

ReviewCell Cell(Mode mode, const std::string& kernel, Outcome verdict, Outcome expected) {
  ReviewCell cell;
  cell.scenario = "S-01";
  cell.title = "wild-dma";
  cell.name = "s01_wild_dma";
  cell.mode = mode;
  cell.kernel = kernel;
  cell.verdict = verdict;
  cell.expected = expected;
  cell.agrees = verdict == expected;
  cell.held = true;
  cell.seconds = 0.05;
  cell.reproduce = "./pvpci run s01_wild_dma";
  return cell;
}

Review Sample() {
  Review review;
  review.profile = "server";
  review.unmutated_clean = true;
  review.stories.push_back({"S-01", "wild-dma", "story", "guest kernel", "v", "s01_wild_dma", "o", {"XSA-1"}, "s.yaml", 3});
  review.cells.push_back(Cell(Mode::kM0, "6.1", Outcome::kEscaped, Outcome::kEscaped));
  review.cells[0].dma_class = DmaClass::kE5;
  review.cells[0].findings = SampleSlurp(Mode::kM0).findings;
  review.cells[0].bytes = 4096;
  review.cells.push_back(Cell(Mode::kM0, "6.12", Outcome::kContained, Outcome::kContained));
  review.cells.push_back(Cell(Mode::kM1, "6.1", Outcome::kContained, Outcome::kContained));
  review.mutants.push_back({"XSA-155", "drivers/xen/xen-pciback/pciback_ops.c", true, {"S-12"}, "f", "r", {"6.1"}, {"d"}, {}});
  Result run = SampleSlurp(Mode::kM0);
  run.originals.clear();
  review.evidence.emplace_back(0, run);
  return review;
}

TEST(ReviewJson, HasTheContractsKeysFirst) {
  const nlohmann::ordered_json document = ToJson(Sample());
  std::vector<std::string> keys;
  for (const auto& [key, value] : document["cells"][0].items()) keys.push_back(key);
  keys.resize(12);
  EXPECT_THAT(keys, testing::ElementsAre("scenario", "title", "mode", "kernel", "abi", "verdict", "class", "bytes", "expected",
                                         "agrees", "seconds", "explanation"));
  EXPECT_EQ(document["cells"][0]["verdict"], "ESCAPED");
  EXPECT_EQ(document["cells"][0]["class"], "E5");
  EXPECT_TRUE(document["cells"][1]["class"].is_null());
  EXPECT_EQ(document["mutants"][0]["by"][0], "S-12");
}

TEST(ReviewJson, ReadsWhatItWrites) {
  const std::string text = WriteReviewJson(Sample());
  EXPECT_EQ(WriteReviewJson(ReadReviewJson(text)), text);
}

TEST(AllWell, AsksForAgreementOrAnExplanationAndForMutantsAndCleanCode) {
  EXPECT_TRUE(AllWell(Sample()));
  Review disagrees = Sample();
  disagrees.cells[1].agrees = false;
  EXPECT_FALSE(AllWell(disagrees));
  disagrees.cells[1].explanation = "because (source)";
  EXPECT_TRUE(AllWell(disagrees));
  Review survived = Sample();
  survived.mutants[0].detected = false;
  EXPECT_FALSE(AllWell(survived));
  Review dirty = Sample();
  dirty.unmutated_clean = false;
  EXPECT_FALSE(AllWell(dirty));
  Review interrupted = Sample();
  interrupted.incomplete = true;
  EXPECT_FALSE(AllWell(interrupted));
}

TEST(ReviewJunit, HasACasePerCellAndFailsWhatDisagrees) {
  Review review = Sample();
  review.cells[2].agrees = false;
  review.cells[2].expected = Outcome::kEscaped;
  review.cells[1].held = false;
  review.cells[1].problems = {"faults.count >= 1: 0"};
  const std::string xml = ReviewJunit(review);
  const std::regex testcase("<testcase ");
  EXPECT_EQ(std::distance(std::sregex_iterator(xml.begin(), xml.end(), testcase), std::sregex_iterator()), 4);
  EXPECT_THAT(xml, HasSubstr("tests=\"4\" failures=\"1\" errors=\"1\""));
  EXPECT_THAT(xml, HasSubstr("CONTAINED, expected ESCAPED"));
  EXPECT_THAT(xml, HasSubstr("faults.count &gt;= 1: 0"));
}

TEST(ReviewText, PrintsWhatDiffersByKernel) {
  const std::string text = ReviewText(Sample());
  EXPECT_THAT(text, HasSubstr("ESCAPED E5 (6.1), CONTAINED (6.12)"));
  EXPECT_THAT(text, HasSubstr("3 cells: 3 as the catalogue says, 0 explained, 0 not; 1 of 1 mutants detected"));
}

TEST(ReviewText, SaysWhatIsNotWell) {
  Review review = Sample();
  review.cells[2].agrees = false;
  review.cells[2].expected = Outcome::kDegraded;
  review.stories.push_back({"S-02", "own-pagetable", "", "", "", "", "", {}, "", 1});
  const std::string text = ReviewText(review);
  EXPECT_THAT(text, HasSubstr("S-01 M1 on 6.1, fifo: CONTAINED, expected DEGRADED"));
  EXPECT_THAT(text, HasSubstr("S-02 own-pagetable: no scenario tells it"));
}

TEST(ReviewHtml, LoadsNothingAndCarriesTheEvidence) {
  const std::string page = ReviewHtml(Sample());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_FALSE(std::regex_search(page, std::regex("(fetch|import|WebSocket|Worker)\\s*\\(")));
  EXPECT_THAT(page, HasSubstr("<noscript>"));
  EXPECT_THAT(page, HasSubstr("0x1f400000"));
}

TEST(ReviewHtml, WithholdsWhatIsUnderEmbargo) {
  Review review = Sample();
  review.cells[0].embargo = true;
  review.cells[0].reason = "the secret flaw";
  review.evidence[0].second.embargo = true;
  const std::string page = ReviewHtml(review);
  EXPECT_THAT(page, Not(HasSubstr("secret flaw")));
  EXPECT_THAT(page, Not(HasSubstr(review.cells[0].findings[0].fingerprint)));
}

}  // namespace
}  // namespace pvpci::reports
