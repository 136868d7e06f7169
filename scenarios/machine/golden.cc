// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/golden.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

bool IsStart(const std::string& line, const char* start) { return line.rfind(start, 0) == 0; }

// Fields whose numbers are a matter of allocation: the two ends' ports (one name space a domain) and pirqs.
struct Renamed {
  const char* field;
  const char* space;
};
constexpr Renamed kRenamed[] = {{" port=", "port"},  {"{port=", "port"}, {" rport=", "port"}, {" lport=", "port"},
                                {"{pirq=", "pirq"},  {" pirq=", "pirq"}, {"{irq=", "pirq"}};

}  // namespace

bool IsRecorded(const std::string& line) {
  if (IsStart(line, "domU ring ")) return true;
  if (!Contains(line, " hypercall event_channel_op ") && !Contains(line, " hypercall physdev_op ")) return false;
  if (Contains(line, " unmask ")) return false;
  return !(IsStart(line, "dom0 ") && Contains(line, " send "));
}

std::vector<std::string> Normalise(const std::vector<std::string>& lines) {
  std::map<std::string, std::map<std::string, unsigned>> names;
  std::vector<std::string> result;
  for (const std::string& line : lines) {
    std::string text;
    const std::string domain = line.substr(0, line.find(' '));
    for (size_t at = 0; at < line.size();) {
      const Renamed* found = nullptr;
      for (const Renamed& renamed : kRenamed) {
        if (line.compare(at, std::char_traits<char>::length(renamed.field), renamed.field) == 0) found = &renamed;
      }
      if (found == nullptr) {
        text += line[at++];
        continue;
      }
      const std::string field = found->field;
      text += field;
      at += field.size();
      size_t end = at;
      while (end < line.size() && std::isdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
      const std::string number = line.substr(at, end - at);
      at = end;
      if (number == "0") {  // an argument not filled in yet
        text += number;
        continue;
      }
      // rport belongs to the other domain's name space.
      const bool remote = field == " rport=";
      auto& space = names[(remote ? (domain == "dom0" ? "domU" : "dom0") : domain) + found->space];
      const auto [it, fresh] = space.emplace(number, static_cast<unsigned>(space.size() + 1));
      (void)fresh;
      text += fmt::format("#{}", it->second);
    }
    result.push_back(std::move(text));
  }
  return result;
}

TraceComparison CompareTraces(const std::vector<std::string>& golden_lines, const std::vector<std::string>& bench_lines) {
  std::vector<std::string> golden;
  std::vector<std::string> bench;
  std::copy_if(golden_lines.begin(), golden_lines.end(), std::back_inserter(golden), IsRecorded);
  std::copy_if(bench_lines.begin(), bench_lines.end(), std::back_inserter(bench), IsRecorded);
  const std::vector<std::string> a = Normalise(golden);
  const std::vector<std::string> b = Normalise(bench);
  TraceComparison comparison;
  comparison.golden_lines = a.size();
  comparison.bench_lines = b.size();
  // Lengths of common subsequences of the rests: small enough (a thousand lines each) to be exact.
  std::vector<std::vector<uint32_t>> rest(a.size() + 1, std::vector<uint32_t>(b.size() + 1, 0));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t k = b.size(); k-- > 0;) {
      rest[i][k] = a[i] == b[k] ? rest[i + 1][k + 1] + 1 : std::max(rest[i + 1][k], rest[i][k + 1]);
    }
  }
  size_t i = 0;
  size_t k = 0;
  while (i < a.size() || k < b.size()) {
    if (i < a.size() && k < b.size() && a[i] == b[k]) {
      ++comparison.matched;
      ++i;
      ++k;
    } else if (k == b.size() || (i < a.size() && rest[i + 1][k] >= rest[i][k + 1])) {
      comparison.differences.push_back({i + 1, golden[i], ""});
      ++i;
    } else {
      comparison.differences.push_back({i + 1, "", bench[k]});
      ++k;
    }
  }
  return comparison;
}

}  // namespace pvpci::scenarios
