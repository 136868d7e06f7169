// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/spec.h"

#include <regex.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "scenarios/cli.h"
#include "scenarios/expectations.h"
#include "scenarios/library.h"
#include "scenarios/suggest.h"
#include "scenarios/sweep/responses.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPointsMax = 100000;

ValueSpec Typed(ValueType type) {
  ValueSpec spec;
  spec.type = type;
  return spec;
}
ValueSpec Words(std::vector<std::string> words) {
  ValueSpec spec = Typed(ValueType::kWord);
  spec.words = std::move(words);
  return spec;
}
ValueSpec Object(const ObjectSpec& object) {
  ValueSpec spec = Typed(ValueType::kObject);
  spec.object = &object;
  return spec;
}
ValueSpec Some(ValueSpec spec) {
  spec.list = spec.single = true;
  spec.minimum_items = 1;
  return spec;
}
ValueSpec ListOf(ValueSpec spec) {
  spec.list = true;
  spec.minimum_items = 1;
  return spec;
}
ValueSpec Scalars() { return Typed(ValueType::kScalars); }

const ObjectSpec& LevelTable() {
  static const ObjectSpec spec{"a level",
                               {
                                   {"name", {}, true, "the value, or the name of what it sets"},
                                   {"set", Scalars(), false, "KEY: VALUE, ... as --set takes them (what the factor sets: the name)"},
                               },
                               "name",
                               {}};
  return spec;
}

const ObjectSpec& FactorTable() {
  static const ObjectSpec spec{
      "a factor",
      {
          {"set", Some({}), false,
           "keys of the scenario file that get the level, 'domains.*.events' (named mode, kernel, abi, seed or scenario: those)"},
          {"levels", ListOf(Object(LevelTable())), true, "the values, or maps of name and set"},
          {"quick", Some({}), false, "which of them --quick and the test suite run (all)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& MeasureTable() {
  static const ObjectSpec spec{
      "what is measured",
      {
          {"since", {}, false, "label of the step where it starts (the first storm, or the start)"},
          {"domains", Some({}), false, "whose interrupts and hypercalls (every domU)"},
          {"kinds", Some(Words({"intx", "msi", "msix"})), false, "which interrupts (all)"},
          {"blocks", Typed(ValueType::kBool), false, "count the basic blocks of these domains' upcalls, by function (false)"},
      },
      "",
      {}};
  return spec;
}

const ObjectSpec& ResponseTable() {
  static const ObjectSpec spec{"a response",
                               {
                                   {"name", {}, true, "a word of './pvpci sweep --responses', or the name of what follows"},
                                   {"unit", {}, false, "for the page"},
                                   {"value", {}, false, "path into result.json, as expectations have it: dma.E0.bytes"},
                                   {"console", {}, false, "domain in whose console a number stands, * for any"},
                                   {"matches", {}, false, "regular expression for it, the number in ( )"},
                               },
                               "name",
                               {}};
  return spec;
}

const ObjectSpec& PlotTable() {
  static const ObjectSpec spec{"the plot",
                               {
                                   {"response", {}, false, "upwards (the first)"},
                                   {"across", {}, false, "factor to the right (the one with most levels)"},
                                   {"lines", {}, false, "factor with a line for each level (the next)"},
                                   {"at", Scalars(), false, "FACTOR: LEVEL, ... at which others are held (averaged)"},
                               },
                               "",
                               {}};
  return spec;
}

const ObjectSpec& FindingTable() {
  ValueSpec share = Typed(ValueType::kNumber);
  share.maximum = 10;
  static const ObjectSpec spec{
      "a finding",
      {
          {"response", {}, true, "whose mean"},
          {"of", Scalars(), true, "over the points at these levels, FACTOR: LEVEL, ..."},
          {"is", Words({"more", "less", "same"}), true, "than that at the others"},
          {"than", Scalars(), true, "FACTOR: LEVEL, ..."},
          {"within", share, false, "same: so much apart at most, relative (0)"},
          {"because", {}, true, "why, with the functions of the original that show it"},
      },
      "",
      {}};
  return spec;
}

// What a factor of that name sets if it does not say.
const std::vector<std::pair<std::string, std::string>>& KnownFactors() {
  static const std::vector<std::pair<std::string, std::string>> known = {{"mode", "machine.iommu"},
                                                                         {"kernel", "kernel"},
                                                                         {"abi", "domains.*.events"},
                                                                         {"seed", "seed"},
                                                                         {"scenario", "scenario"}};
  return known;
}

Settings ReadSettings(const YamlNode* map) {
  Settings settings;
  if (map == nullptr) return settings;
  for (const auto& [key, value] : map->members) settings.emplace_back(key.text, value.text);
  return settings;
}

class SweepReader : private ValueReader {
 public:
  SweepReader(const std::string& file, const std::string& root, std::vector<Problem>* problems)
      : ValueReader(file, problems), root_(root) {}

  SweepSpec Read(const YamlNode& top) {
    SweepSpec spec;
    spec.file = file_;
    spec.name = Text(top, "name", "");
    spec.question = Text(top, "question", "");
    spec.scenario = ScenarioFile(*top.Find("scenario"));
    spec.settings = ReadSettings(top.Find("set"));
    spec.design = Text(top, "design", "full") == "full" ? Design::kFull : Design::kFractional;
    spec.points = static_cast<size_t>(Number(top, "points", 0));
    if (spec.design == Design::kFractional && top.Find("points") == nullptr) {
      Complain(PlaceOf(top, "design"), "a fractional design needs 'points', how many");
    }
    if (spec.design == Design::kFull && top.Find("points") != nullptr) {
      Complain(PlaceOf(top, "points"), "points: only of a fractional design; a full one runs every combination");
    }
    for (const auto& [name, node] : top.Find("factors")->members) spec.factors.push_back(ReadFactor(name, node));
    for (const YamlNode* node : Items(top, "without")) spec.without.push_back(ReadLevels(spec, node));
    if (const YamlNode* node = top.Find("measure")) {
      spec.measure.since = Text(*node, "since", "");
      for (const YamlNode* item : Items(*node, "domains")) spec.measure.domains.push_back(item->text);
      for (const YamlNode* item : Items(*node, "kinds")) spec.measure.kinds.push_back(item->text);
      spec.measure.blocks = Flag(*node, "blocks", false);
    }
    for (const YamlNode* node : Items(top, "responses")) ReadResponse(*node, &spec);
    if (spec.responses.empty()) {
      for (const char* word : kUsualResponses) spec.responses.push_back({word, "", "", "", ""});
    }
    if (const YamlNode* node = top.Find("plot")) ReadPlot(*node, &spec);
    for (const YamlNode* node : Items(top, "findings")) ReadFinding(*node, &spec);
    return spec;
  }

 private:
  // Beside this file, or by name.
  std::string ScenarioFile(const YamlNode& node) {
    const bool path = node.text.find('/') != std::string::npos || fs::path(node.text).has_extension();
    if (path) return FindFile(node, "scenario");
    try {
      return FindScenario(root_, node.text);
    } catch (const UsageError& error) {
      Complain(node.place, fmt::format("scenario: {}", error.what()));
      return "";
    }
  }

  SweepFactor ReadFactor(const YamlNode& name, const YamlNode& node) {
    SweepFactor factor;
    factor.name = name.text;
    std::vector<std::string> keys;
    for (const YamlNode* item : Items(node, "set")) keys.push_back(item->text);
    for (const auto& [known, key] : KnownFactors()) {
      if (keys.empty() && known == name.text) keys.push_back(key);
    }
    std::vector<std::string> names;
    for (const YamlNode* item : Items(node, "levels")) {
      SweepLevel level;
      level.place = item->place;
      level.name = item->kind == YamlNode::Kind::kMap ? Text(*item, "name", "") : item->text;
      for (const std::string& key : keys) level.settings.emplace_back(key, level.name);
      if (item->kind == YamlNode::Kind::kMap && item->Find("set") != nullptr) level.settings = ReadSettings(item->Find("set"));
      if (level.settings.empty() && !(item->kind == YamlNode::Kind::kMap && item->Find("set") != nullptr)) {
        Complain(item->place, fmt::format("factor '{}': what does level '{}' set? Say 'set: KEY' in the factor, or 'set' in "
                                          "the level{}", name.text, level.name, DidYouMean(name.text, KnownNames())));
      }
      for (auto& [key, value] : level.settings) {
        if (key == "scenario") value = ScenarioFile(ScalarAt(value, item->place));
      }
      if (std::find(names.begin(), names.end(), level.name) != names.end()) {
        Complain(item->place, fmt::format("factor '{}': level '{}' is there twice", name.text, level.name));
      }
      names.push_back(level.name);
      factor.levels.push_back(std::move(level));
    }
    for (const YamlNode* item : Items(node, "quick")) {
      const auto found = std::find(names.begin(), names.end(), item->text);
      if (found == names.end()) {
        Complain(item->place, fmt::format("quick: factor '{}' has no level '{}'{}", name.text, item->text,
                                          Hint(item->text, names)));
        continue;
      }
      factor.quick.push_back(static_cast<size_t>(found - names.begin()));
    }
    return factor;
  }

  static YamlNode ScalarAt(const std::string& text, Place place) {
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.text = text;
    node.place = place;
    return node;
  }

  static std::vector<std::string> KnownNames() {
    std::vector<std::string> names;
    for (const auto& [name, key] : KnownFactors()) names.push_back(name);
    return names;
  }

  static std::string Hint(const std::string& text, const std::vector<std::string>& names) {
    const std::string hint = DidYouMean(text, names);
    return hint.empty() ? "; expected " + OneOf(names) : hint;
  }

  LevelNames ReadLevels(const SweepSpec& spec, const YamlNode* map) {
    LevelNames levels;
    if (map == nullptr) return levels;
    for (const auto& [key, value] : map->members) {
      if (!CheckFactor(spec, key)) continue;
      const auto factor = std::find_if(spec.factors.begin(), spec.factors.end(),
                                       [&key = key](const SweepFactor& each) { return each.name == key.text; });
      std::vector<std::string> names;
      for (const SweepLevel& level : factor->levels) names.push_back(level.name);
      if (std::find(names.begin(), names.end(), value.text) == names.end()) {
        Complain(value.place, fmt::format("factor '{}' has no level '{}'{}", key.text, value.text, Hint(value.text, names)));
      }
      levels[key.text] = value.text;
    }
    return levels;
  }

  bool CheckFactor(const SweepSpec& spec, const YamlNode& node) {
    std::vector<std::string> names;
    for (const SweepFactor& factor : spec.factors) names.push_back(factor.name);
    if (std::find(names.begin(), names.end(), node.text) != names.end()) return true;
    Complain(node.place, fmt::format("no factor '{}'{}", node.text, Hint(node.text, names)));
    return false;
  }

  void CheckResponse(const SweepSpec& spec, const YamlNode& node) {
    std::vector<std::string> names;
    for (const SweepResponse& response : spec.responses) names.push_back(response.name);
    if (std::find(names.begin(), names.end(), node.text) != names.end() || PartNameOf(node.text)) return;
    Complain(node.place, fmt::format("no response '{}'{}", node.text, Hint(node.text, names)));
  }

  void ReadResponse(const YamlNode& node, SweepSpec* spec) {
    SweepResponse response;
    response.name = node.kind == YamlNode::Kind::kMap ? Text(node, "name", "") : node.text;
    if (node.kind == YamlNode::Kind::kMap) {
      response.unit = Text(node, "unit", "");
      response.value = Text(node, "value", "");
      response.console = Text(node, "console", "");
      response.matches = Text(node, "matches", "");
    }
    if (response.console.empty() != response.matches.empty()) {
      Complain(node.place, fmt::format("response '{}': 'console' and 'matches' go together", response.name));
    }
    if (response.value.empty() && response.console.empty()) {
      const std::vector<std::string> words = ResponseWords();
      if (std::find(words.begin(), words.end(), response.name) == words.end()) {
        Complain(node.place, fmt::format("no response '{}'{}", response.name, Hint(response.name, words)));
      }
      if (response.name.rfind("blocks", 0) == 0 && !spec->measure.blocks) {
        Complain(node.place, fmt::format("'{}' needs 'measure: {{blocks: true}}'", response.name));
      }
    } else if (!response.value.empty()) {
      try {
        ParseExpectation(response.value + " == 0");
      } catch (const ExpectationError& error) {
        Complain(PlaceOf(node, "value"), fmt::format("value '{}': {}", response.value, error.what()));
      }
    } else {
      regex_t compiled;
      const bool good = regcomp(&compiled, response.matches.c_str(), REG_EXTENDED) == 0;
      if (!good || compiled.re_nsub == 0) {
        Complain(PlaceOf(node, "matches"), fmt::format("matches: expected a regular expression with the number in ( ), found "
                                                       "'{}'", response.matches));
      }
      if (good) regfree(&compiled);
    }
    for (const SweepResponse& other : spec->responses) {
      if (other.name == response.name) Complain(node.place, fmt::format("response '{}' is there twice", response.name));
    }
    spec->responses.push_back(std::move(response));
  }

  void ReadPlot(const YamlNode& node, SweepSpec* spec) {
    spec->plot = {Text(node, "response", ""), Text(node, "across", ""), Text(node, "lines", ""), ReadLevels(*spec, node.Find("at"))};
    if (const YamlNode* response = node.Find("response")) CheckResponse(*spec, *response);
    for (const char* key : {"across", "lines"}) {
      if (const YamlNode* factor = node.Find(key)) CheckFactor(*spec, *factor);
    }
  }

  void ReadFinding(const YamlNode& node, SweepSpec* spec) {
    SweepFinding finding;
    finding.response = Text(node, "response", "");
    CheckResponse(*spec, *node.Find("response"));
    finding.of = ReadLevels(*spec, node.Find("of"));
    finding.than = ReadLevels(*spec, node.Find("than"));
    const std::string relation = Text(node, "is", "more");
    finding.relation = relation == "more" ? Relation::kMore : relation == "less" ? Relation::kLess : Relation::kSame;
    finding.within = std::strtod(Text(node, "within", "0").c_str(), nullptr);
    finding.because = Text(node, "because", "");
    spec->findings.push_back(std::move(finding));
  }

  const std::string& root_;
};

}  // namespace

const ObjectSpec& SweepTable() {
  static const ObjectSpec spec = [] {
    ValueSpec points = Typed(ValueType::kUnsigned);
    points.minimum = 2;
    points.maximum = kPointsMax;
    ValueSpec factors = Typed(ValueType::kObjects);
    factors.object = &FactorTable();
    factors.minimum_items = 1;
    ValueSpec without = ListOf(Scalars());
    return ObjectSpec{
        "a sweep",
        {
            {"name", Typed(ValueType::kName), true, "name, as its file"},
            {"question", {}, true, "what it answers, one sentence"},
            {"scenario", {}, true, "what is run at each point: a name, or a file beside this one"},
            {"set", Scalars(), false, "KEY: VALUE of every point, as --set takes them"},
            {"design", Words({"full", "fractional"}), false,
             "full: every combination; fractional: a balanced sample of 'points' of them (full)"},
            {"points", points, false, "fractional: how many, 2 .. 100000"},
            {"factors", factors, true, "what is varied: NAME: {set, levels}"},
            {"without", without, false, "combinations that are left out: [{FACTOR: LEVEL, ...}, ...]"},
            {"measure", Object(MeasureTable()), false, "whose interrupts, and from when on"},
            {"responses", Some(Object(ResponseTable())), false, "the figures of each point (latency, counts, hypercalls)"},
            {"plot", Object(PlotTable()), false, "which interaction the page shows first"},
            {"findings", ListOf(Object(FindingTable())), false, "what must come out, with the reason"},
        },
        "",
        {}};
  }();
  return spec;
}

SweepSpec LoadSweep(const std::string& path, const std::string& root) {
  const YamlNode top = ParseYaml(path, ReadScenarioText(path));
  if (top.kind != YamlNode::Kind::kMap) {
    throw InputError(path, top.place, fmt::format("expected a map of keys (name, question, scenario, factors, ...) at the "
                                                  "top, found {}", Describe(top)));
  }
  std::vector<Problem> problems;
  Validate(top, SweepTable(), &problems);
  if (!problems.empty()) throw InputError(path, std::move(problems));
  SweepSpec spec = SweepReader(path, root, &problems).Read(top);
  if (!problems.empty()) throw InputError(path, std::move(problems));
  return spec;
}

}  // namespace pvpci::scenarios
