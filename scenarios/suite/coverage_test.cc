// SPDX-License-Identifier: Apache-2.0
// The shipped scenarios together run what scenarios/coverage/required.yaml requires of the originals, and every line that
// does not run has its reason there.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using testing::HasSubstr;

class Coverage : public testing::TestWithParam<const char*> {};

TEST_P(Coverage, MeetsItsTableAndExplainsTheRest) {
  const ProgramRun run = RunVerb({"coverage", "--json", "--kernel", GetParam()});

  ASSERT_TRUE(run.result.is_object()) << run.errors;
  EXPECT_EQ(run.result["problems"].dump(1), "[]");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(ReadText(run.folder + "/index.html"), HasSubstr("xen-pcifront.c"));
}

INSTANTIATE_TEST_SUITE_P(Kernel, Coverage, testing::Values("6.1", "6.12"),
                         [](const auto& info) { return std::string(info.param) == "6.1" ? "Linux6_1" : "Linux6_12"; });

// What a page says of a line is what ran: the frontend's probe in a domain with a device, and not without one.
TEST(CoveragePages, DifferByWhatRan) {
  const ProgramRun run = RunVerb({"coverage", "honest_dma", "--json"});

  EXPECT_EQ(run.exit_code, 0) << run.errors;
  ASSERT_TRUE(run.result.is_object()) << run.errors;
  ASSERT_EQ(run.result["scenarios"].size(), 1u);
  const std::string page = ReadText(run.folder + "/drivers_pci_xen-pcifront.c.html");
  EXPECT_THAT(page, HasSubstr("class=\"ran\""));
  EXPECT_THAT(page, HasSubstr("class=\"idle\""));
}

}  // namespace
}  // namespace pvpci::scenarios
