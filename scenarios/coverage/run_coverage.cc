// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/run_coverage.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/loader/line_table.h"
#include "reports/files.h"
#include "scenarios/coverage/coverage_data.h"
#include "scenarios/coverage/coverage_html.h"
#include "scenarios/coverage/line_coverage.h"
#include "scenarios/coverage/requirements.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/library.h"
#include "scenarios/parser.h"
#include "scenarios/supervise.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kDefaultKernel = "6.1";
// A run that does not end by itself is the suite's to find; coverage shall not hang on it.
constexpr unsigned kTimeoutSeconds = 120;

struct Job {
  size_t scenario = 0;  // index into Coverage::scenarios
  std::string mode;
  Scenario parsed;
};

// Eight blocks a byte, as two hexadecimal digits: what a child answers.
std::string Pack(const BlocksRan& ran) {
  static const char digits[] = "0123456789abcdef";
  std::string text((ran.size() + 3) / 4, '0');
  std::vector<unsigned> nibbles(text.size());
  for (size_t i = 0; i < ran.size(); ++i) nibbles[i / 4] |= static_cast<unsigned>(ran[i] != 0) << (i % 4);
  for (size_t i = 0; i < text.size(); ++i) text[i] = digits[nibbles[i]];
  return text;
}

void Unite(const std::string& text, BlocksRan* ran) {
  ran->resize(std::max(ran->size(), text.size() * 4));
  for (size_t i = 0; i < text.size() * 4; ++i) {
    const char digit = text[i / 4];
    const unsigned nibble = static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    (*ran)[i] |= nibble >> (i % 4) & 1;
  }
}

std::string KernelOf(const CommandLine& command) {
  std::string kernel = kDefaultKernel;
  for (const Override& change : command.overrides) {
    if (change.key == "kernel") kernel = change.value;
  }
  return kernel;
}

// Every mode that the scenario applies to.
std::vector<Job> JobsOf(const CommandLine& command, const std::string& root, const std::string& kernel,
                        Coverage* coverage) {
  std::vector<Job> jobs;
  for (const std::string& name : command.scenarios.empty() ? ShippedScenarios(root) : command.scenarios) {
    const std::string path = FindScenario(root, name);
    const Scenario plain = LoadScenario(path, command.overrides);
    if (plain.kernel != kernel) continue;  // its blocks are another image's
    if (!plain.Applies({{}, plain.scope.kernels, {}})) continue;
    ScenarioBlocks blocks;
    blocks.name = plain.name;
    for (const IommuKind kind : plain.modes()) {
      Job job;
      job.scenario = coverage->scenarios.size();
      job.mode = ModeName(kind);
      std::vector<Override> overrides = command.overrides;
      overrides.push_back({"machine.iommu", Name(kind), "coverage"});
      job.parsed = LoadScenario(path, overrides);
      blocks.modes.push_back(job.mode);
      jobs.push_back(job);
    }
    coverage->scenarios.push_back(blocks);
  }
  return jobs;
}

json ReadJson(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  return json::parse(stream);
}

void RunJobs(const std::vector<Job>& jobs, const std::string& root, const SystemCEntry& systemc, Coverage* coverage) {
  std::vector<ChildBody> bodies;
  for (const Job& job : jobs) {
    bodies.push_back([&](std::string* answer) {
      RunOptions options;
      options.root = root;
      options.text = false;
      options.blocks_ran = [answer](const BlocksRan& ran) { *answer = Pack(ran); };
      return systemc([&] { return ExitCodeOf(RunScenario(job.parsed, options)); });
    });
  }
  const bool terminal = isatty(STDERR_FILENO) == 1;
  size_t ended = 0;
  const auto done = [&](size_t index, const ChildAnswer& answer) {
    const Job& job = jobs[index];
    Unite(answer.text, &coverage->scenarios[job.scenario].ran);
    ++ended;
    if (terminal) {
      std::fputs(
          fmt::format("\r\033[K[{}/{}] {:.60} in {}", ended, jobs.size(), job.parsed.name, job.mode).c_str(), stderr);
      std::fflush(stderr);
    }
  };
  const std::vector<ChildAnswer> answers = RunInChildren(bodies, UsableProcessors(), kTimeoutSeconds, done);
  if (terminal) std::fputs("\r\033[K", stderr);
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (answers[i].exit_code == kExitHolds) continue;
    const Scenario& scenario = jobs[i].parsed;
    coverage->problems.push_back(fmt::format("{} does not hold in {} (exit {}): ./pvpci run {} --iommu {} --kernel {}",
                                             scenario.name, jobs[i].mode, answers[i].exit_code, scenario.name,
                                             Name(scenario.machine.iommu), coverage->kernel));
  }
}

void WritePages(const Coverage& coverage, const fs::path& folder) {
  for (const OriginalCoverage& original : coverage.originals) {
    reports::WriteFileAtomically(folder / OriginalPageName(original.file.path), OriginalHtml(coverage, original));
  }
  reports::WriteFileAtomically(folder / "coverage.json", CoverageJson(coverage).dump(1) + "\n");
  reports::WriteFileAtomically(folder / "index.html", CoverageIndexHtml(coverage));
}

}  // namespace

int RunCoverage(const CommandLine& command, const std::string& root, const SystemCEntry& systemc) {
  Coverage coverage;
  coverage.kernel = KernelOf(command);
  coverage.requirements =
      ParseRequirements(kRequirementsFile, ReadScenarioText(root + "/" + kRequirementsFile));
  const ImageFiles image = FindImage(coverage.kernel, root);
  coverage.version = ReadJson(image.Path("kernel.json")).value("version", "");
  const std::vector<Job> jobs = JobsOf(command, root, coverage.kernel, &coverage);
  RunJobs(jobs, root, systemc, &coverage);
  if (interrupted_by() != 0) {
    std::fputs("pvpci: coverage: interrupted; nothing is written\n", stderr);
    return 128 + interrupted_by();
  }
  const bool all_held = coverage.problems.empty();
  std::vector<std::string> paths;
  for (const json& original : ReadJson(image.Path("originals.json"))) paths.push_back(original.value("path", ""));
  MakeCoverage(driver::ReadLineTable(image.Path("lines.tsv")), paths, image.Path("sources"), &coverage);

  const std::string folder = command.out.empty() ? "out/coverage" : command.out;
  WritePages(coverage, folder);
  if (command.json) {
    std::fputs((CoverageJson(coverage).dump(2) + "\n").c_str(), stdout);
  } else {
    std::fputs(CoverageText(coverage).c_str(), stdout);
    std::fputs(fmt::format("{}/index.html\n", folder).c_str(), stdout);
    std::fflush(stdout);
    for (const std::string& problem : coverage.problems) std::fputs((problem + "\n").c_str(), stderr);
  }
  return (command.scenarios.empty() ? coverage.problems.empty() : all_held) ? kExitHolds : kExitViolated;
}

}  // namespace pvpci::scenarios
