// SPDX-License-Identifier: Apache-2.0
#include "scenarios/cli.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "scenarios/suggest.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

// What this build can write. result.json, report.html and junit.xml are always written.
const std::vector<std::string>& Formats() {
  static const std::vector<std::string> formats = {"text",  "json",     "html",  "junit",
                                                   "trace", "perfetto", "pcapng", "sarif", "vcd",  "binary"};
  return formats;
}

const std::vector<std::string>& Verbs() {
  static const std::vector<std::string> verbs = {"run",  "list",  "show",     "check",    "rows", "review", "test",
                                                 "demo", "bench", "fidelity", "coverage", "diff", "reach", "window", "sweep", "trace", "help"};
  return verbs;
}

constexpr const char* kMainHelp =
    R"(pvpci: a machine room in one process. Real, unmodified Linux passthrough code on simulated PCI, IOMMU and Xen.

  ./pvpci demo                       set up what is missing, build, run the flagship scenarios
  ./pvpci run SCENARIO...            run scenarios, by name or file; results in out/<scenario>
  ./pvpci list                       the scenarios that are here, with their claims
  ./pvpci show SCENARIO              explain a scenario: machine, domains, devices, steps, expectations
  ./pvpci check FILE...              check scenario files without running them
  ./pvpci rows                       the patch series, row by row: what shows it, on which kernel it holds
  ./pvpci review                     the security review: every attack in every mode, on every kernel, as pages
  ./pvpci diff A B                   what is new, fixed and unchanged between two reviews or runs, for CI
  ./pvpci bench                      how fast it is: ratios with quartiles, each beside its baseline
  ./pvpci reach slurp                what can each device reach, and whose is it?
  ./pvpci window                     for how long does a device still reach what was taken from it?
  ./pvpci sweep EXPERIMENT           what changes an interrupt's latency? factors and levels, as tables and pages
  ./pvpci fidelity                   how like published measurements of real machines: links, IOMMU, memory
  ./pvpci fidelity golden            how like a real hypervisor: each line that differs from its recorded traces
  ./pvpci coverage                   which lines of the real kernel files ran, and why the others did not
  ./pvpci trace FILE                 a compact binary trace (run --format binary) as text
  ./pvpci test                       build and run every test

Try
  ./pvpci run slurp                              where does DMA land without an IOMMU?
  ./pvpci run slurp --iommu dmar                 and with one?
  ./pvpci run interrupt_latency --format trace   every interrupt, hypercall and ring operation in trace.txt
  ./pvpci run honest_dma --seed 7 --twice        is it deterministic? (exit 7 if not)

Exit codes: 0 all expectations hold, 1 one is violated, 2 bad input, nothing was run, 3 corrupt artefact,
4 the bench failed or cannot judge, 5 out of resources or time, 7 nondeterminism, 130/143 interrupted.

'./pvpci VERB --help' explains a verb. README.md starts at the beginning.
)";

constexpr const char* kRunHelp =
    R"(./pvpci run SCENARIO... [options]: run scenarios and judge their expectations.

SCENARIO is a name ('./pvpci list' shows them) or a YAML file. Results go to out/<scenario>/: result.json (everything),
report.html (for people, offline), junit.xml (for CI), a console log per domain. With several scenarios each has its
own folder below --out, beside an index page.

  --iommu none|dmar|dmar+ir   in place of the scenario's machine.iommu (modes M0, M1, M2)
  --kernel 6.1|6.12|PATH      in place of the scenario's kernel: Debian's linux-source-6.1 or -6.12, or your own tree of
                              either (any point release, modified or not; PVPCI_LINUX_SRC=PATH means the same)
  --profile NAME|FILE         in place of machine.profile: what is assumed of time (scenarios/profiles/)
  --seed N                    in place of the scenario's seed; same seed, same trace digest
  --mutant ID                 run a kernel in which one security fix is taken back, to see what notices; the result says so
                              (scenarios/attacks/mutants.yaml lists them; none: the mutated kernel with every fix in place)
  --set KEY=VALUE             any single value of the file: --set domains.driver.vcpus=2
                              --set machine.xen.uptime_at_start='1 s' (repeatable)
  --out DIR                   where results go (out/<scenario>)
  --format F[,F...]           text: summary on the terminal (default); trace: trace.txt; binary: trace.bin, the same in a
                              tenth of the bytes ('./pvpci trace' prints it); perfetto: trace.perfetto.json, for
                              ui.perfetto.dev; vcd: trace.vcd, pins, mask and pending bits for GTKWave (slower); pcapng:
                              tlp.pcapng, for Wireshark; sarif: findings.sarif; json, html, junit: always written; json
                              also prints result.json on standard output. An interrupt has one number in all of them
  --counterfactual            the same seed in M0, M1 and M2, each in its own folder below --out, and one table of what
                              differs, also as counterfactual.json and counterfactual.html; --format json prints it
  --baseline FILE             for bounds on the cost of interrupts (expect: {p99_ns: "<= 4300"}): result.json or paths.json of
                              an earlier run, or a folder that holds one; what breaks its bound is told part by part
  --blocks                    also count the basic blocks of upcalls, for 'diff' (slower; always so where there are bounds)
  --intervals                 then again and again with other values of what the profile knows only as a range: every figure
                              as [least, default, most] with the parameter it is most sensitive to, and which claims known
                              data do not decide; in the summary, in result.json and in the report. --jobs N: N at a time
  --twice                     run twice, compare the trace digests; exit 7 if they differ
  --timeout S                 give up after S seconds of real time (exit 5)
  --until TIME                end at this simulated time, e.g. --until '5 ms'
  --gdb[=TIME]                stop at a simulated time (default: at the first finding or stopped domain) and print
                              the one line that attaches gdb with the kernel's own symbols

Examples
  ./pvpci run slurp
  ./pvpci run slurp forged_msi --iommu dmar+ir --out results/m2
  ./pvpci run slurp --counterfactual
  ./pvpci run my_scenario.yaml --set devices.endpoint.link='gen4 x4' --format text,trace
)";

constexpr const char* kListHelp =
    R"(./pvpci list [--json]: the scenarios in scenarios/, with the modes they apply to and their claims.
)";

constexpr const char* kShowHelp =
    R"(./pvpci show SCENARIO [--json]: explain what a scenario builds, does and expects. Runs nothing.

Takes the same --iommu, --profile, --kernel, --seed and --set as 'run', to see their effect.
)";

constexpr const char* kCheckHelp =
    R"(./pvpci check FILE...: check scenario files. Runs nothing; exit 2 and file:line:column: message if one is bad.

  --keys     print every key of the scenario language with its meaning
  --schema   print the JSON Schema (scenarios/scenario.schema.json), for editors

In VS Code: "yaml.schemas": {"./scenarios/scenario.schema.json": "scenarios/*.yaml"}
)";

constexpr const char* kBenchHelp =
    R"(./pvpci bench [--goals | --peers] [--only ID,...] [--json] [--rounds N]: measure how fast the machine room is.

Every line is a ratio, a time or a size with its goal. Baselines run in the same rounds; rounds are interleaved; medians
and quartiles are printed whether a goal is met or not. Exit 0, or 1 if a goal is missed. About half a minute; with
--goals some minutes.

  --goals      every line: speed, growth, determinism, and those with peers
  --peers      also the lines that compare with QEMU and user-mode Linux, which are installed and built when missing;
               a peer that cannot be had is "peer absent"
  --only ID,.. these lines only: --only S3,G1
  --json       one JSON document on standard output (id, what, baseline, figure, quartiles, rounds, goal, met)
  --rounds N   15 unless told, 1 .. 1000
)";

constexpr const char* kReachHelp =
    R"(./pvpci reach SCENARIO [options]: what each device can reach when the scenario has ended.

Runs it in every mode it applies in and lists every page that each device can read or write, by owner, with the cheapest
way to the first of each kind. Leaves reach.json and reach.html in the folder.

  --iommu none|dmar|dmar+ir   in this mode only
  --profile, --kernel, --seed, --set   as 'run' takes them
  --out FOLDER                (out/SCENARIO)
  --json                      print the document in place of the table
)";

constexpr const char* kWindowHelp =
    R"(./pvpci window [options]: for how long a device still reaches what has been taken from it.

Curves over the flush policy and the size of the IOTLB: with a kernel that drives the IOMMU itself from the unmap (strict,
lazy, lazy with only the timer), under Xen from the loss of a frame, of its type, of a grant (as Xen flushes, in batches, and
with old flaws). Each point is a run of a shipped scenario. Leaves window.json and window.html in the folder.

  --kernel 6.1|6.12           (6.1)
  --out FOLDER                (out/window)
  --json                      print the document in place of the table
)";

constexpr const char* kSweepHelp =
    R"(./pvpci sweep EXPERIMENT [options]: run a scenario at every combination of some factors' levels, and compare.

EXPERIMENT is a name (--list shows those of scenarios/experiments/) or a YAML file. Leaves points.csv (a line for each
point), index.html (interaction of two factors, which factor matters, distributions, ECDFs, parts of the latency, blocks of
an upcall) and sweep.json (everything) in the folder. The same file gives the same bytes, whatever runs it.

  --list                 the shipped experiments with their questions
  --quick                only the levels that the file calls quick
  --intervals            every point also with other values of what its profile knows only as a range: each response as least,
                         default and most, with the parameter it is most sensitive to, and for each finding whether it holds
                         everywhere or is not decided by known data. Some 30 to 60 times the runs, on this machine
  --profile NAME|FILE    what is assumed of time (scenarios/profiles/), where the file does not say it
  --jobs N               runs at a time (as many as there are processors); with Slurm: tasks of the array (32 at most)
  --out DIR              (out/NAME)
  --resume               keep the points that an interrupted call left, as long as nothing they depend on has changed
  --engine local|slurm   here, or as a Slurm job array: one task for each slice of the points, merged here at the end. The
                         folder and this one must be shared by all nodes; partition and the like come from SBATCH_PARTITION, ...
  --points I..J          only these points, no report: what a task of the array runs
  --json                 sweep.json on standard output, in place of the table
  --responses            the words for 'responses:'
  --keys                 every key of such a file with its meaning
  --schema               its JSON Schema (scenarios/experiments/sweep.schema.json), for editors

A file of your own, to start with:

  name: my_sweep
  question: Does the ABI of event channels matter for MSI-X?
  scenario: storm_knee                             # a name, or a file beside this one
  factors:
    abi:   {levels: [2l, fifo]}                    # mode, kernel, abi, seed and scenario know what they set
    clock: {set: machine.timing.core_mhz, levels: [1500, 2200, 3500]}
  measure: {kinds: msix}
  responses: [latency_p50_ns, latency_p99_ns, hypercalls_per_interrupt]

Exit codes: 0 all points hold and all findings came out, 1 one did not, 2 bad input, 4 a point could not be run,
130/143 interrupted, finished points are kept.
)";

constexpr const char* kFidelityHelp =
    R"(./pvpci fidelity [--out FOLDER] [--json]: compare the models with published measurements.
./pvpci fidelity golden [--json]: compare our traces with those that a real hypervisor left.

Without a word: runs the fabric and the IOMMU as the four hosts of pcie-bench, with its device, and prints what they measure
beside what was published; parameters come from part of the data (scenarios/fidelity/hosts.yaml says which), the rest is
predicted. Lines F1 to F8 sum it up; FOLDER/points.csv (out/fidelity) holds every point, also those that nobody published.

golden: runs every scenario that has a 'compare' step, prints the rate (2 x lines that match / all lines of both), and each
line that differs with the reason. Recordings and what they leave out: scenarios/golden/README.md. A reason comes from a table
of understood differences (scenarios/machine/golden_reasons.cc); what no row of it fits is "unexplained".
Exit 0, or 1 if a line misses its goal.

  --json                 one JSON document on standard output (id, what, points, figure, goal, met; golden: id, lines,
                         bench_lines, matched, rate, goal, met, differences)
  --kernel 6.1|6.12|PATH as for 'run'; the recordings are of 6.1 kernels
)";

constexpr const char* kCoverageHelp =
    R"(./pvpci coverage [SCENARIO...] [--kernel 6.1|6.12] [--out DIR] [--json]: which lines of the originals ran.

Runs the scenarios (all that are shipped, unless some are named) in every mode that they apply to, on all processors,
and leaves DIR/index.html (out/coverage) with one page for each original: its lines coloured, in how many scenarios each
ran, and the functions with the scenarios that run them. Prints the files that must be covered and their share, and the
lines of them that neither ran nor have a reason. What must be covered, and the reasons: scenarios/coverage/required.yaml.
Exit 0, or 1 if a file misses its goal or a line has no reason (with scenarios named: only if one does not hold).

  --kernel     in place of 6.1
  --out DIR    where the pages go
  --json       one JSON document on standard output (originals, their lines, what is uncovered and why)
)";

constexpr const char* kRowsHelp =
    R"(./pvpci rows [ROW...] [--json | --markdown] [--out DIR]: run the rows of the patch series on both kernels, print the table.

ROW is 01 .. 20 or S; all unless told. Each row's scenarios run in their own mode on 6.1 and on 6.12. A row holds if
they all hold and together ran a block of every original that the row names; why one does not is told on standard
error. The table of rows is scenarios/rows/rows.yaml. Exit 0, or 1 if a row does not hold or is missing.

  --json       one JSON document on standard output (row, title, originals, scenarios, results)
  --markdown   the table as README.md has it
  --out DIR    also leave each run's results, in DIR/KERNEL/SCENARIO

Examples
  ./pvpci rows 03 17
  ./pvpci run row17_pci_stub --kernel 6.12
)";

constexpr const char* kReviewHelp =
    R"(./pvpci review [ATTACK...] [--profile server|qubes] [--out DIR]: run the catalogue of attacks, judge it, leave the pages.

Runs each attack (S-01, ...; all, and the mutants, unless some are named) without IOMMU, with DMA remapping and with
interrupt remapping, on both kernels and, where it matters, with both event channel ABIs, on all processors. Prints the
matrix and leaves in DIR (out/review): index.html, findings.sarif, junit.xml, review.json. What a cell should come to:
scenarios/attacks/catalogue.yaml; how it gets its verdict: scenarios/attacks/README.md.
Exit 0, or 1 if a cell disagrees without an explanation, a run does not meet its expectations, or a mutant survives.

  --profile server|qubes   attacker model: does a device's denial of service count? (server: yes)
  --out DIR                where the pages go
  --baseline FILE          an earlier review.json, or its folder: findings.sarif says what is new, unchanged, absent
  --suppressions FILE      accepted risks, as for 'diff': findings.sarif carries the reasons
  --json                   review.json on standard output
  --markdown               the matrix as README.md has it

Examples
  ./pvpci review
  ./pvpci review S-01 S-04 --out results/review
)";

constexpr const char* kDiffHelp =
    R"(./pvpci diff A B [--suppressions FILE] [--out DIR] [--json]: what B found that A did not, what is fixed, what is unchanged.

A and B are review.json or result.json, or folders that hold one. Findings are known by their fingerprints, which hold no
addresses and no times; verdicts without a finding by attack, mode, kernel and ABI.
Of two runs also the way of their interrupts: latency part by part, hypercalls for each interrupt by name, blocks of the
upcall function by function (runs with --blocks or with bounds), the first event of the median interrupt that differs.
Exit 0 if nothing is new but accepted risks, else 1.

  --suppressions FILE   YAML: a list of {fingerprint: ..., reason: ..., expires: 2027-01-31}. All three are needed; after
                        its last day an entry no longer counts, and is told.
  --out DIR             also leave diff.json there
  --json                one JSON document on standard output (new, fixed, unchanged, verdicts, paths)
)";

constexpr const char* kTraceHelp =
    R"(./pvpci trace FILE [--interrupt N] [--out DIR]: print a trace.bin (run --format binary) as trace.txt has it, byte for byte.

  --interrupt N   only the lines that tell of this interrupt: its assertion, its message, its probes
  --out DIR       also leave them there as trace.txt

The layout, for programs of your own: scenarios/traces/README.md. Exit 3 if the file is none, or is cut off.

Example
  ./pvpci run latency_gate --format binary && ./pvpci trace out/latency_gate/trace.bin --interrupt 17
)";

constexpr const char* kFrontHelp =
    R"(This verb is done by the front script: call ./pvpci in the project's root, not the program it builds.
)";

// "--seed 7" must be a whole number before any file is read, so that the message can say so plainly.
uint64_t WholeNumber(const std::string& option, const std::string& text) {
  const auto value = ParseUnsigned(text);
  if (!value) throw UsageError(fmt::format("{}: expected a whole number, found '{}'", option, text));
  return *value;
}

sim::Ps Duration(const std::string& option, const std::string& text) {
  const auto value = ParseDuration(text);
  if (!value || *value == 0) {
    throw UsageError(fmt::format("{}: expected a time such as '10 us' or '5 ms', found '{}'", option, text));
  }
  return *value;
}

struct RawOptions {
  std::string iommu, profile, kernel, mutant, seed, out, timeout, until, rounds, jobs, engine, points;
  std::vector<std::string> sets, formats;
  bool twice = false, json = false, schema = false, keys = false, markdown = false;
  std::string gdb;
};

void AddOverrides(const RawOptions& raw, CommandLine* command) {
  if (!raw.iommu.empty()) {
    const std::vector<std::string> words = {"none", "dmar", "dmar+ir"};
    if (std::find(words.begin(), words.end(), raw.iommu) == words.end()) {
      throw UsageError(fmt::format("--iommu: expected {}, found '{}'{}", OneOf(words), raw.iommu,
                                   DidYouMean(raw.iommu, words)));
    }
    command->overrides.push_back({"machine.iommu", raw.iommu, "--iommu"});
  }
  if (!raw.profile.empty()) command->overrides.push_back({"machine.profile", raw.profile, "--profile"});
  if (!raw.kernel.empty()) command->overrides.push_back({"kernel", raw.kernel, "--kernel"});
  if (!raw.seed.empty()) {
    WholeNumber("--seed", raw.seed);
    command->overrides.push_back({"seed", raw.seed, "--seed"});
  }
  for (const std::string& text : raw.sets) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(fmt::format("--set: expected KEY=VALUE, as in machine.memory='1 GiB', found '{}'", text));
    }
    command->overrides.push_back({text.substr(0, equals), text.substr(equals + 1), "--set " + text.substr(0, equals)});
  }
}

void AddFormats(const RawOptions& raw, CommandLine* command) {
  for (const std::string& item : raw.formats) {
    std::istringstream stream(item);
    std::string word;
    while (std::getline(stream, word, ',')) {
      if (std::find(Formats().begin(), Formats().end(), word) == Formats().end()) {
        throw UsageError(fmt::format("--format: expected {}, found '{}'{}", OneOf(Formats()), word,
                                     DidYouMean(word, Formats())));
      }
      command->formats.insert(word);
    }
  }
  if (command->formats.empty()) command->formats.insert("text");
}

// Options that CLI11 did not take: the first one is named, with the nearest that exists.
void RefuseRest(const CLI::App& app, const std::string& verb) {
  const std::vector<std::string> rest = app.remaining();
  if (rest.empty()) return;
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::string word = rest.front().substr(0, rest.front().find('='));
  std::string hint = DidYouMean(word, known);
  if (hint.empty()) hint = fmt::format("; './pvpci {} --help' lists the options", verb);
  throw UsageError(fmt::format("{}: unknown option '{}'{}", verb, word, hint));
}

// A slice: "3..7".
void AddPoints(const std::string& text, CommandLine* command) {
  const size_t dots = text.find("..");
  const auto first = dots == std::string::npos ? std::nullopt : ParseUnsigned(text.substr(0, dots));
  const auto last = dots == std::string::npos ? std::nullopt : ParseUnsigned(text.substr(dots + 2));
  if (!first || !last || *first == 0 || *first > *last) {
    throw UsageError(fmt::format("--points: expected the first and the last, as in 1..8, found '{}'", text));
  }
  command->first_point = static_cast<size_t>(*first);
  command->last_point = static_cast<size_t>(*last);
}

void AddSweep(const RawOptions& raw, const std::vector<std::string>& experiments, CommandLine* command) {
  const bool asks = command->list || command->responses || raw.schema || raw.keys;
  if (experiments.size() != 1 && !asks) {
    throw UsageError("sweep: expected one experiment, a name or a file; './pvpci sweep --list' shows the shipped ones");
  }
  if (!experiments.empty()) command->experiment = experiments.front();
  const std::vector<std::string> engines = {"local", "slurm"};
  if (!raw.engine.empty() && std::find(engines.begin(), engines.end(), raw.engine) == engines.end()) {
    throw UsageError(fmt::format("--engine: expected {}, found '{}'{}", OneOf(engines), raw.engine, DidYouMean(raw.engine, engines)));
  }
  command->slurm = raw.engine == "slurm";
  if (!raw.points.empty()) AddPoints(raw.points, command);
  if (command->intervals && !raw.points.empty()) throw UsageError("sweep: --intervals needs all points, not a slice of --points");
}

CommandLine ParseVerb(Verb verb, const std::string& name, const char* help, std::vector<std::string> arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  RawOptions raw;
  bool help_wanted = false;
  CommandLine command;
  command.verb = verb;
  app.add_flag("--help,-h", help_wanted);
  const bool runs = verb == Verb::kRun || verb == Verb::kKernels;
  const bool settable = runs || verb == Verb::kShow || verb == Verb::kReach;
  const bool takes_scenarios = settable || verb == Verb::kCheck || verb == Verb::kCoverage;
  const bool sweeps = verb == Verb::kSweep || verb == Verb::kSweepKernels;
  std::vector<std::string> experiments, about;
  if (verb == Verb::kFidelity) app.add_option("about", about);
  if (takes_scenarios) app.add_option("scenarios", command.scenarios);
  if (settable || verb == Verb::kFidelity || verb == Verb::kCoverage || verb == Verb::kWindow) {
    app.add_option("--kernel", raw.kernel)->expected(1);
  }
  if (settable) {
    app.add_option("--iommu", raw.iommu)->expected(1);
    app.add_option("--profile", raw.profile)->expected(1);
    app.add_option("--seed", raw.seed)->expected(1);
    app.add_option("--set", raw.sets)->expected(1)->take_all();
  }
  const bool writes = runs || verb == Verb::kReach || verb == Verb::kFidelity || verb == Verb::kCoverage ||
                      verb == Verb::kRows || verb == Verb::kReview || verb == Verb::kDiff || verb == Verb::kWindow || verb == Verb::kTrace || sweeps;
  if (writes) app.add_option("--out", raw.out)->expected(1);
  if (runs) {
    app.add_option("--mutant", raw.mutant)->expected(1);
    app.add_option("--format", raw.formats)->expected(1)->take_all();
    app.add_flag("--twice", raw.twice);
    app.add_option("--timeout", raw.timeout)->expected(1);
    app.add_option("--until", raw.until)->expected(1);
    app.add_flag("--gdb{stop}", raw.gdb);
    app.add_flag("--counterfactual", command.counterfactual);
    app.add_option("--baseline", command.baseline)->expected(1);
    app.add_flag("--blocks", command.blocks);
    app.add_flag("--intervals", command.intervals);
    app.add_option("--jobs", raw.jobs)->expected(1);
  }
  if (verb != Verb::kRun && verb != Verb::kCheck) app.add_flag("--json", raw.json);
  if (verb == Verb::kRows) {
    app.add_option("rows", command.rows);
    app.add_flag("--markdown", raw.markdown);
  }
  if (verb == Verb::kReview) {
    app.add_option("attacks", command.attacks);
    app.add_option("--profile", command.profile)->expected(1);
    app.add_option("--baseline", command.baseline)->expected(1);
    app.add_flag("--markdown", raw.markdown);
  }
  std::vector<std::string> files;
  std::string interrupt;
  if (verb == Verb::kTrace) {
    app.add_option("file", files);
    app.add_option("--interrupt", interrupt)->expected(1);
  }
  if (verb == Verb::kDiff) app.add_option("compared", command.compared);
  if (verb == Verb::kReview || verb == Verb::kDiff) app.add_option("--suppressions", command.suppressions)->expected(1);
  if (verb == Verb::kBench) {
    app.add_option("--rounds", raw.rounds)->expected(1);
    app.add_flag("--goals", command.goals);
    app.add_flag("--peers", command.peers);
    app.add_option("--only", command.only)->delimiter(',')->expected(1, -1);
  }
  if (sweeps) {
    app.add_option("experiment", experiments);
    app.add_option("--jobs", raw.jobs)->expected(1);
    app.add_option("--engine", raw.engine)->expected(1);
    app.add_option("--points", raw.points)->expected(1);
    app.add_flag("--resume", command.resume);
    app.add_flag("--quick", command.quick);
    app.add_flag("--intervals", command.intervals);
    app.add_option("--profile", command.assumed)->expected(1);
    app.add_flag("--list", command.list);
    app.add_flag("--responses", command.responses);
  }
  if (verb == Verb::kCheck || sweeps) {
    app.add_flag("--schema", raw.schema);
    app.add_flag("--keys", raw.keys);
  }
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
  try {
    app.parse(arguments);
  } catch (const CLI::Error& error) {
    throw UsageError(fmt::format("{}: {}", name, error.what()));
  }
  if (help_wanted) {
    CommandLine answer;
    answer.help = help;
    return answer;
  }
  RefuseRest(app, name);
  command.golden = about == std::vector<std::string>{"golden"};
  if (verb == Verb::kFidelity && !command.golden && !about.empty()) {
    throw UsageError("fidelity: expected nothing, or 'golden' for the recorded traces: ./pvpci fidelity golden");
  }
  AddOverrides(raw, &command);
  AddFormats(raw, &command);
  command.out = raw.out;
  command.mutant = raw.mutant;
  if (runs && app.count("--mutant") > 0 && raw.mutant.empty()) throw UsageError("--mutant: expected a mutant's id");
  command.twice = raw.twice;
  command.json = raw.json;
  command.markdown = raw.markdown;
  if (command.json && command.markdown) throw UsageError(name + ": --json or --markdown, not both");
  const std::vector<std::string> profiles = {"server", "qubes"};
  if (std::find(profiles.begin(), profiles.end(), command.profile) == profiles.end()) {
    throw UsageError(fmt::format("--profile: expected {}, found '{}'{}", OneOf(profiles), command.profile,
                                 DidYouMean(command.profile, profiles)));
  }
  if (!raw.jobs.empty()) {
    const uint64_t jobs = WholeNumber("--jobs", raw.jobs);
    if (jobs == 0 || jobs > 1000) throw UsageError("--jobs: expected a number of runs at a time, 1 .. 1000");
    command.jobs = static_cast<unsigned>(jobs);
  }
  if (sweeps) AddSweep(raw, experiments, &command);
  command.schema = raw.schema;
  command.keys = raw.keys;
  if (writes && app.count("--out") > 0 && raw.out.empty()) throw UsageError("--out: expected a folder");
  if (!raw.timeout.empty()) {
    const uint64_t seconds = WholeNumber("--timeout", raw.timeout);
    if (seconds == 0 || seconds > 86400) throw UsageError("--timeout: expected seconds, 1 .. 86400");
    command.timeout_s = static_cast<unsigned>(seconds);
  }
  if (!raw.rounds.empty()) {
    const uint64_t rounds = WholeNumber("--rounds", raw.rounds);
    if (rounds == 0 || rounds > 1000) throw UsageError("--rounds: expected a number of rounds, 1 .. 1000");
    command.rounds = static_cast<unsigned>(rounds);
  }
  if (!raw.until.empty()) command.until = Duration("--until", raw.until);
  if (!raw.gdb.empty()) {
    command.gdb = true;
    if (raw.gdb != "stop" && raw.gdb != "true") command.gdb_at = Duration("--gdb", raw.gdb);
  }
  const bool tables = command.schema || command.keys;
  if (takes_scenarios && verb != Verb::kCoverage && command.scenarios.empty() && !tables) {
    throw UsageError(fmt::format("{}: which scenario? './pvpci list' shows them", name));
  }
  if (verb == Verb::kTrace) {
    if (files.size() != 1) throw UsageError("trace: expected one file, the trace.bin of a run with --format binary");
    command.trace_file = files.front();
    if (!interrupt.empty()) command.interrupt = static_cast<uint32_t>(WholeNumber("--interrupt", interrupt));
  }
  if (verb == Verb::kDiff && command.compared.size() != 2) throw UsageError("diff: expected two, before and after");
  if (command.counterfactual && (command.twice || command.gdb)) {
    throw UsageError("run: --counterfactual goes neither with --twice nor with --gdb");
  }
  if (command.intervals && runs && (command.counterfactual || command.twice || command.gdb || !command.mutant.empty())) {
    throw UsageError("run: --intervals goes neither with --counterfactual nor with --twice, --gdb or --mutant");
  }
  if ((verb == Verb::kShow || verb == Verb::kReach) && command.scenarios.size() > 1) {
    throw UsageError(fmt::format("{}: one scenario at a time", name));
  }
  return command;
}

CommandLine Help(const std::string& text) {
  CommandLine command;
  command.help = text;
  return command;
}

}  // namespace

std::string MainHelp() { return kMainHelp; }

CommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw UsageError("which verb? " + OneOf(Verbs()) + "; './pvpci --help' explains them");
  const std::string& verb = arguments.front();
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (verb == "--help" || verb == "-h" || (verb == "help" && rest.empty())) return Help(kMainHelp);
  if (verb == "help") return ParseCommandLine({rest.front(), "--help"});
  if (verb == "run") return ParseVerb(Verb::kRun, verb, kRunHelp, rest);
  if (verb == kKernelsVerb) return ParseVerb(Verb::kKernels, verb, kRunHelp, rest);
  if (verb == "list") return ParseVerb(Verb::kList, verb, kListHelp, rest);
  if (verb == "show") return ParseVerb(Verb::kShow, verb, kShowHelp, rest);
  if (verb == "check") return ParseVerb(Verb::kCheck, verb, kCheckHelp, rest);
  if (verb == "fidelity") return ParseVerb(Verb::kFidelity, verb, kFidelityHelp, rest);
  if (verb == "coverage") return ParseVerb(Verb::kCoverage, verb, kCoverageHelp, rest);
  if (verb == "rows") return ParseVerb(Verb::kRows, verb, kRowsHelp, rest);
  if (verb == "diff") return ParseVerb(Verb::kDiff, verb, kDiffHelp, rest);
  if (verb == "trace") return ParseVerb(Verb::kTrace, verb, kTraceHelp, rest);
  if (verb == "review") return ParseVerb(Verb::kReview, verb, kReviewHelp, rest);
  if (verb == "reach") return ParseVerb(Verb::kReach, verb, kReachHelp, rest);
  if (verb == "window") return ParseVerb(Verb::kWindow, verb, kWindowHelp, rest);
  if (verb == "sweep") return ParseVerb(Verb::kSweep, verb, kSweepHelp, rest);
  if (verb == kSweepKernelsVerb) return ParseVerb(Verb::kSweepKernels, verb, kSweepHelp, rest);
  if (verb == "bench") return ParseVerb(Verb::kBench, verb, kBenchHelp, rest);
  if (verb == "test" || verb == "demo") {
    if (!rest.empty() && (rest.front() == "--help" || rest.front() == "-h")) return Help(kMainHelp);
    throw UsageError(fmt::format("{}: {}", verb, std::string(kFrontHelp).substr(0, std::string(kFrontHelp).size() - 1)));
  }
  const std::string hint = DidYouMean(verb, Verbs());
  throw UsageError(fmt::format("unknown verb '{}'{}", verb, hint.empty() ? "; expected " + OneOf(Verbs()) : hint));
}

}  // namespace pvpci::scenarios
