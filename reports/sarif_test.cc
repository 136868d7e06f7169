// SPDX-License-Identifier: Apache-2.0
#include "reports/sarif.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "reports/exported.h"
#include "reports/sample_result.h"
#include "reports/schema_check.h"

namespace pvpci::reports {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ReviewCell Cell(const std::string& id, Mode mode, Outcome verdict) {
  ReviewCell cell;
  cell.scenario = id;
  cell.title = "wild-dma";
  cell.name = "s01_wild_dma";
  cell.mode = mode;
  cell.kernel = "6.1";
  cell.verdict = cell.expected = verdict;
  cell.agrees = cell.held = true;
  cell.reason = "it is so";
  return cell;
}

// A review with a result of every kind.
Review Sample() {
  Review review;
  review.command = "./pvpci review";
  review.profile = "server";
  review.kernels = SampleSlurp(Mode::kM0).kernels;
  review.originals["drivers/misc/pci_endpoint_test.c"] = 40;
  review.stories.push_back({"S-01", "wild-dma", "story", "guest kernel", "victim", "s01_wild_dma", "bytes", {"CWE-668"},
                            "scenarios/attacks/s01_wild_dma.yaml", 36});
  ReviewCell escaped = Cell("S-01", Mode::kM0, Outcome::kEscaped);
  escaped.dma_class = DmaClass::kE5;
  escaped.findings = SampleSlurp(Mode::kM0).findings;
  review.cells.push_back(escaped);
  review.cells.push_back(Cell("S-01", Mode::kM1, Outcome::kContained));
  review.cells.back().findings = SampleSlurp(Mode::kM1).findings;
  review.cells.push_back(Cell("S-21", Mode::kM0, Outcome::kNotApplicable));
  ReviewCell fault = Cell("S-18a", Mode::kM0, Outcome::kGuestFault);
  fault.stopped.push_back(SampleTrouble().domains[1]);
  review.cells.push_back(fault);
  review.cells.push_back(Cell("S-10", Mode::kM0, Outcome::kDegraded));
  ReviewCell left_over = Cell("S-23", Mode::kM0, Outcome::kEscaped);
  left_over.dma_class = DmaClass::kE11;
  review.cells.push_back(left_over);
  return review;
}

std::vector<ordered_json> Results(const ordered_json& log, const std::string& kind) {
  std::vector<ordered_json> results;
  for (const ordered_json& run : log["runs"]) {
    for (const ordered_json& result : run["results"]) {
      if (result["kind"] == kind) results.push_back(result);
    }
  }
  return results;
}

TEST(Sarif, FitsItsSchema) {
  const SchemaChecker checker(json::parse(SarifSchemaText()));
  const Review review = Sample();
  SarifOptions options;
  options.baseline = &review;
  EXPECT_THAT(checker.Check(SarifLog(review, options)), testing::IsEmpty());
  for (const Result& result : {SampleSlurp(Mode::kM0), SampleForgedMsi(Mode::kM2), SampleTrouble(), SampleHonestDma()}) {
    EXPECT_THAT(checker.Check(SarifLog(ReviewOf(result, "./pvpci run x"), {})), testing::IsEmpty()) << result.scenario;
  }
}

TEST(SarifSchema, RefusesWhatCodeScanningCannotUse) {
  const SchemaChecker checker(json::parse(SarifSchemaText()));
  const ordered_json whole = SarifLog(Sample(), {});
  const auto refused = [&](const char* pointer, const ordered_json& value) {
    ordered_json broken = whole;
    broken[ordered_json::json_pointer(pointer)] = value;
    return !checker.Check(broken).empty();
  };
  ASSERT_EQ(whole["runs"][0]["results"][0]["kind"], "fail");
  EXPECT_TRUE(refused("/version", "2.0.0"));
  EXPECT_TRUE(refused("/runs/0/results/0/kind", "failed"));
  EXPECT_TRUE(refused("/runs/0/results/0/level", "critical"));
  EXPECT_TRUE(refused("/runs/0/results/0/locations/0/physicalLocation/region/startLine", 0));
  EXPECT_TRUE(refused("/runs/0/results/0/message", ordered_json::object()));
  EXPECT_TRUE(refused("/runs/0/results/0/severity", "high"));
  EXPECT_TRUE(refused("/runs/0/tool/driver/rules/5/properties/security-severity", "high"));
}

TEST(Sarif, PutsAFindingAtTheGuestsLineAndTellsItsStory) {
  const ordered_json log = SarifLog(Sample(), {});
  const auto fails = Results(log, "fail");
  ASSERT_FALSE(fails.empty());
  const ordered_json& result = fails[0];
  EXPECT_EQ(result["ruleId"], "E5");
  const ordered_json& place = result["locations"][0]["physicalLocation"];
  const Finding finding = SampleSlurp(Mode::kM0).findings[0];
  EXPECT_EQ(place["artifactLocation"]["uri"], finding.programmed_by->backtrace[0].file);
  EXPECT_EQ(place["region"]["startLine"], finding.programmed_by->backtrace[0].line);
  EXPECT_EQ(result["partialFingerprints"]["pvpciFinding/v1"], finding.fingerprint);
  EXPECT_GE(result["codeFlows"][0]["threadFlows"][0]["locations"].size(), 2u);
  EXPECT_EQ(result["stacks"][0]["message"]["text"], "programmed by");
  for (const ordered_json& run : log["runs"]) {
    for (const ordered_json& rule : run["tool"]["driver"]["rules"]) {
      if (rule["id"] != "E5") continue;
      EXPECT_EQ(rule["properties"]["security-severity"], "9.3");
      EXPECT_THAT(rule["properties"]["tags"], testing::Contains("external/cwe/cwe-668"));
    }
  }
}

TEST(Sarif, AttachesTheBytesThatMoved) {
  const ordered_json log = SarifLog(Sample(), {});
  const ordered_json attachment = Results(log, "fail")[0]["attachments"][0];
  const ordered_json& artifact = log["runs"][0]["artifacts"][attachment["artifactLocation"]["index"].get<size_t>()];
  EXPECT_EQ(artifact["length"], 64);
  EXPECT_EQ(artifact["contents"]["binary"].get<std::string>().substr(0, 12), "dGhlIHZpY3Rp");  // "the victi"
  EXPECT_THAT(artifact["contents"]["rendered"]["text"].get<std::string>(),
              testing::StartsWith("0000  74 68 65 20 76 69 63 74"));
}

// 3.14.15: two attacks that moved the same bytes through the same place point to one artifact.
TEST(Sarif, HoldsNoArtifactTwice) {
  Review review = Sample();
  review.cells.push_back(review.cells[0]);
  review.cells.back().scenario = "S-02";
  const ordered_json log = SarifLog(review, {});
  const std::vector<ordered_json> fails = Results(log, "fail");
  const auto index = [](const ordered_json& result) { return result["attachments"][0]["artifactLocation"]["index"]; };
  const auto other = std::find_if(fails.begin(), fails.end(), [](const ordered_json& result) {
    return result["properties"]["attack"] == "S-02";
  });
  ASSERT_NE(other, fails.end());
  EXPECT_EQ(index(*other), index(fails[0]));
  const ordered_json& artifacts = log["runs"][0]["artifacts"];
  EXPECT_EQ(std::set<ordered_json>(artifacts.begin(), artifacts.end()).size(), artifacts.size());
}

TEST(Sarif, SaysWhichFilesAreTheKernels) {
  Review review = Sample();
  review.cells[0].findings[0].programmed_by->backtrace[0] = {"pci_endpoint_test_copy", "drivers/misc/pci_endpoint_test.c", 12};
  const auto of_kernel = Results(SarifLog(review, {}), "fail")[0];
  review.cells[0].findings[0].programmed_by->backtrace[0] = {"slurp", "driver/hostile/endpoint.c", 12};
  const auto of_project = Results(SarifLog(review, {}), "fail")[0];

  EXPECT_EQ(of_kernel["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"], "KERNEL");
  EXPECT_EQ(of_project["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"], "PROJECT");
}

TEST(Sarif, FallsBackToTheScenariosLine) {
  Review review = Sample();
  review.cells[0].findings[0].programmed_by.reset();
  const auto result = Results(SarifLog(review, {}), "fail")[0];
  const ordered_json& place = result["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], "scenarios/attacks/s01_wild_dma.yaml");
  EXPECT_EQ(place["region"]["startLine"], 36);
}

TEST(Sarif, EmitsWhatPassedAndWhatDoesNotApply) {
  const ordered_json log = SarifLog(Sample(), {});
  const auto passed = Results(log, "pass");
  ASSERT_EQ(passed.size(), 1u);
  EXPECT_EQ(passed[0]["ruleId"], "E5") << "the class that the attack reaches where nothing stops it";
  EXPECT_EQ(passed[0]["level"], "none");
  EXPECT_EQ(Results(log, "notApplicable").size(), 1u);
  EXPECT_EQ(Results(log, "fail").size(), 4u) << "escape, guest fault, degradation, left-over state";
}

TEST(Sarif, ComparesWithABaseline) {
  const Review before = Sample();
  Review after = Sample();
  after.cells[0].findings[0].fingerprint = "0123456789abcdef";
  SarifOptions options;
  options.baseline = &before;
  const ordered_json log = SarifLog(after, options);
  std::vector<std::string> states;
  for (const ordered_json& result : Results(log, "fail")) states.push_back(result["baselineState"]);
  EXPECT_THAT(states, testing::UnorderedElementsAre("new", "absent", "unchanged", "unchanged", "unchanged"));
}

TEST(Sarif, SuppressesWithTheReason) {
  const Review review = Sample();
  SarifOptions options;
  options.suppressed[review.cells[0].findings[0].fingerprint] = "no IOMMU on the lab machine";
  const auto result = Results(SarifLog(review, options), "fail")[0];
  EXPECT_EQ(result["suppressions"][0]["justification"], "no IOMMU on the lab machine");
  EXPECT_EQ(result["suppressions"][0]["kind"], "external");
}

TEST(Sarif, WithholdsWhatIsUnderEmbargo) {
  Review review = Sample();
  review.cells[0].embargo = true;
  review.cells[0].reason = "the secret flaw";
  const ordered_json log = SarifLog(Exported(review), {});
  EXPECT_THAT(log.dump(), testing::Not(testing::HasSubstr("secret flaw")));
  EXPECT_THAT(log.dump(), testing::Not(testing::HasSubstr(review.cells[0].findings[0].fingerprint)));
  EXPECT_EQ(Results(log, "review").size(), 1u);
}

}  // namespace
}  // namespace pvpci::reports
