// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/collect.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/loader/line_table.h"
#include "models/xen/passthrough.h"
#include "models/xen/toolstack/environment.h"
#include "scenarios/coverage/line_coverage.h"
#include "scenarios/machine/evidence.h"
#include "scenarios/machine/fabric_builder.h"
#include "scenarios/machine/model_parameters.h"
#include "scenarios/profile.h"
#include "scenarios/root.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

constexpr size_t kConsoleTail = 8000;  // characters shown in the report; the file has all

json ReadJson(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  try {
    return json::parse(stream);
  } catch (const json::exception& error) {
    throw std::runtime_error(fmt::format("{} is not JSON: {}", path, error.what()));
  }
}

reports::ChangeKind ChangeOf(const std::string& kind) {
  if (kind == "define") return reports::ChangeKind::kDefine;
  if (kind == "include") return reports::ChangeKind::kInclude;
  if (kind == "wrap") return reports::ChangeKind::kWrap;
  return reports::ChangeKind::kShadow;
}

const driver::Image* ImageOf(Machine& machine) {
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->image() != nullptr) return &guest->image()->image();
  }
  return nullptr;
}

// Distinct blocks that ran, by source.
std::map<std::string, int64_t> CountBySource(const driver::Image* image, const BlocksRan& ran) {
  std::map<std::string, int64_t> run;
  for (uint32_t block = 1; block < ran.size(); ++block) {
    if (ran[block] != 0) ++run[image->sources()[image->block(block).source]];
  }
  return run;
}

// Lines of every source of the image. The plain image has no tables: nothing is known of its lines.
std::map<std::string, FileCoverage> CountLines(const ImageFiles& files, const BlocksRan& ran) {
  std::map<std::string, FileCoverage> coverage;
  if (!files.accounted) return coverage;
  for (const driver::SourceLines& source : driver::ReadLineTable(files.Path("lines.tsv"))) {
    coverage.emplace(source.path, Measure(source, {&ran}));
  }
  return coverage;
}

void CoverageOf(const FileCoverage& file, reports::Original* original) {
  original->lines_coverable = static_cast<int64_t>(file.lines.size());
  original->lines_covered = file.covered();
  for (const FunctionCount& function : file.functions) {
    if (function.covered == 0 && !function.name.empty()) original->functions_idle.push_back(function.name);
  }
}

// Returns the compiler of the image.
std::string CollectKernel(Machine& machine, bool line_coverage, reports::Result* result) {
  const ImageFiles& files = machine.image_files();
  const json kernel = ReadJson(files.Path("kernel.json"));
  reports::Kernel entry;
  entry.name = kernel.value("name", "");
  if (kernel.contains("package") && kernel["package"].is_string()) entry.package = kernel["package"];
  entry.version = kernel.value("version", "");
  entry.modified.reset();
  if (kernel.contains("modified") && kernel["modified"].is_boolean()) entry.modified = kernel["modified"].get<bool>();
  if (const auto differs = kernel.find("differs"); differs != kernel.end() && differs->is_object()) {
    for (const auto& [path, digest] : differs->items()) {
      if (path.size() > 2 && path.compare(path.size() - 2, 2, ".h") == 0) entry.headers_differ.push_back(path);
    }
  }
  entry.features = FeaturesOf(files);
  result->kernels.push_back(entry);
  const BlocksRan ran = CollectBlocks(machine);
  const auto run = CountBySource(ImageOf(machine), ran);
  const auto lines = line_coverage ? CountLines(files, ran) : std::map<std::string, FileCoverage>();
  for (const json& item : ReadJson(files.Path("originals.json"))) {
    reports::Original original;
    original.kernel = item.value("kernel", entry.name);
    original.path = item.value("path", "");
    original.sha256 = item.value("sha256", "");
    original.lines = item.value("lines", int64_t{0});
    if (item.contains("package_sha256") && item["package_sha256"].is_string()) {
      original.package_sha256 = item["package_sha256"];
    }
    const auto it = run.find(original.path);
    original.blocks_run = it == run.end() ? 0 : it->second;
    if (const auto found = lines.find(original.path); found != lines.end()) CoverageOf(found->second, &original);
    result->originals.push_back(original);
  }
  for (const json& item : ReadJson(files.Path("changes.json"))) {
    result->changes.push_back({ChangeOf(item.value("kind", "shadow")), item.value("name", ""),
                               item.value("sha256", ""), item.value("why", "")});
  }
  if (files.mutant && files.mutant->number != 0) {
    result->changes.push_back(
        {reports::ChangeKind::kMutant, files.mutant->id, files.mutant->sha256, files.mutant->what});
  }
  return kernel.value("compiler", "");
}

// struct emul_counter of driver/env/emul.h, as it lies in a domain's image.
struct EmulatedCounter {
  uint64_t function;
  uint64_t kind;
  uint64_t why;
  uint64_t calls;
};

std::string GuestString(driver::DomainSpace& space, uint64_t va) {
  std::string text;
  while (text.size() < 256) {
    const void* at = space.Access(va + text.size(), 1, false);
    if (at == nullptr || *static_cast<const char*>(at) == 0) break;
    text += *static_cast<const char*>(at);
  }
  return text;
}

void CollectEmulated(Machine& machine, reports::Result* result) {
  std::map<std::pair<std::string, bool>, int64_t> calls;  // function, dummy
  for (const auto& [id, guest] : machine.guests()) {
    driver::LoadedImage* image = guest->image();
    if (image == nullptr || guest->state() == GuestDomain::State::kNew) continue;
    const uint64_t first = image->SymbolOrZero("__start_emul_counters");
    const uint64_t end = image->SymbolOrZero("__stop_emul_counters");
    for (uint64_t at = first; at != 0 && at + sizeof(EmulatedCounter) <= end; at += sizeof(EmulatedCounter)) {
      EmulatedCounter counter;
      std::memcpy(&counter, reinterpret_cast<const void*>(at), sizeof counter);
      if (counter.calls == 0) continue;
      const bool dummy = GuestString(image->space(), counter.kind) == "dummy";
      calls[{GuestString(image->space(), counter.function), dummy}] += static_cast<int64_t>(counter.calls);
    }
  }
  for (const auto& [key, count] : calls) {
    result->emulated.push_back(
        {key.first, key.second ? reports::EmulatedKind::kDummy : reports::EmulatedKind::kEmulated, count});
  }
}

reports::DomainState StateOf(const GuestDomain& guest) {
  switch (guest.state()) {
    case GuestDomain::State::kCrashed: return reports::DomainState::kCrashed;
    case GuestDomain::State::kHung: return reports::DomainState::kHung;
    case GuestDomain::State::kDestroyed: return reports::DomainState::kDestroyed;
    default: return reports::DomainState::kRunning;
  }
}

void CollectDomains(Machine& machine, reports::Result* result) {
  for (const auto& [id, guest] : machine.guests()) {
    reports::DomainResult domain;
    domain.id = id;
    domain.name = guest->spec().name;
    domain.role = Name(guest->spec().role);
    if (guest->spec().kernel && !result->kernels.empty()) domain.kernel = result->kernels.front().name;
    domain.vcpus = static_cast<int>(guest->spec().vcpus);
    domain.state = StateOf(*guest);
    domain.report = guest->report();
    domain.irqs_off = guest->irqs_off();
    result->domains.push_back(domain);
    result->programs.insert(result->programs.end(), guest->programs().begin(), guest->programs().end());
    if (guest->domain() != nullptr && machine.hypervisor().domain(id) != nullptr) {
      for (const auto& [name, count] : machine.hypervisor().hypercall_counts(id)) {
        if (count.calls == 0) continue;
        result->hypercalls.push_back({domain.name, name, static_cast<int64_t>(count.calls),
                                      static_cast<int64_t>(count.failures)});
      }
    }
    const std::string& console = guest->console();
    if (!guest->spec().kernel) continue;
    reports::ConsoleTail tail;
    tail.domain = domain.name;
    tail.file = ConsoleFile(*guest);
    tail.text = console.size() <= kConsoleTail ? console : console.substr(console.size() - kConsoleTail);
    result->view.consoles.push_back(tail);
  }
}

const char* FrameTypeText(sim::FrameType type) {
  switch (type) {
    case sim::FrameType::kNone: return "none";
    case sim::FrameType::kWritable: return "writable";
    case sim::FrameType::kL1Table:
    case sim::FrameType::kL2Table:
    case sim::FrameType::kL3Table:
    case sim::FrameType::kL4Table: return "page table";
    case sim::FrameType::kSegment: return "segment";
    case sim::FrameType::kShared: return "shared";
    case sim::FrameType::kXenText: return "xen text";
    case sim::FrameType::kXenHeap: return "xenheap";
    case sim::FrameType::kIommuTable: return "iommu table";
    case sim::FrameType::kIrt: return "interrupt remapping table";
    case sim::FrameType::kM2p: return "m2p";
    case sim::FrameType::kScratch: return "scratch";
    case sim::FrameType::kReserved: return "reserved";
  }
  return "none";
}

// A parameter's word, by the number that the model has for it.
std::string ParameterWord(const char* name, uint64_t value) { return FindParameter("xen", name)->words[value]; }

void CollectIommu(Machine& machine, reports::Result* result) {
  if (machine.iommu() == nullptr) return;
  const xen::HypervisorConfig& xen = machine.hypervisor().config();
  const iommu::Iommu::Counters& counters = machine.iommu()->counters();
  reports::IommuResult iommu;
  iommu.dom0 = ParameterWord("dom0-iommu", static_cast<uint64_t>(xen.dom0_iommu));
  iommu.quarantine = ParameterWord("quarantine", static_cast<uint64_t>(xen.quarantine));
  iommu.flush = ParameterWord("iommu-flush", static_cast<uint64_t>(xen.iommu_flush));
  for (const xen::Unfixed flaw : xen.unfixed) {
    iommu.unfixed.push_back(ParameterWord("unfixed", static_cast<uint64_t>(flaw)));
    result->view.warnings.push_back(fmt::format(
        "The hypervisor is not Xen as it is: the flaw that {} fixed is back (machine.xen.unfixed).",
        iommu.unfixed.back()));
  }
  iommu.scratch = machine.classifier().scratch();
  iommu.hits = static_cast<int64_t>(counters.hits);
  iommu.misses = static_cast<int64_t>(counters.misses);
  iommu.tables_read = static_cast<int64_t>(counters.tables_read);
  iommu.invalidations = static_cast<int64_t>(counters.invalidations);
  iommu.faults = static_cast<int64_t>(counters.faults);
  iommu.faults_lost = static_cast<int64_t>(counters.faults_lost);
  iommu.log_suppressed = static_cast<int64_t>(machine.hypervisor().console().suppressed());
  for (const pci::Bdf function : machine.hypervisor().passthrough().silenced()) {
    iommu.silenced.push_back(pci::ToString(function));
  }
  if (machine.escape_meter() != nullptr) iommu.escape_windows = machine.escape_meter()->Windows();
  result->iommu = iommu;
}

void CollectSubPage(Machine& machine, reports::Result* result) {
  result->sub_page = machine.sub_page().Rows([&](sim::DomId domain) { return machine.DomainName(domain); });
}

void CollectMemory(Machine& machine, reports::View* view) {
  const sim::MachineMemory& memory = machine.memory();
  view->machine_frames = memory.frame_count();
  for (sim::Mfn mfn = 0; mfn < memory.frame_count(); ++mfn) {
    const sim::Frame& frame = memory.frame(mfn);
    const std::string owner = frame.host == nullptr ? "mmio" : machine.DomainName(frame.owner);
    const char* type = frame.host == nullptr ? "none" : FrameTypeText(frame.type);
    if (!view->memory.empty()) {
      reports::FrameRun& last = view->memory.back();
      if (last.start_mfn + last.count == mfn && last.owner == owner && last.type == type) {
        ++last.count;
        continue;
      }
    }
    view->memory.push_back({mfn, 1, owner, type});
  }
}

reports::TopologyNode NodeOf(Machine& machine, const std::string& name, const std::string& parent,
                             reports::NodeKind kind, const Link& link) {
  reports::TopologyNode node;
  node.id = name;
  node.parent = parent;
  node.kind = kind;
  node.label = name;
  node.link_gen = static_cast<int>(link.generation);
  node.link_width = static_cast<int>(link.width);
  if (const pci::Function* function = machine.fabric().Find(name)) node.bdf = pci::ToString(function->bdf());
  return node;
}

void CollectDevice(Machine& machine, const DeviceSpec& device, const std::string& parent, reports::View* view) {
  const pci::Function& function = machine.device(device.name);
  reports::TopologyNode node = NodeOf(machine, device.name, parent, reports::NodeKind::kEndpoint, device.link);
  node.label = DeviceLabel(function, device.model);
  node.domain = machine.DomainName(machine.OwnerOf(function.bdf()));
  for (unsigned bar = 0; bar < 6; ++bar) {
    if (function.bar_size(bar) == 0) continue;
    node.notes.push_back(fmt::format("BAR{} {:#x} {}", bar, function.bar_address(bar),
                                     FormatSize(function.bar_size(bar))));
  }
  if (device.msi_vectors != 0) node.notes.push_back(fmt::format("MSI {} vectors", device.msi_vectors));
  if (device.msix_vectors != 0) node.notes.push_back(fmt::format("MSI-X {} vectors", device.msix_vectors));
  view->topology.push_back(node);
}

void CollectTopology(Machine& machine, reports::View* view) {
  const Scenario& scenario = machine.scenario();
  reports::TopologyNode root;
  root.id = "rc";
  root.kind = reports::NodeKind::kRootComplex;
  root.label = "root complex";
  view->topology.push_back(root);
  for (const DeviceSpec& device : scenario.devices) {
    if (!device.behind.empty()) continue;
    if (!device.beside.empty()) {
      CollectDevice(machine, device, "port." + device.beside, view);
      continue;
    }
    const std::string port = "port." + device.name;
    view->topology.push_back(NodeOf(machine, port, "rc", reports::NodeKind::kRootPort, Link{0, 0}));
    CollectDevice(machine, device, port, view);
  }
  for (const SwitchSpec& spec : scenario.switches) {
    const std::string port = "port." + spec.name;
    view->topology.push_back(NodeOf(machine, port, "rc", reports::NodeKind::kRootPort, Link{0, 0}));
    view->topology.push_back(NodeOf(machine, spec.name, port, reports::NodeKind::kSwitchUpstream, spec.link));
    for (const DeviceSpec& device : scenario.devices) {
      if (device.behind != spec.name) continue;
      const std::string down = spec.name + "." + device.name;
      view->topology.push_back(NodeOf(machine, down, spec.name, reports::NodeKind::kSwitchDownstream, Link{0, 0}));
      CollectDevice(machine, device, down, view);
    }
  }
}

void CollectAssumptions(Machine& machine, reports::View* view) {
  const Scenario& scenario = machine.scenario();
  const std::string root = FindRoot();
  const std::string& named = scenario.machine.profile_file;
  const Profile& profile = SharedProfile(named.empty() ? FindProfile(root, kDefaultProfile) : named, root);
  view->assumptions.push_back({"machine.profile", profile.name, profile.what});
  for (const ProfileEntry& entry : profile.entries) {
    if (!IsPartOf(scenario, entry.key())) continue;
    const bool itself = SaysItself(scenario.machine, entry.spec->group, entry.spec->name);
    const uint64_t value = ValueOf(scenario.machine, entry.spec->group, entry.spec->name).value_or(entry.standard);
    std::string text = FormatParameter(*entry.spec, value);
    if (entry.low != entry.high) {
      text += fmt::format(" ({} to {}{})", FormatParameter(*entry.spec, entry.low), FormatParameter(*entry.spec, entry.high),
                          entry.uncertain && !itself ? ", uncertain" : "");
    }
    view->assumptions.push_back({entry.key(), text, itself ? "the scenario says so" : entry.tag + ": " + entry.origin});
  }
  view->limits = {
      "CPU caches and memory bandwidth are not modelled: guest time is the cost of basic blocks plus annotated costs",
      "vCPUs are pinned; those that share a processor wait for each other only with machine.xen.sched: credit2",
      "Only the passthrough path is original code; the emulated rest of the kernel is listed under 'emulated'",
      "Without an IOMMU Xen does not security-support PCI passthrough (SUPPORT.md)",
  };
  if (scenario.machine.iommu == IommuKind::kNone) {
    view->policy = xen::Description(machine.hypervisor().config().no_iommu);
  }
}

}  // namespace

std::string ConsoleFile(const GuestDomain& guest) { return "console-" + guest.spec().name + ".txt"; }

namespace {

// What a reader goes to first: the step that attacks.
int LineOfAttack(const Scenario& scenario) {
  constexpr StepKind kAttacks[] = {StepKind::kAttack, StepKind::kEmit, StepKind::kStorm, StepKind::kCrash};
  const auto attack = std::find_if(scenario.steps.begin(), scenario.steps.end(), [&](const Step& step) {
    return std::find(std::begin(kAttacks), std::end(kAttacks), step.kind) != std::end(kAttacks);
  });
  if (attack != scenario.steps.end()) return std::max(1, attack->place.line);
  return scenario.steps.empty() ? 1 : std::max(1, scenario.steps.front().place.line);
}

}  // namespace

reports::Result StubResult(const Scenario& scenario, const std::string& reproduce) {
  reports::Result result;
  result.scenario = scenario.name;
  result.claim = scenario.claim;
  result.embargo = scenario.embargo;
  result.view.source_file = scenario.file;
  result.view.source_line = LineOfAttack(scenario);
  result.seed = scenario.seed;
  switch (scenario.machine.iommu) {
    case IommuKind::kNone: result.mode = reports::Mode::kM0; break;
    case IommuKind::kDmar: result.mode = reports::Mode::kM1; break;
    case IommuKind::kDmarIr: result.mode = reports::Mode::kM2; break;
  }
  result.reproduce = reproduce;
  result.verdict = reports::Verdict::kUnable;
  return result;
}

std::vector<std::string> FeaturesOf(const ImageFiles& files) {
  return ReadJson(files.Path("kernel.json")).value("features", std::vector<std::string>());
}

BlocksRan CollectBlocks(Machine& machine) {
  const driver::Image* image = ImageOf(machine);
  if (image == nullptr) return {};
  BlocksRan ran(image->block_count() + 1);
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->image() == nullptr) continue;
    for (uint32_t block = 1; block < ran.size(); ++block) ran[block] |= guest->image()->has_run(block);
  }
  return ran;
}

void Collect(Machine& machine, bool line_coverage, reports::Result* result) {
  result->simulated_ps = machine.simulation().now();
  result->trace_digest = machine.trace().Digest();
  const std::string compiler = CollectKernel(machine, line_coverage, result);
  CollectEmulated(machine, result);
  CollectDomains(machine, result);
  result->dma = machine.classifier().totals();
  result->faults = machine.classifier().faults();
  result->findings = machine.classifier().Findings(result->mode, result->reproduce);
  AddEvidence(machine, compiler, result);
  result->interrupts = machine.spans().Rows(
      [&](sim::DomId id) {
        const GuestDomain* guest = machine.FindGuest(id);
        return guest != nullptr && guest->spec().events == EventAbi::k2L ? reports::PortAbi::k2l
                                                                        : reports::PortAbi::kFifo;
      },
      [&](sim::DomId id) { return machine.DomainName(id); });
  CollectIommu(machine, result);
  CollectSubPage(machine, result);
  reports::View& view = result->view;
  CollectMemory(machine, &view);
  CollectTopology(machine, &view);
  CollectAssumptions(machine, &view);
  view.landings = machine.classifier().Landings();
  view.iommu.present = machine.iommu() != nullptr;
  view.iommu.dma_remapping = machine.iommu() != nullptr && machine.iommu()->translation_enabled();
  view.iommu.interrupt_remapping = machine.iommu() != nullptr && machine.iommu()->interrupt_remapping_enabled();
}

}  // namespace pvpci::scenarios
