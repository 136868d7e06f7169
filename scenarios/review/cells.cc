// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/cells.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "reports/names.h"
#include "reports/result_json.h"
#include "scenarios/library.h"
#include "scenarios/lint.h"
#include "scenarios/overrides.h"
#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

using reports::Outcome;

// Of a run that floods, a page shows the beginning.
constexpr size_t kFaultsKept = 24;
constexpr size_t kLandingsKept = 200;
constexpr size_t kConsoleKept = 1500;

reports::Mode ModeOf(IommuKind kind) {
  switch (kind) {
    case IommuKind::kNone: return reports::Mode::kM0;
    case IommuKind::kDmar: return reports::Mode::kM1;
    case IommuKind::kDmarIr: return reports::Mode::kM2;
  }
  return reports::Mode::kM0;
}

CellJob JobOf(const CatalogueEntry& entry, const CellKey& key, const std::string& path) {
  CellJob job;
  job.entry = &entry;
  job.key = key;
  std::vector<Override> overrides = {{"machine.iommu", Name(key.mode), "review"}, {"kernel", key.kernel, "review"}};
  job.scenario = LoadScenario(path, overrides);
  job.reproduce = fmt::format("./pvpci run {} --iommu {} --seed {} --kernel {}", entry.scenario, Name(key.mode),
                              job.scenario.seed, key.kernel);
  if (entry.abis.size() == 1) return job;
  const size_t before = overrides.size();
  for (const DomainSpec& domain : job.scenario.domains) {
    if (!domain.kernel || domain.events == key.abi) continue;
    overrides.push_back({fmt::format("domains.{}.events", domain.name), Name(key.abi), "review"});
    job.reproduce += fmt::format(" --set {}={}", overrides.back().key, overrides.back().value);
  }
  // As the command above will, so that both are the same configuration.
  if (overrides.size() > before) job.scenario = LoadScenario(path, overrides);
  return job;
}

std::string Failure(const ChildAnswer& answer) {
  if (answer.timed_out) return "the bench: not done in time";
  if (answer.signal != 0) {
    return fmt::format("the bench itself died of signal {} ({})", answer.signal, strsignal(answer.signal));
  }
  return fmt::format("the bench failed, exit {}", answer.exit_code);
}

void Fill(const reports::Result& result, reports::ReviewCell* cell) {
  cell->held = result.verdict == reports::Verdict::kHolds || result.verdict == reports::Verdict::kSkipped;
  for (const reports::ExpectationResult& row : result.expectations) {
    if (!row.held) cell->problems.push_back(fmt::format("{}: {}", row.text, row.actual));
  }
  if (!cell->held && cell->problems.empty()) cell->problems.push_back(result.verdict_reason.value_or("unable"));
  cell->embargo = result.embargo;
  cell->simulated_ps = static_cast<int64_t>(result.simulated_ps);
  cell->fault_records = static_cast<int64_t>(result.faults.size());
  cell->findings_total = static_cast<int64_t>(result.findings.size());
  cell->findings = result.findings;
  if (cell->findings.size() > reports::kFindingsKept) cell->findings.resize(reports::kFindingsKept);
  for (reports::Finding& finding : cell->findings) finding.evidence.files = {"review.json"};
  cell->sub_page = result.sub_page;
  for (const reports::DomainResult& domain : result.domains) {
    if (domain.state == reports::DomainState::kCrashed || domain.state == reports::DomainState::kHung) {
      cell->stopped.push_back(domain);
    }
  }
  if (!result.attack) {
    cell->held = false;
    cell->problems.push_back(result.verdict_reason.value_or("no verdict"));
    return;
  }
  cell->verdict = result.attack->outcome;
  cell->dma_class = result.attack->dma_class;
  cell->bytes = result.attack->bytes;
  cell->reason = result.attack->reason;
  cell->observations = result.attack->observations;
}

}  // namespace

std::vector<CellJob> JobsOf(const std::vector<CatalogueEntry>& entries, const std::string& root) {
  std::vector<CellJob> jobs;
  for (const CatalogueEntry& entry : entries) {
    if (entry.scenario.empty()) continue;
    const std::string path = FindScenario(root, entry.scenario);
    for (const CellKey& key : entry.Cells()) jobs.push_back(JobOf(entry, key, path));
  }
  return jobs;
}

std::string AnswerOf(reports::Result result) {
  result.emulated.clear();
  result.changes.clear();
  result.hypercalls.clear();
  nlohmann::ordered_json blocks = nlohmann::ordered_json::object();
  for (const reports::Original& original : result.originals) {
    if (original.blocks_run > 0) blocks[original.path] = original.blocks_run;
  }
  result.originals.clear();
  const auto cut = [](auto* list, size_t most) {
    if (list->size() > most) list->resize(most);
  };
  // Counted before they are cut.
  const auto faults = static_cast<int64_t>(result.faults.size());
  cut(&result.faults, kFaultsKept);
  cut(&result.view.landings, kLandingsKept);
  for (reports::ConsoleTail& console : result.view.consoles) {
    if (console.text.size() > kConsoleKept) console.text.erase(0, console.text.size() - kConsoleKept);
  }
  return nlohmann::ordered_json{{"faults", faults}, {"blocks", blocks}, {"result", reports::ToJson(result)}}.dump();
}

reports::ReviewCell CellOf(const CellJob& job, const ChildAnswer& answer, std::optional<CellRun>* ran) {
  reports::ReviewCell cell;
  cell.scenario = job.entry->id;
  cell.title = job.entry->title;
  cell.name = job.entry->scenario;
  cell.mode = ModeOf(job.key.mode);
  cell.kernel = job.key.kernel;
  cell.abi = job.key.abi == EventAbi::k2L ? reports::PortAbi::k2l : reports::PortAbi::kFifo;
  cell.seconds = answer.seconds;
  cell.reproduce = job.reproduce;
  cell.embargo = job.scenario.embargo;
  for (const LintItem& item : Lint(job.scenario)) cell.lint.push_back(LintText(item));
  const Expected expected = job.entry->ExpectedIn(job.key);
  cell.expected = expected.outcome;
  cell.expected_class = expected.dma_class;
  const auto given = nlohmann::ordered_json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (given.is_object() && answer.signal == 0 && !answer.timed_out) {
    CellRun run;
    run.result = reports::ResultOf(given["result"]);
    run.blocks = given["blocks"].get<std::map<std::string, int64_t>>();
    Fill(run.result, &cell);
    cell.fault_records = given["faults"];
    *ran = std::move(run);
  } else {
    cell.problems.push_back(Failure(answer));
  }
  cell.agrees = cell.verdict == cell.expected && cell.dma_class == cell.expected_class;
  if (!cell.agrees) {
    if (const Explanation* explanation = job.entry->Explains(job.key, cell.verdict)) {
      cell.explanation = fmt::format("{} ({})", explanation->text, explanation->source);
    }
  }
  return cell;
}

}  // namespace pvpci::scenarios
