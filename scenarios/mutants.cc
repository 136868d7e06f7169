// SPDX-License-Identifier: Apache-2.0
#include "scenarios/mutants.h"

#include <algorithm>

#include <fmt/format.h>

#include "scenarios/cli.h"
#include "scenarios/library.h"
#include "scenarios/schema.h"
#include "scenarios/suggest.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

const ObjectSpec& AbsentSpec() {
  static const ObjectSpec spec = [] {
    ObjectSpec made{"the kernels that lack the fix", {}, "", {}};
    for (const std::string& family : KernelFamilies()) made.keys.push_back({family, {}, false, "why"});
    return made;
  }();
  return spec;
}

const ObjectSpec& MutantSpec() {
  ValueSpec texts;
  texts.list = true;
  texts.minimum_items = 1;
  ValueSpec absent;
  absent.type = ValueType::kObject;
  absent.object = &AbsentSpec();
  static const ObjectSpec spec{"a mutant",
                               {
                                   {"id", {}, true, "the advisory; a letter where it has several fixes"},
                                   {"file", {}, true, "kernel file"},
                                   {"functions", texts, true, "where the fix is"},
                                   {"what", {}, true, "what the code does without it"},
                                   {"fix", {}, true, "commit"},
                                   {"detected_by", texts, true, "scenarios"},
                                   {"absent", absent, false, "kernels on which there is no such mutant"},
                               },
                               "",
                               {}};
  return spec;
}

std::vector<std::string> Texts(const YamlNode& list) {
  std::vector<std::string> texts;
  for (const YamlNode& item : list.items) texts.push_back(item.text);
  return texts;
}

Mutant ReadMutant(const YamlNode& node) {
  Mutant mutant;
  mutant.place = node.place;
  mutant.id = node.Find("id")->text;
  mutant.file = node.Find("file")->text;
  mutant.functions = Texts(*node.Find("functions"));
  mutant.what = node.Find("what")->text;
  mutant.fix = node.Find("fix")->text;
  mutant.detected_by = Texts(*node.Find("detected_by"));
  if (const YamlNode* absent = node.Find("absent")) {
    for (const std::string& family : KernelFamilies()) {
      if (const YamlNode* why = absent->Find(family)) mutant.absent[family] = why->text;
    }
  }
  return mutant;
}

}  // namespace

std::vector<Mutant> ParseMutants(const std::string& file, const std::string& text,
                                 const std::set<std::string>& scenarios) {
  const YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kList) {
    throw InputError(file, root.place, fmt::format("expected a list of mutants at the top, found {}", Describe(root)));
  }
  std::vector<Problem> problems;
  for (const YamlNode& item : root.items) Validate(item, MutantSpec(), &problems);
  if (!problems.empty()) throw InputError(file, std::move(problems));
  std::vector<Mutant> mutants;
  const std::vector<std::string> known(scenarios.begin(), scenarios.end());
  for (const YamlNode& item : root.items) {
    Mutant mutant = ReadMutant(item);
    for (const Mutant& other : mutants) {
      if (other.id != mutant.id) continue;
      problems.push_back({item.Find("id")->place, fmt::format("'{}' is in line {} already", mutant.id, other.place.line)});
    }
    for (const YamlNode& name : item.Find("detected_by")->items) {
      if (scenarios.count(name.text) != 0) continue;
      problems.push_back({name.place, fmt::format("detected_by: no scenario '{}'{}", name.text, DidYouMean(name.text, known))});
    }
    mutants.push_back(std::move(mutant));
  }
  if (!problems.empty()) throw InputError(file, std::move(problems));
  return mutants;
}

std::vector<Mutant> LoadMutants(const std::string& root) {
  const std::vector<std::string> names = ShippedScenarios(root);
  const std::string file = MutantsFile(root);
  return ParseMutants(file, ReadScenarioText(file), std::set<std::string>(names.begin(), names.end()));
}

const Mutant& FindMutant(const std::vector<Mutant>& mutants, const std::string& id, const std::string& kernel) {
  const auto found = std::find_if(mutants.begin(), mutants.end(), [&](const Mutant& mutant) { return mutant.id == id; });
  if (found == mutants.end()) {
    std::vector<std::string> known = {kNoMutant};
    for (const Mutant& mutant : mutants) known.push_back(mutant.id);
    throw UsageError(fmt::format("--mutant: expected {}, found '{}'{}", OneOf(known), id, DidYouMean(id, known)));
  }
  if (!found->on(kernel)) {
    throw UsageError(fmt::format("--mutant: {} does not exist on {}: {}", id, kernel, found->absent.at(kernel)));
  }
  return *found;
}

}  // namespace pvpci::scenarios
