// SPDX-License-Identifier: Apache-2.0
#include "scenarios/intervals/run_intervals.h"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "reports/names.h"
#include "scenarios/images.h"
#include "scenarios/review/warm_image.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

double Ns(reports::Ps time) { return static_cast<double>(time) / 1e3; }

// Means to the picosecond, as every latency.
double MeanNs(reports::Ps total, int64_t count) {
  return Ns((total + static_cast<reports::Ps>(count) / 2) / static_cast<reports::Ps>(count));
}

void AddInterrupts(const reports::Interrupt& row, std::vector<Figure>* figures) {
  const std::string of = fmt::format("{} {}, {} to {}", reports::Name(row.kind), reports::Name(row.abi), row.source, row.domain);
  const auto add = [&](const std::string& name, const char* unit, double value) { figures->push_back({of, name, unit, value}); };
  if (row.latency && row.delivered > 0) {
    add("latency_min", "ns", Ns(row.latency->min));
    add("latency_p50", "ns", Ns(row.latency->p50));
    add("latency_p90", "ns", Ns(row.latency->p90));
    add("latency_p99", "ns", Ns(row.latency->p99));
    add("latency_max", "ns", Ns(row.latency->max));
    add("latency_mean", "ns", MeanNs(row.total_ps, row.delivered));
    for (const reports::LatencyPart& part : row.parts) add("part_" + part.name, "ns", MeanNs(part.total_ps, row.delivered));
    add("tail_mean", "ns", MeanNs(row.eoi_tail_ps, row.delivered));
  }
  const std::pair<const char*, int64_t> counts[] = {
      {"delivered", row.delivered}, {"coalesced", row.coalesced}, {"lost", row.lost}, {"spurious", row.spurious}};
  for (const auto& [name, count] : counts) add(name, "", static_cast<double>(count));
}

}  // namespace

Observation ObservationOf(const reports::Result& result) {
  Observation observation;
  observation.failed = result.incomplete || result.verdict == reports::Verdict::kUnable;
  if (observation.failed) return observation;
  for (const reports::Interrupt& row : result.interrupts) AddInterrupts(row, &observation.figures);
  for (const reports::DomainResult& domain : result.domains) {
    int64_t calls = 0;
    for (const reports::HypercallCount& each : result.hypercalls) calls += each.domain == domain.name ? each.calls : 0;
    if (calls > 0) observation.figures.push_back({domain.name, "hypercalls", "", static_cast<double>(calls)});
    if (domain.irqs_off) observation.figures.push_back({domain.name, "irqs_off_longest", "ns", Ns(domain.irqs_off->longest_ps)});
  }
  for (const auto& [dma_class, totals] : result.dma) {
    observation.figures.push_back({fmt::format("DMA {}", reports::Name(dma_class)), "accesses", "", static_cast<double>(totals.accesses)});
  }
  observation.claims.push_back({result.claim, result.verdict == reports::Verdict::kHolds});
  for (const reports::ExpectationResult& row : result.expectations) observation.claims.push_back({row.text, row.held});
  return observation;
}

std::string ToText(const Observation& observation) {
  json figures = json::array(), claims = json::array();
  for (const Figure& figure : observation.figures) figures.push_back({figure.of, figure.name, figure.unit, figure.value});
  for (const Claim& claim : observation.claims) claims.push_back({claim.text, claim.held});
  return json({{"figures", std::move(figures)}, {"claims", std::move(claims)}, {"failed", observation.failed}})
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Observation ObservationFromText(const std::string& text) {
  Observation observation;
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  observation.failed = !document.is_object() || document.value("failed", true);
  if (observation.failed) return observation;
  for (const json& each : document["figures"]) observation.figures.push_back({each[0], each[1], each[2], each[3]});
  for (const json& each : document["claims"]) observation.claims.push_back({each[0], each[1]});
  return observation;
}

std::optional<reports::Intervals> IntervalsOfRun(const IntervalRun& run) {
  const std::string& root = run.options.root;
  const Profile& profile = ProfileOf(run.scenario, root);
  std::vector<std::string> keys;
  for (const ProfileEntry* entry : UncertainOf(run.scenario, profile)) keys.push_back(entry->key());
  const auto image = OpenWarm(FindImage(run.scenario.kernel, root));  // the children find it mapped
  ProgressLine progress(run.progress, 1 + 2 * keys.size() + kSamples + 2);
  const auto deviate = [&](const std::vector<Deviation>& deviations) {
    std::vector<ChildBody> bodies;
    for (const Deviation& deviation : deviations) {
      bodies.push_back([&, deviation](std::string* answer) {
        return run.systemc([&] {
          RunOptions options = run.options;
          options.line_coverage = false;
          const reports::Result result = RunScenario(Deviated(run.scenario, keys, deviation, root), options);
          *answer = ToText(ObservationOf(result));
          return ExitCodeOf(result);
        });
      });
    }
    const auto answers = RunInChildren(bodies, run.jobs == 0 ? UsableProcessors() : run.jobs, run.timeout_s,
                                       [&](size_t, const ChildAnswer&) { progress.Done("intervals"); });
    std::vector<Observation> observed;
    if (interrupted_by() != 0) return observed;
    for (const ChildAnswer& answer : answers) observed.push_back(ObservationFromText(answer.text));
    return observed;
  };
  std::optional<reports::Intervals> intervals = FindIntervals(keys, run.scenario.seed, deviate);
  if (!intervals) return intervals;
  intervals->profile = profile.name;
  std::vector<reports::IntervalParameter> parameters = DescribeUncertain(profile, keys);
  for (size_t i = 0; i < keys.size(); ++i) parameters[i].acts = intervals->parameters[i].acts;
  intervals->parameters = std::move(parameters);
  return intervals;
}

}  // namespace pvpci::scenarios
