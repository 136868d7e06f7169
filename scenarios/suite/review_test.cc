// SPDX-License-Identifier: Apache-2.0
// The security review as a user calls it: ./pvpci review, diff, run --counterfactual and --format sarif.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

json Parsed(const std::string& path) { return json::parse(ReadText(path), nullptr, /*allow_exceptions=*/false); }

TEST(Review, JudgesEveryCellAndLeavesItsFourFiles) {
  const ProgramRun run = RunVerb({"review", "S-01", "--json"});

  EXPECT_EQ(run.exit_code, 0) << run.errors;
  ASSERT_TRUE(run.result.is_object()) << run.output;
  std::set<std::string> cells;
  for (const json& cell : run.result["cells"]) {
    EXPECT_EQ(cell["scenario"], "S-01");
    EXPECT_EQ(cell["verdict"], cell["mode"] == "M0" ? "ESCAPED" : "CONTAINED");
    EXPECT_EQ(cell["agrees"], true);
    EXPECT_EQ(cell["class"], cell["expected_class"]);
    EXPECT_EQ(cell["bytes"], cell["mode"] == "M0" ? 8192 : 0);
    EXPECT_GT(cell["seconds"].get<double>(), 0);
    cells.insert(cell["mode"].get<std::string>() + " " + cell["kernel"].get<std::string>());
  }
  EXPECT_EQ(cells.size(), 6u);
  EXPECT_EQ(run.result["unmutated_clean"], true);
  EXPECT_EQ(Parsed(run.folder + "/review.json"), run.result);
  for (const char* file : {"/index.html", "/junit.xml", "/findings.sarif"}) {
    EXPECT_GT(ReadText(run.folder + file).size(), 200u) << file;
  }
  const json log = Parsed(run.folder + "/findings.sarif");
  EXPECT_EQ(log["runs"].size(), 6u);
  EXPECT_EQ(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "driver/hostile/endpoint.c");
}

TEST(Review, RefusesAnAttackThatIsNotThere) {
  const ProgramRun run = RunVerb({"review", "S-99"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.errors, testing::HasSubstr("no attack 'S-99'"));
}

std::set<std::string> Fingerprints(const json& result) {
  std::set<std::string> prints;
  for (const json& finding : result["findings"]) prints.insert(finding["fingerprint"].get<std::string>());
  return prints;
}

// Neither addresses nor times are in a fingerprint; the mode is.
TEST(Fingerprints, StayWhenAddressesAndSeedChange) {
  const ProgramRun first = RunPvpci("s01_wild_dma");
  const ProgramRun moved = RunPvpci("s01_wild_dma", {"--seed", "7", "--set", "domains.driver.memory=48 MiB"});
  ASSERT_FALSE(first.result["findings"].empty());
  ASSERT_NE(first.result["findings"][0]["address"], moved.result["findings"][0]["address"]) << "nothing has moved";

  EXPECT_EQ(Fingerprints(first.result), Fingerprints(moved.result));
  EXPECT_EQ(Fingerprints(first.result).size(), 2u);
  const ProgramRun stopped = RunPvpci("s01_wild_dma", {"--iommu", "dmar"});
  EXPECT_THAT(Fingerprints(stopped.result), testing::Not(testing::Contains(*Fingerprints(first.result).begin())));

  const ProgramRun same = RunVerb({"diff", first.folder, moved.folder, "--json"});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  EXPECT_EQ(same.result["unchanged"].size(), 2u);
  const ProgramRun fixed = RunVerb({"diff", first.folder, stopped.folder, "--json"});
  EXPECT_EQ(fixed.exit_code, 0);
  EXPECT_EQ(fixed.result["fixed"].size(), 2u);
  const ProgramRun broken = RunVerb({"diff", stopped.folder, first.folder, "--json"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_EQ(broken.result["new"].size(), 2u);
}

TEST(Counterfactual, RunsTheSameSeedInEveryMode) {
  const ProgramRun run = RunPvpci("s01_wild_dma", {"--counterfactual", "--format", "json"});

  EXPECT_EQ(run.exit_code, 0) << run.errors;
  const json table = json::parse(run.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(table.is_object()) << run.output;
  ASSERT_EQ(table["modes"].size(), 3u);
  EXPECT_EQ(table["modes"][0]["escaped_bytes"], 8192);
  EXPECT_EQ(table["modes"][1]["escaped_bytes"], 0);
  EXPECT_EQ(table["modes"][2]["faults"], table["modes"][1]["faults"]);
  const json first = Parsed(run.folder + "/M0/result.json");
  ASSERT_TRUE(first.is_object());
  EXPECT_THAT(first["findings"][0]["other_modes"]["M1"].get<std::string>(), testing::StartsWith("stopped by DMA remapping"));
  EXPECT_GT(ReadText(run.folder + "/counterfactual.html").size(), 500u);
}

TEST(Sarif, IsLeftByARunThatIsAskedForIt) {
  const ProgramRun run = RunPvpci("s01_wild_dma", {"--format", "sarif"});
  const json log = Parsed(run.folder + "/findings.sarif");
  ASSERT_TRUE(log.is_object());
  EXPECT_EQ(log["version"], "2.1.0");
  EXPECT_EQ(log["runs"][0]["results"].size(), 2u);
}

}  // namespace
}  // namespace pvpci::scenarios
