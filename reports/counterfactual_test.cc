// SPDX-License-Identifier: Apache-2.0
#include "reports/counterfactual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reports/sample_result.h"

namespace pvpci::reports {
namespace {

std::vector<Result> Samples() {
  std::vector<Result> results = {SampleSlurp(Mode::kM0), SampleSlurp(Mode::kM1), SampleSlurp(Mode::kM2)};
  for (Result& result : results) {
    for (Finding& finding : result.findings) finding.other_modes.clear();
  }
  return results;
}

DeltaRow RowOf(const std::vector<Result>& results, const std::string& key) {
  for (const DeltaRow& row : DeltaRows(results)) {
    if (row.key == key) return row;
  }
  ADD_FAILURE() << "no row " << key;
  return {};
}

TEST(DeltaRows, CountWhatEscapedInEachMode) {
  const std::vector<Result> results = Samples();
  EXPECT_THAT(RowOf(results, "escaped_bytes").figures, testing::ElementsAre(4096, 0, 0));
  EXPECT_THAT(RowOf(results, "escaped_bytes").shown, testing::ElementsAre("4 KiB", "0 bytes", "0 bytes"));
  EXPECT_THAT(RowOf(results, "leaked_bytes_proven").figures, testing::ElementsAre(4096, 0, 0));
  EXPECT_GT(RowOf(results, "faults").figures[1], 0);
}

TEST(DeltaRows, MeasureTheTimeFromUnmapToTheUse) {
  std::vector<Result> results = Samples();
  Finding& finding = results[0].findings[0];
  Ps landed = 0;
  for (const StoryStep& step : finding.story) landed = std::max(landed, step.time_ps);
  finding.unmapped_by = MappingEvent{0x1000, 4096, landed - 500, {}};
  EXPECT_THAT(RowOf(results, "stale_windows").figures, testing::ElementsAre(1, 0, 0));
  EXPECT_EQ(RowOf(results, "stale_window_ps").figures[0], 500);
  EXPECT_EQ(RowOf(results, "stale_window_ps").shown[1], "-");
}

TEST(DeltaRows, CountForgedMessages) {
  const std::vector<Result> results = {SampleForgedMsi(Mode::kM1), SampleForgedMsi(Mode::kM2)};
  const DeltaRow row = RowOf(results, "forged_messages");
  EXPECT_GT(row.figures[0], 0);
  EXPECT_EQ(row.figures[1], 0);
}

TEST(FillOtherModes, TellsTheSameStoryOfTheOtherMachines) {
  std::vector<Result> results = Samples();
  FillOtherModes(&results);
  const auto& other = results[0].findings[0].other_modes;
  ASSERT_EQ(other.size(), 2u);
  EXPECT_THAT(other.at("M1"), testing::StartsWith("stopped by DMA remapping"));
  EXPECT_THAT(results[1].findings[0].other_modes.at("M0"), testing::StartsWith("escapes, 4 KiB"));
  results[1].findings.clear();
  results[0].findings[0].other_modes.clear();
  FillOtherModes(&results);
  EXPECT_EQ(results[0].findings[0].other_modes.at("M1"), "not seen");
}

TEST(Counterfactual, IsOneTable) {
  std::vector<Result> results = Samples();
  FillOtherModes(&results);
  const std::string text = CounterfactualText(results);
  EXPECT_THAT(text, testing::HasSubstr("the same seed, 1, in each mode"));
  EXPECT_THAT(text, testing::ContainsRegex("bytes that they moved +4 KiB +0 bytes +0 bytes"));
  const auto json = CounterfactualJson(results);
  EXPECT_EQ(json["modes"][0]["mode"], "M0");
  EXPECT_EQ(json["modes"][0]["escaped_bytes"], 4096);
  EXPECT_TRUE(json["modes"][1]["stale_window_ps"].is_null());
  const std::string page = CounterfactualHtml(results);
  EXPECT_THAT(page, testing::HasSubstr("stopped by DMA remapping"));
  EXPECT_THAT(page, testing::HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace pvpci::reports
