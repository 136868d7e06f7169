// SPDX-License-Identifier: Apache-2.0
#include "scenarios/rows_run.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/names.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/library.h"
#include "scenarios/parser.h"
#include "scenarios/rows_report.h"
#include "scenarios/suggest.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {
namespace {

const std::vector<std::string>& Kernels() {
  static const std::vector<std::string> kernels = {"6.1", "6.12"};
  return kernels;
}

constexpr unsigned kTimeoutS = 120;  // per run, real time

struct Job {
  std::string scenario;
  std::string kernel;
};

// "3" and "03" are the same row.
std::string RowId(std::string text) {
  if (text.size() == 1 && std::isdigit(static_cast<unsigned char>(text[0])) != 0) text.insert(0, "0");
  if (text == "s") text = "S";
  return text;
}

std::vector<Row> Chosen(const std::vector<Row>& rows, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return rows;
  std::vector<std::string> known;
  for (const Row& row : rows) known.push_back(row.row);
  std::set<std::string> ids;
  for (const std::string& text : wanted) {
    if (std::find(known.begin(), known.end(), RowId(text)) == known.end()) {
      throw UsageError(fmt::format("rows: no row '{}'; there is {}", text, OneOf(known)));
    }
    ids.insert(RowId(text));
  }
  std::vector<Row> chosen;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(chosen),
               [&](const Row& row) { return ids.count(row.row) != 0; });
  return chosen;
}

// Each once, though several rows may name it.
std::vector<Job> JobsFor(const std::vector<Row>& rows) {
  std::set<std::pair<std::string, std::string>> wanted;
  for (const Row& row : rows) {
    for (const std::string& scenario : row.scenarios) {
      for (const std::string& kernel : Kernels()) wanted.emplace(scenario, kernel);
    }
  }
  std::vector<Job> jobs;
  for (const auto& [scenario, kernel] : wanted) jobs.push_back({scenario, kernel});
  return jobs;
}

std::string AnswerOf(const reports::Result& result) {
  nlohmann::json answer = {{"verdict", std::string(reports::Name(result.verdict))},
                           {"reason", result.verdict_reason.value_or("")},
                           {"blocks", nlohmann::json::object()}};
  for (const reports::Original& original : result.originals) answer["blocks"][original.path] = original.blocks_run;
  return answer.dump();
}

ScenarioRun RunOf(const ChildAnswer& answer) {
  ScenarioRun run;
  run.verdict = "unable";
  if (answer.timed_out) {
    run.reason = fmt::format("not done after {} s", kTimeoutS);
  } else if (answer.signal != 0) {
    run.reason = fmt::format("the bench itself died of signal {} ({})", answer.signal, strsignal(answer.signal));
  } else if (const auto given = nlohmann::json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
             given.is_object()) {
    run.verdict = given["verdict"];
    run.reason = given["reason"];
    run.blocks = given["blocks"].get<std::map<std::string, int64_t>>();
  } else {
    run.reason = fmt::format("the bench failed, exit {}", answer.exit_code);
  }
  return run;
}

ChildBody BodyFor(const Job& job, const RowsOptions& options) {
  const std::vector<Override> kernel = {{"kernel", job.kernel, "--kernel"}};
  const Scenario scenario = LoadScenario(FindScenario(options.root, job.scenario), kernel);
  RunOptions run;
  run.root = options.root;
  if (!options.out.empty()) run.out = (std::filesystem::path(options.out) / job.kernel / job.scenario).string();
  run.text = false;
  run.reproduce = fmt::format("./pvpci run {} --kernel {}", job.scenario, job.kernel);
  return [scenario, run, systemc = options.systemc](std::string* answer) {
    return systemc([&] {
      const reports::Result result = RunScenario(scenario, run);
      *answer = AnswerOf(result);
      return ExitCodeOf(result);
    });
  };
}

ScenarioRuns RunAll(const std::vector<Job>& jobs, const RowsOptions& options) {
  std::vector<ChildBody> bodies;
  for (const Job& job : jobs) bodies.push_back(BodyFor(job, options));
  ScenarioRuns runs;
  RunInChildren(bodies, UsableProcessors(), kTimeoutS, [&](size_t index, const ChildAnswer& answer) {
    runs[{jobs[index].scenario, jobs[index].kernel}] = RunOf(answer);
    if (!options.progress) return;
    std::fputs(fmt::format("\r\033[K[{}/{}] {} on {}", runs.size(), jobs.size(), jobs[index].scenario,
                           jobs[index].kernel).c_str(), stderr);
    std::fflush(stderr);
  });
  if (options.progress) std::fputs("\r\033[K", stderr);
  return runs;
}

void TellReasons(const JudgedRow& judged) {
  for (const RowResult& result : judged.results) {
    for (const std::string& reason : result.reasons) {
      std::fputs(fmt::format("pvpci: row {} on {}: {}: {}\n", judged.row.row, result.kernel, result.verdict, reason)
                     .c_str(), stderr);
    }
  }
}

}  // namespace

RowNames NamesForRows(const std::string& root) {
  RowNames names;
  names.scenarios = ShippedScenarios(root);
  try {
    std::ifstream stream(FindImage(Scenario().kernel, root).Path("originals.json"));
    for (const auto& original : nlohmann::json::parse(stream)) names.originals.insert(original.value("path", ""));
  } catch (const std::runtime_error&) {
    // No image is built: the names cannot be looked up.
  }
  return names;
}

int RunRows(const RowsOptions& options) {
  const std::vector<Row> all = LoadRows(RowTableFile(options.root), NamesForRows(options.root));
  const std::vector<Row> rows = Chosen(all, options.rows);
  for (const std::string& kernel : Kernels()) FindImage(kernel, options.root);  // or say once that it is not built
  const ScenarioRuns runs = RunAll(JobsFor(rows), options);
  if (interrupted_by() != 0) {
    std::fputs("pvpci: rows: interrupted; nothing is judged\n", stderr);
    return 128 + interrupted_by();
  }
  bool good = true;
  std::vector<JudgedRow> judged;
  for (const Row& row : rows) {
    judged.push_back(JudgeRow(row, Kernels(), runs));
    TellReasons(judged.back());
    good = good && judged.back().holds();
  }
  const std::vector<std::string> missing = options.rows.empty() ? MissingRows(rows) : std::vector<std::string>();
  if (!missing.empty()) {
    std::fputs(fmt::format("pvpci: rows: {} has no row {}\n", RowTableFile(options.root), OneOf(missing)).c_str(),
               stderr);
  }
  const std::string text = options.json       ? RowsJson(judged).dump(2) + "\n"
                           : options.markdown ? RowsMarkdown(judged)
                                              : RowsText(judged);
  std::fputs(text.c_str(), stdout);
  return good && missing.empty() ? kExitHolds : kExitViolated;
}

}  // namespace pvpci::scenarios
