// SPDX-License-Identifier: Apache-2.0
// Attacks on hypervisors of the past, with the fix: none of them comes through, so it is the flaw that they show. That each
// does without the fix is the catalogue's business (./pvpci review).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

TEST(Unfixed, NoneComesThroughWithItsFix) {
  const std::regex unfixed(", xen: \\{unfixed: \\[[^\\]]*\\]\\}|xen: \\{unfixed: \\[[^\\]]*\\]\\}");
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator("scenarios/attacks")) {
    const std::string text = ReadText(file.path().string());
    if (std::regex_search(text, unfixed)) names.insert(file.path().stem().string());
  }
  EXPECT_GE(names.size(), 10u);
  // Not an escape: the attacker's own domain is ended in either case, the bystander without the fix only.
  names.erase("s28b_wrong_domain");
  for (const std::string& name : names) {
    const std::string text = std::regex_replace(ReadText("scenarios/attacks/" + name + ".yaml"), unfixed, "");
    const ProgramRun run = RunPvpci(WriteScenario(name, text), {"--iommu", "dmar"});
    EXPECT_EQ(run.result["attack"]["verdict"], "CONTAINED") << name << run.errors;
    EXPECT_EQ(run.result["iommu"]["unfixed"], nlohmann::json::array()) << name;
  }
}

TEST(Unfixed, ABystanderSurvivesASilentDeviceWithTheFix) {
  const std::string text = ReadText("scenarios/attacks/s28b_wrong_domain.yaml");
  const ProgramRun run = RunPvpci(WriteScenario("s28b_wrong_domain", Replaced(text, "  xen: {unfixed: [XSA-373]}\n", "")),
                                  {"--iommu", "dmar"});
  EXPECT_THAT(run.output, testing::HasSubstr("domains.bystander.state == crashed"));
  EXPECT_EQ(run.exit_code, 1) << "what the file expects without the fix";
  for (const auto& domain : run.result["domains"]) {
    if (domain["name"] == "bystander") {
      EXPECT_EQ(domain["state"], "running");
    }
  }
}

}  // namespace
}  // namespace pvpci::scenarios
