// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/suppressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/problem.h"

namespace pvpci::scenarios {
namespace {

std::string Entry(const std::string& reason, const std::string& expires, const std::string& print = "abc") {
  return "- {fingerprint: " + print + ", reason: " + reason + ", expires: " + expires + "}\n";
}

TEST(Suppressions, CountUntilTheirLastDay) {
  const auto list = ParseSuppressions("s.yaml", Entry("no IOMMU here", "2027-01-31"));
  std::vector<Suppression> expired;

  EXPECT_EQ(Accepted(list, "2027-01-31", &expired)["abc"], "no IOMMU here (until 2027-01-31)");
  EXPECT_TRUE(expired.empty());
  EXPECT_TRUE(Accepted(list, "2027-02-01", &expired).empty());
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].fingerprint, "abc");
}

TEST(Suppressions, NeedAReasonAndADay) {
  const struct {
    std::string text;
    const char* message;
  } rows[] = {
      {"- {fingerprint: abc, reason: r}\n", "missing key 'expires'"},
      {"- {fingerprint: abc, expires: 2027-01-31}\n", "missing key 'reason'"},
      {Entry("' '", "2027-01-31"), "s.yaml:1:30: reason: say why"},
      {Entry("r", "2027-02-30"), "expires: expected a day such as 2027-01-31, found '2027-02-30'"},
      {Entry("r", "soon"), "expires: expected a day"},
      {Entry("r", "2027-01-31") + Entry("r", "2027-01-31"), "abc is accepted twice"},
      {"fingerprint: abc\n", "expected a list of accepted risks"},
  };
  for (const auto& row : rows) {
    try {
      ParseSuppressions("s.yaml", row.text);
      ADD_FAILURE() << row.message;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(row.message));
    }
  }
}

TEST(Today, IsADay) { EXPECT_THAT(Today(), testing::MatchesRegex("20[0-9][0-9]-[01][0-9]-[0-3][0-9]")); }

}  // namespace
}  // namespace pvpci::scenarios
