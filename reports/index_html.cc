// SPDX-License-Identifier: Apache-2.0
#include "reports/index_html.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/exported.h"
#include "reports/html_text.h"
#include "reports/names.h"
#include "reports/text_layout.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/index.html.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;

std::string Escapes(const Result& result) {
  std::string text;
  for (const auto& [dma_class, totals] : result.dma) {
    if (!IsEscape(dma_class) || totals.accesses == 0) continue;
    text += fmt::format("{}<span class=\"chip violated\">{}</span> {}", text.empty() ? "" : "<br>", Name(dma_class),
                        FormatBytes(totals.bytes));
  }
  return text.empty() ? "none" : text;
}

std::string Row(const IndexEntry& entry) {
  const std::string folder = HtmlEscape(entry.folder);
  if (!entry.result) {
    return fmt::format(
        "<tr class=\"bad\"><td><span class=\"chip unable\">no result</span></td><td>{}</td><td "
        "colspan=\"6\">{}</td></tr>\n",
        folder, HtmlEscape(entry.problem));
  }
  const Result result = Exported(*entry.result);
  const auto held = std::count_if(result.expectations.begin(), result.expectations.end(),
                                  [](const ExpectationResult& e) { return e.held; });
  int64_t delivered = 0;
  for (const Interrupt& row : result.interrupts) delivered += row.delivered;
  const std::string_view verdict = Name(result.verdict);
  return fmt::format(
      "<tr><td><span class=\"chip {}\">{}{}</span></td><td class=\"name\"><a "
      "href=\"{}/report.html\"><b>{}</b></a></td><td>{}</td>"
      "<td>{}, {}</td><td class=\"n\">{} of {}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      verdict, verdict, result.incomplete ? ", incomplete" : "", folder, HtmlEscape(result.scenario),
      HtmlEscape(result.claim), Name(result.mode), Describe(result.mode), held, result.expectations.size(),
      Escapes(result), Grouped(delivered), FormatPs(result.simulated_ps));
}

}  // namespace

std::string IndexHtml(const std::vector<IndexEntry>& entries) {
  std::string rows;
  size_t held = 0;
  for (const IndexEntry& entry : entries) {
    rows += Row(entry);
    held += entry.result && !entry.result->incomplete && entry.result->verdict == Verdict::kHolds;
  }
  return FillTemplate(
      kPage, {{"css", kStyle}, {"summary", fmt::format("{} of {} hold", held, entries.size())}, {"rows", rows}});
}

}  // namespace pvpci::reports
