// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/bench.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "scenarios/bench/guest_bench.h"
#include "scenarios/bench/lines.h"
#include "scenarios/bench/table.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

constexpr const char* kShortRun = R"(
name: bench
claim: The same run leaves the same trace.
machine: {policy: msi_too}
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU}
devices:
  - {name: endpoint, model: endpoint_test, assigned_to: driver}
steps:
  - boot: control
  - seize: endpoint
  - boot: driver
  - attach: endpoint
  - program: {domain: driver, run: [pcitest -i 1, pcitest -m 1, pcitest -r -w -c -s 1024], exit: 0, prints: OKAY}
expect:
  - domains[*].state == running
)";

// Measuring processes end with this one.
extern "C" void EndBench(int signal) {
  if (isatty(STDERR_FILENO) == 1) {
    const ssize_t ignored = write(STDERR_FILENO, "\r\033[K", 4);
    static_cast<void>(ignored);
  }
  _exit(128 + signal);
}

bool Wanted(const BenchOptions& options, const LineSpec& line) {
  if (!options.only.empty()) {
    return std::find(options.only.begin(), options.only.end(), line.id) != options.only.end();
  }
  switch (line.occasion) {
    case Occasion::kQuick: return true;
    case Occasion::kGoals: return options.goals;
    case Occasion::kPeers: return options.goals || options.peers;
  }
  return false;
}

}  // namespace

std::vector<std::string> BenchIds() {
  std::vector<std::string> ids;
  for (const LineGroup& group : LineGroups()) {
    for (const LineSpec& line : group.lines) ids.push_back(line.id);
  }
  return ids;
}

int RunBench(const BenchOptions& options) {
  signal(SIGPIPE, SIG_IGN);  // a measuring process that ends is an error with a sentence
  signal(SIGINT, &EndBench);
  signal(SIGTERM, &EndBench);
  std::set<std::string> wanted;
  for (const LineGroup& group : LineGroups()) {
    for (const LineSpec& line : group.lines) {
      if (Wanted(options, line)) wanted.insert(line.id);
    }
  }
  Bench bench(options, wanted);
  std::vector<BenchLine> lines;
  for (const LineGroup& group : LineGroups()) {
    std::vector<LineSpec> asked;
    std::copy_if(group.lines.begin(), group.lines.end(), std::back_inserter(asked),
                 [&](const LineSpec& line) { return wanted.count(line.id) != 0; });
    if (asked.empty()) continue;
    bench.Begin(group.title);
    group.measure(bench);
    for (const LineSpec& line : asked) lines.push_back(bench.Finished(line));
  }
  bench.ClearProgress();
  const std::string text = options.json ? BenchJson(lines).dump(2) + "\n" : BenchText(lines);
  std::fputs(text.c_str(), stdout);
  return AllMet(lines) ? 0 : 1;
}

int RunDigest(const BenchOptions& options) {
  return options.systemc([&] {
    RunOptions run;
    run.root = options.root;
    run.text = false;
    const reports::Result result = RunScenario(ParseScenario("bench.yaml", kShortRun), run);
    std::fputs(fmt::format("{}\n", result.trace_digest.value_or("")).c_str(), stdout);
    std::fflush(stdout);
    _exit(result.verdict == reports::Verdict::kHolds ? 0 : 1);  // what comes after is of no interest
    return 0;
  });
}

int RunFirstInterrupt(const BenchOptions& options) {
  return options.systemc([&] {
    std::fputs(fmt::format("{:.0f}\n", FirstInterrupt(FindImage("6.1", options.root))).c_str(), stdout);
    std::fflush(stdout);
    _exit(0);  // what comes after is not measured
    return 0;
  });
}

}  // namespace pvpci::scenarios
