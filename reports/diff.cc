// SPDX-License-Identifier: Apache-2.0
#include "reports/diff.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/names.h"
#include "reports/sarif.h"

namespace pvpci::reports {
namespace {

std::string Where(const ReviewCell& cell) {
  return fmt::format("{} {} {} {}", cell.scenario, Name(cell.mode), cell.kernel, Name(cell.abi));
}

std::string VerdictText(const ReviewCell& cell) {
  return fmt::format("{}{}{}", Name(cell.verdict), cell.dma_class ? " " : "", cell.dma_class ? Name(*cell.dma_class) : "");
}

Severity SeverityOfVerdict(Outcome outcome) {
  switch (outcome) {
    case Outcome::kEscaped:
    case Outcome::kHostFault: return Severity::kHigh;
    case Outcome::kGuestFault:
    case Outcome::kDegraded: return Severity::kMedium;
    default: return Severity::kInfo;
  }
}

std::map<std::string, DiffItem> ItemsOf(const Review& review) {
  std::map<std::string, DiffItem> items;
  const auto add = [&items](const std::string& print, const std::string& title, Severity severity, const ReviewCell& cell) {
    DiffItem& item = items.try_emplace(print, DiffItem{print, title, severity, {}, {}}).first->second;
    item.severity = std::max(item.severity, severity);
    const std::string where = Where(cell);
    if (std::find(item.cells.begin(), item.cells.end(), where) == item.cells.end()) item.cells.push_back(where);
  };
  for (const ReviewCell& cell : review.cells) {
    bool landed = false;
    for (const Finding& finding : cell.findings) {
      if (finding.stopped_by) continue;
      landed = true;
      add(finding.fingerprint, finding.title, finding.severity, cell);
    }
    const bool told_by_finding = cell.verdict == Outcome::kEscaped && landed;
    if (cell.verdict == Outcome::kContained || cell.verdict == Outcome::kNotApplicable || told_by_finding) continue;
    add(CellFingerprint(cell), fmt::format("{} {}: {}", cell.scenario, cell.title, VerdictText(cell)),
        SeverityOfVerdict(cell.verdict), cell);
  }
  return items;
}

std::vector<DiffItem> Sorted(std::vector<DiffItem> items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const DiffItem& a, const DiffItem& b) { return a.severity > b.severity; });
  return items;
}

void Told(const char* word, const std::vector<DiffItem>& items, std::string* text) {
  constexpr size_t kCellsShown = 4;
  for (const DiffItem& item : items) {
    const size_t shown = std::min(kCellsShown, item.cells.size());
    *text += fmt::format("{:<10}{:<9}{}  {} [{}{}]{}\n", word, Name(item.severity), item.fingerprint, item.title,
                         fmt::join(item.cells.begin(), item.cells.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                         item.cells.size() > shown ? fmt::format(", {} more", item.cells.size() - shown) : "",
                         item.suppressed ? " accepted: " + *item.suppressed : "");
  }
}

nlohmann::ordered_json ListJson(const std::vector<DiffItem>& items) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const DiffItem& item : items) {
    list.push_back({{"fingerprint", item.fingerprint},
                    {"title", item.title},
                    {"severity", std::string(Name(item.severity))},
                    {"cells", item.cells},
                    {"suppressed", item.suppressed ? nlohmann::ordered_json(*item.suppressed) : nullptr}});
  }
  return list;
}

}  // namespace

Diff Compare(const Review& before, const Review& after, const std::map<std::string, std::string>& suppressed) {
  Diff diff;
  const auto old_items = ItemsOf(before);
  for (auto [print, item] : ItemsOf(after)) {
    if (const auto accepted = suppressed.find(print); accepted != suppressed.end()) item.suppressed = accepted->second;
    (old_items.count(print) != 0 ? diff.unchanged : diff.added).push_back(std::move(item));
  }
  const auto new_items = ItemsOf(after);
  for (const auto& [print, item] : old_items) {
    if (new_items.count(print) == 0) diff.fixed.push_back(item);
  }
  diff.added = Sorted(std::move(diff.added));
  diff.fixed = Sorted(std::move(diff.fixed));
  diff.unchanged = Sorted(std::move(diff.unchanged));
  std::map<std::string, VerdictChange> cells;
  for (const ReviewCell& cell : before.cells) cells[Where(cell)] = {Where(cell), VerdictText(cell), "none"};
  for (const ReviewCell& cell : after.cells) {
    VerdictChange& change = cells.try_emplace(Where(cell), VerdictChange{Where(cell), "none", "none"}).first->second;
    change.after = VerdictText(cell);
  }
  for (const auto& [where, change] : cells) {
    if (change.before != change.after) diff.verdicts.push_back(change);
  }
  return diff;
}

size_t NewUnaccepted(const Diff& diff) {
  return static_cast<size_t>(std::count_if(diff.added.begin(), diff.added.end(),
                                           [](const DiffItem& item) { return !item.suppressed; }));
}

std::string DiffText(const Diff& diff) {
  std::string text;
  Told("new", diff.added, &text);
  Told("fixed", diff.fixed, &text);
  Told("unchanged", diff.unchanged, &text);
  for (const VerdictChange& change : diff.verdicts) {
    text += fmt::format("verdict   {}: {}, was {}\n", change.cell, change.after, change.before);
  }
  text += fmt::format("{} new ({} accepted), {} fixed, {} unchanged, {} verdicts changed\n", diff.added.size(),
                      diff.added.size() - NewUnaccepted(diff), diff.fixed.size(), diff.unchanged.size(),
                      diff.verdicts.size());
  return text;
}

nlohmann::ordered_json DiffJson(const Diff& diff) {
  nlohmann::ordered_json verdicts = nlohmann::ordered_json::array();
  for (const VerdictChange& change : diff.verdicts) {
    verdicts.push_back({{"cell", change.cell}, {"before", change.before}, {"after", change.after}});
  }
  return {{"new", ListJson(diff.added)},
          {"fixed", ListJson(diff.fixed)},
          {"unchanged", ListJson(diff.unchanged)},
          {"verdicts", verdicts}};
}

}  // namespace pvpci::reports
