// SPDX-License-Identifier: Apache-2.0
// What a reviewer measures with: reach, window, sub-page exposure, the way of a forged message, and the command that
// repeats a finding.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

std::map<std::string, uint64_t> PagesByRelation(const json& device) {
  std::map<std::string, uint64_t> pages;
  for (const json& run : device["runs"]) pages[run["relation"].get<std::string>()] += run["pages"].get<uint64_t>();
  return pages;
}

TEST(Reach, EnumeratesWhatADeviceReachesInEveryMode) {
  const ProgramRun run = RunVerb({"reach", "slurp", "--json"});

  ASSERT_EQ(run.exit_code, 0) << run.errors;
  ASSERT_TRUE(run.result.is_object()) << run.output;
  ASSERT_EQ(run.result["modes"].size(), 3u);
  for (const json& mode : run.result["modes"]) {
    SCOPED_TRACE(mode["mode"].dump());
    ASSERT_EQ(mode["devices"].size(), 1u);
    const json& device = mode["devices"][0];
    const std::map<std::string, uint64_t> pages = PagesByRelation(device);
    EXPECT_EQ(device["domain"], "driver");
    if (mode["mode"] == "M0") {
      EXPECT_EQ(device["by"], "no IOMMU");
      EXPECT_GT(pages.at("hypervisor"), 0u);
      EXPECT_GT(pages.at("foreign"), 0u);
    } else {
      EXPECT_EQ(pages.count("hypervisor") + pages.count("foreign") + pages.count("device"), 0u);
      for (const json& one : device["runs"]) EXPECT_FALSE(one["witness"].empty()) << one;
    }
    EXPECT_GT(pages.at("own"), 0u);
  }
  const std::string page = ReadText(run.folder + "/reach.html");
  EXPECT_THAT(page, testing::HasSubstr("another domain's"));
  EXPECT_THAT(page, testing::HasSubstr("root["));
}

// A field of each point, by size of the IOTLB; by default the longest window.
std::vector<int64_t> Curve(const json& document, const std::string& policy, const char* field = "max_ps") {
  std::vector<int64_t> curve;
  for (const json& profile : document["profiles"]) {
    for (const json& one : profile["curves"]) {
      if (one["policy"] != policy) continue;
      for (const json& point : one["points"]) curve.push_back(point[field].is_null() ? -1 : point[field].get<int64_t>());
    }
  }
  return curve;
}

TEST(Window, DependsOnFlushPolicyAndSizeOfTheIotlb) {
  constexpr int64_t kMs = 1'000'000'000;
  const ProgramRun run = RunVerb({"window", "--json"});

  ASSERT_EQ(run.exit_code, 0) << run.errors;
  ASSERT_TRUE(run.result.is_object()) << run.output;
  EXPECT_THAT(Curve(run.result, "strict"), testing::Each(0));
  const std::vector<int64_t> lazy = Curve(run.result, "lazy", "p50_ps");
  ASSERT_EQ(lazy.size(), 7u);
  EXPECT_THAT(lazy, testing::Each(testing::Gt(0)));
  EXPECT_TRUE(std::is_sorted(lazy.begin(), lazy.end())) << "a small IOTLB forgets sooner";
  EXPECT_LT(4 * lazy.front(), lazy.back());
  EXPECT_THAT(Curve(run.result, "lazy + timer").back(), testing::AllOf(testing::Ge(10 * kMs), testing::Le(20 * kMs)));
  EXPECT_THAT(Curve(run.result, "page"), testing::Each(0));
  EXPECT_THAT(Curve(run.result, "operation"), testing::Each(0));
  EXPECT_THAT(Curve(run.result, "XSA-346"), testing::Each(testing::Gt(0)));
  EXPECT_THAT(Curve(run.result, "XSA-78", "open"), testing::ElementsAre(16, 32, 64, 64, 64, 64, 64));
  EXPECT_THAT(ReadText(run.folder + "/window.html"), testing::HasSubstr("<svg"));
}

TEST(Message, IsFollowedFromTheRegisterToTheHandler) {
  const ProgramRun run = RunPvpci("forged_msi", {"--iommu", "none"});

  std::vector<json> forged;
  for (const json& finding : run.result["findings"]) {
    if (!finding["message"].is_null() && finding["message"]["pirq"].is_number()) forged.push_back(finding);
  }
  ASSERT_FALSE(forged.empty()) << run.result["findings"].dump(2);
  const json& finding = forged.front();
  EXPECT_EQ(finding["message"]["format"], "compatibility");
  EXPECT_TRUE(finding["message"]["vector"].is_number());
  EXPECT_TRUE(finding["message"]["port"].is_number());
  EXPECT_FALSE(finding["message"]["domain"].get<std::string>().empty());
  EXPECT_FALSE(finding["message"]["handler"].get<std::string>().empty()) << finding.dump(2);
  EXPECT_FALSE(finding["programmed_by"]["backtrace"].empty());
  EXPECT_TRUE(finding["programmed_by"]["vcpu"].is_number());
  EXPECT_FALSE(finding["step"].get<std::string>().empty());
}

TEST(Message, NamesTheEntryWhereMessagesAreRemapped) {
  const ProgramRun run = RunPvpci("forged_msi", {"--iommu", "dmar+ir"});
  for (const json& finding : run.result["findings"]) {
    if (finding["class"] != "E9") continue;
    EXPECT_FALSE(finding["stopped_by"].is_null()) << finding.dump(2);
    EXPECT_FALSE(finding["message"].is_null());
  }
}

std::vector<std::string> Words(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

TEST(Reproduce, IsACommandThatFindsTheSame) {
  const ProgramRun first = RunPvpci("s01_wild_dma", {"--iommu", "none"});
  ASSERT_FALSE(first.result["findings"].empty());
  for (const json& finding : first.result["findings"]) {
    std::vector<std::string> words = Words(finding["reproduce"]);
    ASSERT_GT(words.size(), 2u);
    EXPECT_EQ(words[0], "./pvpci");
    EXPECT_EQ(words[1], "run");
    const ProgramRun again = RunPvpci(words[2], {words.begin() + 3, words.end()});
    EXPECT_EQ(again.exit_code, first.exit_code);
    const auto& found = again.result["findings"];
    EXPECT_TRUE(std::any_of(found.begin(), found.end(),
                            [&](const json& other) { return other["fingerprint"] == finding["fingerprint"]; }));
    EXPECT_THAT(finding["cvss"].get<std::string>(), testing::StartsWith("CVSS:3.1/AV:L/"));
  }
}

}  // namespace
}  // namespace pvpci::scenarios
