// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/golden.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "scenarios/machine/golden_reasons.h"

namespace pvpci::scenarios {
namespace {

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

bool IsStart(const std::string& line, const char* start) { return line.rfind(start, 0) == 0; }

// What stands before a number that is a matter of allocation: the two ends' ports (one name space a domain), pirqs, and
// references into the frontend's grant table.
struct Renamed {
  const char* field;
  const char* space;
  bool remote = false;  // of the other domain's name space
};
constexpr Renamed kRenamed[] = {{" port=", "port"},  {"{port=", "port"},          {" rport=", "port", true},
                                {" lport=", "port"}, {"{pirq=", "pirq"},          {" pirq=", "pirq"},
                                {"{irq=", "pirq"},   {"/event-channel ", "port"}, {"/pci-op-ref ", "grant"}};

const Renamed* RenamedAt(const std::string& line, size_t at) {
  for (const Renamed& renamed : kRenamed) {
    if (line.compare(at, std::char_traits<char>::length(renamed.field), renamed.field) == 0) return &renamed;
  }
  return nullptr;
}

// A line without its values: who does what where.
std::string Action(const std::string& line) {
  size_t end = std::min(line.find('{'), line.find(" value="));
  // "<domain> store <op> <path> <value>"
  if (Contains(line, " store ")) {
    end = 0;
    for (int words = 0; words < 4 && end != std::string::npos; ++words) end = line.find(' ', end + 1);
  }
  return line.substr(0, end);
}

// Lengths of the common subsequences of all rests: small enough (some thousand lines each) to be exact.
std::vector<std::vector<uint32_t>> CommonRests(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::vector<uint32_t>> rest(a.size() + 1, std::vector<uint32_t>(b.size() + 1, 0));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t k = b.size(); k-- > 0;) {
      rest[i][k] = a[i] == b[k] ? rest[i + 1][k + 1] + 1 : std::max(rest[i + 1][k], rest[i][k + 1]);
    }
  }
  return rest;
}

// Lines that stand between two matches.
struct Gap {
  std::vector<size_t> golden;
  std::vector<size_t> bench;
};

}  // namespace

TraceKind KindOf(const std::vector<std::string>& golden) {
  return !golden.empty() && Contains(golden.front(), " store ") ? TraceKind::kStore : TraceKind::kCalls;
}

bool IsRecorded(TraceKind kind, const std::string& line) {
  if (kind == TraceKind::kStore) {
    return Contains(line, " store ") && (Contains(line, "/backend/pci/") || Contains(line, "/device/pci/"));
  }
  if (IsStart(line, "domU ring ")) return true;
  if (!Contains(line, " hypercall event_channel_op ") && !Contains(line, " hypercall physdev_op ")) return false;
  if (Contains(line, " unmask ")) return false;
  return !(IsStart(line, "dom0 ") && Contains(line, " send "));
}

std::vector<std::string> Phase(TraceKind kind, const std::vector<std::string>& lines) {
  std::vector<std::string> recorded;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(recorded),
               [&](const std::string& line) { return IsRecorded(kind, line); });
  if (kind == TraceKind::kStore) return recorded;
  const auto first = std::find_if(recorded.begin(), recorded.end(), [](const std::string& line) {
    return IsStart(line, "domU hypercall event_channel_op alloc_unbound ");
  });
  const auto last = std::find_if(recorded.rbegin(), std::make_reverse_iterator(first),
                                 [](const std::string& line) { return IsStart(line, "domU ring "); });
  return {first, last.base()};
}

std::vector<std::string> Normalise(const std::vector<std::string>& lines) {
  std::map<std::string, std::map<std::string, size_t>> names;
  std::vector<std::string> result;
  for (const std::string& line : lines) {
    std::string text;
    const std::string domain = line.substr(0, line.find(' '));
    for (size_t at = 0; at < line.size();) {
      const Renamed* found = RenamedAt(line, at);
      if (found == nullptr) {
        text += line[at++];
        continue;
      }
      text += found->field;
      at += std::char_traits<char>::length(found->field);
      size_t end = at;
      while (end < line.size() && std::isdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
      const std::string number = line.substr(at, end - at);
      at = end;
      if (number.empty() || number == "0") {  // an argument not filled in yet
        text += number;
        continue;
      }
      const char* owner = (domain == "dom0") != found->remote ? "dom0" : "domU";
      auto& space = names[std::string(owner) + found->space];
      const auto [it, fresh] = space.emplace(number, space.size() + 1);
      (void)fresh;
      text += fmt::format("#{}", it->second);
    }
    result.push_back(std::move(text));
  }
  return result;
}

TraceComparison CompareTraces(const std::vector<std::string>& golden, const std::vector<std::string>& bench_lines) {
  const std::vector<std::string> bench = Phase(KindOf(golden), bench_lines);
  const std::vector<std::string> a = Normalise(golden);
  const std::vector<std::string> b = Normalise(bench);
  TraceComparison comparison;
  comparison.golden_lines = a.size();
  comparison.bench_lines = b.size();
  const auto rest = CommonRests(a, b);

  // Pairs lines of a gap that say the same with other values; what is left stands alone.
  const auto close = [&](Gap& gap) {
    size_t next = 0;
    const auto extra_until = [&](size_t end, size_t line) {
      for (; next < end; ++next) comparison.differences.push_back({line, "", bench[gap.bench[next]], ""});
    };
    for (const size_t i : gap.golden) {
      size_t pair = next;
      while (pair < gap.bench.size() && Action(golden[i]) != Action(bench[gap.bench[pair]])) ++pair;
      const bool paired = pair < gap.bench.size();
      if (paired) extra_until(pair, i + 1);
      comparison.differences.push_back({i + 1, golden[i], paired ? bench[gap.bench[next++]] : "", ""});
    }
    extra_until(gap.bench.size(), gap.golden.empty() ? 0 : gap.golden.back() + 2);
    gap = {};
  };
  Gap gap;
  size_t i = 0;
  size_t k = 0;
  while (i < a.size() || k < b.size()) {
    if (i < a.size() && k < b.size() && a[i] == b[k]) {
      const size_t known = comparison.differences.size();
      close(gap);
      // Extra lines of ours in a gap without golden lines stand before this match.
      for (size_t d = known; d < comparison.differences.size(); ++d) {
        if (comparison.differences[d].line == 0) comparison.differences[d].line = i + 1;
      }
      ++comparison.matched;
      ++i;
      ++k;
    } else if (k == b.size() || (i < a.size() && rest[i + 1][k] >= rest[i][k + 1])) {
      gap.golden.push_back(i++);
    } else {
      gap.bench.push_back(k++);
    }
  }
  close(gap);
  for (TraceDifference& difference : comparison.differences) {
    if (difference.line == 0) difference.line = a.size() + 1;
    difference.why = WhyDifferent(golden, difference);
  }
  return comparison;
}

}  // namespace pvpci::scenarios
