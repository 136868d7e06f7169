// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/catalogue.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "reports/names.h"
#include "scenarios/problem.h"
#include "scenarios/schema.h"
#include "scenarios/suggest.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

constexpr EventAbi kAbis[] = {EventAbi::k2L, EventAbi::kFifo};
constexpr IommuKind kModes[] = {IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr};
const std::vector<std::string>& OutcomeWords() {
  static const std::vector<std::string> words = {"CONTAINED",   "ESCAPED",    "DEGRADED",
                                                 "GUEST-FAULT", "HOST-FAULT", "N/A"};
  return words;
}

ValueSpec Words(std::vector<std::string> words) {
  ValueSpec spec;
  spec.type = ValueType::kWord;
  spec.words = std::move(words);
  return spec;
}

ValueSpec SomeOf(ValueSpec spec) {
  spec.list = spec.single = true;
  spec.minimum_items = 1;
  return spec;
}

ValueSpec ListOf(const ObjectSpec& object) {
  ValueSpec spec;
  spec.type = ValueType::kObject;
  spec.object = &object;
  return SomeOf(spec);
}

ValueSpec CellWords() {
  std::vector<std::string> words = {"M0", "M1", "M2"};
  words.insert(words.end(), KernelFamilies().begin(), KernelFamilies().end());
  for (const EventAbi abi : kAbis) words.emplace_back(Name(abi));
  return SomeOf(Words(words));
}

const ObjectSpec& ExpectedSpec() {
  static const ObjectSpec spec{"what is expected",
                               {
                                   {"verdict", {}, true, "\"ESCAPED E5\", \"CONTAINED\""},
                                   {"when", CellWords(), false, "in these modes, on these kernels, with these ABIs"},
                               },
                               "verdict",
                               {}};
  return spec;
}

const ObjectSpec& ExplainedSpec() {
  static const ObjectSpec spec{"an explanation",
                               {
                                   {"when", CellWords(), false, "in these modes, on these kernels, with these ABIs"},
                                   {"seen", Words(OutcomeWords()), true, "the verdict that it explains"},
                                   {"because", {}, true, "why"},
                                   {"source", {}, true, "where that stands"},
                               },
                               "",
                               {}};
  return spec;
}

const ObjectSpec& EntrySpec() {
  ValueSpec name;
  name.type = ValueType::kName;
  static const ObjectSpec spec{
      "an attack",
      {
          {"id", name, true, "S-01; a variant adds a letter"},
          {"title", {}, true, "its name in threats.md 4"},
          {"story", {}, true, "who attacks whom, one sentence"},
          {"attacker", Words({"guest kernel", "guest user", "device firmware", "backend domain", "toolstack"}), true,
           "of the attacker model"},
          {"victim", {}, true, "whose memory or service is at stake"},
          {"scenario", name, false, "that tells it"},
          {"abis", SomeOf(Words({"2l", "fifo"})), false, "event channel ABIs that it runs with (fifo)"},
          {"expected", ListOf(ExpectedSpec()), true, "the last one that applies counts"},
          {"observable", {}, true, "key observable, pass criterion"},
          {"references", SomeOf({}), true, "advisories, CWEs, papers"},
          {"explained", ListOf(ExplainedSpec()), false, "cells that disagree, each with its source"},
      },
      "",
      {}};
  return spec;
}

class EntryReader : private ValueReader {
 public:
  EntryReader(const std::string& file, const std::vector<std::string>& scenarios, std::vector<Problem>* problems)
      : ValueReader(file, problems), scenarios_(scenarios) {}

  void Read(const YamlNode& node) {
    CatalogueEntry entry;
    entry.place = PlaceOf(node, "id");
    entry.id = Text(node, "id", "");
    entry.title = Text(node, "title", "");
    entry.story = Text(node, "story", "");
    entry.attacker = Text(node, "attacker", "");
    entry.victim = Text(node, "victim", "");
    entry.observable = Text(node, "observable", "");
    entry.scenario = Text(node, "scenario", "");
    for (const YamlNode* item : Items(node, "references")) entry.references.push_back(item->text);
    entry.abis = Abis(node, "abis");
    if (entry.abis.empty()) entry.abis = {EventAbi::kFifo};
    if (!entry.scenario.empty() &&
        std::find(scenarios_.begin(), scenarios_.end(), entry.scenario) == scenarios_.end()) {
      Complain(PlaceOf(node, "scenario"), fmt::format("scenario: no scenario '{}'{}", entry.scenario,
                                                      DidYouMean(entry.scenario, scenarios_)));
    }
    const auto [first, fresh] = places_.emplace(entry.id, entry.place);
    if (!fresh) Complain(entry.place, fmt::format("{} is in line {} already", entry.id, first->second.line));
    for (const YamlNode* item : Items(node, "expected")) ReadExpected(*item, &entry);
    for (const YamlNode* item : Items(node, "explained")) {
      Explanation explanation{When(*item), {}, Text(*item, "because", ""), Text(*item, "source", "")};
      reports::FromName(Text(*item, "seen", ""), &explanation.seen);
      entry.explanations.push_back(explanation);
    }
    for (const CellKey& cell : entry.Cells()) {
      if (std::any_of(entry.expected.begin(), entry.expected.end(),
                      [&](const ExpectedRule& rule) { return rule.when.Includes(cell); })) {
        continue;
      }
      Complain(PlaceOf(node, "expected"), fmt::format("expected: nothing for {} on {} with {}", ModeName(cell.mode),
                                                      cell.kernel, Name(cell.abi)));
      break;
    }
    entries_.push_back(std::move(entry));
  }

  std::vector<CatalogueEntry> entries() const {
    std::vector<CatalogueEntry> sorted = entries_;
    std::sort(sorted.begin(), sorted.end(),
              [](const CatalogueEntry& a, const CatalogueEntry& b) { return a.id < b.id; });
    return sorted;
  }

 private:
  static std::vector<EventAbi> Abis(const YamlNode& node, const char* key) {
    std::vector<EventAbi> abis;
    for (const YamlNode* item : Items(node, key)) {
      for (const EventAbi abi : kAbis) {
        if (item->text == Name(abi)) abis.push_back(abi);
      }
    }
    return abis;
  }

  static CellScope When(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kMap) return {};
    return {ValueReader::When(node), Abis(node, "when")};
  }

  // "ESCAPED E5", or one word.
  void ReadExpected(const YamlNode& node, CatalogueEntry* entry) {
    const YamlNode& verdict = node.kind == YamlNode::Kind::kMap ? *node.Find("verdict") : node;
    const size_t space = verdict.text.find(' ');
    ExpectedRule rule{When(node), {}};
    const std::string word = verdict.text.substr(0, space);
    if (!reports::FromName(word, &rule.expected.outcome)) {
      Complain(verdict.place, fmt::format("expected: expected {}, found '{}'{}", OneOf(OutcomeWords()), word,
                                          DidYouMean(word, OutcomeWords())));
    }
    if (space != std::string::npos) {
      reports::DmaClass dma_class{};
      if (!reports::FromName(verdict.text.substr(space + 1), &dma_class)) {
        Complain(verdict.place, fmt::format("expected: no class '{}'; there are E0 .. E11",
                                            verdict.text.substr(space + 1)));
      }
      rule.expected.dma_class = dma_class;
    }
    entry->expected.push_back(rule);
  }

  const std::vector<std::string>& scenarios_;
  std::map<std::string, Place> places_;
  std::vector<CatalogueEntry> entries_;
};

template <typename T>
bool Open(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool CellScope::Includes(const CellKey& cell) const {
  return Open(scope.modes, cell.mode) && Open(scope.kernels, cell.kernel) && Open(abis, cell.abi);
}

std::vector<CellKey> CatalogueEntry::Cells() const {
  std::vector<CellKey> cells;
  for (const IommuKind mode : kModes) {
    for (const std::string& kernel : KernelFamilies()) {
      for (const EventAbi abi : abis) cells.push_back({mode, kernel, abi});
    }
  }
  return cells;
}

Expected CatalogueEntry::ExpectedIn(const CellKey& cell) const {
  const auto rule = std::find_if(expected.rbegin(), expected.rend(),
                                 [&](const ExpectedRule& candidate) { return candidate.when.Includes(cell); });
  return rule == expected.rend() ? Expected() : rule->expected;
}

const Explanation* CatalogueEntry::Explains(const CellKey& cell, reports::Outcome seen) const {
  const auto found = std::find_if(explanations.begin(), explanations.end(), [&](const Explanation& explanation) {
    return explanation.seen == seen && explanation.when.Includes(cell);
  });
  return found == explanations.end() ? nullptr : &*found;
}

std::vector<CatalogueEntry> ParseCatalogue(const std::string& file, const std::string& text,
                                           const std::vector<std::string>& scenarios) {
  const YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kList) {
    throw InputError(file, root.place, fmt::format("expected a list of attacks at the top, found {}", Describe(root)));
  }
  std::vector<Problem> problems;
  for (const YamlNode& item : root.items) Validate(item, EntrySpec(), &problems);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  EntryReader reader(file, scenarios, &problems);
  for (const YamlNode& item : root.items) reader.Read(item);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  return reader.entries();
}

std::vector<CatalogueEntry> LoadCatalogue(const std::string& file, const std::vector<std::string>& scenarios) {
  return ParseCatalogue(file, ReadScenarioText(file), scenarios);
}

}  // namespace pvpci::scenarios
