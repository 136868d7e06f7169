// SPDX-License-Identifier: Apache-2.0
// `pvpci rows` as a user calls it. Every row that the table has holds on both kernels, and every original that it names ran.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

TEST(Rows, AllHoldOnBothKernels) {
  const ProgramRun run = RunVerb({"rows", "--json"});

  const auto table = nlohmann::json::parse(run.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(table.is_array()) << run.output;
  EXPECT_EQ(table.size(), 21u);
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  for (const auto& row : table) {
    EXPECT_EQ(row["results"], nlohmann::json({{"6.1", "holds"}, {"6.12", "holds"}})) << row["row"];
    for (const auto& scenario : row["scenarios"]) {
      const std::string result = run.folder + "/6.12/" + scenario.get<std::string>() + "/result.json";
      EXPECT_THAT(ReadText(result), testing::HasSubstr("linux-source-6.12")) << result;
    }
  }
}

TEST(Rows, ThatAreNotThereAreRefused) {
  const ProgramRun run = RunVerb({"rows", "99"});

  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, testing::HasSubstr("rows: no row '99'; there is 01"));
}

}  // namespace
}  // namespace pvpci::scenarios
