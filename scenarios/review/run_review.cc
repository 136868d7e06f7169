// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/run_review.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include <fmt/format.h>

#include "driver/loader/image.h"
#include "reports/counterfactual.h"
#include "reports/exported.h"
#include "reports/files.h"
#include "reports/json_text.h"
#include "reports/review.h"
#include "reports/review_html.h"
#include "reports/review_json.h"
#include "reports/review_junit.h"
#include "reports/review_text.h"
#include "reports/sarif.h"
#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/library.h"
#include "scenarios/progress_line.h"
#include "scenarios/review/catalogue.h"
#include "scenarios/review/cells.h"
#include "scenarios/review/mutant_runs.h"
#include "scenarios/review/profile.h"
#include "scenarios/review/run_diff.h"
#include "scenarios/review/warm_image.h"
#include "scenarios/suggest.h"
#include "scenarios/supervise.h"
#include "scenarios/window_points.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kTimeoutS = 60;  // per cell, real time
constexpr const char* kJsonFile = "review.json";
constexpr const char* kFiles[] = {kJsonFile, "junit.xml", "findings.sarif", "index.html"};

std::vector<CatalogueEntry> Chosen(const std::vector<CatalogueEntry>& all, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return all;
  std::vector<std::string> known;
  for (const CatalogueEntry& entry : all) known.push_back(entry.id);
  for (const std::string& id : wanted) {
    if (std::find(known.begin(), known.end(), id) == known.end()) {
      throw UsageError(fmt::format("review: no attack '{}'{}", id, DidYouMean(id, known)));
    }
  }
  std::vector<CatalogueEntry> chosen;
  std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), [&](const CatalogueEntry& entry) {
    return std::find(wanted.begin(), wanted.end(), entry.id) != wanted.end();
  });
  return chosen;
}

reports::ReviewStory StoryOf(const CatalogueEntry& entry) {
  return {entry.id,     entry.title,    entry.story,      entry.attacker,
          entry.victim, entry.scenario, entry.observable, entry.references, "", 1};
}

// A run that a page shows whole: the first of each attack and mode, and those that differ from it.
bool WorthShowing(const reports::Review& review, const reports::ReviewCell& cell) {
  return std::none_of(review.evidence.begin(), review.evidence.end(), [&](const auto& shown) {
    const reports::ReviewCell& other = review.cells[shown.first];
    return other.scenario == cell.scenario && other.mode == cell.mode && other.verdict == cell.verdict &&
           other.dma_class == cell.dma_class && other.held == cell.held;
  });
}

class ReviewRun {
 public:
  explicit ReviewRun(const ReviewOptions& options) : options_(options) {}

  void Prepare() {
    const auto all = LoadCatalogue(CatalogueFile(options_.root), ShippedScenarios(options_.root));
    entries_ = Chosen(all, options_.attacks);
    jobs_ = JobsOf(entries_, options_.root);
    // The children find them mapped.
    for (const std::string& kernel : KernelFamilies()) {
      images_.push_back(OpenWarm(FindImage(kernel, options_.root)));
    }
    review_.profile = options_.profile;
    review_.attackers = AttackerModel(options_.profile);
    review_.command = options_.command;
    for (const CatalogueEntry& entry : entries_) review_.stories.push_back(StoryOf(entry));
  }

  void RunCells() {
    std::vector<ChildBody> bodies;
    for (const CellJob& job : jobs_) bodies.push_back(BodyOf(job));
    ProgressLine progress(options_.progress, jobs_.size());
    std::vector<reports::ReviewCell> cells(jobs_.size());
    std::vector<std::optional<CellRun>> runs(jobs_.size());
    RunInChildren(bodies, UsableProcessors(), kTimeoutS, [&](size_t index, const ChildAnswer& answer) {
      const CellJob& job = jobs_[index];
      cells[index] = CellOf(job, answer, &runs[index]);
      if (interrupted_by() == 0) ended_.insert(index);
      progress.Done(fmt::format("{} {} on {}", job.entry->id, ModeName(job.key.mode), job.key.kernel));
    });
    for (size_t i = 0; i < cells.size(); ++i) {
      if (ended_.count(i) != 0) Keep(std::move(cells[i]), std::move(runs[i]));
    }
    CompareModes();
    review_.incomplete = ended_.size() != jobs_.size();
    review_.unmutated_clean = std::all_of(review_.cells.begin(), review_.cells.end(),
                                          [](const reports::ReviewCell& cell) { return cell.held; });
  }

  // Only in a review of everything: an attack that is named is somebody's work in hand.
  void RunMutantsToo() {
    if (!options_.attacks.empty() || interrupted_by() != 0) return;
    std::optional<ProgressLine> progress;
    MutantRuns runs = RunMutants(options_.root, options_.systemc, [&](size_t, size_t total, const std::string& what) {
      if (!progress) progress.emplace(options_.progress, total);
      progress->Done(what);
    });
    review_.mutants = std::move(runs.mutants);
    review_.unclean = std::move(runs.unclean);
    review_.unmutated_clean = review_.unmutated_clean && review_.unclean.empty();
    review_.incomplete = review_.incomplete || !runs.complete;
  }

  // Likewise. On one kernel: what flushes is Xen's, and on bare metal one driver.
  void MeasureWindowsToo() {
    if (!options_.attacks.empty() || interrupted_by() != 0) return;
    std::optional<ProgressLine> progress;
    MeasuredWindows measured =
        MeasureWindows({options_.root, KernelFamilies().front(), kTimeoutS, options_.systemc, [&](size_t, size_t total) {
                          if (!progress) progress.emplace(options_.progress, total);
                          progress->Done("escape windows");
                        }});
    if (measured.failed.empty()) {
      review_.windows = std::move(measured.windows);
    } else {
      review_.unclean.push_back("no escape window was measured by: " + measured.failed);
      review_.unmutated_clean = false;
    }
  }

  reports::Review& review() { return review_; }

 private:
  ChildBody BodyOf(const CellJob& job) const {
    RunOptions run;
    run.root = options_.root;
    run.text = false;
    run.line_coverage = false;
    run.reproduce = job.reproduce;
    return [&job, run, systemc = options_.systemc](std::string* answer) {
      return systemc([&] {
        const reports::Result result = RunScenario(job.scenario, run);
        *answer = AnswerOf(result);
        return ExitCodeOf(result);
      });
    };
  }

  // Each finding learns what became of it in the other modes, with the same kernel and ABI.
  void CompareModes() {
    std::map<std::tuple<std::string, std::string, reports::PortAbi>, std::vector<reports::ModeFindings>> stories;
    for (reports::ReviewCell& cell : review_.cells) {
      stories[{cell.scenario, cell.kernel, cell.abi}].push_back(
          {cell.mode, cell.verdict != reports::Outcome::kNotApplicable, &cell.findings});
    }
    for (const auto& [story, modes] : stories) reports::FillOtherModes(modes);
  }

  void Keep(reports::ReviewCell cell, std::optional<CellRun> run) {
    if (run) {
      for (const auto& [path, blocks] : run->blocks) {
        review_.originals[path] = std::max(review_.originals[path], blocks);
      }
      for (const reports::Kernel& kernel : run->result.kernels) {
        if (std::none_of(review_.kernels.begin(), review_.kernels.end(),
                         [&](const reports::Kernel& known) { return known.name == kernel.name; })) {
          review_.kernels.push_back(kernel);
        }
      }
      if (review_.limits.empty()) review_.limits = run->result.view.limits;
      for (reports::ReviewStory& story : review_.stories) {
        if (story.id != cell.scenario) continue;
        story.file = run->result.view.source_file;
        story.line = run->result.view.source_line;
      }
    }
    const bool show = run && WorthShowing(review_, cell);
    review_.cells.push_back(std::move(cell));
    if (show) review_.evidence.emplace_back(review_.cells.size() - 1, std::move(run->result));
  }

  const ReviewOptions& options_;
  std::vector<CatalogueEntry> entries_;
  std::vector<CellJob> jobs_;
  std::vector<std::shared_ptr<const driver::Image>> images_;
  std::set<size_t> ended_;
  reports::Review review_;
};

void Tell(const ReviewOptions& options, const reports::Review& review) {
  const std::string text = options.json       ? reports::WriteReviewJson(review)
                           : options.markdown ? reports::ReviewMarkdown(review)
                                              : reports::ReviewText(review);
  std::fputs(text.c_str(), stdout);
  if (!options.json && !options.markdown) std::fputs(fmt::format("{}/index.html\n", options.out).c_str(), stdout);
}

void Write(const ReviewOptions& options, const reports::Review* baseline, const reports::Review& review) {
  const fs::path out = options.out;
  const reports::Review exported = reports::Exported(review);
  reports::SarifOptions sarif;
  sarif.baseline = baseline;
  sarif.suppressed = AcceptedToday(options.suppressions);
  sarif.exit_code = reports::AllWell(review) ? kExitHolds : kExitViolated;
  sarif.files = {{kJsonFile, "everything of the review"}, {"index.html", "the review as a page"}};
  reports::WriteFileAtomically(out / "findings.sarif", reports::FormatJson(reports::SarifLog(exported, sarif)));
  reports::WriteFileAtomically(out / "junit.xml", reports::ReviewJunit(exported));
  reports::WriteFileAtomically(out / "index.html", reports::ReviewHtml(exported));
  reports::WriteFileAtomically(out / kJsonFile, reports::WriteReviewJson(review));
}

}  // namespace

int RunReview(const ReviewOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  ReviewRun run(options);
  run.Prepare();
  // Before the same folder is written again.
  std::optional<reports::Review> baseline;
  if (!options.baseline.empty()) baseline = reports::Exported(LoadReview(options.baseline));
  std::error_code ignored;
  for (const char* file : kFiles) fs::remove(fs::path(options.out) / file, ignored);
  run.RunCells();
  run.RunMutantsToo();
  run.MeasureWindowsToo();
  reports::Review& review = run.review();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  review.seconds = seconds();
  if (interrupted_by() != 0) {
    review.incomplete = true;
    reports::WriteFileAtomically(fs::path(options.out) / kJsonFile, reports::WriteReviewJson(review));
    std::fputs("pvpci: review: interrupted; what is written is marked incomplete\n", stderr);
    return 128 + interrupted_by();
  }
  Write(options, baseline ? &*baseline : nullptr, review);
  Tell(options, review);
  return reports::AllWell(review) ? kExitHolds : kExitViolated;
}

}  // namespace pvpci::scenarios
