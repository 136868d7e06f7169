// SPDX-License-Identifier: Apache-2.0
#include "reports/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::reports {
namespace {

Finding Landed(const std::string& print, Severity severity = Severity::kHigh) {
  Finding finding;
  finding.fingerprint = print;
  finding.title = "escape: " + print;
  finding.severity = severity;
  return finding;
}

ReviewCell Cell(const std::string& id, Outcome verdict, std::vector<Finding> findings = {}) {
  ReviewCell cell;
  cell.scenario = id;
  cell.title = "t";
  cell.kernel = "6.1";
  cell.verdict = verdict;
  cell.findings = std::move(findings);
  return cell;
}

std::vector<std::string> Prints(const std::vector<DiffItem>& items) {
  std::vector<std::string> prints;
  for (const DiffItem& item : items) prints.push_back(item.fingerprint);
  return prints;
}

TEST(Compare, TellsNewFixedAndUnchanged) {
  Review before, after;
  before.cells = {Cell("S-01", Outcome::kEscaped, {Landed("a"), Landed("b")})};
  after.cells = {Cell("S-01", Outcome::kEscaped, {Landed("b"), Landed("c"), Landed("d", Severity::kCritical)})};

  const Diff diff = Compare(before, after, {});

  EXPECT_THAT(Prints(diff.added), testing::ElementsAre("d", "c")) << "the gravest first";
  EXPECT_THAT(Prints(diff.fixed), testing::ElementsAre("a"));
  EXPECT_THAT(Prints(diff.unchanged), testing::ElementsAre("b"));
  EXPECT_TRUE(diff.verdicts.empty());
  EXPECT_EQ(NewUnaccepted(diff), 2u);
}

TEST(Compare, LeavesOutWhatWasStopped) {
  Review before, after;
  Finding stopped = Landed("a");
  stopped.stopped_by = "DMA remapping";
  after.cells = {Cell("S-01", Outcome::kContained, {stopped})};
  EXPECT_TRUE(Compare(before, after, {}).added.empty());
}

TEST(Compare, KnowsAVerdictWithoutFindingByItsCell) {
  Review before, after;
  before.cells = {Cell("S-10", Outcome::kDegraded), Cell("S-18a", Outcome::kGuestFault)};
  after.cells = {Cell("S-10", Outcome::kDegraded), Cell("S-18a", Outcome::kContained)};

  const Diff diff = Compare(before, after, {});

  EXPECT_THAT(Prints(diff.unchanged), testing::ElementsAre("S-10/M0/6.1/fifo/DEGRADED"));
  EXPECT_THAT(Prints(diff.fixed), testing::ElementsAre("S-18a/M0/6.1/fifo/GUEST-FAULT"));
  ASSERT_EQ(diff.verdicts.size(), 1u);
  EXPECT_EQ(diff.verdicts[0].before, "GUEST-FAULT");
  EXPECT_EQ(diff.verdicts[0].after, "CONTAINED");
}

TEST(Compare, DoesNotCountWhatIsAccepted) {
  Review before, after;
  after.cells = {Cell("S-01", Outcome::kEscaped, {Landed("a")})};

  const Diff diff = Compare(before, after, {{"a", "the lab has no IOMMU"}});

  ASSERT_EQ(diff.added.size(), 1u);
  EXPECT_EQ(diff.added[0].suppressed, "the lab has no IOMMU");
  EXPECT_EQ(NewUnaccepted(diff), 0u);
  EXPECT_THAT(DiffText(diff), testing::HasSubstr("1 new (1 accepted), 0 fixed"));
  EXPECT_EQ(DiffJson(diff)["new"][0]["suppressed"], "the lab has no IOMMU");
}

}  // namespace
}  // namespace pvpci::reports
