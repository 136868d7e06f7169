// SPDX-License-Identifier: Apache-2.0
#include "scenarios/engine.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/vcpu/vcpu_runner.h"
#include "reports/exported.h"
#include "reports/files.h"
#include "reports/json_text.h"
#include "reports/names.h"
#include "reports/path_diff.h"
#include "reports/result_json.h"
#include "reports/sarif.h"
#include "reports/text_summary.h"
#include "scenarios/cli.h"
#include "scenarios/expectations.h"
#include "scenarios/gates.h"
#include "scenarios/images.h"
#include "scenarios/machine/collect.h"
#include "scenarios/machine/machine.h"
#include "scenarios/machine/path_meter.h"
#include "scenarios/machine/signal_recorder.h"
#include "scenarios/machine/store_nodes.h"
#include "scenarios/mutants.h"
#include "scenarios/review/verdict.h"
#include "scenarios/steps.h"
#include "scenarios/traces/binary_trace.h"
#include "scenarios/traces/trace_files.h"
#include "sim/check.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

volatile sig_atomic_t g_stop_reason = 0;
sim::Simulation* volatile g_simulation = nullptr;

// Progress lines are for a person at a terminal who waits: wall clock, never in results.
class Progress {
 public:
  Progress(bool wanted, size_t steps) : wanted_(wanted), steps_(steps), start_(Clock::now()) {}
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  void Show(size_t number, const Step& step) {
    if (!wanted_ || Clock::now() - start_ < std::chrono::seconds(2)) return;
    std::fputs(fmt::format("\r\033[K[{}/{}] {:.70}", number, steps_, step.label).c_str(), stderr);
    std::fflush(stderr);
    shown_ = true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool wanted_;
  size_t steps_;
  Clock::time_point start_;
  bool shown_ = false;
};

std::map<uint32_t, SpanShown> SpansShown(Machine& machine) {
  std::map<uint32_t, SpanShown> spans;
  machine.spans().ForEach([&](const Spans::Ended& ended) {
    if (ended.state != Spans::State::kDelivered) return;
    SpanShown& span = spans[ended.number];
    span.vcpu = ended.vcpu;
    for (const auto* parts : {&ended.parts, &ended.tail_parts}) {
      for (const auto& part : *parts) span.parts.emplace_back(part.name, part.duration);
    }
  });
  return spans;
}

// Beside the others: names and what they are, of those that were asked for.
std::vector<std::pair<std::string, std::string>> TraceFiles(const RunOptions& options) {
  std::vector<std::pair<std::string, std::string>> files;
  if (options.trace) files.emplace_back("trace.txt", "every record of the run");
  if (options.binary) files.emplace_back("trace.bin", "the same, in a few bytes a record");
  if (options.perfetto) files.emplace_back("trace.perfetto.json", "the run for ui.perfetto.dev");
  if (options.vcd) files.emplace_back("trace.vcd", "pins, mask and pending bits for GTKWave");
  if (options.pcapng) files.emplace_back("tlp.pcapng", "its packets for Wireshark");
  return files;
}

void WriteTraces(Machine& machine, const SignalRecorder* signals, const RunOptions& options) {
  const fs::path folder = options.out;
  if (options.trace) {
    std::ostringstream text;
    machine.trace().WriteText(text);
    reports::WriteFileAtomically(folder / "trace.txt", text.str());
  }
  if (options.binary) {
    const Scenario& scenario = machine.scenario();
    reports::WriteFileAtomically(folder / "trace.bin",
                                 BinaryTrace(machine.trace(), {scenario.name, ModeName(scenario.machine.iommu),
                                                               machine.trace().Digest(), scenario.seed}));
  }
  TraceNames names;
  for (const auto& [id, guest] : machine.guests()) names.domains[id] = guest->spec().name;
  names.device = [&machine](pci::Bdf bdf) {
    const pci::Function* function = machine.fabric().Find(bdf);
    return function == nullptr ? "" : function->name();
  };
  names.iommu = machine.iommu() != nullptr;
  if (signals != nullptr) {
    reports::WriteFileAtomically(folder / "trace.vcd",
                                 ValueChangeDump(machine.trace(), names, signals->signals(), signals->changes()));
  }
  if (options.perfetto) {
    const std::map<uint32_t, SpanShown> spans = SpansShown(machine);
    names.spans = &spans;
    reports::WriteFileAtomically(folder / "trace.perfetto.json", PerfettoTrace(machine.trace(), names));
  }
  if (options.pcapng) {
    const auto address_of = [&machine](pci::Bdf bdf, pci::RegisterSpace space, uint64_t offset) {
      const pci::Function* function = machine.fabric().Find(bdf);
      if (function == nullptr || space > pci::RegisterSpace::kBar5) return uint64_t{0};
      const uint64_t bar = function->bar_address(static_cast<unsigned>(space));
      return bar == 0 ? 0 : bar + offset;
    };
    reports::WriteFileAtomically(folder / "tlp.pcapng", TlpCapture(machine.trace(), address_of));
  }
}

void WriteConsoles(Machine& machine, const std::string& folder) {
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->spec().kernel) reports::WriteFileAtomically(fs::path(folder) / ConsoleFile(*guest), guest->console());
  }
  reports::WriteFileAtomically(fs::path(folder) / "console-xen.txt", machine.hypervisor().console().text());
}

// What a debugger needs, on one line that works as it is.
void StopForDebugger(Machine& machine, const RunOptions& options, const std::string& why) {
  std::vector<const driver::LoadedImage*> images;
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->image() != nullptr) images.push_back(guest->image());
  }
  const std::string commands = (fs::path(options.out) / "gdb.txt").string();
  driver::WriteGdbCommands(commands, images);
  std::fputs(fmt::format("\npvpci: stopped at {} ps: {}\npvpci: attach with: gdb -p {} -x {}\n"
                         "pvpci: in gdb, 'signal SIGCONT' lets the machine room go on\n",
                         machine.simulation().now(), why, getpid(), commands).c_str(), stderr);
  std::fflush(stderr);
  raise(SIGSTOP);
}

// result.json and what only the run knows: the consoles, whole, the store and the PCI rings.
nlohmann::json Observations(Machine& machine, const reports::Result& result) {
  nlohmann::json json = nlohmann::json::parse(reports::ToJson(result).dump());
  json["console"] = {{kXenConsole, machine.hypervisor().console().text()}};
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->spec().kernel) json["console"][guest->spec().name] = guest->console();
  }
  json["store"] = StoreNodes(machine);
  json["ring"] = RingOperations(machine);
  return json;
}

// trace.txt, and where in it each step starts, by label.
nlohmann::json TraceText(Machine& machine, const std::map<std::string, uint64_t>& first_record) {
  std::string text;
  uint64_t number = 0;
  std::map<uint64_t, size_t> starts;  // of records
  for (const auto& [label, record] : first_record) starts[record] = 0;
  const auto begin = [&] {
    if (const auto at = starts.find(number++); at != starts.end()) at->second = text.size();
  };
  machine.trace().ForEach([&](const sim::RecordView& record) {
    begin();
    text += machine.trace().Format(record) + "\n";
  });
  begin();  // steps after which nothing was traced
  nlohmann::json steps = nlohmann::json::object();
  for (const auto& [label, record] : first_record) steps[label] = starts[record];
  return {{"text", std::move(text)}, {"steps", std::move(steps)}};
}

// From where on interrupts and hypercalls count: the step that bounds name, else the first storm, else the first step after
// the last boot.
bool Measures(const Scenario& scenario, const Step& step) {
  const auto gate = std::find_if(scenario.expect.begin(), scenario.expect.end(), [](const auto& spec) { return spec.gate.has_value(); });
  if (gate != scenario.expect.end() && !gate->gate->since.empty()) return step.label == gate->gate->since;
  const auto is = [](StepKind kind) { return [kind](const Step& each) { return each.kind == kind; }; };
  if (std::any_of(scenario.steps.begin(), scenario.steps.end(), is(StepKind::kStorm))) return step.kind == StepKind::kStorm;
  const auto boot = std::find_if(scenario.steps.rbegin(), scenario.steps.rend(), is(StepKind::kBoot));
  return boot != scenario.steps.rend() && boot != scenario.steps.rbegin() && step.label == std::prev(boot)->label;
}

bool HasGates(const Scenario& scenario) {
  return std::any_of(scenario.expect.begin(), scenario.expect.end(), [](const auto& spec) { return spec.gate.has_value(); });
}

void JudgeGates(Machine& machine, const ExpectationSpec& spec, const RunOptions& options, reports::Result* result) {
  std::map<std::string, std::string> devices;
  for (const DeviceSpec& device : machine.scenario().devices) devices[device.name] = pci::ToString(machine.device(device.name).bdf());
  nlohmann::ordered_json baseline = options.baseline;
  if (baseline.is_null() && !spec.gate->baseline.empty()) {
    baseline = LoadBaseline(spec.gate->baseline, machine.scenario().name, "baseline");
  }
  for (reports::ExpectationResult& row : JudgeGate(*spec.gate, reports::PathsDocument(reports::ToJson(*result)), baseline, devices)) {
    if (!spec.because.empty()) row.reason = spec.because;
    result->expectations.push_back(std::move(row));
  }
}

void Judge(Machine& machine, const StepWalk& walk, const RunOptions& options, reports::Result* result) {
  const Scenario& scenario = machine.scenario();
  nlohmann::json json = Observations(machine, *result);
  if (options.observed) options.observed(json);
  for (const ExpectationSpec& spec : scenario.expect) {
    if (!scenario.Applies(spec.when)) continue;
    if (spec.gate) {
      JudgeGates(machine, spec, options, result);
      continue;
    }
    const Expectation expectation = ParseExpectation(spec.text);
    if (AsksTrace(expectation) && !json.contains(kTraceRoot)) {
      json[kTraceRoot] = TraceText(machine, walk.first_record());
    }
    const Outcome outcome = Evaluate(expectation, json);
    reports::ExpectationResult row;
    row.text = outcome.text;
    row.held = outcome.held;
    row.actual = outcome.actual;
    if (!spec.because.empty()) row.reason = spec.because;
    result->expectations.push_back(row);
  }
  if (scenario.review) {
    if (AsksTrace(*scenario.review) && !json.contains(kTraceRoot)) {
      json[kTraceRoot] = TraceText(machine, walk.first_record());
    }
    result->attack = JudgeAttack(scenario, *result, json);
  }
  const auto violated = std::find_if(result->expectations.begin(), result->expectations.end(),
                                     [](const reports::ExpectationResult& row) { return !row.held; });
  result->verdict = violated == result->expectations.end() ? reports::Verdict::kHolds : reports::Verdict::kViolated;
  if (result->verdict == reports::Verdict::kViolated) {
    result->verdict_reason = fmt::format("{}: {}", violated->text, violated->actual);
  }
}

// What only a run that is over knows: how it ends, and what lies beside its report.
void CompleteEvidence(Machine& machine, const RunOptions& options, reports::Result* result) {
  std::vector<std::string> files;
  if (!options.out.empty()) {
    files = {"result.json", "console-xen.txt"};
    for (const auto& [id, guest] : machine.guests()) {
      if (guest->spec().kernel) files.push_back(ConsoleFile(*guest));
    }
    for (const auto& [file, what] : TraceFiles(options)) files.push_back(file);
  }
  for (reports::Finding& finding : result->findings) {
    finding.evidence.exit_code = ExitCodeOf(*result);
    finding.evidence.files = files;
  }
}

// Which interleaving failed, and the command that meets it alone: schedule.txt.
void WriteSchedule(const StepWalk& walk, const reports::Result& result, const RunOptions& options) {
  if (options.out.empty() || result.verdict != reports::Verdict::kViolated || walk.Schedule().empty()) return;
  std::string text = result.reproduce + "\n";
  for (const std::string& line : walk.Schedule()) text += line + "\n";
  reports::WriteFileAtomically(fs::path(options.out) / "schedule.txt", text);
}

void Finish(const RunOptions& options, const Scenario& scenario, const reports::Result& result) {
  if (!options.out.empty()) {
    reports::FinishRun(options.out, result);
    if (HasGates(scenario)) {
      reports::WriteFileAtomically(fs::path(options.out) / "paths.json",
                                   reports::FormatJson(reports::PathsDocument(reports::ToJson(result))));
    }
    if (options.sarif) {
      reports::SarifOptions sarif;
      sarif.exit_code = ExitCodeOf(result);
      sarif.files = {{"result.json", "everything of the run"}, {"report.html", "the run as a page"}};
      for (const auto& [file, what] : TraceFiles(options)) sarif.files.push_back({file, what});
      const reports::Review review = reports::Exported(reports::ReviewOf(result, options.reproduce));
      reports::WriteFileAtomically(fs::path(options.out) / "findings.sarif",
                                   reports::FormatJson(reports::SarifLog(review, sarif)));
    }
  }
  if (options.json) std::fputs(reports::WriteResultJson(result).c_str(), stdout);
  if (options.text) {
    reports::TextOptions text = reports::TextOptionsFor(STDOUT_FILENO);
    if (!options.out.empty()) text.report = (fs::path(options.out) / "report.html").string();
    std::fputs(reports::TextSummary(result, text).c_str(), stdout);
  }
}

const char* StopText(int reason) {
  switch (reason) {
    case SIGINT: return "interrupted";
    case SIGTERM: return "terminated";
    case SIGALRM: return "out of time (--timeout)";
    default: return "stopped";
  }
}

ImageFiles ImageFor(const Scenario& scenario, const RunOptions& options) {
  if (options.mutant.empty()) return FindImage(scenario.kernel, options.root);
  if (options.mutant == kNoMutant) return FindMutatedImage(scenario.kernel, options.root, nullptr);
  const std::vector<Mutant> mutants = LoadMutants(options.root);
  return FindMutatedImage(scenario.kernel, options.root, &FindMutant(mutants, options.mutant, scenario.kernel_family));
}

}  // namespace

void RequestStop(int reason) {
  if (g_stop_reason == 0) g_stop_reason = reason;
  if (g_simulation != nullptr) g_simulation->Stop();
}

int stop_reason() { return g_stop_reason; }

int ExitCodeOf(const reports::Result& result) {
  if (result.incomplete) return kExitBench;
  switch (result.verdict) {
    case reports::Verdict::kHolds:
    case reports::Verdict::kSkipped: return kExitHolds;
    case reports::Verdict::kViolated: return kExitViolated;
    case reports::Verdict::kUnable: return kExitBench;
  }
  return kExitBench;
}

reports::Result RunScenario(const Scenario& asked, const RunOptions& options) {
  Scenario scenario = asked;
  reports::Result result = StubResult(scenario, options.reproduce);
  result.view.settings = options.settings;
  const fs::path below = fs::path(result.view.source_file).lexically_proximate(options.root);
  result.view.source_file = below.empty() || *below.begin() == ".." ? below.filename().string() : below.string();
  if (!options.out.empty()) reports::BeginRun(options.out, result);
  if (!scenario.Applies(scenario.scope)) {
    result.verdict = reports::Verdict::kSkipped;
    if (scenario.review) result.attack = reports::Attack{reports::Outcome::kNotApplicable, {}, 0, "", {}};
    result.verdict_reason = fmt::format("the scenario does not apply in {} on {}", ModeName(scenario.machine.iommu),
                                        scenario.kernel_family);
    Finish(options, scenario, result);
    return result;
  }
  const ImageFiles image = ImageFor(scenario, options);
  scenario.features = FeaturesOf(image);
  // Never destroyed: the process ends after its one run, and taking the machine room down page by page takes a tenth of it.
  Machine& machine = *new Machine(scenario, image, options.watch);
  g_simulation = &machine.simulation();
  StepWalk walk(machine);
  Progress progress(options.progress, scenario.steps.size());
  bool debugger_wanted = options.gdb;
  const auto debug_stop = [&](const std::string& why) {
    if (!debugger_wanted || options.gdb_at != 0) return;
    debugger_wanted = false;
    StopForDebugger(machine, options, why);
  };
  if (options.gdb) machine.classifier().OnFinding([&] { debug_stop("the first finding"); });

  PathMeter meter;
  std::unique_ptr<SignalRecorder> signals;
  if (options.vcd && !options.out.empty()) signals = std::make_unique<SignalRecorder>(machine);
  std::string unable;
  try {
    machine.BuildFirstDomains();
    if (options.gdb && options.gdb_at != 0) {
      machine.simulation().At(options.gdb_at, [&] { StopForDebugger(machine, options, "--gdb"); });
    }
    walk.Start([&] { machine.simulation().Stop(); },
               [&](size_t number, const Step& step) {
                 progress.Show(number, step);
                 if (signals) signals->WatchNewDomains();
                 if (!meter.begun() && Measures(scenario, step)) {
                   meter.Begin(machine, step.label, options.blocks || HasGates(scenario));
                 }
                 if (options.at_step) options.at_step(machine, step);
               });
    machine.simulation().Run(scenario.until == 0 ? sim::kNever : scenario.until);
  } catch (const sim::NotModelledError& error) {
    unable = error.what();
  }
  g_simulation = nullptr;

  Collect(machine, options.line_coverage, &result);
  result.expectations = walk.rows();
  result.paths = meter.Paths(machine, result.interrupts);
  if (options.comparisons) options.comparisons(walk.comparisons());
  if (options.at_end) options.at_end(machine);
  if (options.blocks_ran) options.blocks_ran(CollectBlocks(machine));
  if (!options.out.empty()) {
    WriteConsoles(machine, options.out);
    WriteTraces(machine, signals.get(), options);
  }
  if (g_stop_reason != 0) {
    result.incomplete = true;
    result.verdict = reports::Verdict::kUnable;
    result.verdict_reason = StopText(g_stop_reason);
  } else if (!unable.empty()) {
    result.verdict = reports::Verdict::kUnable;
    result.verdict_reason = "not modelled: " + unable;
  } else {
    if (!walk.finished()) {
      const Step* step = walk.current();
      reports::ExpectationResult row;
      row.text = "all steps are done";
      row.actual = fmt::format("{} at {} ps{}",
                               scenario.until != 0 ? "the run ended" : "nothing can happen any more",
                               machine.simulation().now(), step == nullptr ? "" : " in step '" + step->label + "'");
      result.expectations.push_back(row);
    }
    Judge(machine, walk, options, &result);
    WriteSchedule(walk, result, options);
  }
  CompleteEvidence(machine, options, &result);
  Finish(options, scenario, result);
  return result;
}

}  // namespace pvpci::scenarios
