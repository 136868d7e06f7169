// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/line_coverage.h"

#include <algorithm>
#include <iterator>

namespace pvpci::scenarios {

uint32_t FileCoverage::covered() const {
  return static_cast<uint32_t>(
      std::count_if(lines.begin(), lines.end(), [](const LineCount& line) { return line.runs != 0; }));
}

FileCoverage Measure(const driver::SourceLines& source, const std::vector<const BlocksRan*>& runs) {
  FileCoverage file;
  file.path = source.path;
  file.shares.resize(runs.size());
  std::vector<uint32_t> executed;  // runs that executed the line
  std::vector<driver::SourceLines::Code> code = source.code;
  std::sort(code.begin(), code.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  const auto next_function = [&](uint32_t line) {
    return std::upper_bound(source.functions.begin(), source.functions.end(), line,
                            [](uint32_t at, const auto& function) { return at < function.line; });
  };
  auto open = source.functions.end();  // the function that file.functions.back() counts
  for (auto first = code.begin(); first != code.end();) {
    const auto last = std::find_if(first, code.end(), [&](const auto& each) { return each.line != first->line; });
    LineCount line;
    line.line = first->line;
    for (auto each = first; each != last; ++each) {
      if (each->block != 0) {
        line.code = LineCount::Code::kLinked;
      } else if (!each->dropped && line.code == LineCount::Code::kDropped) {
        line.code = LineCount::Code::kRemoved;
      }
    }
    executed.clear();
    for (uint32_t run = 0; run < runs.size(); ++run) {
      const bool ran = std::any_of(first, last, [&](const auto& each) {
        return each.block != 0 && each.block < runs[run]->size() && (*runs[run])[each.block] != 0;
      });
      if (ran) executed.push_back(run);
    }
    line.runs = static_cast<uint32_t>(executed.size());
    for (const uint32_t run : executed) {
      ++file.shares[run].covered;
      file.shares[run].alone += line.runs == 1;
    }
    const auto next = next_function(line.line);
    if (file.functions.empty() || next != open) {
      open = next;
      FunctionCount function;
      if (next != source.functions.begin()) {
        function.name = std::prev(next)->name;
        function.line = std::prev(next)->line;
      }
      file.functions.push_back(function);
    }
    FunctionCount& function = file.functions.back();
    line.function = static_cast<uint32_t>(file.functions.size() - 1);
    ++function.coverable;
    function.covered += line.runs != 0;
    std::vector<uint32_t> both;
    std::set_union(function.runs.begin(), function.runs.end(), executed.begin(), executed.end(),
                   std::back_inserter(both));
    function.runs.swap(both);
    function.linked = function.linked || line.code != LineCount::Code::kDropped;
    file.lines.push_back(line);
    first = last;
  }
  return file;
}

}  // namespace pvpci::scenarios
