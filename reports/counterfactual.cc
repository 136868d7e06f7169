// SPDX-License-Identifier: Apache-2.0
#include "reports/counterfactual.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "reports/exported.h"
#include "reports/html_text.h"
#include "reports/names.h"
#include "reports/text_layout.h"

namespace pvpci::reports {
namespace {

constexpr char kPage[] =
#include "reports/html/counterfactual.html.inc"
    ;
constexpr char kStyle[] =
#include "reports/html/report.css.inc"
    ;
constexpr int64_t kAbsent = -1;

using Figure = std::function<int64_t(const Result&)>;
enum class Unit { kCount, kBytes, kPs };

struct RowSpec {
  const char* key;
  const char* what;
  Unit unit;
  Figure figure;
};

Ps LandedAt(const Finding& finding) {
  Ps at = 0;
  for (const StoryStep& step : finding.story) at = std::max(at, step.time_ps);
  return at;
}

bool IsStale(const Finding& finding) { return !finding.stopped_by && finding.unmapped_by; }

int64_t Escapes(const Result& result, int64_t DmaTotals::*member) {
  int64_t sum = 0;
  for (const auto& [dma_class, totals] : result.dma) {
    if (IsEscape(dma_class)) sum += totals.*member;
  }
  return sum;
}

template <typename Of>
int64_t Sum(const Result& result, Of of) {
  int64_t sum = 0;
  for (const auto& row : result.interrupts) sum += of(row);
  return sum;
}

// The worst of all sources: an attacked one is not hidden behind a busy one.
int64_t WorstLatency(const Result& result, Ps Latency::*member) {
  int64_t worst = kAbsent;
  for (const Interrupt& row : result.interrupts) {
    if (row.latency) worst = std::max(worst, static_cast<int64_t>((*row.latency).*member));
  }
  return worst;
}

const std::vector<RowSpec>& Specs() {
  static const std::vector<RowSpec> specs = {
      {"escapes", "accesses that escaped", Unit::kCount, [](const Result& r) { return Escapes(r, &DmaTotals::accesses); }},
      {"escaped_bytes", "bytes that they moved", Unit::kBytes, [](const Result& r) { return Escapes(r, &DmaTotals::bytes); }},
      {"leaked_bytes_proven", "secret bytes proven to have leaked", Unit::kBytes,
       [](const Result& r) {
         int64_t sum = 0;
         for (const Finding& finding : r.findings) sum += finding.leaked_bytes_proven;
         return sum;
       }},
      {"stale_windows", "mappings used after their unmap", Unit::kCount,
       [](const Result& r) { return static_cast<int64_t>(std::count_if(r.findings.begin(), r.findings.end(), IsStale)); }},
      {"stale_window_ps", "longest time from unmap to such a use", Unit::kPs,
       [](const Result& r) {
         int64_t longest = kAbsent;
         for (const Finding& finding : r.findings) {
           if (!IsStale(finding)) continue;
           longest = std::max(longest, static_cast<int64_t>(LandedAt(finding) - finding.unmapped_by->time_ps));
         }
         return longest;
       }},
      {"forged_messages", "forged interrupt messages delivered", Unit::kCount,
       [](const Result& r) {
         const auto found = r.dma.find(DmaClass::kE9);
         return found == r.dma.end() ? 0 : found->second.accesses;
       }},
      {"faults", "refused by the IOMMU", Unit::kCount,
       [](const Result& r) { return static_cast<int64_t>(r.faults.size()); }},
      {"stopped_domains", "domains that crashed or hang", Unit::kCount,
       [](const Result& r) {
         return static_cast<int64_t>(std::count_if(r.domains.begin(), r.domains.end(), [](const DomainResult& d) {
           return d.state == DomainState::kCrashed || d.state == DomainState::kHung;
         }));
       }},
      {"interrupts", "interrupts delivered", Unit::kCount,
       [](const Result& r) { return Sum(r, [](const Interrupt& row) { return row.delivered; }); }},
      {"interrupts_lost", "interrupts lost", Unit::kCount,
       [](const Result& r) { return Sum(r, [](const Interrupt& row) { return row.lost; }); }},
      {"latency_p50_ps", "interrupt latency, median, worst source", Unit::kPs,
       [](const Result& r) { return WorstLatency(r, &Latency::p50); }},
      {"latency_p99_ps", "interrupt latency, p99, worst source", Unit::kPs,
       [](const Result& r) { return WorstLatency(r, &Latency::p99); }},
      {"simulated_ps", "simulated time", Unit::kPs,
       [](const Result& r) { return static_cast<int64_t>(r.simulated_ps); }},
  };
  return specs;
}

std::string Shown(int64_t figure, Unit unit) {
  if (figure == kAbsent) return "-";
  switch (unit) {
    case Unit::kCount: return Grouped(figure);
    case Unit::kBytes: return FormatBytes(figure);
    case Unit::kPs: return FormatPs(static_cast<Ps>(figure));
  }
  return "";
}

// As a fingerprint, without the mode: the same story in another machine.
std::string StoryOf(const Finding& finding) {
  std::string story = fmt::format("{}|{}|{}|{}", Name(finding.dma_class), Name(finding.direction),
                                  finding.device.bdf, finding.victim ? finding.victim->domain : "");
  if (finding.programmed_by) {
    const auto& frames = finding.programmed_by->backtrace;
    for (size_t i = 0; i < frames.size() && i < 3; ++i) story += "|" + frames[i].function;
  }
  return story;
}

std::string Fate(const Finding& finding) {
  return finding.stopped_by ? "stopped by " + *finding.stopped_by
                            : fmt::format("escapes, {}: {}", FormatBytes(finding.bytes), finding.guard);
}

std::string OutcomeText(const Result& result) {
  if (result.verdict == Verdict::kSkipped) return "does not apply";
  if (!result.attack) return std::string(Name(result.verdict));
  return fmt::format("{}{}{}", Name(result.attack->outcome), result.attack->dma_class ? " " : "",
                     result.attack->dma_class ? Name(*result.attack->dma_class) : "");
}

}  // namespace

std::vector<DeltaRow> DeltaRows(const std::vector<Result>& results) {
  std::vector<DeltaRow> rows;
  for (const RowSpec& spec : Specs()) {
    DeltaRow row{spec.key, spec.what, {}, {}};
    for (const Result& result : results) {
      const bool ran = result.verdict != Verdict::kSkipped;
      row.figures.push_back(ran ? spec.figure(result) : kAbsent);
      row.shown.push_back(Shown(row.figures.back(), spec.unit));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void FillOtherModes(const std::vector<ModeFindings>& modes) {
  for (const ModeFindings& own : modes) {
    for (Finding& finding : *own.findings) {
      for (const ModeFindings& other : modes) {
        if (other.mode == own.mode || !other.ran) continue;
        const auto same = std::find_if(other.findings->begin(), other.findings->end(), [&](const Finding& candidate) {
          return StoryOf(candidate) == StoryOf(finding);
        });
        finding.other_modes[std::string(Name(other.mode))] = same == other.findings->end() ? "not seen" : Fate(*same);
      }
    }
  }
}

void FillOtherModes(std::vector<Result>* results) {
  std::vector<ModeFindings> modes;
  for (Result& result : *results) {
    modes.push_back({result.mode, result.verdict != Verdict::kSkipped, &result.findings});
  }
  FillOtherModes(modes);
}

std::string CounterfactualText(const std::vector<Result>& results) {
  if (results.empty()) return "";
  size_t what = 0;
  std::vector<size_t> widths(results.size(), 2);
  const std::vector<DeltaRow> rows = DeltaRows(results);
  for (const DeltaRow& row : rows) {
    what = std::max(what, Columns(row.what));
    for (size_t i = 0; i < row.shown.size(); ++i) widths[i] = std::max(widths[i], Columns(row.shown[i]));
  }
  for (size_t i = 0; i < results.size(); ++i) widths[i] = std::max(widths[i], Columns(OutcomeText(results[i])));
  std::string text = fmt::format("{}: the same seed, {}, in each mode\n", results[0].scenario, results[0].seed);
  const auto line = [&](const std::string& name, const std::vector<std::string>& cells) {
    text += PadRight(name, what + 2);
    for (size_t i = 0; i < cells.size(); ++i) text += PadLeft(cells[i], widths[i] + 2);
    text += "\n";
  };
  std::vector<std::string> modes, outcomes;
  for (const Result& result : results) {
    modes.emplace_back(Name(result.mode));
    outcomes.push_back(OutcomeText(result));
  }
  line("", modes);
  line("verdict", outcomes);
  for (const DeltaRow& row : rows) line(row.what, row.shown);
  return text;
}

nlohmann::ordered_json CounterfactualJson(const std::vector<Result>& results) {
  nlohmann::ordered_json document = {{"schema", kSchemaNumber}, {"modes", nlohmann::ordered_json::array()}};
  const std::vector<DeltaRow> rows = DeltaRows(results);
  for (size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    nlohmann::ordered_json mode = {{"mode", std::string(Name(result.mode))},
                                   {"scenario", result.scenario},
                                   {"seed", result.seed},
                                   {"verdict", OutcomeText(result)},
                                   {"trace_digest", result.trace_digest.value_or("")},
                                   {"reproduce", result.reproduce}};
    for (const DeltaRow& row : rows) {
      mode[row.key] = row.figures[i] == kAbsent ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(row.figures[i]);
    }
    document["modes"].push_back(std::move(mode));
  }
  return document;
}

std::string CounterfactualHtml(const std::vector<Result>& whole) {
  std::vector<Result> results;
  for (const Result& result : whole) results.push_back(Exported(result));
  std::string head = "<th scope=\"col\"></th>";
  std::string verdicts = "<td>verdict</td>";
  for (const Result& result : results) {
    head += fmt::format("<th scope=\"col\" class=\"n\">{} {}</th>", Name(result.mode), Describe(result.mode));
    verdicts += fmt::format("<td class=\"n\"><b>{}</b></td>", HtmlEscape(OutcomeText(result)));
  }
  std::string rows = "<tr>" + verdicts + "</tr>\n";
  for (const DeltaRow& row : DeltaRows(results)) {
    rows += fmt::format("<tr><td>{}</td>", row.what);
    for (const std::string& shown : row.shown) rows += fmt::format("<td class=\"n\">{}</td>", HtmlEscape(shown));
    rows += "</tr>\n";
  }
  std::string findings;
  std::set<std::string> told;
  for (const Result& result : results) {
    for (const Finding& finding : result.findings) {
      if (!told.insert(StoryOf(finding)).second) continue;
      findings += fmt::format("<tr><td>{} {}</td>", Name(finding.dma_class), HtmlEscape(finding.title));
      for (const Result& in : results) {
        const auto other = finding.other_modes.find(std::string(Name(in.mode)));
        findings += fmt::format("<td>{}</td>", HtmlEscape(&in == &result                      ? Fate(finding)
                                                          : other == finding.other_modes.end() ? "not seen"
                                                                                               : other->second));
      }
      findings += "</tr>\n";
    }
  }
  const std::string name = results.empty() ? "" : results[0].scenario;
  return FillTemplate(kPage, {{"title", HtmlEscape(name + ": counterfactual")},
                              {"css", kStyle},
                              {"name", HtmlEscape(name)},
                              {"claim", HtmlEscape(results.empty() ? "" : results[0].claim)},
                              {"head", head},
                              {"rows", rows},
                              {"findings", findings}});
}

}  // namespace pvpci::reports
