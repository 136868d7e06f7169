// SPDX-License-Identifier: Apache-2.0
#include "reports/text_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "reports/names.h"
#include "reports/sample_result.h"
#include "reports/text_layout.h"

namespace pvpci::reports {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(TextLayout, MakesTextPrintable) {
  EXPECT_EQ(Printable("a\tb\nc\x1b[2J\xff\x7f caf\xc3\xa9"), "a b c\\x1b[2J\\xff\\x7f caf\xc3\xa9");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\x9b");  // a control sequence introducer in one character
}

TEST(TextLayout, WrapsAtSpacesAndBreaksLongWords) {
  EXPECT_THAT(Wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("abcdefghij k", 4), ElementsAre("abcd", "efgh", "ij k"));
  EXPECT_THAT(Wrap("", 4), ElementsAre(""));
}

TEST(TextLayout, CountsColumnsNotBytes) {
  EXPECT_EQ(Columns("caf\xc3\xa9"), 4u);
  EXPECT_EQ(PadRight("\xc3\xa9", 3), "\xc3\xa9  ");
  EXPECT_EQ(Cut("abcdefgh", 6), "abc...");
  EXPECT_EQ(Grouped(1024001), "1,024,001");
  EXPECT_EQ(Grouped(-100), "-100");
}

TEST(Names, ModifiedTextNamesOriginalsAndHeaders) {
  Result result = SampleSlurp(Mode::kM0);
  Kernel& kernel = result.kernels.front();
  EXPECT_EQ(ModifiedText(result, kernel), "");
  kernel.modified = true;
  result.originals[1].package_sha256 = std::string(64, '0');
  kernel.headers_differ = {"include/a.h"};
  EXPECT_EQ(ModifiedText(result, kernel), ", modified: " + result.originals[1].path + ", include/a.h");
  for (char name = 'b'; name <= 'k'; ++name) kernel.headers_differ.push_back(std::string("include/") + name + ".h");
  EXPECT_THAT(ModifiedText(result, kernel), HasSubstr("include/a.h, "));
  EXPECT_THAT(ModifiedText(result, kernel), ::testing::EndsWith("include/g.h and 4 more"));
}

TEST(Names, FormatTimesAndSizes) {
  EXPECT_EQ(FormatPs(999), "999 ps");
  EXPECT_EQ(FormatPs(12345), "12.345 ns");
  EXPECT_EQ(FormatPs(3 * sim::kSec + 4 * sim::kMs), "3.004 s");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(1024001), "1000.0 KiB");
  EXPECT_EQ(FormatBytes(3 << 20), "3 MiB");
}

TEST(TextSummary, FitsEveryWidthWithEverySample) {
  for (const Result& result : {SampleHonestDma(), SampleSlurp(Mode::kM0), SampleSlurp(Mode::kM2),
                               SampleForgedMsi(Mode::kM1), SampleInterruptLatency(), SampleTrouble(), Result{}}) {
    for (int width : {20, 80, 90, 100, 300}) {
      for (bool unicode : {false, true}) {
        TextOptions options;
        options.width = width;
        options.unicode = unicode;
        for (const std::string& line : Lines(TextSummary(result, options))) {
          if (line.rfind("Again", 0) == 0) continue;  // a command is never broken
          EXPECT_LE(Columns(line), static_cast<size_t>(std::clamp(width, 80, 100))) << line;
          for (char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20) << line;
        }
      }
    }
  }
}

TEST(TextSummary, SaysWhoProgrammedTheAddress) {
  const std::string text = TextSummary(SampleSlurp(Mode::kM0), {});
  EXPECT_THAT(text, HasSubstr("HOLDS"));
  EXPECT_THAT(text, HasSubstr("M0, no IOMMU"));
  EXPECT_THAT(text, HasSubstr("BAR0+0x0c = 0x1f400000 at 501.204 ms"));
  EXPECT_THAT(text, HasSubstr("slurp_program_source  driver/user/slurp.c:41"));
  EXPECT_THAT(text, HasSubstr("4,096 bytes of the victim's secret"));
  EXPECT_THAT(text, HasSubstr("Again       ./pvpci run slurp --iommu none --seed 1 --kernel 6.1\n"));
}

// Of the sample's domains one kept events out for two seconds; another, for 31 us, is not worth a line.
TEST(TextSummary, SaysWhoKeptEventsOutForLong) {
  const std::string text = TextSummary(SampleSlurp(Mode::kM0), {});
  EXPECT_THAT(text, HasSubstr("driver vCPU 0: 2,000,101 us at a stretch"));
  EXPECT_THAT(text, HasSubstr("do_pci_op"));
  EXPECT_THAT(text, Not(HasSubstr("dom0 vCPU 1")));
}

TEST(TextSummary, ShowsTheActualValueOfAViolatedExpectation) {
  EXPECT_THAT(TextSummary(SampleTrouble(), {}), HasSubstr("NOT dma.E5.bytes == 0\n                actual: 4096\n"));
}

TEST(TextSummary, ThePartsFillTheBar) {
  const std::string text = TextSummary(SampleInterruptLatency(), {});
  std::smatch bar;
  ASSERT_TRUE(std::regex_search(text, bar, std::regex(R"(\[(a+b+c+d+e+f+)\])")));
  EXPECT_EQ(bar[1].length(), 90 - 12 - 4);
}

TEST(TextSummary, HasNoEscapesWithoutColour) {
  EXPECT_THAT(TextSummary(SampleTrouble(), {}), Not(HasSubstr("\x1b")));
  TextOptions colour;
  colour.colour = true;
  const std::string coloured = TextSummary(SampleSlurp(Mode::kM0), colour);
  EXPECT_THAT(coloured, HasSubstr("\x1b[1;31m"));
  // Without its escapes it is the plain one.
  EXPECT_EQ(std::regex_replace(coloured, std::regex("\x1b\\[[0-9;]*m"), ""), TextSummary(SampleSlurp(Mode::kM0), {}));
}

TEST(TextOptionsFor, GivesNoColourToAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(TextOptionsFor(ends[1]).colour);
}

}  // namespace
}  // namespace pvpci::reports
