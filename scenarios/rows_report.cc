// SPDX-License-Identifier: Apache-2.0
#include "scenarios/rows_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "reports/text_layout.h"

namespace pvpci::scenarios {
namespace {

// One cell of the terminal's table: its lines.
using Cell = std::vector<std::string>;

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "`" : ", `") + text + "`";
  return all;
}

}  // namespace

bool JudgedRow::holds() const {
  return std::all_of(results.begin(), results.end(), [](const RowResult& result) { return result.reasons.empty(); });
}

JudgedRow JudgeRow(const Row& row, const std::vector<std::string>& kernels, const ScenarioRuns& runs) {
  JudgedRow judged;
  judged.row = row;
  for (const std::string& kernel : kernels) {
    RowResult result;
    result.kernel = kernel;
    result.verdict = "holds";
    std::map<std::string, int64_t> blocks;
    for (const std::string& scenario : row.scenarios) {
      const ScenarioRun& run = runs.at({scenario, kernel});
      for (const auto& [path, count] : run.blocks) blocks[path] += count;
      if (run.verdict == "holds") continue;
      if (result.verdict != "unable") result.verdict = run.verdict == "violated" ? "violated" : "unable";
      result.reasons.push_back(fmt::format("{}: {}", scenario, run.reason));
    }
    for (const std::string& path : row.originals) {
      if (blocks[path] > 0) continue;
      if (result.verdict == "holds") result.verdict = "violated";
      result.reasons.push_back(fmt::format("no block of {} ran", path));
    }
    judged.results.push_back(std::move(result));
  }
  return judged;
}

nlohmann::ordered_json RowsJson(const std::vector<JudgedRow>& rows) {
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (const JudgedRow& judged : rows) {
    nlohmann::ordered_json results = nlohmann::ordered_json::object();
    for (const RowResult& result : judged.results) results[result.kernel] = result.verdict;
    lines.push_back({{"row", judged.row.row},
                     {"title", judged.row.title},
                     {"originals", judged.row.originals},
                     {"scenarios", judged.row.scenarios},
                     {"results", results}});
  }
  return lines;
}

std::string RowsText(const std::vector<JudgedRow>& rows) {
  constexpr size_t kTitleColumns = 30;
  std::vector<std::vector<Cell>> table = {{{"row"}, {"title"}, {"originals"}, {"scenarios"}}};
  if (!rows.empty()) {
    for (const RowResult& result : rows.front().results) table.front().push_back({result.kernel});
  }
  for (const JudgedRow& judged : rows) {
    table.push_back({{judged.row.row}, reports::Wrap(judged.row.title, kTitleColumns), judged.row.originals,
                     judged.row.scenarios});
    for (const RowResult& result : judged.results) table.back().push_back({result.verdict});
  }
  std::vector<size_t> widths(table.front().size(), 0);
  for (const auto& line : table) {
    for (size_t i = 0; i < line.size(); ++i) {
      for (const std::string& text : line[i]) widths[i] = std::max(widths[i], reports::Columns(text));
    }
  }
  std::string text;
  for (const auto& line : table) {
    size_t height = 1;
    for (const Cell& cell : line) height = std::max(height, cell.size());
    for (size_t at = 0; at < height; ++at) {
      std::string row;
      for (size_t i = 0; i < line.size(); ++i) {
        row += reports::PadRight(at < line[i].size() ? line[i][at] : "", widths[i] + 2);
      }
      text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
    }
  }
  return text;
}

std::string RowsMarkdown(const std::vector<JudgedRow>& rows) {
  std::string head = "| Row | Patch | Originals | Scenarios |";
  std::string rule = "|---|---|---|---|";
  if (!rows.empty()) {
    for (const RowResult& result : rows.front().results) {
      head += fmt::format(" {} |", result.kernel);
      rule += "---|";
    }
  }
  std::string text = head + "\n" + rule + "\n";
  for (const JudgedRow& judged : rows) {
    const Row& row = judged.row;
    text += fmt::format("| {} | {} | {} | {} |", row.row, row.title, Joined(row.originals), Joined(row.scenarios));
    for (const RowResult& result : judged.results) text += fmt::format(" {} |", result.verdict);
    text += "\n";
  }
  return text;
}

}  // namespace pvpci::scenarios
