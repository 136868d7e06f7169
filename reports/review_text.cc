// SPDX-License-Identifier: Apache-2.0
#include "reports/review_text.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/names.h"
#include "reports/text_layout.h"

namespace pvpci::reports {
namespace {

constexpr Mode kModes[] = {Mode::kM0, Mode::kM1, Mode::kM2};
constexpr size_t kTitleColumns = 34;

std::string VerdictText(const ReviewCell& cell) {
  return fmt::format("{}{}{}", Name(cell.verdict), cell.dma_class ? " " : "", cell.dma_class ? Name(*cell.dma_class) : "");
}

// The attacks that have cells, each once.
std::vector<const ReviewCell*> Attacks(const Review& review) {
  std::vector<const ReviewCell*> attacks;
  std::set<std::string> seen;
  for (const ReviewCell& cell : review.cells) {
    if (seen.insert(cell.scenario).second) attacks.push_back(&cell);
  }
  return attacks;
}

void Trouble(const Review& review, std::string* text) {
  for (const ReviewCell& cell : review.cells) {
    const std::string where = fmt::format("{} {} on {}, {}", cell.scenario, Name(cell.mode), cell.kernel, Name(cell.abi));
    if (!cell.agrees) {
      *text += fmt::format("{}: {}, expected {}{}: {}\n", where, VerdictText(cell), Name(cell.expected),
                           cell.explanation ? ", explained" : "",
                           cell.explanation ? *cell.explanation : cell.reason + "; " + cell.reproduce);
    }
    if (cell.held) continue;
    *text += fmt::format("{}: the run does not meet its expectations: {}; {}\n", where, fmt::join(cell.problems, "; "),
                         cell.reproduce);
  }
  for (const ReviewMutant& mutant : review.mutants) {
    if (!mutant.detected) {
      *text += fmt::format("mutant {}: not detected: {}\n", mutant.id, fmt::join(mutant.problems, "; "));
    }
  }
  for (const std::string& run : review.unclean) *text += fmt::format("unmutated code: {}\n", run);
  for (const ReviewStory& story : review.stories) {
    if (story.name.empty()) *text += fmt::format("{} {}: no scenario tells it\n", story.id, story.title);
  }
}

}  // namespace

std::string CellText(const Review& review, const std::string& scenario, Mode mode) {
  std::vector<std::pair<std::string, std::vector<std::string>>> verdicts;  // and where each was seen
  for (const ReviewCell& cell : review.cells) {
    if (cell.scenario != scenario || cell.mode != mode) continue;
    const std::string text = VerdictText(cell) + (cell.agrees && cell.held ? "" : "*");
    auto found = std::find_if(verdicts.begin(), verdicts.end(), [&](const auto& entry) { return entry.first == text; });
    if (found == verdicts.end()) found = verdicts.insert(found, {text, {}});
    std::string where = cell.kernel;
    const bool abis = std::any_of(review.cells.begin(), review.cells.end(), [&](const ReviewCell& other) {
      return other.scenario == scenario && other.mode == mode && other.kernel == cell.kernel && other.abi != cell.abi &&
             (other.verdict != cell.verdict || other.dma_class != cell.dma_class);
    });
    if (abis) where += fmt::format(" {}", Name(cell.abi));
    if (std::find(found->second.begin(), found->second.end(), where) == found->second.end()) {
      found->second.push_back(where);
    }
  }
  if (verdicts.empty()) return "";
  if (verdicts.size() == 1) return verdicts[0].first;
  std::string text;
  for (const auto& [verdict, where] : verdicts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", verdict, fmt::join(where, ", "));
  }
  return text;
}

std::string ReviewText(const Review& review) {
  std::string text;
  size_t widths[] = {2, 2, 2};
  for (const ReviewCell* attack : Attacks(review)) {
    for (size_t i = 0; i < 3; ++i) {
      widths[i] = std::max(widths[i], Columns(CellText(review, attack->scenario, kModes[i])));
    }
  }
  const auto row = [&](const std::string& id, const std::string& title, const std::string (&cells)[3]) {
    std::string line = PadRight(id, 7) + PadRight(Cut(title, kTitleColumns), kTitleColumns + 2);
    for (size_t i = 0; i < 3; ++i) line += PadRight(cells[i], widths[i] + 2);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  row("attack", "", {"M0", "M1", "M2"});
  for (const ReviewCell* attack : Attacks(review)) {
    row(attack->scenario, attack->title,
        {CellText(review, attack->scenario, kModes[0]), CellText(review, attack->scenario, kModes[1]),
         CellText(review, attack->scenario, kModes[2])});
  }
  if (!review.mutants.empty()) {
    text += "\n";
    for (const ReviewMutant& mutant : review.mutants) {
      text += fmt::format("{}{}{}\n", PadRight(mutant.id, 16), PadRight(mutant.detected ? "detected" : "SURVIVED", 10),
                          fmt::format("by {}: {}", fmt::join(mutant.by, ", "), mutant.file));
    }
  }
  text += "\n";
  Trouble(review, &text);
  const auto agree = std::count_if(review.cells.begin(), review.cells.end(), [](const auto& c) { return c.agrees; });
  const auto explained = std::count_if(review.cells.begin(), review.cells.end(),
                                       [](const auto& c) { return !c.agrees && c.explanation; });
  const auto detected = std::count_if(review.mutants.begin(), review.mutants.end(),
                                      [](const auto& m) { return m.detected; });
  text += fmt::format("{} cells: {} as the catalogue says, {} explained, {} not; {} of {} mutants detected; unmutated code {}; "
                      "{:.1f} s\n",
                      review.cells.size(), agree, explained, static_cast<ptrdiff_t>(review.cells.size()) - agree - explained,
                      detected, review.mutants.size(), review.unmutated_clean ? "clean" : "NOT clean", review.seconds);
  return text;
}

std::string ReviewMarkdown(const Review& review) {
  std::string text = "| Attack | Story | M0 | M1 | M2 |\n|---|---|---|---|---|\n";
  for (const ReviewCell* attack : Attacks(review)) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", attack->scenario, attack->title,
                        CellText(review, attack->scenario, kModes[0]), CellText(review, attack->scenario, kModes[1]),
                        CellText(review, attack->scenario, kModes[2]));
  }
  if (review.mutants.empty()) return text;
  text += "\n| Mutant | File | Detected by |\n|---|---|---|\n";
  for (const ReviewMutant& mutant : review.mutants) {
    text += fmt::format("| {} | `{}` | {} |\n", mutant.id, mutant.file,
                        mutant.detected ? fmt::format("{}", fmt::join(mutant.by, ", ")) : "nothing");
  }
  return text;
}

}  // namespace pvpci::reports
