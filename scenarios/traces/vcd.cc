// SPDX-License-Identifier: Apache-2.0
// Value change dump: IEEE 1364-2005 18.2.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "scenarios/machine/trace_records.h"
#include "scenarios/traces/trace_files.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kNumberWidth = 32;
constexpr uint32_t kHandlerProbe = 6;

// "!" .. "~", then two characters, and so on.
std::string Code(uint32_t number) {
  constexpr uint32_t kFirst = '!', kCodes = '~' - '!' + 1;
  std::string code;
  do {
    code += static_cast<char>(kFirst + number % kCodes);
    number /= kCodes;
  } while (number-- != 0);
  return code;
}

std::string Value(unsigned width, uint64_t value, const std::string& code) {
  if (width == 1) return fmt::format("{}{}\n", value & 1, code);
  return fmt::format("b{:b} {}\n", value, code);
}

}  // namespace

std::string ValueChangeDump(const sim::Trace& trace, const TraceNames& names, std::vector<Signal> signals,
                            std::vector<SignalChange> changes) {
  // The numbers of interrupts, where they begin and where they are served.
  std::map<std::string, uint32_t> numbers;  // scope -> signal
  const auto number_of = [&](const std::string& scope, const char* name) {
    const auto [known, is_new] = numbers.try_emplace(scope, static_cast<uint32_t>(signals.size()));
    if (is_new) signals.push_back({scope, name, kNumberWidth});
    return known->second;
  };
  trace.ForEach([&](const sim::RecordView& record) {
    if (record.kind == sim::RecordKind::kInterrupt) {
      const auto asserted = RecordAs<AssertedRecord>(record);
      pci::Bdf function = pci::Bdf::FromId(asserted.function);
      function.segment = asserted.segment;
      const std::string device = names.device ? names.device(function) : "";
      changes.push_back({record.time, number_of(device.empty() ? pci::ToString(function) : device, "interrupt"), asserted.interrupt});
    }
    if (record.kind == sim::RecordKind::kProbe) {
      const auto probe = RecordAs<ProbeRecord>(record);
      const auto domain = names.domains.find(record.domain);
      if (probe.probe != kHandlerProbe || domain == names.domains.end()) return;
      changes.push_back({probe.time, number_of(domain->second, "serving"), probe.interrupt});
    }
  });
  std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.time < b.time; });

  std::string text = "$comment pvpci: pins, mask and pending bits; 'interrupt' and 'serving' hold numbers of trace.txt $end\n"
                     "$timescale 1 ps $end\n$scope module machine $end\n";
  std::map<std::string, std::vector<uint32_t>> scopes;
  for (uint32_t i = 0; i < signals.size(); ++i) scopes[signals[i].scope].push_back(i);
  for (const auto& [scope, members] : scopes) {
    std::string name = scope;
    for (char& c : name) c = c == ' ' || c == ':' || c == '.' ? '_' : c;
    text += fmt::format("$scope module {} $end\n", name);
    for (const uint32_t i : members) {
      const std::string range = signals[i].width == 1 ? "" : fmt::format(" [{}:0]", signals[i].width - 1);
      text += fmt::format("$var {} {} {} {}{} $end\n", signals[i].width == kNumberWidth && numbers.count(scope) != 0 && numbers.at(scope) == i ? "integer" : "wire",
                          signals[i].width, Code(i), signals[i].name, range);
    }
    text += "$upscope $end\n";
  }
  text += "$upscope $end\n$enddefinitions $end\n$dumpvars\n";
  for (uint32_t i = 0; i < signals.size(); ++i) text += signals[i].width == 1 ? "x" + Code(i) + "\n" : "bx " + Code(i) + "\n";
  text += "$end\n";
  sim::Ps time = sim::kNever;
  for (const SignalChange& change : changes) {
    if (change.time != time) text += fmt::format("#{}\n", time = change.time);
    text += Value(signals[change.signal].width, change.value, Code(change.signal));
  }
  return text;
}

}  // namespace pvpci::scenarios
