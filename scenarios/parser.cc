// SPDX-License-Identifier: Apache-2.0
#include "scenarios/parser.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "scenarios/expectations.h"
#include "scenarios/parameters.h"
#include "scenarios/references.h"
#include "scenarios/schema.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

template <typename Enum, size_t N>
Enum FromName(const std::string& text, const Enum (&values)[N]) {
  for (const Enum value : values) {
    if (text == Name(value)) return value;
  }
  return values[0];
}
constexpr IommuKind kIommuKinds[] = {IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr};
constexpr NoIommuPolicy kPolicies[] = {NoIommuPolicy::kRefused, NoIommuPolicy::kIntxOnly, NoIommuPolicy::kMsiToo};
constexpr Role kRoles[] = {Role::kDom0, Role::kDomU};
constexpr P2mLayout kLayouts[] = {P2mLayout::kExtents2M, P2mLayout::kScatter4K};
constexpr EventAbi kEventAbis[] = {EventAbi::k2L, EventAbi::kFifo};
constexpr IrqKind kIrqKinds[] = {IrqKind::kIntx, IrqKind::kMsi, IrqKind::kMsix};
constexpr BarSpec::Kind kBarKinds[] = {BarSpec::Kind::kMemory32, BarSpec::Kind::kMemory64,
                                       BarSpec::Kind::kPrefetch64, BarSpec::Kind::kIo};
constexpr CrashKind kCrashKinds[] = {CrashKind::kOops,          CrashKind::kBug,  CrashKind::kPanic,
                                     CrashKind::kStackOverflow, CrashKind::kSpin, CrashKind::kWildJump};
constexpr DeviceError kDeviceErrors[] = {
    DeviceError::kReceiverError,      DeviceError::kBadTlp,           DeviceError::kCompletionTimeout,
    DeviceError::kCompleterAbort,     DeviceError::kUnsupportedRequest, DeviceError::kDataLinkProtocol,
    DeviceError::kMalformedTlp};
constexpr StepKind kStepKinds[] = {StepKind::kBoot,   StepKind::kSeize,     StepKind::kAttach, StepKind::kDetach,
                                   StepKind::kDestroy, StepKind::kPause,    StepKind::kUnpause,
                                   StepKind::kFrontend, StepKind::kStore, StepKind::kRefuse,
                                   StepKind::kAwait, StepKind::kProgram, StepKind::kWrite,  StepKind::kRead,
                                   StepKind::kCall,  StepKind::kAttack, StepKind::kCrash, StepKind::kError,
                                   StepKind::kStorm, StepKind::kEmit,
                                   StepKind::kIommuEdit, StepKind::kWait,   StepKind::kJoin, StepKind::kCompare,
                                   StepKind::kFail,  StepKind::kStall,  StepKind::kEnters, StepKind::kCalls};

// --- overrides from the command line ---

YamlNode Scalar(const std::string& text, Place place) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = text;
  node.place = place;
  return node;
}

// The place of override number `index`: negative lines name no line of the file (see RenameOverrides).
Place OverridePlace(size_t index) { return {-static_cast<int>(index) - 1, 0}; }

YamlNode* FindMutable(YamlNode* map, const std::string& key) {
  for (auto& [name, value] : map->members) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

// "" if done, else what is wrong.
std::string ApplyOverride(YamlNode* root, const Override& change, Place place) {
  YamlNode* at = root;
  size_t start = 0;
  const std::string& key = change.key;
  while (start <= key.size()) {
    size_t end = key.find('.', start);
    if (end == std::string::npos) end = key.size();
    const std::string word = key.substr(start, end - start);
    const bool last = end == key.size();
    start = end + 1;
    if (word.empty()) return fmt::format("'{}' is no key; expected one like machine.memory or domains.NAME.vcpus", key);
    if (at->kind == YamlNode::Kind::kList) {
      YamlNode* found = nullptr;
      for (YamlNode& item : at->items) {
        const YamlNode* name = item.Find("name");
        if (name != nullptr && name->text == word) found = &item;
      }
      if (found == nullptr || last) return fmt::format("no '{}' in {}", word, key);
      at = found;
      continue;
    }
    if (at->kind != YamlNode::Kind::kMap) return fmt::format("'{}' is no key: {} has no parts", key, word);
    YamlNode* member = FindMutable(at, word);
    if (last) {
      if (member != nullptr && member->kind != YamlNode::Kind::kScalar && member->kind != YamlNode::Kind::kNull) {
        return fmt::format("'{}' is {}, a single value cannot replace it", key, Describe(*member));
      }
      if (member != nullptr) {
        *member = Scalar(change.value, place);
      } else {
        at->members.emplace_back(Scalar(word, place), Scalar(change.value, place));
      }
      return "";
    }
    if (member == nullptr || member->kind == YamlNode::Kind::kNull) {
      if (member == nullptr) {
        at->members.emplace_back(Scalar(word, place), YamlNode{});
        member = &at->members.back().second;
      }
      member->kind = YamlNode::Kind::kMap;
      member->place = place;
    }
    at = member;
  }
  return "";
}

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

// --- reading values that are known to be valid ---

class Reader {
 public:
  Reader(const std::string& file, std::vector<Problem>* problems) : file_(file), problems_(problems) {}

  Scenario Read(const YamlNode& root) {
    Scenario scenario;
    scenario.file = file_;
    scenario.name = Text(root, "name", "");
    scenario.claim = Text(root, "claim", "");
    scenario.kernel = Text(root, "kernel", scenario.kernel);
    scenario.kernel_family = Family(root, scenario.kernel);
    scenario.seed = Number(root, "seed", scenario.seed);
    scenario.embargo = Flag(root, "embargo", false);
    scenario.scope = {Modes(root, "modes"), Kernels(root, "kernels")};
    if (const YamlNode* matrix = root.Find("matrix")) scenario.matrix = ReadMatrix(*matrix);
    scenario.until = Time(root, "until", 0);
    if (const YamlNode* machine = root.Find("machine")) scenario.machine = ReadMachine(*machine);
    for (const YamlNode* node : Items(root, "switches")) scenario.switches.push_back(ReadSwitch(*node));
    for (const YamlNode* node : Items(root, "domains")) scenario.domains.push_back(ReadDomain(*node));
    for (const YamlNode* node : Items(root, "devices")) scenario.devices.push_back(ReadDevice(*node));
    for (const YamlNode* node : Items(root, "steps")) ReadStep(*node, &scenario);
    ExpectationNames names;
    for (const DomainSpec& domain : scenario.domains) names.domains.push_back(domain.name);
    for (const Step& step : scenario.steps) names.labels.push_back(step.label);
    for (const YamlNode* node : Items(root, "expect")) ReadExpectation(*node, names, &scenario);
    return scenario;
  }

  const std::vector<StepPlaces>& step_places() const { return step_places_; }

 private:
  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }

  static std::string Text(const YamlNode& map, const char* key, const std::string& otherwise) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? otherwise : node->text;
  }
  static uint64_t Number(const YamlNode& map, const char* key, uint64_t otherwise) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? otherwise : ParseUnsigned(node->text).value_or(otherwise);
  }
  static std::optional<int64_t> Signed(const YamlNode& map, const char* key) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? std::nullopt : ParseSigned(node->text);
  }
  static bool Flag(const YamlNode& map, const char* key, bool otherwise) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? otherwise : node->text == "true";
  }
  static uint64_t Size(const YamlNode& map, const char* key, uint64_t otherwise) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? otherwise : ParseSize(node->text).value_or(otherwise);
  }
  static sim::Ps Time(const YamlNode& map, const char* key, sim::Ps otherwise) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? otherwise : ParseDuration(node->text).value_or(otherwise);
  }
  static Place PlaceOf(const YamlNode& map, const char* key) {
    const YamlNode* node = map.Find(key);
    return node == nullptr ? map.place : node->place;
  }
  static std::vector<const YamlNode*> Items(const YamlNode& map, const char* key) {
    std::vector<const YamlNode*> items;
    const YamlNode* node = map.Find(key);
    if (node == nullptr) return items;
    if (node->kind != YamlNode::Kind::kList) return {node};
    for (const YamlNode& item : node->items) items.push_back(&item);
    return items;
  }
  // "name=value" texts.
  std::vector<std::pair<std::string, std::string>> Nodes(const YamlNode& map, const char* key) {
    std::vector<std::pair<std::string, std::string>> nodes;
    for (const YamlNode* item : Items(map, key)) {
      const size_t equals = item->text.find('=');
      if (equals == std::string::npos || equals == 0) {
        Complain(item->place, fmt::format("{}: expected NAME=VALUE, found '{}'", key, item->text));
        continue;
      }
      nodes.emplace_back(item->text.substr(0, equals), item->text.substr(equals + 1));
    }
    return nodes;
  }
  static std::vector<IommuKind> Modes(const YamlNode& map, const char* key) {
    std::vector<IommuKind> modes;
    for (const YamlNode* item : Items(map, key)) {
      for (const IommuKind kind : kIommuKinds) {
        if (item->text == ModeName(kind)) modes.push_back(kind);
      }
    }
    return modes;
  }
  static std::vector<std::string> Kernels(const YamlNode& map, const char* key) {
    std::vector<std::string> kernels;
    for (const YamlNode* item : Items(map, key)) {
      for (const std::string& family : KernelFamilies()) {
        if (item->text == family) kernels.push_back(family);
      }
    }
    return kernels;
  }
  // `when` names modes and kernels in one list.
  static Scope When(const YamlNode& map) { return {Modes(map, "when"), Kernels(map, "when")}; }

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

  MachineSpec ReadMachine(const YamlNode& node) {
    MachineSpec machine;
    machine.place = node.place;
    machine.memory_bytes = Size(node, "memory", machine.memory_bytes);
    machine.iommu = FromName(Text(node, "iommu", "none"), kIommuKinds);
    machine.policy = FromName(Text(node, "policy", "msi_too"), kPolicies);
    machine.native_aer = Flag(node, "native_aer", false);
    machine.profile = Text(node, "profile", machine.profile);
    machine.quantum = Time(node, "quantum", machine.quantum);
    machine.xen = ReadParameters(node, "xen");
    machine.timing = ReadParameters(node, "timing");
    return machine;
  }

  static std::vector<Parameter> ReadParameters(const YamlNode& map, const char* key) {
    std::vector<Parameter> parameters;
    const YamlNode* node = map.Find(key);
    if (node == nullptr) return parameters;
    for (const auto& [name, value] : node->members) parameters.push_back({name.text, value.text, value.place});
    return parameters;
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

  // Beside the scenario file, else from the current folder.
  std::string FindFile(const YamlNode& node, const char* key) {
    const auto exists = [](const std::string& path) {
      struct stat status {};
      return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    };
    const size_t slash = file_.rfind('/');
    const std::string beside = slash == std::string::npos ? node.text : file_.substr(0, slash + 1) + node.text;
    if (!node.text.empty() && node.text[0] != '/' && exists(beside)) return beside;
    if (exists(node.text)) return node.text;
    Complain(node.place, fmt::format("{}: no such file '{}' (looked beside the scenario and in the current folder)",
                                     key, node.text));
    return node.text;
  }

  // A step may stand for several: one for each domain and command line.
  void ReadStep(const YamlNode& node, Scenario* scenario) {
    Step step;
    step.place = node.place;
    step.label = Text(node, "label", "");
    step.deadline = Time(node, "deadline", step.deadline);
    step.when = When(node);
    step.because = Text(node, "because", "");
    step.background = Flag(node, "background", false);
    StepPlaces places;
    const YamlNode* action = nullptr;
    for (const StepKind kind : kStepKinds) {
      if (const YamlNode* found = node.Find(Name(kind))) {
        step.kind = kind;
        action = found;
      }
    }
    places.domain = places.device = places.command = action->place;
    switch (step.kind) {
      case StepKind::kBoot:
        for (const YamlNode* item : Items(node, "boot")) {
          step.domain = item->text;
          places.domain = item->place;
          Add(step, places, scenario);
        }
        return;
      case StepKind::kSeize:
        for (const YamlNode* item : Items(node, "seize")) {
          step.device = item->text;
          places.device = item->place;
          Add(step, places, scenario);
        }
        return;
      case StepKind::kAttach:
      case StepKind::kDetach: ReadAttach(*action, *scenario, &step, &places); break;
      case StepKind::kDestroy:
      case StepKind::kPause:
      case StepKind::kUnpause: step.domain = action->text; break;
      case StepKind::kFrontend:
        step.domain = Text(*action, "domain", "");
        places.domain = PlaceOf(*action, "domain");
        step.frontend.kind = Text(*action, "kind", "");
        step.frontend.id = ParseUnsigned(Text(*action, "id", "0")).value_or(0);
        step.frontend.front = Nodes(*action, "front");
        step.frontend.back = Nodes(*action, "back");
        break;
      case StepKind::kStore:
        for (const YamlNode* item : Items(node, "store")) {
          StoreNodeSpec spec;
          const YamlNode* path = item->Find("path");
          spec.path = path == nullptr ? item->text : path->text;
          spec.place = path == nullptr ? item->place : path->place;
          if (const YamlNode* value = item->Find("value")) spec.value = value->text;
          step.nodes.push_back(spec);
        }
        break;
      case StepKind::kRefuse: step.path = action->text; break;
      case StepKind::kAwait:
        step.path = Text(*action, "path", action->text);
        if (const YamlNode* value = action->Find("value")) step.value = value->text;
        if (!step.value) Complain(action->place, "await: missing key 'value'");
        places.command = PlaceOf(*action, "path");
        break;
      case StepKind::kJoin: break;
      case StepKind::kProgram: ReadPrograms(*action, step, places, scenario); return;
      case StepKind::kWrite:
      case StepKind::kRead:
        step.domain = Text(*action, "domain", "");
        step.path = Text(*action, "path", "");
        if (const YamlNode* value = action->Find("value")) step.value = value->text;
        step.result = Signed(*action, "result");
        places.domain = PlaceOf(*action, "domain");
        places.command = PlaceOf(*action, "path");
        if (step.kind == StepKind::kWrite && !step.value) Complain(action->place, "write: missing key 'value'");
        break;
      case StepKind::kCall:
      case StepKind::kAttack:
        step.domain = Text(*action, "domain", "");
        step.function = Text(*action, "function", "");
        step.stops = Flag(*action, "stops", false);
        step.result = Signed(*action, "result");
        for (const YamlNode* item : Items(*action, "args")) {
          step.args.push_back(item->text);
          places.args.push_back(item->place);
        }
        places.domain = PlaceOf(*action, "domain");
        break;
      case StepKind::kCrash:
        step.domain = Text(*action, "domain", "");
        step.crash = FromName(Text(*action, "kind", "oops"), kCrashKinds);
        places.domain = PlaceOf(*action, "domain");
        break;
      case StepKind::kError:
        step.device = Text(*action, "device", "");
        step.error = FromName(Text(*action, "kind", ""), kDeviceErrors);
        places.device = PlaceOf(*action, "device");
        break;
      case StepKind::kStorm:
        for (const YamlNode* item : Items(node, "storm")) {
          StormSpec storm;
          storm.place = PlaceOf(*item, "device");
          storm.device = Text(*item, "device", "");
          storm.kind = FromName(Text(*item, "kind", "msix"), kIrqKinds);
          storm.count = Number(*item, "count", 1);
          storm.interval = Time(*item, "interval", storm.interval);
          storm.vector = static_cast<unsigned>(Number(*item, "vector", 0));
          step.storms.push_back(storm);
        }
        break;
      case StepKind::kEmit:
        step.device = Text(*action, "device", "");
        step.write = Text(*action, "tlp", "write") == "write";
        step.address = Text(*action, "address", "");
        step.bytes = Size(*action, "bytes", step.bytes);
        if (action->Find("data") != nullptr) step.data = Number(*action, "data", 0);
        step.requester = Text(*action, "requester", "");
        step.count = Number(*action, "count", 1);
        places.device = PlaceOf(*action, "device");
        step.args = {step.address};
        places.args = {PlaceOf(*action, "address")};
        break;
      case StepKind::kIommuEdit:
        step.device = Text(*action, "device", "");
        step.address = Text(*action, "address", "");
        if (action->Find("data") != nullptr) step.data = Number(*action, "data", 0);
        step.invalidate = Flag(*action, "invalidate", true);
        places.device = PlaceOf(*action, "device");
        step.args = {step.address};
        places.args = {PlaceOf(*action, "address")};
        break;
      case StepKind::kFail:
        step.domain = Text(*action, "domain", "");
        step.hypercall = Text(*action, "hypercall", "");
        step.result = Signed(*action, "result");
        step.count = Number(*action, "count", 1);
        step.skip = Number(*action, "skip", 0);
        places.domain = PlaceOf(*action, "domain");
        break;
      case StepKind::kStall:
        step.domain = Text(*action, "domain", "");
        step.duration = Time(*action, "time", 0);
        step.function = Text(*action, "function", "");
        step.count = Number(*action, "count", 1);
        places.domain = PlaceOf(*action, "domain");
        break;
      case StepKind::kEnters:
        step.domain = Text(*action, "domain", "");
        step.function = Text(*action, "function", "");
        step.count = Number(*action, "times", 1);
        places.domain = PlaceOf(*action, "domain");
        break;
      case StepKind::kCalls:
        step.domain = Text(*action, "domain", "");
        step.phase = Text(*action, "since", "");
        for (const YamlNode* item : Items(*action, "are")) step.calls.push_back(item->text);
        for (const YamlNode* item : Items(*action, "of")) step.of.push_back(item->text);
        if (step.of.empty()) step.of = {"event_channel_op", "physdev_op"};
        for (const YamlNode* item : Items(*action, "without")) step.without.push_back(item->text);
        places.domain = PlaceOf(*action, "domain");
        places.command = PlaceOf(*action, "since");
        break;
      case StepKind::kWait: step.duration = ParseDuration(action->text).value_or(0); break;
      case StepKind::kCompare: {
        const YamlNode* golden = action->kind == YamlNode::Kind::kScalar ? action : action->Find("golden");
        step.golden = FindFile(*golden, "golden");
        if (action->kind == YamlNode::Kind::kMap) {
          step.phase = Text(*action, "since", "");
          step.min_rate = std::strtod(Text(*action, "min_rate", "0.95").c_str(), nullptr);
          places.command = PlaceOf(*action, "since");
        }
        break;
      }
    }
    Add(step, places, scenario);
  }

  void ReadAttach(const YamlNode& action, const Scenario& scenario, Step* step, StepPlaces* places) {
    if (action.kind == YamlNode::Kind::kScalar) {
      step->device = action.text;
    } else {
      step->device = Text(action, "device", "");
      step->domain = Text(action, "domain", "");
      step->refused = Text(action, "refused", "");
      step->waits = Flag(action, "waits", true);
      places->device = PlaceOf(action, "device");
      places->domain = PlaceOf(action, "domain");
    }
    const DeviceSpec* device = scenario.FindDevice(step->device);
    if (!step->domain.empty() || device == nullptr) return;
    step->domain = device->assigned_to;
    if (step->domain.empty()) {
      Complain(action.place, fmt::format("{}: say which domain: 'device: {}' has no assigned_to", Name(step->kind),
                                         step->device));
    }
  }

  void ReadPrograms(const YamlNode& action, Step step, StepPlaces places, Scenario* scenario) {
    if (const auto exit = Signed(action, "exit")) step.exit = static_cast<int>(*exit);
    for (const YamlNode* text : Items(action, "prints")) step.prints.push_back(text->text);
    step.stops = Flag(action, "stops", false);
    for (const YamlNode* command : Items(action, "run")) {
      step.argv = SplitCommand(command->text);
      places.command = command->place;
      if (step.argv.empty()) {
        Complain(command->place, fmt::format("run: no command in '{}' (or a quote is never closed)", command->text));
        continue;
      }
      for (const YamlNode* domain : Items(action, "domain")) {
        step.domain = domain->text;
        places.domain = domain->place;
        Add(step, places, scenario);
      }
    }
  }

  void Add(Step step, const StepPlaces& places, Scenario* scenario) {
    if (step.label.empty()) step.label = DefaultLabel(step);
    scenario->steps.push_back(std::move(step));
    step_places_.push_back(places);
  }

  static std::string DefaultLabel(const Step& step) {
    const std::string name = Name(step.kind);
    switch (step.kind) {
      case StepKind::kBoot:
      case StepKind::kDestroy:
      case StepKind::kPause:
      case StepKind::kUnpause: return name + " " + step.domain;
      case StepKind::kStore: {
        std::string text;
        for (const StoreNodeSpec& node : step.nodes) {
          text += fmt::format("{}{} {}", text.empty() ? "the tools write " : ", ", node.path, node.value.value_or("-"));
        }
        return text;
      }
      case StepKind::kFrontend:
        return fmt::format("give {} the directories of {}/{}", step.domain, step.frontend.kind, step.frontend.id);
      case StepKind::kRefuse: return fmt::format("the store refuses {}", step.path);
      case StepKind::kAwait: return fmt::format("await {} {}", step.path, step.value.value_or(""));
      case StepKind::kJoin: return "wait for the steps in the background";
      case StepKind::kSeize: return name + " " + step.device;
      case StepKind::kAttach: return fmt::format("attach {} to {}", step.device, step.domain);
      case StepKind::kDetach: return fmt::format("detach {} from {}", step.device, step.domain);
      case StepKind::kProgram: return fmt::format("{} in {}", fmt::join(step.argv, " "), step.domain);
      case StepKind::kWrite:
      case StepKind::kRead: return fmt::format("{} {} in {}", name, step.path, step.domain);
      case StepKind::kCall:
      case StepKind::kAttack: return fmt::format("{} {} in {}", name, step.function, step.domain);
      case StepKind::kCrash: return fmt::format("{} in {}", Name(step.crash), step.domain);
      case StepKind::kError: return fmt::format("{} at {}", Name(step.error), step.device);
      case StepKind::kStorm: {
        std::string text;
        for (const StormSpec& storm : step.storms) {
          text += fmt::format("{}{} {} from {}", text.empty() ? "" : ", ", storm.count, Name(storm.kind),
                              storm.device);
        }
        return text;
      }
      case StepKind::kEmit: return fmt::format("{} TLP from {}", step.write ? "write" : "read", step.device);
      case StepKind::kIommuEdit: return fmt::format("edit the IOMMU entry of {} for {}", step.address, step.device);
      case StepKind::kWait: return "wait " + FormatDuration(step.duration);
      case StepKind::kFail:
        return fmt::format("{} of {} answers {}", step.hypercall, step.domain, step.result.value_or(0));
      case StepKind::kStall:
        return fmt::format("{} stands still in {}", step.domain, step.function);
      case StepKind::kEnters: return fmt::format("{} enters {}", step.domain, step.function);
      case StepKind::kCalls: return fmt::format("calls of {} since '{}'", step.domain, step.phase);
      case StepKind::kCompare: return "compare with " + step.golden.substr(step.golden.rfind('/') + 1);
    }
    return name;
  }

  void ReadExpectation(const YamlNode& node, const ExpectationNames& names, Scenario* scenario) {
    const YamlNode* text = node.kind == YamlNode::Kind::kScalar ? &node : node.Find("that");
    ExpectationSpec spec;
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
    scenario->expect.push_back(spec);
  }

  const std::string& file_;
  std::vector<Problem>* problems_;
  std::vector<StepPlaces> step_places_;
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
  return scenario;
}

Scenario LoadScenario(const std::string& path, const std::vector<Override>& overrides) {
  return ParseScenario(path, ReadScenarioText(path), overrides);
}

}  // namespace pvpci::scenarios
