// SPDX-License-Identifier: Apache-2.0
#include "scenarios/sweep/measure.h"

#include <regex.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "reports/latency_stats.h"
#include "reports/names.h"
#include "reports/result_json.h"
#include "scenarios/expectations.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;

const char* KindName(pci::InterruptKind kind) {
  switch (kind) {
    case pci::InterruptKind::kIntx: return "intx";
    case pci::InterruptKind::kMsi: return "msi";
    case pci::InterruptKind::kMsix: return "msix";
  }
  return "";
}

// The last number that the expression's first group meets in the text.
ordered_json NumberIn(const std::string& text, const std::string& expression) {
  regex_t compiled;
  ordered_json number;
  if (regcomp(&compiled, expression.c_str(), REG_EXTENDED | REG_NEWLINE) != 0) return number;
  regmatch_t met[2];
  for (const char* at = text.c_str(); regexec(&compiled, at, 2, met, 0) == 0; at += std::max<regoff_t>(met[0].rm_eo, 1)) {
    if (met[1].rm_so < 0) continue;
    number = std::strtod(std::string(at + met[1].rm_so, at + met[1].rm_eo).c_str(), nullptr);
  }
  regfree(&compiled);
  return number;
}

std::optional<double> Number(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  return std::nullopt;
}

// Null if there was no upcall.
ordered_json UpcallsOf(UpcallBlocks& counter) {
  const auto tally = counter.All();
  if (!tally) return nullptr;
  const uint64_t typical = tally->Typical();
  ordered_json list = ordered_json::array();
  for (const reports::FunctionBlocks& each : counter.Functions(*tally, typical)) {
    list.push_back({{"function", each.function}, {"source", each.source}, {"blocks", each.blocks}});
  }
  return {{"count", tally->count}, {"blocks", tally->blocks}, {"typical_blocks", typical},
          {"typical_upcalls", tally->lengths.at(typical)}, {"functions", std::move(list)}};
}

}  // namespace

bool Measurement::Measured(const std::string& domain) const {
  const std::vector<std::string>& wanted = spec_.measure.domains;
  if (!wanted.empty()) return std::find(wanted.begin(), wanted.end(), domain) != wanted.end();
  return std::any_of(point_.scenario.domains.begin(), point_.scenario.domains.end(), [&](const DomainSpec& each) {
    return each.name == domain && each.kernel && each.role == Role::kDomU;
  });
}

void Measurement::Attach(RunOptions* run) {
  run->at_step = [this](Machine& machine, const Step& step) {
    const bool here = spec_.measure.since.empty() ? step.kind == StepKind::kStorm : step.label == spec_.measure.since;
    if (!begun_ && here) Begin(machine);
  };
  run->at_end = [this](Machine& machine) { End(machine); };
  run->observed = [this](const nlohmann::json& observed) { Observe(observed); };
}

void Measurement::Begin(Machine& machine) {
  begun_ = true;
  since_ = machine.simulation().now();
  for (const auto& [id, guest] : machine.guests()) {
    if (!Measured(guest->spec().name) || guest->domain() == nullptr) continue;
    for (const auto& [name, count] : machine.hypervisor().hypercall_counts(id)) {
      calls_before_[name] += static_cast<int64_t>(count.calls);
    }
    if (!spec_.measure.blocks || guest->hooks() == nullptr) continue;
    counters_.push_back(std::make_unique<UpcallBlocks>());
    counters_.back()->Install(*guest);
  }
}

void Measurement::End(Machine& machine) {
  elapsed_ = machine.simulation().now() - since_;
  reports::Interrupt row;
  reports::LatencyRow latency;
  machine.spans().ForEach([&](const Spans::Ended& ended) {
    const auto& guests = machine.guests();
    const auto guest = guests.find(ended.domain);
    const auto& kinds = spec_.measure.kinds;
    if (ended.asserted_at < since_ || guest == guests.end() || !Measured(guest->second->spec().name)) return;
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), KindName(ended.kind)) == kinds.end()) return;
    Spans::Count(ended, &row);
    if (ended.state == Spans::State::kDelivered) latency.Add(ended.parts, ended.tail_parts);
  });
  latency.Fill(&row);
  reports::Result holder;
  holder.interrupts.push_back(row);
  interrupts_ = reports::ToJson(holder)["interrupts"][0];
  for (const char* key : {"source", "kind", "abi", "domain"}) interrupts_.erase(key);

  std::map<std::string, int64_t> calls;
  for (const auto& [id, guest] : machine.guests()) {
    if (!Measured(guest->spec().name) || guest->domain() == nullptr || machine.hypervisor().domain(id) == nullptr) continue;
    for (const auto& [name, count] : machine.hypervisor().hypercall_counts(id)) calls[name] += static_cast<int64_t>(count.calls);
  }
  hypercalls_ = ordered_json::object();
  for (const auto& [name, count] : calls) {
    const int64_t more = count - calls_before_[name];
    if (more > 0) hypercalls_[name] = more;
  }
  // Of several domains that of the first that had upcalls: they run the same code.
  for (const auto& counter : counters_) {
    if (upcalls_.is_null()) upcalls_ = UpcallsOf(*counter);
  }
}

void Measurement::Observe(const nlohmann::json& observed) {
  values_ = ordered_json::object();
  for (const SweepResponse& response : spec_.responses) {
    ordered_json& value = values_[response.name];
    if (!response.value.empty()) {
      // Of a path that meets several entries the sum.
      for (const nlohmann::json& each : ValuesOf(ParseExpectation(response.value + " == 0"), observed)) {
        if (const auto number = Number(each)) value = (value.is_null() ? 0.0 : value.get<double>()) + *number;
      }
    } else if (!response.console.empty()) {
      std::string text;
      const nlohmann::json consoles = observed.value("console", nlohmann::json::object());
      for (const auto& [domain, console] : consoles.items()) {
        if (response.console == "*" || response.console == domain) text += console.get<std::string>();
      }
      value = NumberIn(text, response.matches);
    } else {
      values_.erase(response.name);
    }
  }
}

ordered_json Measurement::Record(const reports::Result& result) const {
  ordered_json levels = ordered_json::object();
  for (size_t f = 0; f < spec_.factors.size(); ++f) levels[spec_.factors[f].name] = spec_.factors[f].levels[point_.levels[f]].name;
  ordered_json record = {{"point", point_.number}, {"levels", std::move(levels)}, {"command", point_.command},
                         {"verdict", std::string(reports::Name(result.verdict))},
                         {"trace_digest", result.trace_digest.value_or("")}};
  if (result.verdict_reason) record["reason"] = *result.verdict_reason;
  if (interrupts_.is_null()) return record;  // it did not come to its end
  record["interrupts"] = interrupts_;
  record["hypercalls"] = hypercalls_;
  record["upcalls"] = upcalls_;
  record["values"] = values_.is_null() ? ordered_json::object() : values_;
  record["elapsed_ps"] = elapsed_;
  return record;
}

}  // namespace pvpci::scenarios
