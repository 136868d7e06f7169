// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/verdict.h"

#include <algorithm>

#include <fmt/format.h>

#include "reports/names.h"
#include "scenarios/expectations.h"

namespace pvpci::scenarios {
namespace {

using reports::Outcome;

class Judge {
 public:
  Judge(const Scenario& scenario, const reports::Result& result, const nlohmann::json& observations)
      : scenario_(scenario), result_(result), observations_(observations) {}

  // Every observation is evaluated, whether or not it decides.
  reports::Attack Judged() {
    const ReviewSpec& review = *scenario_.review;
    Escapes(review);
    for (const ConditionSpec& condition : review.escaped_if) {
      if (!Holds(condition)) continue;
      std::optional<reports::DmaClass> dma_class;
      reports::DmaClass named{};
      if (reports::FromName(condition.dma_class, &named)) dma_class = named;
      Note(Outcome::kEscaped, Told(condition), dma_class);
    }
    for (const ConditionSpec& condition : review.host_fault_if) {
      if (Holds(condition)) Note(Outcome::kHostFault, Told(condition));
    }
    for (const ConditionSpec& condition : review.guest_fault_if) {
      if (Holds(condition)) Note(Outcome::kGuestFault, Told(condition));
    }
    Faults();
    for (const ConditionSpec& condition : review.degraded_if) {
      if (Holds(condition)) Note(Outcome::kDegraded, Told(condition));
    }
    if (attack_.reason.empty()) attack_.reason = Contained();
    return attack_;
  }

 private:
  void Note(Outcome outcome, const std::string& reason, std::optional<reports::DmaClass> dma_class = {},
            int64_t bytes = 0) {
    if (outcome <= attack_.outcome) return;  // the first of its gravity tells
    attack_.outcome = outcome;
    attack_.reason = reason;
    attack_.dma_class = dma_class;
    attack_.bytes = bytes;
  }

  void Escapes(const ReviewSpec& review) {
    for (const std::string& name : review.escapes) {
      int64_t bytes = 0;
      const reports::Finding* first = nullptr;
      for (const reports::Finding& finding : result_.findings) {
        if (finding.stopped_by || reports::Name(finding.dma_class) != name) continue;
        if (first == nullptr) first = &finding;
        bytes += finding.bytes;
      }
      if (first != nullptr) Note(Outcome::kEscaped, first->id + ": " + first->title, first->dma_class, bytes);
    }
    // E0, E1 and E4 are honest work as well, and make no findings.
    for (const std::string& name : review.escapes) {
      reports::DmaClass dma_class{};
      if (!reports::FromName(name, &dma_class) || reports::IsEscape(dma_class)) continue;
      const auto found = result_.dma.find(dma_class);
      if (found == result_.dma.end() || found->second.bytes == 0) continue;
      Note(Outcome::kEscaped, fmt::format("{} bytes landed: {}", found->second.bytes, reports::Describe(dma_class)),
           dma_class, found->second.bytes);
    }
  }

  // Told of all that stopped: whether it is the attacker's own domain or another's makes the difference.
  void Faults() {
    std::string host, guests;
    for (const reports::DomainResult& domain : result_.domains) {
      if (domain.state != reports::DomainState::kCrashed && domain.state != reports::DomainState::kHung) continue;
      std::string& told = domain.role == "dom0" ? host : guests;
      told += fmt::format("{}{} {}{}", told.empty() ? "" : "; ", domain.name, reports::Name(domain.state),
                          domain.report ? ": " + domain.report->message : "");
    }
    if (!host.empty()) Note(Outcome::kHostFault, host);
    if (!guests.empty()) Note(Outcome::kGuestFault, guests);
  }

  bool Holds(const ConditionSpec& condition) {
    if (!scenario_.Applies(condition.when)) return false;
    const auto outcome = Evaluate(ParseExpectation(condition.text), observations_);
    reports::ExpectationResult row;
    row.text = outcome.text;
    row.held = outcome.held;
    row.actual = outcome.actual;
    if (!condition.because.empty()) row.reason = condition.because;
    attack_.observations.push_back(row);
    return outcome.held;
  }

  // Of the condition that was evaluated last.
  std::string Told(const ConditionSpec& condition) const {
    return fmt::format("{} ({}){}", condition.text, attack_.observations.back().actual,
                       condition.because.empty() ? "" : ": " + condition.because);
  }

  std::string Contained() const {
    size_t stopped = 0;
    const reports::Finding* first = nullptr;
    for (const reports::Finding& finding : result_.findings) {
      if (!finding.stopped_by) continue;
      if (stopped++ == 0) first = &finding;
    }
    if (first == nullptr) return "nothing of what the story fears was seen";
    return fmt::format("{} stopped it{}", *first->stopped_by,
                       stopped > 1 ? fmt::format(", and {} more", stopped - 1) : "");
  }

  const Scenario& scenario_;
  const reports::Result& result_;
  const nlohmann::json& observations_;
  reports::Attack attack_;
};

}  // namespace

reports::Attack JudgeAttack(const Scenario& scenario, const reports::Result& result,
                            const nlohmann::json& observations) {
  return Judge(scenario, result, observations).Judged();
}

bool AsksTrace(const ReviewSpec& review) {
  for (const auto* conditions : {&review.escaped_if, &review.host_fault_if, &review.guest_fault_if,
                                 &review.degraded_if}) {
    if (std::any_of(conditions->begin(), conditions->end(), [](const ConditionSpec& condition) {
          return AsksTrace(ParseExpectation(condition.text));
        })) {
      return true;
    }
  }
  return false;
}

}  // namespace pvpci::scenarios
