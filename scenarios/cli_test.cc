// SPDX-License-Identifier: Apache-2.0
#include "scenarios/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/library.h"

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Refusal(const std::vector<std::string>& arguments) {
  try {
    ParseCommandLine(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CommandLine, TakesEveryOptionOfRun) {
  const CommandLine command = ParseCommandLine(
      {"run", "slurp", "--iommu", "dmar+ir", "--kernel=6.1", "forged_msi", "--seed", "7", "--set", "domains.a.vcpus=2",
       "--set", "machine.xen.uptime_at_start=1 s", "--out", "/tmp/x", "--format", "text,trace", "--format", "json",
       "--twice", "--timeout", "5", "--until", "5 ms", "--gdb=1 us"});
  EXPECT_EQ(command.verb, Verb::kRun);
  EXPECT_THAT(command.scenarios, ElementsAre("slurp", "forged_msi"));
  ASSERT_EQ(command.overrides.size(), 5u);
  EXPECT_EQ(command.overrides[0].key, "machine.iommu");
  EXPECT_EQ(command.overrides[4].key, "machine.xen.uptime_at_start");
  EXPECT_EQ(command.overrides[4].value, "1 s");
  EXPECT_EQ(command.out, "/tmp/x");
  EXPECT_THAT(command.formats, ElementsAre("json", "text", "trace"));
  EXPECT_TRUE(command.twice);
  EXPECT_EQ(command.timeout_s, 5u);
  EXPECT_EQ(command.until, 5 * sim::kMs);
  EXPECT_TRUE(command.gdb);
  EXPECT_EQ(command.gdb_at, sim::kUs);
}

TEST(CommandLine, DefaultsToTextOnTheTerminal) {
  const CommandLine command = ParseCommandLine({"run", "slurp"});
  EXPECT_THAT(command.formats, ElementsAre("text"));
  EXPECT_TRUE(command.overrides.empty());
  EXPECT_FALSE(command.gdb);
  EXPECT_TRUE(ParseCommandLine({"run", "slurp", "--gdb"}).gdb);
}

TEST(CommandLine, TakesRows) {
  const CommandLine command = ParseCommandLine({"rows", "03", "--json", "S"});
  EXPECT_EQ(command.verb, Verb::kRows);
  EXPECT_THAT(command.rows, ElementsAre("03", "S"));
  EXPECT_TRUE(command.json);
  EXPECT_TRUE(ParseCommandLine({"rows", "--markdown"}).markdown);
}

TEST(CommandLine, TakesAReviewAndADiff) {
  const CommandLine review = ParseCommandLine(
      {"review", "S-01", "S-04", "--profile", "qubes", "--baseline", "a.json", "--suppressions", "s.yaml", "--out", "x"});
  EXPECT_EQ(review.verb, Verb::kReview);
  EXPECT_THAT(review.attacks, ElementsAre("S-01", "S-04"));
  EXPECT_EQ(review.profile, "qubes");
  EXPECT_EQ(review.baseline, "a.json");
  EXPECT_EQ(review.suppressions, "s.yaml");
  EXPECT_EQ(ParseCommandLine({"review"}).profile, "server");
  const CommandLine diff = ParseCommandLine({"diff", "a", "b", "--suppressions", "s.yaml", "--json"});
  EXPECT_EQ(diff.verb, Verb::kDiff);
  EXPECT_THAT(diff.compared, ElementsAre("a", "b"));
  EXPECT_TRUE(diff.json);
  const CommandLine reach = ParseCommandLine({"reach", "slurp", "--iommu", "dmar", "--json", "--out", "/tmp/x"});
  EXPECT_EQ(reach.verb, Verb::kReach);
  EXPECT_EQ(reach.overrides[0].value, "dmar");
  EXPECT_TRUE(reach.json);
  EXPECT_TRUE(ParseCommandLine({"run", "slurp", "--counterfactual"}).counterfactual);
}

TEST(CommandLine, TakesTheArgumentsOfARunWhenAskedForItsKernels) {
  const CommandLine command = ParseCommandLine({kKernelsVerb, "slurp", "honest_dma", "--iommu", "dmar"});
  EXPECT_EQ(command.verb, Verb::kKernels);
  EXPECT_THAT(command.scenarios, testing::ElementsAre("slurp", "honest_dma"));
}

TEST(CommandLine, RefusesWithWhatWasMeant) {
  EXPECT_THAT(Refusal({}), HasSubstr("which verb?"));
  EXPECT_THAT(Refusal({"rnu", "slurp"}), HasSubstr("did you mean 'run'?"));
  EXPECT_THAT(Refusal({"frobnicate"}), HasSubstr("unknown verb 'frobnicate'"));
  EXPECT_THAT(Refusal({"run"}), HasSubstr("which scenario?"));
  EXPECT_THAT(Refusal({"run", "slurp", "--imomu", "none"}), HasSubstr("did you mean '--iommu'?"));
  EXPECT_THAT(Refusal({"run", "slurp", "--iommu", "maybe"}), HasSubstr("none, dmar or dmar+ir"));
  EXPECT_THAT(Refusal({"run", "slurp", "--seed", "x"}), HasSubstr("--seed: expected a whole number, found 'x'"));
  EXPECT_THAT(Refusal({"run", "slurp", "--seed", "-1"}), HasSubstr("--seed"));
  EXPECT_THAT(Refusal({"run", "slurp", "--seed"}), HasSubstr("--seed"));
  EXPECT_THAT(Refusal({"run", "slurp", "--set", "x"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Refusal({"run", "slurp", "--format", "pdf"}), HasSubstr("--format: expected"));
  EXPECT_THAT(Refusal({"run", "slurp", "--timeout", "0"}), HasSubstr("--timeout"));
  EXPECT_THAT(Refusal({"run", "slurp", "--until", "soon"}), HasSubstr("--until: expected a time"));
  EXPECT_THAT(Refusal({"show", "a", "b"}), HasSubstr("one scenario"));
  EXPECT_THAT(Refusal({"fidelity", "gold"}), HasSubstr("or 'golden' for the recorded traces"));
  EXPECT_THAT(Refusal({"fidelity", "golden", "--jsno"}), HasSubstr("did you mean '--json'?"));
  EXPECT_THAT(Refusal({"test"}), HasSubstr("front script"));
  EXPECT_THAT(Refusal({"rows", "--json", "--markdown"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"review", "--profile", "qubs"}), HasSubstr("did you mean 'qubes'?"));
  EXPECT_THAT(Refusal({"review", "--json", "--markdown"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"diff", "a"}), HasSubstr("expected two"));
  EXPECT_THAT(Refusal({"run", "slurp", "--counterfactual", "--twice"}), HasSubstr("--counterfactual"));
  EXPECT_THAT(Refusal({"reach", "slurp", "honest_dma"}), HasSubstr("reach: one scenario at a time"));
  EXPECT_THAT(Refusal({"rows", "--makdown"}), HasSubstr("did you mean '--markdown'?"));
}

TEST(CommandLine, TeachesByExamples) {
  EXPECT_THAT(ParseCommandLine({"--help"}).help, HasSubstr("./pvpci run slurp"));
  EXPECT_THAT(ParseCommandLine({"run", "--help"}).help, HasSubstr("Examples"));
  EXPECT_THAT(ParseCommandLine({"help", "check"}).help, HasSubstr("--schema"));
  for (const char* verb : {"run", "list", "show", "check", "fidelity", "rows", "review", "diff", "test", "demo"}) {
    EXPECT_EQ(ParseCommandLine({verb, "--help"}).verb, Verb::kHelp) << verb;
  }
}

TEST(Library, FindsScenariosByNameAndPath) {
  EXPECT_THAT(ShippedScenarios("."), testing::IsSupersetOf({"forged_msi", "honest_dma", "interrupt_latency", "slurp"}));
  EXPECT_THAT(FindScenario(".", "slurp"), HasSubstr("scenarios/slurp.yaml"));
  EXPECT_THAT(ShippedScenarios("."), testing::Contains("row17_pci_stub"));
  EXPECT_THAT(ShippedScenarios("."), testing::Not(testing::Contains("rows")));
  EXPECT_THAT(FindScenario(".", "row17_pci_stub"), HasSubstr("scenarios/rows/row17_pci_stub.yaml"));
  EXPECT_THAT(ShippedScenarios("."), testing::Contains("s01_wild_dma"));
  EXPECT_THAT(ShippedScenarios("."), testing::Not(testing::Contains("catalogue")));
  EXPECT_THAT(FindScenario(".", "s01_wild_dma"), HasSubstr("scenarios/attacks/s01_wild_dma.yaml"));
  EXPECT_EQ(FindScenario(".", "a/b.yaml"), "a/b.yaml");
  EXPECT_EQ(FindScenario(".", "x.yaml"), "x.yaml");
  try {
    FindScenario(".", "slrup");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'slurp'?"));
  }
}

}  // namespace
}  // namespace pvpci::scenarios
