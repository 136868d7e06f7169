// SPDX-License-Identifier: Apache-2.0
#include "scenarios/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "scenarios/describe.h"
#include "scenarios/parameters.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSmall = R"(name: small
claim: It parses.
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU, memory: 16 MiB, vcpus: 2, p2m: scatter_4k, events: 2l, e820_host: false}
  - {name: victim, role: domU, kernel: false, memory_at: 64 MiB, secrets: [key, {name: book, bytes: 8 KiB}]}
devices:
  - {name: nic, model: endpoint_test, assigned_to: driver, link: gen4 x16, msix_vectors: 32}
  - {name: bad, model: attacker}
steps:
  - boot: [control, driver]
  - attach: nic
  - program: {domain: [control, driver], run: ["pcitest -b 0", "pcitest -D '/dev/a b'"], exit: 0, prints: OKAY}
  - attack: {domain: driver, function: slurp, args: ["${victim.book}", "0x10"], result: -5}
    when: [M1, M2, 6.12]
  - storm: {device: nic, kind: msix, count: 10, interval: 1.5 us, vector: 31}
  - emit: {device: bad, tlp: write, address: "${victim.key}", bytes: 64, data: 0xdead, requester: "0000:01:00.0"}
  - wait: 10 us
expect:
  - dma.escapes == 0
  - {that: "findings.E5 >= 1", when: 6.1, because: nobody looks}
  - {that: findings.E5 == 1, when: [M0, MSI_FLAG_NO_MASK, no VIRQ_ELSEWHERE]}
)";

Scenario Small(const std::vector<Override>& overrides = {}) { return ParseScenario("small.yaml", kSmall, overrides); }

std::string Refusal(const std::string& text, const std::vector<Override>& overrides = {}) {
  try {
    ParseScenario("x.yaml", text, overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Parser, FillsWhatTheFileSays) {
  const Scenario scenario = Small();
  EXPECT_EQ(scenario.name, "small");
  ASSERT_EQ(scenario.domains.size(), 3u);
  EXPECT_EQ(scenario.domains[1].memory_bytes, 16u << 20);
  EXPECT_EQ(scenario.domains[1].vcpus, 2u);
  EXPECT_EQ(scenario.domains[1].p2m, P2mLayout::kScatter4K);
  EXPECT_EQ(scenario.domains[1].events, EventAbi::k2L);
  EXPECT_FALSE(scenario.domains[1].e820_host);
  EXPECT_TRUE(scenario.domains[2].e820_host);
  EXPECT_EQ(scenario.domains[1].memory_at, 0u);
  EXPECT_EQ(scenario.domains[2].memory_at, 64u << 20);
  ASSERT_EQ(scenario.domains[2].secrets.size(), 2u);
  EXPECT_EQ(scenario.domains[2].secrets[0].bytes, 4096u);
  EXPECT_EQ(scenario.domains[2].secrets[1].bytes, 8192u);
  EXPECT_EQ(scenario.devices[0].link.generation, 4u);
  EXPECT_EQ(scenario.devices[0].link.width, 16u);
  EXPECT_EQ(scenario.devices[0].msix_vectors, 32u);
}

TEST(Parser, UnfoldsStepsThatStandForSeveral) {
  const Scenario scenario = Small();
  ASSERT_EQ(scenario.steps.size(), 11u);
  EXPECT_EQ(scenario.steps[2].domain, "driver");  // attach: from assigned_to
  EXPECT_EQ(scenario.steps[3].domain, "control");
  EXPECT_EQ(scenario.steps[4].domain, "driver");
  EXPECT_THAT(scenario.steps[5].argv, ElementsAre("pcitest", "-D", "/dev/a b"));
  EXPECT_THAT(scenario.steps[7].when.modes, ElementsAre(IommuKind::kDmar, IommuKind::kDmarIr));
  EXPECT_THAT(scenario.steps[7].when.kernels, ElementsAre("6.12"));
  EXPECT_EQ(scenario.steps[7].result, -5);
  EXPECT_EQ(scenario.steps[8].storms[0].interval, 1500 * sim::kNs);
}

TEST(Parser, ReadsAHypercallThatFails) {
  std::string text = kSmall;
  text.insert(text.find("  - boot: "),
              "  - fail: {domain: driver, hypercall: EVTCHNOP_bind_pirq, result: -16, count: 2, skip: 3}\n");
  const Scenario scenario = ParseScenario("x.yaml", text);
  const Step& step = scenario.steps[0];
  EXPECT_EQ(step.kind, StepKind::kFail);
  EXPECT_EQ(step.domain, "driver");
  EXPECT_EQ(step.hypercall, "EVTCHNOP_bind_pirq");
  EXPECT_EQ(step.result, -16);
  EXPECT_EQ(step.count, 2u);
  EXPECT_EQ(step.skip, 3u);
  EXPECT_EQ(Describe(step), "the next 2 EVTCHNOP_bind_pirq of driver answer -16, after 3 more");
}

TEST(Parser, ReadsStallsAndCallOrders) {
  std::string text = kSmall;
  text.insert(text.find("  - wait: "),
              "  - stall: {domain: driver, time: 2 s, function: do_IRQ, count: 4}\n"
              "  - enters: {domain: driver, function: delayed_free_irq, times: 0, within: 2}\n"
              "  - calls: {domain: driver, since: boot driver, are: [\"bind_pirq {pirq=*\", eoi], without: send}\n");
  const Scenario scenario = ParseScenario("x.yaml", text);
  const Step& stall = scenario.steps[10];
  EXPECT_EQ(stall.kind, StepKind::kStall);
  EXPECT_EQ(stall.duration, 2 * sim::kSec);
  EXPECT_EQ(stall.function, "do_IRQ");
  EXPECT_EQ(stall.count, 4u);
  EXPECT_EQ(Describe(stall), "the next 4 vCPUs of driver to enter do_IRQ are held there for 2 s");
  EXPECT_EQ(scenario.steps[11].kind, StepKind::kEnters);
  EXPECT_EQ(scenario.steps[11].count, 0u);
  EXPECT_EQ(scenario.steps[11].within, 2u);
  const Step& calls = scenario.steps[12];
  EXPECT_EQ(calls.kind, StepKind::kCalls);
  EXPECT_EQ(calls.phase, "boot driver");
  EXPECT_THAT(calls.calls, ElementsAre("bind_pirq {pirq=*", "eoi"));
  EXPECT_THAT(calls.without, ElementsAre("send"));
  EXPECT_THAT(calls.of, ElementsAre("event_channel_op", "physdev_op"));
}

TEST(Parser, ReadsWatchesOfMemoryAndPreemptions) {
  std::string text = kSmall;
  text.insert(text.find("  - wait: "),
              "  - intact: {address: \"${xen.text}\", bytes: 1 MiB, changed: 3}\n"
              "  - label: sweep\n"
              "    preempt: {domain: driver, from: a, until: b, blocks: [c, drivers/xen/d.c], time: 2 us}\n");
  const Scenario scenario = ParseScenario("x.yaml", text, {{"steps.sweep.preempt.only", "7,9", "--set"}});
  const Step& intact = scenario.steps[10];
  EXPECT_EQ(intact.kind, StepKind::kIntact);
  EXPECT_EQ(intact.address, "${xen.text}");
  EXPECT_EQ(intact.bytes, 1u << 20);
  EXPECT_EQ(intact.count, 3u);
  EXPECT_EQ(Describe(intact), "from now on 3 of 1 MiB at ${xen.text} change");
  const Step& preempt = scenario.steps[11];
  EXPECT_EQ(preempt.kind, StepKind::kPreempt);
  EXPECT_EQ(preempt.preempt.from, "a");
  EXPECT_EQ(preempt.preempt.until, "b");
  EXPECT_THAT(preempt.preempt.blocks, ElementsAre("c", "drivers/xen/d.c"));
  EXPECT_THAT(preempt.preempt.blocks_only, ElementsAre(7u, 9u));
  EXPECT_EQ(preempt.preempt.times, 1u);
  EXPECT_EQ(preempt.duration, 2 * sim::kUs);
}

TEST(Parser, AppliesAStepInAnyListedModeAndOnAnyListedKernel) {
  const auto runs = [](const char* iommu, const char* kernel) {
    const Scenario scenario = Small({{"machine.iommu", iommu, "--iommu"}, {"kernel", kernel, "--kernel"}});
    return std::make_pair(scenario.Applies(scenario.steps[7].when), scenario.Applies(scenario.expect[1].when));
  };
  EXPECT_EQ(runs("none", "6.1"), std::make_pair(false, true));
  EXPECT_EQ(runs("none", "6.12"), std::make_pair(false, false));
  EXPECT_EQ(runs("dmar", "6.1"), std::make_pair(false, true));
  EXPECT_EQ(runs("dmar", "6.12"), std::make_pair(true, false));
}

TEST(Parser, AppliesAnExpectationOnKernelsWithAllOfItsFeatures) {
  Scenario scenario = Small();
  const auto judged = [&](std::optional<std::vector<std::string>> features) {
    scenario.features = std::move(features);
    return scenario.Applies(scenario.expect[2].when);
  };
  EXPECT_TRUE(judged(std::nullopt));
  EXPECT_FALSE(judged(std::vector<std::string>{}));
  EXPECT_TRUE(judged(std::vector<std::string>{"MSI_FLAG_NO_MASK", "PCIFRONT_AER_CHECKS"}));
  EXPECT_FALSE(judged(std::vector<std::string>{"MSI_FLAG_NO_MASK", "VIRQ_ELSEWHERE"}));
}

TEST(Parser, ReadsWhereAClaimAppliesAndWhatTheSuiteRuns) {
  const Scenario silent = Small();
  EXPECT_THAT(silent.kernels(), ElementsAre("6.1", "6.12"));
  EXPECT_EQ(silent.modes().size(), 3u);
  const Scenario scenario = ParseScenario(
      "x.yaml", std::string("kernels: 6.1\nmodes: M2\nmatrix: {modes: [M2, M0], kernels: 6.12, events: 2l, vcpus: [1, 4]}\n") + kSmall);
  EXPECT_THAT(scenario.kernels(), ElementsAre("6.1"));
  EXPECT_THAT(scenario.modes(), ElementsAre(IommuKind::kDmarIr));
  EXPECT_THAT(scenario.matrix.modes, ElementsAre(IommuKind::kDmarIr, IommuKind::kNone));
  EXPECT_THAT(scenario.matrix.kernels, ElementsAre("6.12"));
  EXPECT_THAT(scenario.matrix.events, ElementsAre(EventAbi::k2L));
  EXPECT_THAT(scenario.matrix.vcpus, ElementsAre(1u, 4u));
}

TEST(Parser, TakesATreeForTheKernelThatItsMakefileSays) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "tree";
  std::filesystem::create_directories(folder);
  const auto family = [&](const std::string& makefile) {
    std::ofstream(folder / "Makefile") << makefile;
    return Small({{"kernel", folder.string(), "--kernel"}}).kernel_family;
  };
  EXPECT_EQ(family("# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\n"), "6.12");
  EXPECT_EQ(family("VERSION = 6\nPATCHLEVEL = 1\n"), "6.1");
  const auto refusal = [&] { return Refusal(kSmall, {{"kernel", folder.string(), "--kernel"}}); };
  std::ofstream(folder / "Makefile") << "VERSION = 5\nPATCHLEVEL = 10\n";
  EXPECT_THAT(refusal(), HasSubstr("is a 5.10; expected a 6.1 or 6.12 tree"));
  std::filesystem::remove(folder / "Makefile");
  EXPECT_THAT(refusal(), HasSubstr("it has no Makefile with a version"));
  EXPECT_THAT(Refusal(kSmall, {{"kernel", "5.10", "--kernel"}}), HasSubstr("expected 6.1 or 6.12, or a kernel tree's"));
}

TEST(Parser, KeepsDefaultsWhereTheFileIsSilent) {
  const Scenario scenario = Small();
  EXPECT_EQ(scenario.seed, 1u);
  EXPECT_EQ(scenario.kernel, "6.1");
  EXPECT_EQ(scenario.machine.memory_bytes, 512u << 20);
  EXPECT_EQ(scenario.machine.iommu, IommuKind::kNone);
  EXPECT_EQ(scenario.steps[0].deadline, 10 * sim::kSec);
}

TEST(Parser, TakesOverridesFromTheCommandLine) {
  const Scenario scenario = Small({{"machine.iommu", "dmar+ir", "--iommu"},
                                   {"seed", "7", "--seed"},
                                   {"domains.driver.vcpus", "4", "--set"},
                                   {"devices.nic.link", "gen1 x1", "--set"},
                                   {"machine.xen.uptime_at_start", "1 s", "--set"}});
  EXPECT_EQ(scenario.machine.iommu, IommuKind::kDmarIr);
  EXPECT_EQ(scenario.seed, 7u);
  EXPECT_EQ(scenario.domains[1].vcpus, 4u);
  EXPECT_EQ(scenario.devices[0].link.width, 1u);
  ASSERT_EQ(scenario.machine.xen.size(), 1u);
  EXPECT_EQ(scenario.machine.xen[0].value, "1 s");
}

TEST(Parser, TakesAListOfFlawsAsOneParameter) {
  std::string text = kSmall;
  text.insert(text.find("domains:"), "machine: {xen: {quarantine: scratch-page, unfixed: [XSA-346, XSA-78]}}\n");
  const Scenario scenario = ParseScenario("small.yaml", text);
  ASSERT_EQ(scenario.machine.xen.size(), 2u);
  EXPECT_EQ(ParseParameter(*FindParameter("xen", "quarantine"), scenario.machine.xen[0].value), 2u);
  const ParameterSpec& flaws = *FindParameter("xen", "unfixed");
  EXPECT_THAT(WordsOf(flaws, *ParseParameter(flaws, scenario.machine.xen[1].value)),
              testing::ElementsAre("XSA-78", "XSA-346"));
  EXPECT_EQ(ParseParameter(flaws, "XSA-346 XSA-78"), ParseParameter(flaws, scenario.machine.xen[1].value));
}

TEST(Parser, NamesTheOptionWhoseValueIsWrong) {
  EXPECT_THAT(Refusal(kSmall, {{"domains.driver.vcpus", "99", "--set domains.driver.vcpus"}}),
              HasSubstr("--set domains.driver.vcpus 99: vcpus: expected a whole number 1 .. 8"));
  EXPECT_THAT(Refusal(kSmall, {{"domains.nobody.vcpus", "1", "--set"}}), HasSubstr("no 'nobody'"));
  EXPECT_THAT(Refusal(kSmall, {{"domains", "1", "--set"}}), HasSubstr("a single value cannot replace it"));
  EXPECT_THAT(Refusal(kSmall, {{"name.x", "1", "--set"}}), HasSubstr("has no parts"));
  EXPECT_THAT(Refusal(kSmall, {{"..", "1", "--set"}}), HasSubstr("is no key"));
}

TEST(Parser, TellsSeveralProblemsInTheOrderOfTheFile) {
  const std::string text = Refusal("name: x\nclaim: y\ndomains: 1\nsteps: 2\nexpect: 3\n");
  EXPECT_LT(text.find("x.yaml:3:10"), text.find("x.yaml:4:8"));
  EXPECT_LT(text.find("x.yaml:4:8"), text.find("x.yaml:5:9"));
}

TEST(Parser, ShipsScenariosThatParseInEveryMode) {
  for (const char* name : {"honest_dma", "slurp", "forged_msi", "interrupt_latency"}) {
    for (const char* iommu : {"none", "dmar", "dmar+ir"}) {
      const Scenario scenario =
          LoadScenario("scenarios/" + std::string(name) + ".yaml", {{"machine.iommu", iommu, "--iommu"}});
      EXPECT_EQ(scenario.name, name);
      EXPECT_FALSE(Describe(scenario).empty());
      EXPECT_EQ(DescribeJson(scenario)["steps"].size(), scenario.steps.size());
    }
  }
}

TEST(Parser, AppendedKeyIsRefusedAtItsLine) {
  const std::string text = ReadScenarioText("scenarios/honest_dma.yaml");
  EXPECT_THAT(Refusal(text + "\nbogus_key: 1\n"), HasSubstr("unknown key 'bogus_key'"));
  EXPECT_THAT(Refusal(text + "\n" + text), HasSubstr("duplicate key 'name'"));
}

TEST(Parser, ReadsWhatToolsDoToTheStoreAndWhatRunsMeanwhile) {
  const Scenario scenario = ParseScenario("x.yaml", R"(
name: x
claim: y
domains: [{name: control, role: dom0}, {name: driver, role: domU}]
devices: [{name: nic, model: endpoint_test, assigned_to: driver}]
steps:
  - boot: control
  - boot: driver
  - attach: {device: nic, waits: false}
    background: true
  - await: {path: driver.fe/state, value: 3}
  - pause: driver
  - store: [{path: driver.be/state, value: 7}, /local/domain/1/x]
  - unpause: driver
  - call: {domain: driver, function: f, stops: true}
  - join: all
expect: ["store[driver.be/state] == 4"]
)");
  ASSERT_EQ(scenario.steps.size(), 9u);
  EXPECT_TRUE(scenario.steps[2].background);
  EXPECT_FALSE(scenario.steps[2].waits);
  EXPECT_EQ(scenario.steps[3].path, "driver.fe/state");
  EXPECT_EQ(scenario.steps[3].value, "3");
  EXPECT_EQ(scenario.steps[4].kind, StepKind::kPause);
  ASSERT_EQ(scenario.steps[5].nodes.size(), 2u);
  EXPECT_EQ(scenario.steps[5].nodes[0].value, "7");
  EXPECT_FALSE(scenario.steps[5].nodes[1].value);
  EXPECT_EQ(scenario.steps[6].kind, StepKind::kUnpause);
  EXPECT_TRUE(scenario.steps[7].stops);
  EXPECT_EQ(scenario.steps[8].kind, StepKind::kJoin);
  EXPECT_THAT(Describe(scenario), HasSubstr("(in the background)"));
}

TEST(Parser, ReadsTheDirectoriesOfAParavirtualDevice) {
  const Scenario scenario = ParseScenario("x.yaml", R"(
name: x
claim: y
domains: [{name: control, role: dom0}, {name: driver, role: domU}]
steps:
  - boot: control
  - boot: driver
  - frontend: {domain: driver, kind: 9pfs, id: 3, front: [tag=a=b], back: [versions=1, max-rings=2]}
expect: ['store[driver.home/device/9pfs/3/state] == 1']
)");
  const Step& step = scenario.steps.back();
  EXPECT_EQ(step.kind, StepKind::kFrontend);
  EXPECT_EQ(step.domain, "driver");
  EXPECT_EQ(step.frontend.kind, "9pfs");
  EXPECT_EQ(step.frontend.id, 3u);
  EXPECT_THAT(step.frontend.front, ElementsAre(testing::Pair("tag", "a=b")));
  EXPECT_THAT(step.frontend.back, ElementsAre(testing::Pair("versions", "1"), testing::Pair("max-rings", "2")));
}

TEST(Parser, ReadsErrorsRefusalsAndNeighbours) {
  const Scenario scenario = ParseScenario("x.yaml", R"(
name: x
claim: y
machine: {native_aer: true, memory: 4352 MiB, bar_window: 48 MiB}
domains: [{name: control, role: dom0}, {name: driver, role: domU}]
devices:
  - {name: nic, model: endpoint_test, assigned_to: driver}
  - {name: twin, model: edu, beside: nic}
steps:
  - boot: control
  - refuse: driver.be/state-0
  - error: {device: nic, kind: malformed_tlp}
  - error: {device: nic, kind: bad_tlp}
expect: ["ring[driver,conf_read].sends == 0"]
)");
  EXPECT_TRUE(scenario.machine.native_aer);
  EXPECT_EQ(scenario.machine.bar_window, 48u << 20);
  EXPECT_EQ(scenario.machine.low_memory_end(), 47u << 20);
  EXPECT_THAT(Describe(scenario), HasSubstr("BARs from 0x3000000 on"));
  EXPECT_EQ(scenario.devices[1].beside, "nic");
  ASSERT_EQ(scenario.steps.size(), 4u);
  EXPECT_EQ(scenario.steps[1].path, "driver.be/state-0");
  EXPECT_EQ(scenario.steps[2].error, DeviceError::kMalformedTlp);
  EXPECT_EQ(scenario.steps[3].error, DeviceError::kBadTlp);
  EXPECT_THAT(Describe(scenario), HasSubstr("beside nic"));
}

TEST(Parser, SplitsCommandsLikeAShell) {
  EXPECT_THAT(SplitCommand("a  b\t'c d' \"e f\"g ''"), ElementsAre("a", "b", "c d", "e fg", ""));
  EXPECT_TRUE(SplitCommand("a 'b").empty());
  EXPECT_TRUE(SplitCommand("  ").empty());
}

// No crash, no hang, either a scenario or an InputError. Fixed seed: the same files every time.
TEST(Parser, SurvivesMutatedFiles) {
  const std::string good = ReadScenarioText("scenarios/slurp.yaml");
  std::mt19937 random(1);
  const std::string spice = "[]{}:-?&*!|>'\"%@`#,\n\t \\\x01\xff" "0a~";
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    const unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = spice[random() % spice.size()]; break;
        case 1: text.erase(at, 1 + random() % 40); break;
        case 2: text.insert(at, 1 + random() % 3, spice[random() % spice.size()]); break;
        default: text.insert(at, text.substr(random() % text.size(), random() % 60)); break;
      }
      if (text.empty()) text = "x";
    }
    try {
      ParseScenario("m.yaml", text);
    } catch (const InputError& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).rfind("m.yaml:", 0), 0u) << error.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

std::string ConfigurationOf(const std::string& text, const std::vector<Override>& overrides = {}) {
  return ParseScenario("s.yaml", text, overrides).configuration;
}

std::string With(const std::string& from, const std::string& to) {
  std::string text = kSmall;
  return text.replace(text.find(from), from.size(), to);
}

TEST(Configuration, IsOfWhatRunsNotOfWhatIsSaidOrExpected) {
  const std::string digest = ConfigurationOf(kSmall);

  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(ConfigurationOf(With("claim: It parses.", "claim: Something else.   # and why")), digest);
  EXPECT_EQ(ConfigurationOf(With("  - dma.escapes == 0", "  - dma.escapes == 1")), digest);
  EXPECT_EQ(ConfigurationOf(With("{name: control, role: dom0}", "{role: dom0, name: control}")), digest) << "another order";
  EXPECT_EQ(ConfigurationOf(kSmall, {{"machine.iommu", "none", "--iommu"}, {"seed", "1", "--seed"}}), digest) << "the defaults";
  EXPECT_NE(ConfigurationOf(With("wait: 10 us", "wait: 11 us")), digest);
  EXPECT_NE(ConfigurationOf(kSmall, {{"machine.iommu", "dmar", "--iommu"}}), digest);
  EXPECT_NE(ConfigurationOf(kSmall, {{"seed", "2", "--seed"}}), digest);
  EXPECT_NE(ConfigurationOf(kSmall, {{"kernel", "6.12", "--kernel"}}), digest);
  EXPECT_EQ(ConfigurationOf(kSmall, {{"seed", "2", "--seed"}}), ConfigurationOf(std::string("seed: 2\n") + kSmall));
}

}  // namespace
}  // namespace pvpci::scenarios
