// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "scenarios/library.h"
#include "scenarios/mutants.h"
#include "scenarios/parser.h"
#include "scenarios/problem.h"

namespace pvpci::scenarios {
namespace {

using reports::DmaClass;
using reports::Outcome;

std::string Entry(const std::string& more, const std::string& id = "S-01") {
  return "- {id: " + id + ", title: t, story: s, attacker: guest kernel, victim: v, observable: o, references: XSA-1, " +
         more + "}\n";
}

std::vector<CatalogueEntry> Parse(const std::string& text) { return ParseCatalogue("c.yaml", text, {"s01_x"}); }

TEST(Catalogue, IsSortedAndSaysWhatIsExpectedInEachCell) {
  const auto entries = Parse(Entry("expected: CONTAINED", "S-02") +
                             Entry("scenario: s01_x, abis: [2l, fifo], expected: [ESCAPED E5, {verdict: CONTAINED, when: "
                                   "[M1, M2]}, {verdict: GUEST-FAULT, when: [M2, 6.12, 2l]}]"));
  ASSERT_EQ(entries.size(), 2u);
  const CatalogueEntry& first = entries[0];
  EXPECT_EQ(first.id, "S-01");
  EXPECT_EQ(first.Cells().size(), 12u);
  EXPECT_EQ(entries[1].Cells().size(), 6u);
  EXPECT_EQ(first.ExpectedIn({IommuKind::kNone, "6.1", EventAbi::kFifo}).outcome, Outcome::kEscaped);
  EXPECT_EQ(first.ExpectedIn({IommuKind::kNone, "6.1", EventAbi::kFifo}).dma_class, DmaClass::kE5);
  EXPECT_EQ(first.ExpectedIn({IommuKind::kDmar, "6.12", EventAbi::k2L}).outcome, Outcome::kContained);
  EXPECT_EQ(first.ExpectedIn({IommuKind::kDmarIr, "6.12", EventAbi::kFifo}).outcome, Outcome::kContained);
  EXPECT_EQ(first.ExpectedIn({IommuKind::kDmarIr, "6.12", EventAbi::k2L}).outcome, Outcome::kGuestFault);
}

TEST(Catalogue, ExplainsTheVerdictThatWasSeenAndNoOther) {
  const CatalogueEntry entry = Parse(Entry(
      "expected: CONTAINED, explained: {when: M1, seen: DEGRADED, because: it is slow, source: xen/arch/x86/irq.c}"))[0];
  const CellKey cell{IommuKind::kDmar, "6.1", EventAbi::kFifo};

  ASSERT_NE(entry.Explains(cell, Outcome::kDegraded), nullptr);
  EXPECT_EQ(entry.Explains(cell, Outcome::kDegraded)->source, "xen/arch/x86/irq.c");
  EXPECT_EQ(entry.Explains(cell, Outcome::kEscaped), nullptr);
  EXPECT_EQ(entry.Explains({IommuKind::kNone, "6.1", EventAbi::kFifo}, Outcome::kDegraded), nullptr);
}

TEST(Catalogue, IsRefusedWithAPlace) {
  const struct {
    std::string text;
    const char* message;
  } rows[] = {
      {"id: S-01\n", "c.yaml:1:1: expected a list of attacks at the top"},
      {Entry("expected: CONTAINED") + Entry("expected: CONTAINED"), "c.yaml:2:8: S-01 is in line 1 already"},
      {Entry("expected: {verdict: CONTAINED, when: [M0, M1]}"), "expected: nothing for M2 on 6.1 with fifo"},
      {Entry("expected: CONTIANED"), "found 'CONTIANED'; did you mean 'CONTAINED'?"},
      {Entry("expected: ESCAPED E12"), "no class 'E12'"},
      {Entry("expected: CONTAINED, scenario: s01_y"), "no scenario 's01_y'; did you mean 's01_x'?"},
      {Entry("expected: CONTAINED, explained: {seen: DEGRADED, because: x}"), "missing key 'source'"},
      {Entry("expcted: CONTAINED"), "expcted"},
  };
  for (const auto& row : rows) {
    try {
      Parse(row.text);
      ADD_FAILURE() << row.message;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(row.message));
    }
  }
}

// Of threats.md 4, rows 28 and later: the page says that nobody has told them.
const std::set<std::string> kUntold = {"S-29", "S-32", "S-33", "S-34", "S-35", "S-38", "S-39"};

// All 40 rows of threats.md 4.
TEST(ShippedCatalogue, HasEveryAttack) {
  const auto entries = LoadCatalogue(CatalogueFile("."), ShippedScenarios("."));
  std::set<std::string> stories, untold;
  for (const CatalogueEntry& entry : entries) {
    stories.insert(entry.id.substr(0, 4));
    if (entry.scenario.empty()) untold.insert(entry.id);
  }
  for (int i = 1; i <= 39; ++i) {
    const std::string id = (i < 10 ? "S-0" : "S-") + std::to_string(i);
    EXPECT_EQ(stories.count(id), 1u) << id;
  }
  EXPECT_EQ(untold, kUntold);
}

// {M0, M1, M2} x {6.1, 6.12}, and both event channel ABIs where the story is about events.
TEST(ShippedCatalogue, HasEveryCellAndEachWithItsSource) {
  const std::set<std::string> about_events = {"S-08", "S-09", "S-10", "S-16", "S-36"};
  for (const CatalogueEntry& entry : LoadCatalogue(CatalogueFile("."), ShippedScenarios("."))) {
    EXPECT_FALSE(entry.references.empty()) << entry.id;
    EXPECT_NE(entry.observable, "") << entry.id;
    const bool both = about_events.count(entry.id.substr(0, 4)) != 0;
    EXPECT_EQ(entry.abis.size(), both ? 2u : 1u) << entry.id;
    EXPECT_EQ(entry.Cells().size(), 6 * entry.abis.size()) << entry.id;
    std::set<std::string> cells;
    for (const CellKey& cell : entry.Cells()) {
      cells.insert(std::string(Name(cell.mode)) + cell.kernel + Name(cell.abi));
      entry.ExpectedIn(cell);  // throws if there is none
    }
    EXPECT_EQ(cells.size(), entry.Cells().size()) << entry.id;
    for (const Explanation& explanation : entry.explanations) EXPECT_NE(explanation.source, "") << entry.id;
  }
}

// threats.md 2A: the flaws of the past that the hypervisor model can bring back, each shown by an attack.
TEST(ShippedCatalogue, ShowsEveryFlawThatCanBeBroughtBack) {
  std::set<std::string> shown;
  for (const CatalogueEntry& entry : LoadCatalogue(CatalogueFile("."), ShippedScenarios("."))) {
    if (entry.scenario.empty()) continue;
    for (const Parameter& parameter : LoadScenario(FindScenario(".", entry.scenario)).machine.xen) {
      if (parameter.name == "unfixed") shown.insert(parameter.value);
    }
  }
  for (const char* flaw : {"XSA-78", "XSA-80", "XSA-285", "XSA-302", "XSA-321", "XSA-346", "XSA-347", "XSA-373", "XSA-378", "XSA-399",
                           "XSA-400", "XSA-442"}) {
    EXPECT_EQ(shown.count(flaw), 1u) << flaw;
  }
}

TEST(ShippedCatalogue, NamesEveryScenarioOfItsFolderOnceAndEachSaysWhatCounts) {
  std::multiset<std::string> named;
  for (const CatalogueEntry& entry : LoadCatalogue(CatalogueFile("."), ShippedScenarios("."))) {
    if (entry.scenario.empty()) continue;
    named.insert(entry.scenario);
    EXPECT_TRUE(LoadScenario(FindScenario(".", entry.scenario)).review) << entry.scenario << " has no review:";
  }
  std::set<std::string> notice_mutants;
  for (const Mutant& mutant : LoadMutants(".")) {
    notice_mutants.insert(mutant.detected_by.begin(), mutant.detected_by.end());
  }
  for (const auto& file : std::filesystem::directory_iterator("scenarios/attacks")) {
    const std::string name = file.path().stem().string();
    if (file.path().extension() != ".yaml" || (name[0] != 's' && name[0] != 'm') || name == "mutants") continue;
    EXPECT_LE(named.count(name), 1u) << name;
    EXPECT_GE(named.count(name) + notice_mutants.count(name), 1u) << name;
  }
}

}  // namespace
}  // namespace pvpci::scenarios
