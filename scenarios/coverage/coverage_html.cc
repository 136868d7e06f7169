// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/coverage_html.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "reports/html_text.h"
#include "reports/text_layout.h"

namespace pvpci::scenarios {
namespace {

using reports::Grouped;
using reports::HtmlEscape;

constexpr char kIndex[] =
#include "scenarios/coverage/html/index.html.inc"
    ;
constexpr char kOriginal[] =
#include "scenarios/coverage/html/original.html.inc"
    ;
constexpr char kOwnStyle[] =
#include "scenarios/coverage/html/coverage.css.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;

std::string Bar(uint64_t covered, uint64_t coverable) {
  const std::string percent = Percent(covered, coverable);
  return fmt::format("{} %<div class=\"bar\"><i style=\"width:{}%\"></i></div>", percent, percent);
}

std::string Link(const OriginalCoverage& original) {
  return fmt::format("<a class=\"mono\" href=\"{}\">{}</a>", HtmlEscape(OriginalPageName(original.file.path)),
                     HtmlEscape(original.file.path));
}

std::string RequiredRow(const Coverage& coverage, const OriginalCoverage& original) {
  const Judgement& judgement = original.judgement;
  return fmt::format(
      "<tr{}><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{} %</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      Met(coverage, original) && judgement.unexplained() == 0 ? "" : " class=\"bad\"", Link(original),
      Grouped(judgement.coverable), Grouped(judgement.covered), Bar(judgement.covered, judgement.coverable),
      coverage.requirements[original.requirement].threshold, judgement.unexplained(), judgement.left_out);
}

std::string OtherRow(const OriginalCoverage& original) {
  size_t idle = 0, dropped = 0;
  for (const FunctionCount& function : original.file.functions) {
    idle += function.linked && function.covered == 0;
    dropped += !function.linked;
  }
  return fmt::format(
      "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      Link(original), Grouped(original.judgement.coverable), Grouped(original.judgement.covered),
      Bar(original.judgement.covered, original.judgement.coverable), original.file.functions.size(), idle, dropped);
}

std::string ScenarioRow(const Coverage& coverage, size_t index) {
  const ScenarioBlocks& scenario = coverage.scenarios[index];
  const RunShare& all = coverage.shares[index];
  const RunShare& required = coverage.required_shares[index];
  return fmt::format(
      "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td></tr>\n",
      HtmlEscape(scenario.name), HtmlEscape(fmt::format("{}", fmt::join(scenario.modes, ", "))), Grouped(all.covered),
      Grouped(all.alone), Grouped(required.covered), Grouped(required.alone));
}

std::string GapTable(const OriginalCoverage& original) {
  if (original.requirement < 0 || original.judgement.gaps.empty()) return "";
  std::string rows;
  for (const Gap& gap : original.judgement.gaps) {
    rows += fmt::format(
        "<tr{}><td><a href=\"#L{}\">{}</a></td><td class=\"mono\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        gap.why.empty() ? " class=\"bad\"" : "", gap.first,
        gap.first == gap.last ? fmt::format("{}", gap.first) : fmt::format("{} to {}", gap.first, gap.last),
        HtmlEscape(gap.function), gap.lines, gap.why.empty() ? "nobody has said why" : HtmlEscape(gap.why));
  }
  return "<h2>What did not run, and why</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Lines</th>"
         "<th scope=\"col\">Function</th><th scope=\"col\" class=\"n\">With code</th><th scope=\"col\">Why</th></tr>"
         "</thead><tbody>\n" + rows + "</tbody></table></div>\n";
}

std::string FunctionRow(const Coverage& coverage, const FunctionCount& function) {
  constexpr size_t kNamed = 4;
  std::string names;
  for (size_t i = 0; i < function.runs.size() && i < kNamed; ++i) {
    names += (i == 0 ? "" : ", ") + coverage.scenarios[function.runs[i]].name;
  }
  if (function.runs.size() > kNamed) names += fmt::format(" and {} more", function.runs.size() - kNamed);
  if (!function.linked) names = "not linked: nobody in the image calls it";
  return fmt::format(
      "<tr><td><a class=\"mono\" href=\"#L{}\">{}</a></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>"
      "<td>{}</td></tr>\n",
      function.line, HtmlEscape(function.name.empty() ? "(made by macros)" : function.name), function.coverable,
      function.covered, Bar(function.covered, function.coverable), HtmlEscape(names));
}

// The table of source lines.
std::string SourceLines(const OriginalCoverage& original) {
  std::string rows;
  auto next = original.file.lines.begin();
  auto gap = original.judgement.gaps.begin();
  const auto gaps_end = original.judgement.gaps.end();
  for (uint32_t number = 1; number <= original.text.size(); ++number) {
    std::string_view kind;
    std::string count, why;
    if (next != original.file.lines.end() && next->line == number) {
      while (gap != gaps_end && gap->last < number) ++gap;
      const bool in_gap = gap != gaps_end && gap->first <= number;
      kind = next->runs != 0 ? "ran" : in_gap && next->code == LineCount::Code::kLinked ? "idle" : "out";
      if (next->runs != 0) count = fmt::format("{}", next->runs);
      if (in_gap && gap->first == number && !gap->why.empty()) {
        why = fmt::format("<span class=\"why\">{}</span>", HtmlEscape(gap->why));
      }
      ++next;
    }
    rows += fmt::format("<tr id=\"L{}\"{}><td>{}</td><td>{}</td><td>{}{}</td></tr>\n", number,
                        kind.empty() ? "" : fmt::format(" class=\"{}\"", kind), number, count, why,
                        HtmlEscape(original.text[number - 1]));
  }
  return rows;
}

}  // namespace

std::string OriginalPageName(const std::string& path) {
  std::string name = path;
  std::replace(name.begin(), name.end(), '/', '_');
  return name + ".html";
}

std::string CoverageIndexHtml(const Coverage& coverage) {
  std::string required, others, scenarios, problems;
  uint64_t covered = 0, coverable = 0;
  size_t runs = 0;
  for (const OriginalCoverage& original : coverage.originals) {
    covered += original.judgement.covered;
    coverable += original.judgement.coverable;
    if (original.requirement >= 0) {
      required += RequiredRow(coverage, original);
    } else {
      others += OtherRow(original);
    }
  }
  for (size_t i = 0; i < coverage.scenarios.size(); ++i) {
    scenarios += ScenarioRow(coverage, i);
    runs += coverage.scenarios[i].modes.size();
  }
  for (const std::string& problem : coverage.problems) {
    problems += fmt::format("<p class=\"note bad\">{}</p>\n", HtmlEscape(problem));
  }
  return reports::FillTemplate(
      kIndex, {{"css", kStyle},
               {"own_css", kOwnStyle},
               {"summary", fmt::format("{} % of {} lines ran", Percent(covered, coverable), Grouped(coverable))},
               {"version", HtmlEscape(coverage.version)},
               {"runs", fmt::format("{} scenarios, {} runs", coverage.scenarios.size(), runs)},
               {"problems", problems},
               {"required", required},
               {"others", others},
               {"scenarios", scenarios}});
}

std::string OriginalHtml(const Coverage& coverage, const OriginalCoverage& original) {
  std::string functions;
  for (const FunctionCount& function : original.file.functions) functions += FunctionRow(coverage, function);
  const Judgement& judgement = original.judgement;
  return reports::FillTemplate(
      kOriginal,
      {{"css", kStyle},
       {"own_css", kOwnStyle},
       {"path", HtmlEscape(original.file.path)},
       {"summary", fmt::format("{} of {} lines ran, {} %; {} lines are left out. Linux {}, {} scenarios.",
                               Grouped(judgement.covered), Grouped(judgement.coverable),
                               Percent(judgement.covered, judgement.coverable), judgement.left_out,
                               HtmlEscape(coverage.version), coverage.scenarios.size())},
       {"gaps", GapTable(original)},
       {"functions", functions},
       {"lines", SourceLines(original)}});
}

}  // namespace pvpci::scenarios
