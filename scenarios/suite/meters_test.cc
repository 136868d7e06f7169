// SPDX-License-Identifier: Apache-2.0
// What a reviewer measures with: reach, window, sub-page exposure, the way of a forged message, and the command that
// repeats a finding.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
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
std::vector<int64_t> Curve(const json& document, const std::string& loss, const std::string& policy,
                           const char* field = "max_ps") {
  std::vector<int64_t> curve;
  for (const json& profile : document["profiles"]) {
    if (profile["loss"] != loss) continue;
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
  EXPECT_THAT(Curve(run.result, "unmap", "strict"), testing::Each(0));
  const std::vector<int64_t> lazy = Curve(run.result, "unmap", "lazy", "p50_ps");
  ASSERT_EQ(lazy.size(), 7u);
  EXPECT_THAT(lazy, testing::Each(testing::Gt(0)));
  EXPECT_TRUE(std::is_sorted(lazy.begin(), lazy.end())) << "a small IOTLB forgets sooner";
  EXPECT_LT(4 * lazy.front(), lazy.back());
  EXPECT_THAT(Curve(run.result, "unmap", "lazy + timer").back(), testing::AllOf(testing::Ge(10 * kMs), testing::Le(20 * kMs)));
  for (const char* loss : {"ownership", "type", "grant"}) {
    SCOPED_TRACE(loss);
    EXPECT_THAT(Curve(run.result, loss, "page", "losses"), testing::Each(testing::Ge(64)));
    EXPECT_THAT(Curve(run.result, loss, "page"), testing::Each(0));
    EXPECT_THAT(Curve(run.result, loss, "operation"), testing::Each(0));
    // 64 pages were in the IOTLB as far as it has room; without an invalidation they stay.
    EXPECT_THAT(Curve(run.result, loss, "XSA-78", "open"), testing::ElementsAre(16, 32, 64, 64, 64, 64, 64));
  }
  EXPECT_THAT(Curve(run.result, "ownership", "XSA-346"), testing::Each(testing::Gt(0)));
  EXPECT_THAT(ReadText(run.folder + "/window.html"), testing::HasSubstr("iotlb_entries"));
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

TEST(Message, IsFollowedThroughItsEntryToWhoWroteThat) {
  const ProgramRun run = RunPvpci("forged_msi", {"--iommu", "dmar+ir"});

  std::vector<json> named;
  for (const json& finding : run.result["findings"]) {
    if (finding["class"] != "E9") continue;
    EXPECT_FALSE(finding["stopped_by"].is_null()) << finding.dump(2);
    ASSERT_FALSE(finding["message"].is_null());
    if (finding["message"]["entry"].is_number()) named.push_back(finding["message"]);
  }
  ASSERT_EQ(named.size(), 1u) << "the neighbour's own message";
  EXPECT_EQ(named[0]["source"], "0000:02:00.0");
  EXPECT_EQ(named[0]["domain"], "bystander") << "whose event channel it would have been";
  EXPECT_EQ(named[0]["written_by"]["domain"], "control");
  EXPECT_EQ(named[0]["written_by"]["hypercall"], "PHYSDEVOP_map_pirq");
  EXPECT_THAT(named[0]["written_by"]["backtrace"].dump(), testing::HasSubstr("xen_pcibk_enable_msi"));
}

TEST(Evidence, TellsHowToSeeAFindingAgainAndWhatItWasSeenWith) {
  const ProgramRun run = RunPvpci("s01_wild_dma", {"--iommu", "none", "--format", "trace,sarif"});
  const std::vector<std::string> trace = [&] {
    std::istringstream stream(ReadText(run.folder + "/trace.txt"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }();

  ASSERT_FALSE(run.result["findings"].empty());
  for (const json& finding : run.result["findings"]) {
    const json& evidence = finding["evidence"];
    EXPECT_THAT(evidence["build"].get<std::string>(), testing::MatchesRegex("pvpci [0-9a-f]+, linux_6_1 [0-9a-f]+"));
    EXPECT_EQ(evidence["exit_code"], run.exit_code);
    EXPECT_EQ(evidence["run_ps"], run.result["simulated_ps"]);
    EXPECT_THAT(evidence["tools"].dump(), testing::AllOf(testing::HasSubstr("linux-source-6.1"), testing::HasSubstr("SystemC")));
    EXPECT_GE(evidence["files"].size(), 4u);
    for (const json& name : evidence["files"]) {
      EXPECT_TRUE(std::filesystem::exists(run.folder + "/" + name.get<std::string>())) << name;
    }
    bool written = false, landed = false;
    for (const json& line : evidence["trace"]) {
      const std::string text = line["text"];
      ASSERT_LT(line["record"].get<size_t>(), trace.size());
      EXPECT_EQ(text, trace[line["record"].get<size_t>()]);
      written = written || text.find("value=" + finding["programmed_by"]["value"].get<std::string>()) != std::string::npos;
      landed = landed || text.find(finding["class"].get<std::string>()) != std::string::npos;
    }
    EXPECT_TRUE(written && landed) << evidence["trace"].dump(2);
    EXPECT_THAT(finding["limits"].dump(), testing::HasSubstr("driver/hostile/endpoint.c"));
  }
  EXPECT_THAT(ReadText(run.folder + "/findings.sarif"),
              testing::AllOf(testing::HasSubstr("\"uri\": \"trace.txt\""), testing::HasSubstr("expectedExitCode")));
}

TEST(SubPage, KnowsOtherBuffersEverywhereAndObjectsFromTheFirstOneOn) {
  const ProgramRun run = RunPvpci("s22_sub_page", {"--iommu", "dmar"});
  bool slot = false;
  for (const json& exposure : run.result["sub_page"]) {
    for (const json& neighbour : exposure["neighbours"]) {
      slot = slot || (exposure["domain"] == "bounced" && neighbour["kind"] == "bounced buffer" && neighbour["bytes"] == 1024);
    }
  }
  EXPECT_TRUE(slot) << run.result["sub_page"].dump(2);
  const std::string early = Replaced(Replaced(ReadText("scenarios/sub_page_shared.yaml"), "{name: driver, role: domU}",
                                              "{name: driver, role: domU, cmdline: slab_owners=on}"),
                                     "  - call: {domain: driver, function: slab_owners, args: [\"on\"], result: 0}\n", "");
  EXPECT_EQ(RunPvpci(WriteScenario("sub_page_shared", early)).exit_code, 0);
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
