// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/mutants.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "scenarios/problem.h"
#include "scenarios/schema.h"
#include "scenarios/suggest.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

const ObjectSpec& EntrySpec() {
  ValueSpec name;
  name.type = ValueType::kName;
  ValueSpec words;
  words.type = ValueType::kWord;
  words.list = words.single = true;
  words.minimum_items = 1;
  ValueSpec kernels = words;
  kernels.words = KernelFamilies();
  ValueSpec modes = words;
  modes.list = modes.single = false;
  modes.words = {"M0", "M1", "M2"};
  ValueSpec attacks = name;
  attacks.list = attacks.single = true;
  attacks.minimum_items = 1;
  static const ObjectSpec spec{"a mutant",
                               {
                                   {"id", name, true, "as --mutant takes it"},
                                   {"file", {}, true, "in the kernel's tree"},
                                   {"function", {}, true, "that is changed"},
                                   {"reverts", {}, true, "what is taken back, one sentence"},
                                   {"kernels", kernels, false, "that have it (all)"},
                                   {"mode", modes, false, "that the attacks run in (M0)"},
                                   {"detected_by", attacks, true, "attacks of the catalogue"},
                               },
                               "",
                               {}};
  return spec;
}

class EntryReader : private ValueReader {
 public:
  EntryReader(const std::string& file, const std::vector<std::string>& attacks, std::vector<Problem>* problems)
      : ValueReader(file, problems), attacks_(attacks) {}

  void Read(const YamlNode& node) {
    MutantEntry entry;
    entry.place = PlaceOf(node, "id");
    entry.id = Text(node, "id", "");
    entry.file = Text(node, "file", "");
    entry.function = Text(node, "function", "");
    entry.reverts = Text(node, "reverts", "");
    entry.kernels = Kernels(node, "kernels");
    if (entry.kernels.empty()) entry.kernels = KernelFamilies();
    if (const auto modes = Modes(node, "mode"); !modes.empty()) entry.mode = modes.front();
    for (const YamlNode* item : Items(node, "detected_by")) {
      entry.detected_by.push_back(item->text);
      if (std::find(attacks_.begin(), attacks_.end(), item->text) != attacks_.end()) continue;
      Complain(item->place, fmt::format("detected_by: no attack '{}'{}", item->text, DidYouMean(item->text, attacks_)));
    }
    const auto [first, fresh] = places_.emplace(entry.id, entry.place);
    if (!fresh) Complain(entry.place, fmt::format("{} is in line {} already", entry.id, first->second.line));
    entries_.push_back(std::move(entry));
  }

  std::vector<MutantEntry> entries() const {
    std::vector<MutantEntry> sorted = entries_;
    std::sort(sorted.begin(), sorted.end(), [](const MutantEntry& a, const MutantEntry& b) { return a.id < b.id; });
    return sorted;
  }

 private:
  const std::vector<std::string>& attacks_;
  std::map<std::string, Place> places_;
  std::vector<MutantEntry> entries_;
};

}  // namespace

std::vector<MutantEntry> ParseMutants(const std::string& file, const std::string& text,
                                      const std::vector<std::string>& attacks) {
  const YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kList) {
    throw InputError(file, root.place, fmt::format("expected a list of mutants at the top, found {}", Describe(root)));
  }
  std::vector<Problem> problems;
  for (const YamlNode& item : root.items) Validate(item, EntrySpec(), &problems);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  EntryReader reader(file, attacks, &problems);
  for (const YamlNode& item : root.items) reader.Read(item);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  return reader.entries();
}

std::vector<MutantEntry> LoadMutants(const std::string& file, const std::vector<std::string>& attacks) {
  return ParseMutants(file, ReadScenarioText(file), attacks);
}

}  // namespace pvpci::scenarios
