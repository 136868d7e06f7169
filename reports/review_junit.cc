// SPDX-License-Identifier: Apache-2.0
#include "reports/review_junit.h"

#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/junit.h"
#include "reports/names.h"

namespace pvpci::reports {
namespace {

struct Suite {
  std::string name;
  int tests = 0, failures = 0, errors = 0, skipped = 0;
  double seconds = 0;
  std::string cases;
};

std::string VerdictText(Outcome outcome, const std::optional<DmaClass>& dma_class) {
  return fmt::format("{}{}{}", Name(outcome), dma_class ? " " : "", dma_class ? Name(*dma_class) : "");
}

std::string Story(const ReviewCell& cell) {
  std::string text = fmt::format("expected: {}\nactual: {}\n", VerdictText(cell.expected, cell.expected_class),
                                 VerdictText(cell.verdict, cell.dma_class));
  if (cell.embargo) return text + "the rest is withheld: it may show a flaw of shipped code\n";
  if (!cell.reason.empty()) text += cell.reason + "\n";
  for (const std::string& problem : cell.problems) text += problem + "\n";
  return text + "reproduce: " + cell.reproduce + "\n";
}

void Add(const ReviewCell& cell, Suite* suite) {
  ++suite->tests;
  suite->seconds += cell.seconds;
  const std::string text = XmlEscape(Story(cell), XmlPlace::kText);
  std::string body;
  if (cell.verdict == Outcome::kNotApplicable && cell.agrees && cell.held) {
    ++suite->skipped;
    body = "      <skipped message=\"does not apply\"/>\n";
  } else if (!cell.held) {
    ++suite->errors;
    body = fmt::format("      <error type=\"unmet\" message=\"the run did not meet its expectations\">{}</error>\n", text);
  } else if (!cell.agrees && !cell.explanation) {
    ++suite->failures;
    body = fmt::format("      <failure type=\"disagrees\" message=\"{}\">{}</failure>\n",
                       XmlEscape(fmt::format("{}, expected {}", Name(cell.verdict), Name(cell.expected))), text);
  } else if (!cell.embargo) {
    body = fmt::format("      <system-out>{}{}</system-out>\n", text,
                       cell.explanation ? XmlEscape("explained: " + *cell.explanation + "\n", XmlPlace::kText) : "");
  }
  suite->cases += fmt::format("    <testcase classname=\"{}.{}\" name=\"{} {} {}\" time=\"{:.3f}\">\n{}    </testcase>\n",
                              XmlEscape(cell.scenario), XmlEscape(cell.name), XmlEscape(cell.title), Name(cell.mode),
                              Name(cell.abi), cell.seconds, body);
}

void Add(const ReviewMutant& mutant, Suite* suite) {
  ++suite->tests;
  std::string body;
  if (!mutant.detected) {
    ++suite->failures;
    body = fmt::format("      <failure type=\"survived\" message=\"no attack tells it from the unmutated kernel\">{}"
                       "</failure>\n", XmlEscape(fmt::format("{}\n", fmt::join(mutant.problems, "\n")), XmlPlace::kText));
  } else {
    body = fmt::format("      <system-out>{}</system-out>\n",
                       XmlEscape(fmt::format("{}\n", fmt::join(mutant.seen, "\n")), XmlPlace::kText));
  }
  suite->cases += fmt::format("    <testcase classname=\"mutants\" name=\"{} {}\" time=\"0\">\n{}    </testcase>\n",
                              XmlEscape(mutant.id), XmlEscape(mutant.file), body);
}

}  // namespace

std::string ReviewJunit(const Review& review) {
  std::map<std::pair<Mode, std::string>, Suite> suites;
  for (const ReviewCell& cell : review.cells) {
    Suite& suite = suites[{cell.mode, cell.kernel}];
    suite.name = fmt::format("review {} {}", Name(cell.mode), cell.kernel);
    Add(cell, &suite);
  }
  std::vector<Suite> all;
  for (auto& [key, suite] : suites) all.push_back(std::move(suite));
  Suite mutants;
  mutants.name = "review mutants";
  for (const ReviewMutant& mutant : review.mutants) Add(mutant, &mutants);
  if (mutants.tests > 0) all.push_back(std::move(mutants));
  int tests = 0, failures = 0, errors = 0;
  std::string body;
  for (const Suite& suite : all) {
    tests += suite.tests;
    failures += suite.failures;
    errors += suite.errors;
    body += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n"
                        "{}  </testsuite>\n", XmlEscape(suite.name), suite.tests, suite.failures, suite.errors,
                        suite.skipped, suite.seconds, suite.cases);
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pvpci review\" tests=\"{}\" "
                     "failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n{}</testsuites>\n",
                     tests, failures, errors, review.seconds, body);
}

}  // namespace pvpci::reports
