// SPDX-License-Identifier: Apache-2.0
#include "reports/text_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "reports/names.h"
#include "reports/text_layout.h"

namespace pvpci::reports {
namespace {

enum class Colour { kPlain, kBold, kDim, kGood, kBad, kWarn, kTitle };

constexpr size_t kMargin = 12;      // the column where the text beside a heading starts
constexpr size_t kFramesShown = 6;  // of a backtrace
constexpr size_t kProgramsShown = 6;
constexpr size_t kFindingsShown = 8;

// Background colours of the parts of a bar, 256-colour palette; apart for colour-blind readers too (after Okabe and
// Ito).
constexpr int kPartColours[] = {25, 208, 36, 175, 74, 166, 220, 245, 61, 108};

class Page {
 public:
  explicit Page(const TextOptions& options) : options_(options), width_(std::clamp(options.width, 80, 100)) {}

  size_t width() const { return width_; }
  bool unicode() const { return options_.unicode; }
  bool colour() const { return options_.colour; }

  std::string In(Colour colour, std::string_view text) const {
    if (!options_.colour || colour == Colour::kPlain) return std::string(text);
    constexpr const char* kCodes[] = {"0", "1", "2", "1;32", "1;31", "1;33", "1;36"};
    return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<int>(colour)], text);
  }

  void Line(std::string_view text = "") {
    out_ += text;
    out_ += '\n';
  }

  // A heading in the margin, `first` beside it.
  void Heading(std::string_view title, std::string_view first) {
    Line();
    Line(In(Colour::kTitle, PadRight(title, kMargin)) + std::string(first));
  }

  // `text` wrapped between `column` and the right edge, the first line after `lead` (as wide as `column`).
  void Paragraph(std::string_view lead, size_t column, std::string_view text, Colour colour = Colour::kPlain) {
    bool first = true;
    for (const std::string& line : Wrap(Printable(text), width_ - column)) {
      Line((first ? std::string(lead) : std::string(column, ' ')) + In(colour, line));
      first = false;
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  TextOptions options_;
  size_t width_;
  std::string out_;
};

std::string Lead(std::string_view word) { return std::string(kMargin, ' ') + PadRight(word, 14); }
constexpr size_t kLeadColumn = kMargin + 14;

void Verdicts(const Result& result, Page* page) {
  struct Row {
    Verdict verdict;
    const char* word;
    const char* tick;
    Colour colour;
  };
  constexpr Row kRows[] = {
      {Verdict::kHolds, "HOLDS", "\u2714 ", Colour::kGood},
      {Verdict::kViolated, "VIOLATED", "\u2718 ", Colour::kBad},
      {Verdict::kSkipped, "SKIPPED", "\u25cb ", Colour::kDim},
      {Verdict::kUnable, "UNABLE", "! ", Colour::kWarn},
  };
  const std::string mode = fmt::format(" {}, {} ", Name(result.mode), Describe(result.mode));
  const std::string name = fmt::format(" {} ", Cut(Printable(result.scenario), page->width() - mode.size() - 10));
  const std::string dash = page->unicode() ? "\u2501" : "=";
  const auto rule = [&](size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += dash;
    return page->In(Colour::kDim, text);
  };
  page->Line(rule(2) + page->In(Colour::kBold, name) + rule(page->width() - Columns(name) - mode.size() - 4) + mode +
             rule(2));
  const Row& row =
      *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.verdict == result.verdict; });
  const std::string word = PadRight(fmt::format("{}{}", page->unicode() ? row.tick : "", row.word), kMargin);
  page->Paragraph(page->In(row.colour, word), kMargin, result.claim, Colour::kBold);
  const std::string margin(kMargin, ' ');
  if (result.incomplete) page->Line(margin + page->In(Colour::kBad, "interrupted: what follows is incomplete"));
  if (result.verdict_reason) page->Paragraph(margin, kMargin, *result.verdict_reason);
  if (result.attack) {
    page->Paragraph(margin, kMargin, fmt::format("the attack: {}{}{}{}", Name(result.attack->outcome),
                                                 result.attack->dma_class ? " " : "",
                                                 result.attack->dma_class ? Name(*result.attack->dma_class) : "",
                                                 result.attack->reason.empty() ? "" : ", " + result.attack->reason));
  }
  std::string facts;
  for (const Kernel& kernel : result.kernels) {
    facts += fmt::format("kernel {} ({} {}{}), ", kernel.name, kernel.package.value_or("own tree"), kernel.version,
                         ModifiedText(result, kernel));
  }
  facts += fmt::format("seed {}, {} simulated", result.seed, FormatPs(result.simulated_ps));
  page->Paragraph(margin, kMargin, facts, Colour::kDim);
  if (!result.view.policy.empty()) page->Paragraph(margin, kMargin, "policy: " + result.view.policy, Colour::kDim);
  for (const std::string& warning : result.view.warnings) {
    page->Paragraph(margin, kMargin, "warning: " + warning, Colour::kWarn);
  }
}

// "drivers/base/dd.c:571"; empty when the frame has no source.
std::string Place(const Frame& frame) {
  return frame.file.empty() ? "" : fmt::format("{}:{}", Printable(frame.file), frame.line);
}

void Backtrace(std::string_view lead, const std::vector<Frame>& frames, Page* page) {
  size_t widest = 0;
  const size_t shown = std::min(frames.size(), kFramesShown);
  for (size_t i = 0; i < shown; ++i) widest = std::max(widest, Columns(Printable(frames[i].function)));
  widest = std::min<size_t>(widest, 30);
  for (size_t i = 0; i < shown; ++i) {
    const size_t room = page->width() - kLeadColumn - widest - 2;
    page->Line((i == 0 ? std::string(lead) : std::string(kLeadColumn, ' ')) +
               page->In(i == 0 ? Colour::kBold : Colour::kPlain,
                        PadRight(Cut(Printable(frames[i].function), widest), widest) + "  ") +
               Cut(Place(frames[i]), room));
  }
  if (frames.size() > shown)
    page->Line(fmt::format("{}and {} more", std::string(kLeadColumn, ' '), frames.size() - shown));
}

void Domains(const Result& result, Page* page) {
  std::string heading = "Stopped";
  for (const DomainResult& domain : result.domains) {
    if (domain.state == DomainState::kRunning) continue;
    page->Heading(heading, fmt::format("{} {}{}", Printable(domain.name), page->In(Colour::kBad, Name(domain.state)),
                                       domain.report ? ": " + Printable(domain.report->kind) : ""));
    heading.clear();
    if (!domain.report) continue;
    page->Paragraph(std::string(kMargin, ' '), kMargin, domain.report->message);
    Backtrace(Lead("  at"), domain.report->backtrace, page);
  }
}

// Shorter ones are everyday life.
constexpr Ps kLongIrqsOff = 100'000'000;

void LongIrqsOff(const Result& result, Page* page) {
  std::string heading = "Events off";
  for (const DomainResult& domain : result.domains) {
    if (!domain.irqs_off || domain.irqs_off->longest_ps < kLongIrqsOff) continue;
    page->Heading(heading, fmt::format("{} vCPU {}: {} us at a stretch", Printable(domain.name), domain.irqs_off->vcpu,
                                       Grouped(domain.irqs_off->longest_ps / 1'000'000)));
    heading.clear();
    Backtrace(Lead("  until"), domain.irqs_off->backtrace, page);
  }
}

void Dma(const Result& result, Page* page) {
  if (result.dma.empty() && result.faults.empty()) return;
  const size_t text_width = page->width() - kMargin - 5 - 36;
  page->Heading("DMA", page->In(Colour::kDim, PadRight("where it landed", text_width + 5) + PadLeft("accesses", 12) +
                                                  PadLeft("bytes", 14)));
  for (const auto& [dma_class, totals] : result.dma) {
    const bool escape = IsEscape(dma_class) && totals.accesses > 0;
    const std::string line = PadRight(Name(dma_class), 5) + PadRight(Cut(Describe(dma_class), text_width), text_width) +
                             PadLeft(Grouped(totals.accesses), 12) + PadLeft(Grouped(totals.bytes), 14);
    page->Line(std::string(kMargin, ' ') + (escape ? page->In(Colour::kBad, line + "  escape") : line));
  }
  if (result.faults.empty()) return;
  page->Line(std::string(kMargin, ' ') + fmt::format("{} refused by the IOMMU, first:", Grouped(result.faults.size())));
  page->Paragraph(std::string(kMargin + 2, ' '), kMargin + 2, result.faults.front().text);
}

void OneFinding(const Finding& finding, Page* page) {
  const Colour colour = finding.stopped_by ? Colour::kGood : Colour::kBad;
  const std::string tag = fmt::format("{} {} {}", finding.id, Name(finding.dma_class), Name(finding.severity));
  page->Paragraph(PadRight("", kMargin) + page->In(colour, PadRight(tag, 12)) + (tag.size() < 12 ? "" : " "),
                  kMargin + std::max<size_t>(12, tag.size() + 1), finding.title, Colour::kBold);
  const std::string victim =
      finding.victim ? fmt::format(", of {} ({})", finding.victim->domain, finding.victim->role) : "";
  page->Paragraph(
      Lead("  access"), kLeadColumn,
      fmt::format("{} {} {} at {}{}{}", finding.device.bdf, finding.direction == Access::kRead ? "reads" : "writes",
                  FormatBytes(finding.bytes), Hex(finding.address), victim,
                  finding.occurrences > 1 ? fmt::format(", {} times", Grouped(finding.occurrences)) : ""));
  if (finding.device.requester_id != finding.device.bdf) {
    page->Paragraph(Lead("  as"), kLeadColumn, "requester " + finding.device.requester_id);
  }
  if (finding.attacker) page->Paragraph(Lead("  attacker"), kLeadColumn, finding.attacker->domain);
  if (finding.leaked_bytes_proven > 0) {
    page->Paragraph(Lead("  proven"), kLeadColumn,
                    fmt::format("{} bytes of the victim's secret, byte for byte", Grouped(finding.leaked_bytes_proven)),
                    Colour::kBad);
  }
  if (finding.stopped_by) page->Paragraph(Lead("  stopped by"), kLeadColumn, *finding.stopped_by, Colour::kGood);
  if (finding.programmed_by) {
    const ProgrammedBy& by = *finding.programmed_by;
    page->Paragraph(Lead("  programmed"), kLeadColumn,
                    fmt::format("{} = {} at {}", by.reg, Hex(by.value), FormatPs(by.time_ps)));
    Backtrace(Lead("  by"), by.backtrace, page);
  }
  if (finding.mapped_by) Backtrace(Lead("  mapped by"), finding.mapped_by->backtrace, page);
  if (finding.unmapped_by) Backtrace(Lead("  unmapped by"), finding.unmapped_by->backtrace, page);
  if (finding.frame) {
    const FrameStory& frame = *finding.frame;
    const std::string owner = frame.owner_when_programmed == frame.owner_when_landed
                                  ? frame.owner_when_landed
                                  : frame.owner_when_programmed + ", at landing " + frame.owner_when_landed;
    page->Paragraph(
        Lead("  frame"), kLeadColumn,
        fmt::format("{}owner {}, type {}, generation {}", finding.mfn ? fmt::format("mfn {}, ", Hex(*finding.mfn)) : "",
                    owner, frame.type, frame.generation));
  }
}

void Findings(const Result& result, Page* page) {
  if (result.findings.empty()) return;
  page->Heading("Findings", Grouped(result.findings.size()));
  for (size_t i = 0; i < std::min(result.findings.size(), kFindingsShown); ++i) OneFinding(result.findings[i], page);
  if (result.findings.size() > kFindingsShown) {
    page->Line(
        fmt::format("{}and {} more in the report", std::string(kMargin, ' '), result.findings.size() - kFindingsShown));
  }
}

// "t0_t1_fabric" as "fabric t0-t1".
std::string PartLabel(const std::string& name) {
  const size_t first = name.find('_');
  const size_t second = first == std::string::npos ? first : name.find('_', first + 1);
  if (second == std::string::npos) return Printable(name);
  std::string label = name.substr(second + 1);
  std::replace(label.begin(), label.end(), '_', ' ');
  return Printable(fmt::format("{} {}-{}", label, name.substr(0, first), name.substr(first + 1, second - first - 1)));
}

// The mean latency as a bar of one letter per part, and what the letters mean.
void Parts(const Interrupt& row, Page* page) {
  if (row.total_ps == 0 || row.delivered == 0) return;
  const size_t width = page->width() - kMargin - 4;
  std::string bar;
  std::string legend;
  Ps before = 0;
  for (size_t i = 0; i < row.parts.size(); ++i) {
    const LatencyPart& part = row.parts[i];
    const auto column = [&](Ps ps) {
      return static_cast<size_t>(double(ps) / double(row.total_ps) * double(width) + 0.5);
    };
    const size_t cells = column(before + part.total_ps) - column(before);
    before += part.total_ps;
    const char letter = static_cast<char>('a' + i % 26);
    const std::string colour = fmt::format("\x1b[97;48;5;{}m", kPartColours[i % std::size(kPartColours)]);
    bar += page->colour() ? colour + std::string(cells, letter) + "\x1b[0m" : std::string(cells, letter);
    legend += fmt::format("{}{}: {} {}", i == 0 ? "" : ", ", letter, PartLabel(part.name),
                          FormatPs(part.total_ps / static_cast<Ps>(row.delivered)));
  }
  page->Line(fmt::format("{}  [{}]", std::string(kMargin, ' '), bar));
  if (row.eoi_tail_ps > 0) {
    legend += fmt::format("; then {} to the last probe", FormatPs(row.eoi_tail_ps / static_cast<Ps>(row.delivered)));
  }
  page->Paragraph(std::string(kMargin + 2, ' '), kMargin + 2, legend, Colour::kDim);
}

void Interrupts(const Result& result, Page* page) {
  if (result.interrupts.empty()) return;
  const size_t cell = (page->width() - kMargin - 18) / 6;
  std::string head = PadRight("to handler", 18) + PadLeft("delivered", cell);
  for (const char* name : {"min", "p50", "p90", "p99", "max"}) head += PadLeft(name, cell);
  page->Heading("Interrupts", page->In(Colour::kDim, head));
  for (const Interrupt& row : result.interrupts) {
    std::string line = PadRight(fmt::format("{} {}", Name(row.kind), Name(row.abi)), 18);
    line += PadLeft(Grouped(row.delivered), cell);
    if (row.latency) {
      for (Ps ps : {row.latency->min, row.latency->p50, row.latency->p90, row.latency->p99, row.latency->max}) {
        line += PadLeft(FormatPs(ps), cell);
      }
    }
    page->Line(std::string(kMargin, ' ') + line);
    std::string counts =
        fmt::format("{} to {}: {} asserted", Printable(row.source), Printable(row.domain), Grouped(row.asserted));
    if (row.coalesced) counts += fmt::format(", {} coalesced", Grouped(row.coalesced));
    if (row.spurious) counts += fmt::format(", {} spurious", Grouped(row.spurious));
    page->Line(std::string(kMargin + 2, ' ') + page->In(Colour::kDim, counts));
    if (row.lost || row.duplicated) {
      page->Line(
          std::string(kMargin + 2, ' ') +
          page->In(Colour::kBad, fmt::format("{} lost, {} duplicated", Grouped(row.lost), Grouped(row.duplicated))));
    }
    Parts(row, page);
  }
}

// Of each row what an engineer quotes first; the report has the rest.
void IntervalRows(const Result& result, Page* page) {
  if (!result.intervals) return;
  const Intervals& all = *result.intervals;
  const auto acting = std::count_if(all.parameters.begin(), all.parameters.end(), [](const auto& each) { return each.acts; });
  page->Heading("Intervals", page->In(Colour::kDim, PadRight("to handler", 8) + PadLeft("least", 12) + PadLeft("default", 12) + PadLeft("most", 12)));
  page->Paragraph(std::string(kMargin, ' '), kMargin,
                  fmt::format("of {} runs; {} of {} parameters that profile {} is not sure of act here", all.runs, acting,
                              all.parameters.size(), all.profile), Colour::kDim);
  if (all.failed > 0) page->Line(std::string(kMargin, ' ') + page->In(Colour::kBad, fmt::format("{} runs did not end", all.failed)));
  std::string of;
  for (const FigureInterval& each : all.figures) {
    constexpr const char* kShown[] = {"latency_p50", "latency_p99", "latency_max", "latency_mean"};
    if (std::find(std::begin(kShown), std::end(kShown), each.figure) == std::end(kShown)) continue;
    if (each.of != of) page->Line(std::string(kMargin, ' ') + page->In(Colour::kBold, Cut(Printable(each.of), page->width() - kMargin)));
    of = each.of;
    const auto show = [](double ns) { return PadLeft(FormatPs(static_cast<Ps>(ns * 1e3 + 0.5)), 12); };
    const std::string why =
        each.most_sensitive ? fmt::format("{}, {:.0f} %", *each.most_sensitive, 100 * each.share)
                            : each.low < each.high ? std::string("several together")
                                                   : std::string("fixed");
    page->Line(std::string(kMargin + 2, ' ') + PadRight(each.figure.substr(8), 6) + show(each.low) + show(each.standard) + show(each.high) +
               "  " + page->In(Colour::kDim, Cut(why, page->width() - kMargin - 2 - 6 - 36 - 2)));
  }
  const auto hold = std::count_if(all.claims.begin(), all.claims.end(), [](const auto& each) { return each.decided == kClaimHolds; });
  page->Line(std::string(kMargin, ' ') + fmt::format("{} of {} claims hold in every run", hold, all.claims.size()));
  for (const ClaimInterval& each : all.claims) {
    if (each.decided == kClaimHolds) continue;
    const std::string by = each.flipped_by.empty() ? std::string("only several parameters together") : fmt::format("{}", fmt::join(each.flipped_by, ", "));
    std::string_view claim = each.text;
    while (!claim.empty() && claim.back() == '.') claim.remove_suffix(1);
    page->Paragraph(std::string(kMargin, ' ') + "? ", kMargin + 2,
                    each.decided == kClaimFails ? fmt::format("{}: fails in every run", claim)
                                                : fmt::format("{}: {}; it holds in {} of {} runs, turned by {}", claim, each.decided, each.held, each.runs, by),
                    Colour::kWarn);
  }
}

void Programs(const Result& result, Page* page) {
  if (result.programs.empty()) return;
  const auto failed = std::count_if(result.programs.begin(), result.programs.end(),
                                    [](const Program& p) { return !p.exit || *p.exit != 0; });
  page->Heading("Programs", fmt::format("{} ran, {} exited non-zero", result.programs.size(), failed));
  for (size_t i = 0; i < std::min(result.programs.size(), kProgramsShown); ++i) {
    const Program& program = result.programs[i];
    std::string command;
    for (const std::string& argument : program.argv) command += (command.empty() ? "" : " ") + Printable(argument);
    std::string_view output = program.stdout_text;
    while (!output.empty() && output.front() == '\n') output.remove_prefix(1);
    const std::string line = PadRight(Cut(command, 28), 30) + Printable(output.substr(0, output.find('\n')));
    page->Line(std::string(kMargin, ' ') + Cut(line, page->width() - kMargin));
  }
  if (result.programs.size() > kProgramsShown) {
    page->Line(
        fmt::format("{}and {} more in the report", std::string(kMargin, ' '), result.programs.size() - kProgramsShown));
  }
}

void Expectations(const Result& result, Page* page) {
  const auto held = std::count_if(result.expectations.begin(), result.expectations.end(),
                                  [](const ExpectationResult& e) { return e.held; });
  const auto violated = static_cast<ptrdiff_t>(result.expectations.size()) - held;
  page->Heading("Expected",
                fmt::format("{} held, {}", held,
                            violated ? page->In(Colour::kBad, fmt::format("{} violated", violated)) : "none violated"));
  for (const ExpectationResult& expectation : result.expectations) {
    const std::string tick = expectation.held ? page->In(Colour::kGood, page->unicode() ? "\u2714 " : "ok  ")
                                              : page->In(Colour::kBad, page->unicode() ? "\u2718 " : "NOT ");
    const size_t column = kMargin + (page->unicode() ? 2 : 4);
    page->Paragraph(std::string(kMargin, ' ') + tick, column, expectation.text);
    if (!expectation.held) {
      page->Paragraph(std::string(column, ' '), column, "actual: " + expectation.actual, Colour::kBad);
    }
  }
}

}  // namespace

TextOptions TextOptionsFor(int fd) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  TextOptions options;
  const bool terminal = isatty(fd) == 1;
  options.colour = terminal && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = variable(name);
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
    options.unicode = value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
    break;
  }
  winsize size{};
  if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) options.width = size.ws_col;
  return options;
}

std::string TextSummary(const Result& result, const TextOptions& options) {
  Page page(options);
  Verdicts(result, &page);
  Domains(result, &page);
  LongIrqsOff(result, &page);
  Dma(result, &page);
  Findings(result, &page);
  Interrupts(result, &page);
  IntervalRows(result, &page);
  Programs(result, &page);
  Expectations(result, &page);
  page.Line();
  if (!options.report.empty()) page.Line(page.In(Colour::kTitle, PadRight("Report", kMargin)) + options.report);
  page.Line(page.In(Colour::kTitle, PadRight("Again", kMargin)) + Printable(result.reproduce));
  return page.Take();
}

}  // namespace pvpci::reports
