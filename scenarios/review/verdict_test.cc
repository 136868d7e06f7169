// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/verdict.h"

#include <gtest/gtest.h>

#include <string>

#include "reports/result_json.h"
#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

using reports::DmaClass;
using reports::DomainState;
using reports::Outcome;

Scenario Story(const std::string& review) {
  return ParseScenario("s.yaml", "name: s\nclaim: c\nreview: " + review + R"(
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU}
steps:
  - boot: control
expect:
  - dma.escapes == 0
)");
}

reports::Result Ended() {
  reports::Result result;
  result.scenario = "s";
  result.domains.push_back({0, "control", "dom0", "6.1", 1, DomainState::kRunning, {}, {}});
  result.domains.push_back({1, "driver", "domU", "6.1", 1, DomainState::kRunning, {}, {}});
  return result;
}

void Lands(reports::Result* result, DmaClass dma_class, int64_t bytes, bool stopped = false) {
  reports::Finding finding;
  finding.id = "F" + std::to_string(result->findings.size() + 1);
  finding.title = "escape";
  finding.dma_class = dma_class;
  finding.bytes = bytes;
  if (stopped) finding.stopped_by = "DMA remapping, reason 0x06";
  if (!stopped) result->dma[dma_class].bytes += bytes;
  result->findings.push_back(finding);
}

reports::Attack Judge(const std::string& review, const reports::Result& result) {
  return JudgeAttack(Story(review), result, nlohmann::json::parse(reports::ToJson(result).dump()));
}

TEST(JudgeAttack, EscapesWhenAnAccessOfItsStoryLands) {
  reports::Result result = Ended();
  Lands(&result, DmaClass::kE5, 4096);
  Lands(&result, DmaClass::kE5, 64);

  const reports::Attack attack = Judge("{escapes: E5}", result);

  EXPECT_EQ(attack.outcome, Outcome::kEscaped);
  EXPECT_EQ(attack.dma_class, DmaClass::kE5);
  EXPECT_EQ(attack.bytes, 4160);
  EXPECT_EQ(attack.reason, "F1: escape");
}

TEST(JudgeAttack, NamesTheGravestClassThatLanded) {
  reports::Result result = Ended();
  Lands(&result, DmaClass::kE5, 4096);
  Lands(&result, DmaClass::kE7, 64);

  EXPECT_EQ(Judge("{escapes: [E7, E5]}", result).dma_class, DmaClass::kE7);
  EXPECT_EQ(Judge("{escapes: [E5, E7]}", result).dma_class, DmaClass::kE5);
}

TEST(JudgeAttack, LeavesOutWhatIsNotOfItsStory) {
  reports::Result result = Ended();
  Lands(&result, DmaClass::kE2, 4096);

  EXPECT_EQ(Judge("{escapes: E5}", result).outcome, Outcome::kContained);
  EXPECT_EQ(Judge("{}", result).outcome, Outcome::kContained) << "an own frame is no escape unless the story says so";
}

TEST(JudgeAttack, ContainsWhatWasStoppedAndSaysByWhom) {
  reports::Result result = Ended();
  Lands(&result, DmaClass::kE5, 4096, /*stopped=*/true);
  Lands(&result, DmaClass::kE5, 4096, /*stopped=*/true);

  const reports::Attack attack = Judge("{escapes: E5}", result);

  EXPECT_EQ(attack.outcome, Outcome::kContained);
  EXPECT_FALSE(attack.dma_class);
  EXPECT_EQ(attack.reason, "DMA remapping, reason 0x06 stopped it, and 1 more");
}

TEST(JudgeAttack, CountsBytesOfClassesThatMakeNoFindings) {
  reports::Result result = Ended();
  result.dma[DmaClass::kE1] = {3, 96};

  const reports::Attack attack = Judge("{escapes: E1}", result);

  EXPECT_EQ(attack.outcome, Outcome::kEscaped);
  EXPECT_EQ(attack.bytes, 96);
  EXPECT_EQ(Judge("{escapes: E5}", result).outcome, Outcome::kContained);
}

TEST(JudgeAttack, TellsTheHostsFaultFromAGuests) {
  reports::Result guest = Ended();
  guest.domains[1].state = DomainState::kHung;
  reports::Result host = guest;
  host.domains[0].state = DomainState::kCrashed;
  reports::Result destroyed = Ended();
  destroyed.domains[1].state = DomainState::kDestroyed;

  EXPECT_EQ(Judge("{}", guest).outcome, Outcome::kGuestFault);
  EXPECT_EQ(Judge("{}", host).outcome, Outcome::kHostFault);
  EXPECT_EQ(Judge("{}", host).reason, "control crashed");
  EXPECT_EQ(Judge("{}", destroyed).outcome, Outcome::kContained);

  guest.domains.push_back(guest.domains[1]);
  guest.domains.back().name = "bystander";
  guest.domains.back().state = DomainState::kCrashed;
  EXPECT_EQ(Judge("{}", guest).reason, guest.domains[1].name + " hung; bystander crashed") << "who else makes the difference";
}

TEST(JudgeAttack, ReadsTheScenariosOwnConditions) {
  reports::Result result = Ended();
  result.hypercalls.push_back({"driver", "EVTCHNOP_send", 5000, 0});
  const std::string condition = "{that: \"hypercalls[EVTCHNOP_send].calls > 1000\", because: it floods}";

  const reports::Attack attack = Judge("{degraded_if: " + condition + "}", result);

  EXPECT_EQ(attack.outcome, Outcome::kDegraded);
  EXPECT_EQ(attack.reason, "hypercalls[EVTCHNOP_send].calls > 1000 (5000): it floods");
  ASSERT_EQ(attack.observations.size(), 1u);
  EXPECT_EQ(attack.observations[0].actual, "5000");
  EXPECT_EQ(Judge("{guest_fault_if: " + condition + "}", result).outcome, Outcome::kGuestFault);
  EXPECT_EQ(Judge("{host_fault_if: " + condition + "}", result).outcome, Outcome::kHostFault);
  result.hypercalls[0].calls = 10;
  EXPECT_EQ(Judge("{degraded_if: " + condition + "}", result).outcome, Outcome::kContained);
}

TEST(JudgeAttack, LetsAConditionNameTheClassOfAnEscape) {
  reports::Result result = Ended();
  result.simulated_ps = 7;

  const reports::Attack attack = Judge("{escaped_if: {that: simulated_ps == 7, class: E11}}", result);

  EXPECT_EQ(attack.outcome, Outcome::kEscaped);
  EXPECT_EQ(attack.dma_class, DmaClass::kE11);
}

TEST(JudgeAttack, AsksOnlyWhereAConditionApplies) {
  reports::Result result = Ended();
  result.simulated_ps = 7;

  EXPECT_EQ(Judge("{degraded_if: {that: simulated_ps == 7, when: M1}}", result).outcome, Outcome::kContained);
  EXPECT_EQ(Judge("{degraded_if: {that: simulated_ps == 7, when: M0}}", result).outcome, Outcome::kDegraded);
}

TEST(JudgeAttack, TheGravestWins) {
  reports::Result result = Ended();
  result.domains[0].state = DomainState::kCrashed;
  result.simulated_ps = 7;
  EXPECT_EQ(Judge("{degraded_if: simulated_ps == 7}", result).outcome, Outcome::kHostFault);
  Lands(&result, DmaClass::kE7, 64);
  EXPECT_EQ(Judge("{degraded_if: simulated_ps == 7}", result).outcome, Outcome::kEscaped);
}

}  // namespace
}  // namespace pvpci::scenarios
