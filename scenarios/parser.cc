// SPDX-License-Identifier: Apache-2.0
#include "scenarios/parser.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "reports/path_diff.h"
#include "scenarios/expectations.h"
#include "scenarios/gate_bounds.h"
#include "scenarios/parameters.h"
#include "scenarios/profile.h"
#include "scenarios/references.h"
#include "scenarios/root.h"
#include "scenarios/schema.h"
#include "scenarios/step_reader.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"
#include "scenarios/values.h"
#include "scenarios/yaml_tree.h"
#include "sim/sha256.h"

namespace pvpci::scenarios {
namespace {

constexpr NoIommuPolicy kPolicies[] = {NoIommuPolicy::kRefused, NoIommuPolicy::kIntxOnly, NoIommuPolicy::kMsiToo};
constexpr Role kRoles[] = {Role::kDom0, Role::kDomU};
constexpr P2mLayout kLayouts[] = {P2mLayout::kExtents2M, P2mLayout::kScatter4K};
constexpr EventAbi kEventAbis[] = {EventAbi::k2L, EventAbi::kFifo};
constexpr BarSpec::Kind kBarKinds[] = {BarSpec::Kind::kMemory32, BarSpec::Kind::kMemory64,
                                       BarSpec::Kind::kPrefetch64, BarSpec::Kind::kIo};

// "6.1" of a tree whose Makefile starts VERSION = 6, PATCHLEVEL = 1; empty: there is no such Makefile.
std::string KernelTreeVersion(const std::string& tree) {
  std::ifstream makefile(tree + "/Makefile");
  std::string version, patchlevel;
  for (std::string line; patchlevel.empty() && std::getline(makefile, line);) {
    const auto value_of = [&line](const std::string& start) {
      return line.rfind(start, 0) == 0 ? line.substr(start.size()) : "";
    };
    if (version.empty()) version = value_of("VERSION = ");
    patchlevel = value_of("PATCHLEVEL = ");
  }
  return version.empty() || patchlevel.empty() ? "" : version + "." + patchlevel;
}

// What a tree says, whatever its layout and the order of its keys.
void AppendContent(const YamlNode& node, std::string* text) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: *text += "~"; return;
    case YamlNode::Kind::kScalar: *text += fmt::format("{}:{}", node.text.size(), node.text); return;
    case YamlNode::Kind::kList:
      *text += "[";
      for (const YamlNode& item : node.items) AppendContent(item, text);
      *text += "]";
      return;
    case YamlNode::Kind::kMap: {
      std::map<std::string, const YamlNode*> members;
      for (const auto& [key, value] : node.members) members[key.text] = &value;
      *text += "{";
      for (const auto& [key, value] : members) {
        *text += key + "=";
        AppendContent(*value, text);
      }
      *text += "}";
      return;
    }
  }
}

// What is run, without what is only said or expected of it. Mode, seed and kernel count also where nobody has written them.
std::string ConfigurationDigest(YamlNode root, const Scenario& scenario) {
  const auto drop = [](YamlNode* map, const std::set<std::string>& keys) {
    auto& members = map->members;
    members.erase(std::remove_if(members.begin(), members.end(),
                                 [&](const auto& member) { return keys.count(member.first.text) != 0; }),
                  members.end());
  };
  drop(&root, {"claim", "embargo", "expect", "kernel", "kernels", "matrix", "modes", "review", "seed"});
  for (auto& [key, value] : root.members) {
    if (key.text != "machine") continue;
    drop(&value, {"iommu"});
    if (value.members.empty()) {  // as if nobody had written it
      drop(&root, {"machine"});
      break;
    }
  }
  std::string text = fmt::format("{} {} {} ", ModeName(scenario.machine.iommu), scenario.seed, scenario.kernel_family);
  AppendContent(root, &text);
  return sim::Sha256::Hex(text);
}

// --- reading values that are known to be valid ---

class Reader : private ValueReader {
 public:
  Reader(const std::string& file, std::vector<Problem>* problems)
      : ValueReader(file, problems), steps_(file, problems) {}

  Scenario Read(const YamlNode& root) {
    Scenario scenario;
    scenario.file = file_;
    scenario.name = Text(root, "name", "");
    scenario.claim = Text(root, "claim", "");
    scenario.kernel = Text(root, "kernel", scenario.kernel);
    scenario.kernel_family = Family(root, scenario.kernel);
    scenario.seed = Number(root, "seed", scenario.seed);
    scenario.embargo = Flag(root, "embargo", false);
    scenario.scope = {Modes(root, "modes"), Kernels(root, "kernels"), {}};
    if (const YamlNode* matrix = root.Find("matrix")) scenario.matrix = ReadMatrix(*matrix);
    scenario.until = Time(root, "until", 0);
    if (const YamlNode* machine = root.Find("machine")) scenario.machine = ReadMachine(*machine);
    for (const YamlNode* node : Items(root, "switches")) scenario.switches.push_back(ReadSwitch(*node));
    for (const YamlNode* node : Items(root, "domains")) scenario.domains.push_back(ReadDomain(*node));
    for (const YamlNode* node : Items(root, "devices")) scenario.devices.push_back(ReadDevice(*node));
    for (const YamlNode* node : Items(root, "steps")) steps_.Read(*node, &scenario);
    ExpectationNames names;
    for (const DomainSpec& domain : scenario.domains) names.domains.push_back(domain.name);
    for (const Step& step : scenario.steps) names.labels.push_back(step.label);
    for (const YamlNode* node : Items(root, "expect")) {
      scenario.expect.push_back(ReadExpectation(*node, names, scenario));
    }
    CheckGates(scenario);
    if (const YamlNode* review = root.Find("review")) scenario.review = ReadReview(*review, names);
    return scenario;
  }

  const std::vector<StepPlaces>& step_places() const { return steps_.places(); }

 private:
  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }
  // A tree is of the family that its Makefile says.
  std::string Family(const YamlNode& root, const std::string& kernel) {
    if (!IsKernelPath(kernel)) return kernel;
    const std::string version = KernelTreeVersion(kernel);
    for (const std::string& family : KernelFamilies()) {
      if (version == family) return family;
    }
    Complain(PlaceOf(root, "kernel"),
             version.empty() ? fmt::format("kernel: no kernel tree at '{}': it has no Makefile with a version", kernel)
                             : fmt::format("kernel: the tree at '{}' is a {}; expected a {} tree", kernel, version,
                                           OneOf(KernelFamilies())));
    return KernelFamilies().front();
  }

  static MatrixSpec ReadMatrix(const YamlNode& node) {
    MatrixSpec matrix;
    matrix.modes = Modes(node, "modes");
    matrix.kernels = Kernels(node, "kernels");
    for (const YamlNode* item : Items(node, "events")) matrix.events.push_back(FromName(item->text, kEventAbis));
    for (const YamlNode* item : Items(node, "vcpus")) {
      matrix.vcpus.push_back(static_cast<unsigned>(ParseUnsigned(item->text).value_or(1)));
    }
    return matrix;
  }

  static Link ReadLink(const YamlNode& map) {
    const YamlNode* node = map.Find("link");
    return node == nullptr ? Link{} : ParseLink(node->text).value_or(Link{});
  }

  void ReadProfile(const YamlNode& node, MachineSpec* machine) {
    machine->profile = Text(node, "profile", machine->profile);
    if (machine->profile == kDefaultProfile) return;
    const std::string root = FindRoot();
    try {
      machine->profile_file = FindProfile(root, machine->profile, file_);
      machine->assumed = ValuesBeyondDefault(SharedProfile(machine->profile_file, root), root);
    } catch (const std::invalid_argument& error) {
      Complain(PlaceOf(node, "profile"), fmt::format("profile: {}", error.what()));
    }
  }

  MachineSpec ReadMachine(const YamlNode& node) {
    MachineSpec machine;
    machine.place = node.place;
    machine.memory_bytes = Size(node, "memory", machine.memory_bytes);
    machine.bar_window = Size(node, "bar_window", 0);
    machine.iommu = FromName(Text(node, "iommu", "none"), kIommuKinds);
    machine.policy = FromName(Text(node, "policy", "msi_too"), kPolicies);
    machine.native_aer = Flag(node, "native_aer", false);
    ReadProfile(node, &machine);
    machine.quantum = Time(node, "quantum", machine.quantum);
    machine.xen = ReadParameters(node, "xen");
    machine.vtd = ReadParameters(node, "vtd");
    machine.fabric = ReadParameters(node, "fabric");
    for (const YamlNode* item : Items(node, "rmrr")) {
      ReservedSpec reserved;
      reserved.place = item->place;
      reserved.at = Size(*item, "at", 0);
      reserved.bytes = Size(*item, "bytes", 0);
      for (const YamlNode* device : Items(*item, "devices")) reserved.devices.push_back(device->text);
      machine.reserved.push_back(reserved);
    }
    machine.timing = ReadParameters(node, "timing");
    return machine;
  }
  static SwitchSpec ReadSwitch(const YamlNode& node) {
    SwitchSpec spec;
    spec.place = PlaceOf(node, "name");
    spec.name = Text(node, "name", "");
    spec.link = ReadLink(node);
    spec.ports = static_cast<unsigned>(Number(node, "ports", spec.ports));
    spec.acs = Flag(node, "acs", spec.acs);
    return spec;
  }

  static DomainSpec ReadDomain(const YamlNode& node) {
    DomainSpec spec;
    spec.place = PlaceOf(node, "name");
    spec.name = Text(node, "name", "");
    spec.role = FromName(Text(node, "role", "domU"), kRoles);
    spec.memory_bytes = Size(node, "memory", spec.memory_bytes);
    spec.vcpus = static_cast<unsigned>(Number(node, "vcpus", spec.vcpus));
    spec.p2m = FromName(Text(node, "p2m", "extents_2m"), kLayouts);
    spec.memory_at = Size(node, "memory_at", 0);
    spec.bare_metal = Flag(node, "bare_metal", false);
    spec.e820_host = Flag(node, "e820_host", true);
    spec.events = FromName(Text(node, "events", "fifo"), kEventAbis);
    spec.swiotlb_bytes = Size(node, "swiotlb", 0);
    spec.cmdline = Text(node, "cmdline", "");
    spec.kernel = Flag(node, "kernel", true);
    for (const YamlNode* item : Items(node, "secrets")) {
      SecretSpec secret;
      secret.place = item->place;
      if (item->kind == YamlNode::Kind::kScalar) {
        secret.name = item->text;
      } else {
        secret.name = Text(*item, "name", secret.name);
        secret.bytes = Size(*item, "bytes", secret.bytes);
      }
      spec.secrets.push_back(secret);
    }
    return spec;
  }

  DeviceSpec ReadDevice(const YamlNode& node) {
    DeviceSpec spec;
    spec.place = PlaceOf(node, "name");
    spec.name = Text(node, "name", "");
    const std::string model = Text(node, "model", "endpoint_test");
    for (const DeviceModelInfo& info : DeviceModels()) {
      if (model == info.name) spec.model = info.model;
    }
    spec.options = ReadParameters(node, "options");
    spec.behind = Text(node, "behind", "");
    spec.beside = Text(node, "beside", "");
    spec.slot = static_cast<unsigned>(Number(node, "slot", 0));
    if (!spec.beside.empty() && (spec.slot != 0 || !spec.behind.empty())) {
      Complain(PlaceOf(node, "beside"), fmt::format("beside: '{}' has a place of its own already", spec.name));
    }
    if (spec.slot != 0 && !spec.behind.empty()) {
      Complain(PlaceOf(node, "slot"), fmt::format("slot: '{}' is behind '{}' already", spec.name, spec.behind));
    }
    spec.link = ReadLink(node);
    spec.assigned_to = Text(node, "assigned_to", "");
    spec.msi_vectors = static_cast<unsigned>(Number(node, "msi_vectors", spec.msi_vectors));
    spec.msix_vectors = static_cast<unsigned>(Number(node, "msix_vectors", spec.msix_vectors));
    spec.msi_maskable = Flag(node, "msi_maskable", spec.msi_maskable);
    spec.intx = Flag(node, "intx", spec.intx);
    spec.bus_master_at_boot = Flag(node, "bus_master_at_boot", spec.bus_master_at_boot);
    if ((spec.msi_vectors & (spec.msi_vectors - 1)) != 0) {
      Complain(PlaceOf(node, "msi_vectors"),
               fmt::format("msi_vectors: expected 0, 1, 2, 4, 8, 16 or 32, found {}", spec.msi_vectors));
    }
    for (const YamlNode* item : Items(node, "bars")) {
      BarSpec bar;
      bar.place = item->place;
      bar.index = static_cast<int>(Number(*item, "index", 0));
      bar.bytes = Size(*item, "bytes", 0);
      bar.kind = FromName(Text(*item, "kind", "memory32"), kBarKinds);
      if ((bar.bytes & (bar.bytes - 1)) != 0) {
        Complain(PlaceOf(*item, "bytes"), fmt::format("bytes: a BAR's size is a power of two, found {}", bar.bytes));
      }
      spec.bars.push_back(bar);
    }
    const YamlNode* dump = node.Find("config_dump");
    if (spec.model == DeviceModel::kClone && dump == nullptr) {
      Complain(node.place, fmt::format("{}: a clone needs config_dump, the output of 'lspci -xxxx'", spec.name));
    }
    if (spec.model != DeviceModel::kClone) {
      for (const char* key : {"config_dump", "bars"}) {
        if (node.Find(key) != nullptr) {
          Complain(PlaceOf(node, key), fmt::format("{}: only a clone has it; the model of '{}' is {}", key, spec.name,
                                                   Name(spec.model)));
        }
      }
    } else if (dump != nullptr) {
      spec.config_dump = FindFile(*dump, "config_dump");
    }
    return spec;
  }
  // An expectation or a condition: a text, or a map with the text as `that`.
  template <typename Spec>
  Spec ReadQuestion(const YamlNode& node, const ExpectationNames& names) {
    const YamlNode* text = node.kind == YamlNode::Kind::kScalar ? &node : node.Find("that");
    Spec spec;
    spec.text = text->text;
    spec.place = text->place;
    if (node.kind == YamlNode::Kind::kMap) {
      spec.when = When(node);
      spec.because = Text(node, "because", "");
    }
    try {
      ParseExpectation(spec.text, names);
    } catch (const ExpectationError& error) {
      // A quoted text starts after its quote. Escapes inside it would shift the column; expectations need none.
      const int column = text->place.column + (text->quoted ? 1 : 0) + static_cast<int>(error.offset);
      Complain({text->place.line, column}, fmt::format("expectation '{}': {}", spec.text, error.what()));
    }
    return spec;
  }

  // A condition, or bounds on what interrupts cost.
  ExpectationSpec ReadExpectation(const YamlNode& node, const ExpectationNames& names, const Scenario& scenario) {
    std::vector<std::string> of_bounds = {"of", "since", "baseline"};
    std::vector<const char*> measures;
    for (const reports::PathMeasure& measure : reports::PathMeasures()) {
      if (node.Find(measure.name) != nullptr) measures.push_back(measure.name);
      of_bounds.emplace_back(measure.name);
    }
    if (node.kind == YamlNode::Kind::kMap && node.Find("that") != nullptr) {
      for (const std::string& key : of_bounds) {
        if (node.Find(key) != nullptr) Complain(PlaceOf(node, key.c_str()), fmt::format("'{}' beside 'that': bounds stand in an item of their own", key));
      }
    }
    if (node.kind == YamlNode::Kind::kScalar || node.Find("that") != nullptr) return ReadQuestion<ExpectationSpec>(node, names);
    if (measures.empty()) {
      Complain(node.place, "an expectation without anything to hold: expected 'that', or a bound such as p99_ns");
      return {};
    }
    GateSpec gate;
    for (const char* measure : measures) {
      try {
        gate.bounds.push_back(ParseBound(measure, Text(node, measure, "")));
      } catch (const std::invalid_argument& error) {
        Complain(PlaceOf(node, measure), fmt::format("{}: {}, found '{}'", measure, error.what(), Text(node, measure, "")));
      }
    }
    gate.of = GateWords(node, scenario);
    gate.since = Text(node, "since", "");
    if (!gate.since.empty() && std::find(names.labels.begin(), names.labels.end(), gate.since) == names.labels.end()) {
      Complain(PlaceOf(node, "since"), fmt::format("since: no step has the label '{}'{}", gate.since, DidYouMean(gate.since, names.labels)));
    }
    if (const YamlNode* baseline = node.Find("baseline")) gate.baseline = FindFile(*baseline, "baseline");
    ExpectationSpec spec;
    spec.place = node.place;
    spec.when = When(node);
    spec.because = Text(node, "because", "");
    spec.text = GateText(gate);
    spec.gate = std::move(gate);
    return spec;
  }

  std::vector<std::string> GateWords(const YamlNode& node, const Scenario& scenario) {
    std::vector<std::string> known = {"intx", "msi", "msix", "2l", "fifo"};
    for (const DeviceSpec& device : scenario.devices) known.push_back(device.name);
    for (const DomainSpec& domain : scenario.domains) known.push_back(domain.name);
    std::vector<std::string> words;
    for (const YamlNode* item : Items(node, "of")) {
      if (std::find(known.begin(), known.end(), item->text) == known.end()) {
        Complain(item->place, fmt::format("of: expected {}, found '{}'{}", OneOf(known), item->text, DidYouMean(item->text, known)));
      }
      words.push_back(item->text);
    }
    return words;
  }

  // What is measured has one beginning.
  void CheckGates(const Scenario& scenario) {
    const GateSpec* first = nullptr;
    for (const ExpectationSpec& spec : scenario.expect) {
      if (!spec.gate) continue;
      if (first != nullptr && first->since != spec.gate->since) {
        Complain(spec.place, fmt::format("since: the bounds before count from '{}': all of a scenario count from the same step", first->since));
      }
      first = &*spec.gate;
    }
  }

  std::vector<ConditionSpec> ReadConditions(const YamlNode& review, const char* key, const ExpectationNames& names) {
    std::vector<ConditionSpec> conditions;
    for (const YamlNode* item : Items(review, key)) {
      conditions.push_back(ReadQuestion<ConditionSpec>(*item, names));
      if (item->kind == YamlNode::Kind::kMap) conditions.back().dma_class = Text(*item, "class", "");
    }
    return conditions;
  }

  ReviewSpec ReadReview(const YamlNode& node, const ExpectationNames& names) {
    ReviewSpec review;
    for (const YamlNode* item : Items(node, "escapes")) review.escapes.push_back(item->text);
    if (review.escapes.empty()) review.escapes = {"E7", "E3", "E6", "E5", "E9", "E8", "E11"};
    review.escaped_if = ReadConditions(node, "escaped_if", names);
    review.host_fault_if = ReadConditions(node, "host_fault_if", names);
    review.guest_fault_if = ReadConditions(node, "guest_fault_if", names);
    review.degraded_if = ReadConditions(node, "degraded_if", names);
    return review;
  }

  StepReader steps_;
};

[[noreturn]] void Refuse(const std::string& file, std::vector<Problem> problems,
                         const std::vector<Override>& overrides) {
  // A wrong value from the command line is told as such and comes first: it is what the user just typed.
  for (const Problem& problem : problems) {
    if (problem.place.line >= 0) continue;
    const Override& origin = overrides[static_cast<size_t>(-problem.place.line - 1)];
    throw InputError(file, {1, 1}, fmt::format("{} {}: {}", origin.origin, origin.value, problem.message));
  }
  throw InputError(file, std::move(problems));
}

}  // namespace

std::vector<std::string> SplitCommand(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      inside = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (inside) words.push_back(word);
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (quote != 0) return {};
  if (inside) words.push_back(word);
  return words;
}

std::vector<std::string> Placeholders(const std::string& text) {
  std::vector<std::string> found;
  for (size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 1)) {
    const size_t end = text.find('}', at);
    if (end == std::string::npos) throw std::invalid_argument("'${' without '}'");
    found.push_back(text.substr(at + 2, end - at - 2));
  }
  return found;
}

Scenario ParseScenario(const std::string& file, const std::string& text, const std::vector<Override>& overrides) {
  YamlNode root = ParseYaml(file, text);
  if (root.kind != YamlNode::Kind::kMap) {
    throw InputError(file, root.place, fmt::format("expected a map of keys (name, claim, domains, steps, expect, ...) "
                                                   "at the top, found {}", Describe(root)));
  }
  std::vector<Problem> problems;
  Validate(root, ScenarioSpec(), &problems);  // The file as it is, before the command line hides anything.
  if (!problems.empty()) Refuse(file, std::move(problems), overrides);
  for (size_t i = 0; i < overrides.size(); ++i) {
    const std::string wrong = ApplyOverride(&root, overrides[i], OverridePlace(i));
    if (!wrong.empty()) problems.push_back({OverridePlace(i), wrong});
  }
  if (!overrides.empty() && problems.empty()) Validate(root, ScenarioSpec(), &problems);
  if (!problems.empty()) Refuse(file, std::move(problems), overrides);
  Reader reader(file, &problems);
  Scenario scenario = reader.Read(root);
  if (problems.empty()) CheckReferences(scenario, reader.step_places(), &problems);
  if (!problems.empty()) Refuse(file, std::move(problems), overrides);
  scenario.configuration = ConfigurationDigest(root, scenario);
  return scenario;
}

Scenario LoadScenario(const std::string& path, const std::vector<Override>& overrides) {
  return ParseScenario(path, ReadScenarioText(path), overrides);
}

}  // namespace pvpci::scenarios
