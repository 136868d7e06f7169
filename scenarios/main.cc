// SPDX-License-Identifier: Apache-2.0
// //scenarios:pvpci: run, list, show, check, rows, bench, fidelity. The front script ./pvpci builds it and passes all
// arguments on.
//
// The program has its own main: libsystemc's would print a banner before anything is parsed. Each run is a child that
// enters SystemC by sc_elab_and_sim, as libsystemc's main does.
#include <systemc>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "reports/files.h"
#include "reports/result_json.h"
#include "reports/text_summary.h"
#include "scenarios/bench/bench.h"
#include "scenarios/cli.h"
#include "scenarios/counterfactual.h"
#include "scenarios/coverage/run_coverage.h"
#include "scenarios/describe.h"
#include "scenarios/engine.h"
#include "scenarios/fidelity.h"
#include "scenarios/fidelity/run_fidelity.h"
#include "scenarios/gates.h"
#include "scenarios/intervals/run_intervals.h"
#include "scenarios/library.h"
#include "scenarios/mutants.h"
#include "scenarios/parser.h"
#include "scenarios/problem.h"
#include "scenarios/profile.h"
#include "scenarios/reach_run.h"
#include "scenarios/review/run_diff.h"
#include "scenarios/review/run_review.h"
#include "scenarios/rows.h"
#include "scenarios/rows_run.h"
#include "scenarios/schema.h"
#include "scenarios/shell_word.h"
#include "scenarios/supervise.h"
#include "scenarios/sweep/responses.h"
#include "scenarios/sweep/run_sweep.h"
#include "scenarios/sweep/spec.h"
#include "scenarios/traces/binary_trace.h"
#include "scenarios/window_run.h"
#include "sim/out_of_resources.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

// What sc_main runs; set in the child before SystemC is entered.
std::function<int()> g_systemc_body;
std::exception_ptr g_systemc_error;

int EnterSystemC(const std::function<int()>& body) {
  setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
  g_systemc_body = body;
  static char name[] = "pvpci";
  static char* arguments[] = {name, nullptr};
  const int code = sc_core::sc_elab_and_sim(1, arguments);
  if (g_systemc_error) std::rethrow_exception(g_systemc_error);
  return code;
}

std::string Reproduce(const std::string& argument, const Scenario& scenario, const CommandLine& command) {
  std::string text = fmt::format("./pvpci run {} --iommu {} --seed {} --kernel {}", ShellWord(argument),
                                 Name(scenario.machine.iommu), scenario.seed, ShellWord(scenario.kernel));
  for (const Override& change : command.overrides) {
    if (change.origin == "--profile") text += " --profile " + ShellWord(change.value);
  }
  for (const Override& change : command.overrides) {
    if (change.origin.rfind("--set", 0) == 0) text += " --set " + ShellWord(change.key + "=" + change.value);
  }
  if (!command.mutant.empty()) text += " --mutant " + ShellWord(command.mutant);
  if (command.until != 0) text += fmt::format(" --until {}ps", command.until);
  return text;
}

RunOptions OptionsFor(const std::string& argument, const Scenario& scenario, const CommandLine& command,
                      const std::string& root, const std::string& out) {
  RunOptions options;
  options.root = root;
  options.out = out;
  options.trace = command.formats.count("trace") != 0;
  options.perfetto = command.formats.count("perfetto") != 0;
  options.pcapng = command.formats.count("pcapng") != 0;
  options.vcd = command.formats.count("vcd") != 0;
  options.binary = command.formats.count("binary") != 0;
  options.sarif = command.formats.count("sarif") != 0;
  options.json = command.formats.count("json") != 0;
  options.text = command.formats.count("text") != 0 && !options.json;
  options.progress = isatty(STDERR_FILENO) == 1;
  options.blocks = command.blocks;
  if (!command.baseline.empty()) options.baseline = LoadBaseline(command.baseline, scenario.name, "--baseline");
  options.gdb = command.gdb;
  options.mutant = command.mutant;
  options.gdb_at = command.gdb_at;
  options.reproduce = Reproduce(argument, scenario, command);
  for (const Override& change : command.overrides) {
    if (change.origin.rfind("--set", 0) == 0) options.settings[change.key] = change.value;
  }
  return options;
}

int TellEnd(const Scenario& scenario, const ChildAnswer& answer, const CommandLine& command) {
  if (interrupted_by() != 0) {
    std::fputs(fmt::format("pvpci: {}: interrupted; what is written is marked incomplete\n", scenario.name).c_str(),
               stderr);
  } else if (answer.timed_out) {
    std::fputs(fmt::format("pvpci: {}: gave up after {} s (--timeout); the result is marked incomplete\n",
                           scenario.name, command.timeout_s).c_str(), stderr);
  } else if (answer.signal != 0 && answer.signal != SIGPIPE) {  // whoever reads us may stop when he has read enough
    std::fputs(fmt::format("pvpci: {}: the bench itself died of signal {} ({}); this is a bug of pvpci, no finding\n",
                           scenario.name, answer.signal, strsignal(answer.signal)).c_str(), stderr);
  }
  return answer.exit_code;
}

// The code that says most: an interrupted call, then trouble of the bench, then findings.
int Worst(int a, int b) {
  const std::vector<int> order = {kExitHolds,          kExitViolated,  kExitCorrupt,     kExitNondeterminism,
                                  kExitResources,      kExitBench,     kExitTerminated,  kExitInterrupted};
  const auto rank = [&](int code) { return std::find(order.begin(), order.end(), code) - order.begin(); };
  return rank(a) >= rank(b) ? a : b;
}

ChildAnswer RunOnce(const Scenario& scenario, const RunOptions& options, unsigned timeout_s) {
  return RunInChild(
      [&](std::string* digest) {
        return EnterSystemC([&] {
          const reports::Result result = RunScenario(scenario, options);
          *digest = result.trace_digest.value_or("");
          return ExitCodeOf(result);
        });
      },
      timeout_s);
}

int RunOne(const std::string& argument, const Scenario& scenario, const CommandLine& command, const std::string& root,
           const std::string& out) {
  const RunOptions options = OptionsFor(argument, scenario, command, root, out);
  const ChildAnswer first = RunOnce(scenario, options, command.timeout_s);
  int code = TellEnd(scenario, first, command);
  if (!command.twice || interrupted_by() != 0 || first.timed_out || first.signal != 0) return code;
  RunOptions again = options;
  again.out = (fs::path(out) / "second").string();
  again.text = again.json = false;
  const ChildAnswer second = RunOnce(scenario, again, command.timeout_s);
  code = Worst(code, TellEnd(scenario, second, command));
  if (interrupted_by() != 0 || second.timed_out || second.signal != 0) return code;
  if (first.text != second.text || first.text.empty()) {
    std::fputs(fmt::format("pvpci: {}: two runs differ: {} and {}; see {} and {} (--format trace shows where)\n",
                           scenario.name, first.text, second.text, out, again.out).c_str(), stderr);
    return Worst(code, kExitNondeterminism);
  }
  std::error_code ignored;
  fs::remove_all(again.out, ignored);
  if (options.text) std::fputs(fmt::format("{}: twice the same, {}\n", scenario.name, first.text).c_str(), stdout);
  return code;
}

// Once as it is, then with other values of what is uncertain.
int RunIntervals(const std::string& argument, const Scenario& scenario, const CommandLine& command, const std::string& root,
                 const std::string& out) {
  const RunOptions options = OptionsFor(argument, scenario, command, root, out);
  IntervalRun run;
  run.options = options;
  run.options.text = run.options.json = run.options.progress = false;
  std::string document;
  const ChildAnswer answer = RunInChild(
      [&](std::string* text) {
        return EnterSystemC([&] {
          const reports::Result result = RunScenario(scenario, run.options);
          *text = reports::ToJson(result).dump();
          return ExitCodeOf(result);
        });
      },
      command.timeout_s);
  const int code = TellEnd(scenario, answer, command);
  const auto made = nlohmann::ordered_json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (interrupted_by() != 0 || !made.is_object()) return code;
  reports::Result result = reports::ResultOf(made);
  if (result.verdict == reports::Verdict::kHolds || result.verdict == reports::Verdict::kViolated) {
    run.scenario = scenario;
    run.options.out.clear();
    run.options.trace = run.options.perfetto = run.options.pcapng = run.options.sarif = false;
    run.jobs = command.jobs;
    run.timeout_s = command.timeout_s;
    run.progress = isatty(STDERR_FILENO) == 1 ? ProgressStyle::kBar : ProgressStyle::kNone;
    run.systemc = EnterSystemC;
    result.intervals = IntervalsOfRun(run);
    if (!result.intervals) {
      std::fputs(fmt::format("pvpci: {}: interrupted; {} has the run itself, without intervals\n", scenario.name, out).c_str(), stderr);
      return 128 + interrupted_by();
    }
    reports::FinishRun(out, result);
  }
  if (options.json) std::fputs(reports::WriteResultJson(result).c_str(), stdout);
  if (options.text) {
    reports::TextOptions text = reports::TextOptionsFor(STDOUT_FILENO);
    text.report = (fs::path(out) / "report.html").string();
    std::fputs(reports::TextSummary(result, text).c_str(), stdout);
  }
  return code;
}

// In every mode, whatever the scenario's own.
int RunInEveryMode(const std::string& argument, const CommandLine& command, const std::string& root,
                   const std::string& out) {
  CounterfactualRun run;
  run.out = out;
  run.timeout_s = command.timeout_s;
  run.json = command.formats.count("json") != 0;
  run.text = command.formats.count("text") != 0;
  run.systemc = EnterSystemC;
  for (const IommuKind kind : {IommuKind::kNone, IommuKind::kDmar, IommuKind::kDmarIr}) {
    std::vector<Override> overrides = command.overrides;
    overrides.push_back({"machine.iommu", Name(kind), "--counterfactual"});
    run.scenarios.push_back(LoadScenario(FindScenario(root, argument), overrides));
    run.scenarios.back().until = command.until != 0 ? command.until : run.scenarios.back().until;
    const std::string folder = (fs::path(out) / ModeName(kind)).string();
    run.options.push_back(OptionsFor(argument, run.scenarios.back(), command, root, folder));
    run.options.back().text = run.options.back().json = run.options.back().progress = false;
  }
  const std::vector<ChildAnswer> answers = RunCounterfactual(run);
  int code = kExitHolds;
  for (size_t i = 0; i < answers.size(); ++i) code = Worst(code, TellEnd(run.scenarios[i], answers[i], command));
  return code;
}

int Run(const CommandLine& command, const std::string& root) {
  std::vector<Scenario> scenarios;
  for (const std::string& argument : command.scenarios) {
    scenarios.push_back(LoadScenario(FindScenario(root, argument), command.overrides));
    if (command.until != 0) scenarios.back().until = command.until;
    for (const ExpectationSpec& spec : scenarios.back().expect) {  // say at once what cannot be read
      if (spec.gate && !spec.gate->baseline.empty()) LoadBaseline(spec.gate->baseline, scenarios.back().name, "baseline");
    }
    if (!command.mutant.empty() && command.mutant != kNoMutant) {
      FindMutant(LoadMutants(root), command.mutant, scenarios.back().kernel_family);  // or say at once that there is none
    }
  }
  for (size_t i = 0; i < scenarios.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (scenarios[i].name == scenarios[k].name) {
        throw UsageError(fmt::format("run: two scenarios are named '{}': one folder cannot hold both",
                                     scenarios[i].name));
      }
    }
  }
  const bool several = scenarios.size() > 1;
  int code = kExitHolds;
  std::vector<std::string> names;
  for (size_t i = 0; i < scenarios.size() && interrupted_by() == 0; ++i) {
    fs::path out = command.out.empty() ? fs::path("out") / scenarios[i].name : fs::path(command.out);
    if (several && !command.out.empty()) out /= scenarios[i].name;
    names.push_back(scenarios[i].name);
    code = Worst(code, command.counterfactual
                           ? RunInEveryMode(command.scenarios[i], command, root, out.string())
                       : command.intervals ? RunIntervals(command.scenarios[i], scenarios[i], command, root, out.string())
                           : RunOne(command.scenarios[i], scenarios[i], command, root, out.string()));
  }
  if (several && !command.counterfactual) {
    const std::string folder = command.out.empty() ? "out" : command.out;
    reports::WriteIndex(folder, names);
    if (command.formats.count("text") != 0 && command.formats.count("json") == 0) {
      std::fputs(fmt::format("{} scenarios: {}/index.html\n", names.size(), folder).c_str(), stdout);
    }
  }
  return code;
}

// trace.bin as trace.txt has it.
int PrintTrace(const CommandLine& command) {
  std::ifstream stream(command.trace_file, std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream) throw UsageError(fmt::format("trace: '{}' cannot be read", command.trace_file));
  std::string text;
  try {
    ReadBinaryTrace(file, [&](const BinaryTraceRecord& record) {
      if (command.interrupt != 0 && !TellsOfInterrupt(record.text, command.interrupt)) return;
      text += fmt::format("{} {} {}\n", record.time_ps, record.domain, record.text);
    });
  } catch (const BinaryTraceError& error) {
    std::fputs(fmt::format("pvpci: trace: {}: {}\n", command.trace_file, error.what()).c_str(), stderr);
    return kExitCorrupt;
  }
  if (!command.out.empty()) reports::WriteFileAtomically(fs::path(command.out) / "trace.txt", text);
  std::fputs(text.c_str(), stdout);
  return kExitHolds;
}

int Kernels(const CommandLine& command, const std::string& root) {
  std::set<std::string> kernels;
  for (const std::string& argument : command.scenarios) {
    kernels.insert(LoadScenario(FindScenario(root, argument), command.overrides).kernel);
  }
  for (const std::string& kernel : kernels) std::fputs((kernel + "\n").c_str(), stdout);
  return kExitHolds;
}

int List(const CommandLine& command, const std::string& root) {
  std::vector<Scenario> scenarios;
  for (const std::string& name : ShippedScenarios(root)) scenarios.push_back(LoadScenario(FindScenario(root, name)));
  std::fputs((command.json ? ListJson(scenarios).dump(2) + "\n" : ListTable(scenarios)).c_str(), stdout);
  return kExitHolds;
}

int Show(const CommandLine& command, const std::string& root) {
  const Scenario scenario = LoadScenario(FindScenario(root, command.scenarios.front()), command.overrides);
  std::fputs((command.json ? DescribeJson(scenario).dump(2) + "\n" : Describe(scenario)).c_str(), stdout);
  return kExitHolds;
}

std::string CheckOne(const std::string& argument, const std::string& root) {
  if (fs::path(argument).filename() == fs::path(RowTableFile(root)).filename()) {
    return fmt::format("{}: ok, {} rows\n", argument, LoadRows(argument, NamesForRows(root)).size());
  }
  if (fs::path(argument).parent_path().filename() == "profiles") {
    const Profile profile = LoadProfile(argument, root);
    const auto uncertain = std::count_if(profile.entries.begin(), profile.entries.end(), [](const auto& each) { return each.uncertain; });
    return fmt::format("{}: ok, {} parameters, {} of them uncertain\n", argument, profile.entries.size(), uncertain);
  }
  const Scenario scenario = LoadScenario(FindScenario(root, argument));
  return fmt::format("{}: ok, {} steps, {} expectations\n", scenario.file, scenario.steps.size(),
                     scenario.expect.size());
}

int Check(const CommandLine& command, const std::string& root) {
  if (command.schema) std::fputs((JsonSchema().dump(2) + "\n").c_str(), stdout);
  if (command.keys) std::fputs(DescribeKeys().c_str(), stdout);
  std::string bad;
  std::string good;
  for (const std::string& argument : command.scenarios) {
    try {
      good += CheckOne(argument, root);
    } catch (const InputError& error) {
      bad += std::string(error.what()) + "\n";
    }
  }
  std::fputs(bad.c_str(), stderr);
  std::fputs(good.c_str(), stdout);
  return bad.empty() ? kExitHolds : kExitBadInput;
}

// The models against published measurements.
int HardwareFidelity(const CommandLine& command, const std::string& root) {
  FidelityOptions options;
  options.root = root;
  options.out = command.out.empty() ? "out/fidelity" : command.out;
  options.json = command.json;
  options.systemc = EnterSystemC;
  options.run = [&](const std::string& name, const std::string& key, const std::string& value) {
    std::vector<Override> overrides = command.overrides;
    if (!key.empty()) overrides.push_back({key, value, "fidelity"});
    const Scenario scenario = LoadScenario(FindScenario(root, name), overrides);
    RunOptions run = OptionsFor(name, scenario, command, root, "");
    run.text = run.json = run.progress = false;
    ScenarioAnswer made;
    const ChildAnswer answer = RunInChild(
        [&](std::string* text) {
          return EnterSystemC([&] {
            const reports::Result result = RunScenario(scenario, run);
            const auto violated = std::count_if(result.expectations.begin(), result.expectations.end(),
                                                [](const auto& expectation) { return !expectation.held; });
            *text = fmt::format("{} {}", result.expectations.size(), violated);
            for (const auto& console : result.view.consoles) *text += "\n" + console.text;
            return ExitCodeOf(result);
          });
        },
        command.timeout_s);
    const int code = TellEnd(scenario, answer, command);
    if ((code != kExitHolds && code != kExitViolated) ||
        std::sscanf(answer.text.c_str(), "%u %u", &made.expectations, &made.violated) != 2) {
      throw std::runtime_error(fmt::format("{} did not end: ./pvpci run {}", name, name));
    }
    made.console = answer.text;
    return made;
  };
  return RunFidelity(options);
}

// Every shipped scenario that compares itself with a recording, each in a child of its own.
int Fidelity(const CommandLine& command, const std::string& root) {
  if (!command.golden) return HardwareFidelity(command, root);
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const std::string& name : ShippedScenarios(root)) {
    const Scenario scenario = LoadScenario(FindScenario(root, name), command.overrides);
    const auto wanted = std::count_if(scenario.steps.begin(), scenario.steps.end(),
                                      [](const Step& step) { return step.kind == StepKind::kCompare; });
    if (wanted == 0) continue;
    RunOptions options = OptionsFor(name, scenario, command, root, "");
    options.text = options.json = false;
    const ChildAnswer answer = RunInChild(
        [&](std::string* text) {
          options.comparisons = [&](const std::vector<TraceComparison>& made) { *text = FidelityJson(made).dump(); };
          return EnterSystemC([&] { return ExitCodeOf(RunScenario(scenario, options)); });
        },
        command.timeout_s);
    const int code = TellEnd(scenario, answer, command);
    if (code != kExitHolds && code != kExitViolated) return code;
    const auto made = nlohmann::ordered_json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
    if (!made.is_array() || static_cast<std::ptrdiff_t>(made.size()) != wanted) {
      std::fputs(fmt::format("pvpci: {} did not get as far as its comparisons: ./pvpci run {}\n", name, name).c_str(),
                 stderr);
      return kExitBench;
    }
    for (const auto& line : made) lines.push_back(line);
  }
  std::fputs((command.json ? lines.dump(2) + "\n" : FidelityText(lines)).c_str(), stdout);
  return AllMet(lines) ? kExitHolds : kExitViolated;
}

ReachOptions OptionsOfReach(const CommandLine& command, const std::string& root) {
  const std::string& argument = command.scenarios.front();
  const Scenario first = LoadScenario(FindScenario(root, argument), command.overrides);
  const bool one = std::any_of(command.overrides.begin(), command.overrides.end(),
                               [](const Override& change) { return change.key == "machine.iommu"; });
  ReachOptions options;
  for (const IommuKind kind : one ? std::vector<IommuKind>{first.machine.iommu} : first.modes()) {
    std::vector<Override> overrides = command.overrides;
    overrides.push_back({"machine.iommu", Name(kind), "--iommu"});
    options.scenarios.push_back(LoadScenario(FindScenario(root, argument), overrides));
  }
  options.run = OptionsFor(argument, first, command, root, "");
  options.run.text = options.run.json = false;
  options.out = command.out.empty() ? (fs::path("out") / first.name).string() : command.out;
  options.json = command.json;
  options.timeout_s = command.timeout_s;
  options.systemc = EnterSystemC;
  return options;
}

WindowOptions OptionsOfWindow(const CommandLine& command, const std::string& root) {
  WindowOptions options;
  options.root = root;
  options.kernel = KernelFamilies().front();
  for (const Override& change : command.overrides) {
    if (change.key == "kernel") options.kernel = change.value;
  }
  options.out = command.out.empty() ? "out/window" : command.out;
  options.json = command.json;
  options.systemc = EnterSystemC;
  return options;
}

BenchOptions OptionsOfBench(const CommandLine& command) {
  BenchOptions options;
  options.root = FindRoot();
  options.json = command.json;
  options.rounds = command.rounds;
  options.goals = command.goals;
  options.peers = command.peers;
  options.only = command.only;
  const std::vector<std::string> ids = BenchIds();
  for (const std::string& id : options.only) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
      throw UsageError(fmt::format("--only: expected {}, found '{}'", fmt::join(ids, ", "), id));
    }
  }
  options.systemc = EnterSystemC;
  return options;
}

RowsOptions OptionsOfRows(const CommandLine& command, const std::string& root) {
  RowsOptions options;
  options.root = root;
  options.rows = command.rows;
  options.out = command.out;
  options.json = command.json;
  options.markdown = command.markdown;
  options.progress = isatty(STDERR_FILENO) == 1;
  options.systemc = EnterSystemC;
  return options;
}

ReviewOptions OptionsOfReview(const CommandLine& command, const std::string& root,
                              const std::vector<std::string>& arguments) {
  ReviewOptions options;
  options.root = root;
  options.attacks = command.attacks;
  options.profile = command.profile;
  options.baseline = command.baseline;
  options.suppressions = command.suppressions;
  options.out = command.out.empty() ? "out/review" : command.out;
  options.json = command.json;
  options.markdown = command.markdown;
  options.progress = isatty(STDERR_FILENO) == 1;
  options.systemc = EnterSystemC;
  options.command = "./pvpci";
  for (const std::string& argument : arguments) options.command += " " + ShellWord(argument);
  return options;
}

SweepOptions OptionsOfSweep(const CommandLine& command, const std::string& root) {
  SweepOptions options;
  options.root = root;
  options.file = command.experiment;
  options.out = command.out;
  options.jobs = command.jobs;
  options.json = command.json;
  options.resume = command.resume;
  options.quick = command.quick;
  options.intervals = command.intervals;
  options.profile = command.assumed;
  options.slurm = command.slurm;
  options.first = command.first_point;
  options.last = command.last_point;
  options.progress = isatty(STDERR_FILENO) == 1 ? ProgressStyle::kBar : ProgressStyle::kLines;
  options.systemc = EnterSystemC;
  return options;
}

int SweepVerb(const CommandLine& command, const std::string& root) {
  std::string answer;
  if (command.schema) answer += JsonSchemaOf(SweepTable(), "pvpci sweep", "pvpci sweep --schema").dump(2) + "\n";
  if (command.keys) answer += DescribeKeysOf(SweepTable());
  if (command.responses) answer += DescribeResponses();
  if (command.list) answer += ListExperiments(root);
  std::fputs(answer.c_str(), stdout);
  return command.experiment.empty() ? static_cast<int>(kExitHolds) : RunSweep(OptionsOfSweep(command, root));
}

int SweepKernels(const CommandLine& command, const std::string& root) {
  if (!command.experiment.empty()) std::fputs(KernelsOfSweep(OptionsOfSweep(command, root)).c_str(), stdout);
  return kExitHolds;
}

int Main(const std::vector<std::string>& arguments) {
  try {
    if (arguments.size() == 1 && arguments[0] == kFirstInterruptVerb) return RunFirstInterrupt(OptionsOfBench({}));
    if (arguments.size() == 1 && arguments[0] == kDigestVerb) return RunDigest(OptionsOfBench({}));
    const CommandLine command = ParseCommandLine(arguments);
    const std::string root = FindRoot();
    switch (command.verb) {
      case Verb::kHelp: std::fputs(command.help.c_str(), stdout); return kExitHolds;
      case Verb::kRun: return Run(command, root);
      case Verb::kKernels: return Kernels(command, root);
      case Verb::kList: return List(command, root);
      case Verb::kShow: return Show(command, root);
      case Verb::kCheck: return Check(command, root);
      case Verb::kFidelity: return Fidelity(command, root);
      case Verb::kCoverage: return RunCoverage(command, root, EnterSystemC);
      case Verb::kRows: return RunRows(OptionsOfRows(command, root));
      case Verb::kReach: return RunReach(OptionsOfReach(command, root));
      case Verb::kWindow: return RunWindow(OptionsOfWindow(command, root));
      case Verb::kDiff:
        return RunDiff({command.compared[0], command.compared[1], command.suppressions, command.out, command.json});
      case Verb::kTrace: return PrintTrace(command);
      case Verb::kReview: return RunReview(OptionsOfReview(command, root, arguments));
      case Verb::kSweep: return SweepVerb(command, root);
      case Verb::kSweepKernels: return SweepKernels(command, root);
      case Verb::kBench: return RunBench(OptionsOfBench(command));
    }
  } catch (const UsageError& error) {
    std::fputs(fmt::format("pvpci: {}\n", error.what()).c_str(), stderr);
    return kExitBadInput;
  } catch (const InputError& error) {
    std::fputs(fmt::format("{}\n", error.what()).c_str(), stderr);
    return kExitBadInput;
  } catch (const std::bad_alloc&) {
    std::fputs("pvpci: out of memory\n", stderr);
    return kExitResources;
  } catch (const sim::OutOfResources& error) {
    std::fputs(fmt::format("pvpci: out of resources: {}\n", error.what()).c_str(), stderr);
    return kExitResources;
  } catch (const reports::FileError& error) {
    std::fputs(fmt::format("pvpci: {}\n", error.what()).c_str(), stderr);
    return kExitResources;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("pvpci: the bench failed: {}\n", error.what()).c_str(), stderr);
    return kExitBench;
  }
  return kExitBench;
}

}  // namespace
}  // namespace pvpci::scenarios

int sc_main(int, char**) {
  try {
    return pvpci::scenarios::g_systemc_body();
  } catch (...) {
    // sc_elab_and_sim would print it in its own words.
    pvpci::scenarios::g_systemc_error = std::current_exception();
    return pvpci::scenarios::kExitBench;
  }
}

int main(int argc, char** argv) {
  return pvpci::scenarios::Main(std::vector<std::string>(argv + 1, argv + argc));
}
