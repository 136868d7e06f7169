// SPDX-License-Identifier: Apache-2.0
// One span per interrupt assertion: the probes t0 .. t10 of abi.md 5.3, joined by the assertion's number, and where it
// ended. Sums are exact: the parts of a row add up to its total to the picosecond.
#ifndef PVPCI_SCENARIOS_MACHINE_SPANS_H_
#define PVPCI_SCENARIOS_MACHINE_SPANS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/pci/host_ports.h"
#include "models/xen/hypervisor.h"
#include "models/xen/platform.h"
#include "reports/latency_stats.h"
#include "reports/result.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::scenarios {

class Spans : public pci::InterruptObserver, public xen::InterruptProbe {
 public:
  Spans(sim::Simulation& simulation, sim::Trace& trace);

  // Who owns a function now (kDomXen: nobody).
  void SetOwnerLookup(std::function<sim::DomId(pci::Bdf)> lookup) { owner_ = std::move(lookup); }
  void SetHypervisor(xen::Hypervisor* hypervisor) { hypervisor_ = hypervisor; }
  // When a vCPU last stood still because it was not let run: [since, until).
  void SetAbsenceLookup(std::function<std::pair<sim::Ps, sim::Ps>(sim::DomId, unsigned vcpu)> lookup) {
    absence_ = std::move(lookup);
  }
  // The function in which a vCPU that lets no events in stands now: "do_pci_op"; "" if it cannot be told.
  void SetMaskedLookup(std::function<std::string(sim::DomId, unsigned vcpu)> lookup) { masked_ = std::move(lookup); }

  // t0.
  void OnAsserted(uint32_t interrupt, pci::Bdf function, pci::InterruptKind kind, unsigned vector) override;
  // t1 .. t4, t8 .. t10.
  void OnProbe(const xen::ProbeEvent& event) override;
  void OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t into, sim::Ps time) override;
  void OnMoved(uint32_t interrupt, sim::DomId domain, sim::Ps time) override;
  // t5: the domain's event callback was entered.
  void OnUpcallEntered(sim::DomId domain, sim::Ps time);
  // t7: the guest cleared a port's PENDING bit.
  void OnPendingCleared(sim::DomId domain, sim::Ps time);
  // t6: the real driver's handler was entered.
  void OnHandlerEntered(sim::DomId domain, sim::Ps time, const std::string& handler, unsigned vcpu = 0);
  // Told of handlers that begin for an event that no device was programmed to send.
  void OnStrayHandler(std::function<void(sim::DomId, uint32_t port, const std::string& handler)> observer) {
    stray_ = std::move(observer);
  }

  // Told of each delivery as its handler is entered, if it is set.
  void OnDelivered(std::function<void(sim::DomId, pci::Bdf, pci::InterruptKind, uint32_t number)> observer) {
    delivered_ = std::move(observer);
  }

  uint64_t asserted(pci::Bdf function, pci::InterruptKind kind) const;
  // Assertions that neither reached a handler nor ended otherwise. Of `function`, or all.
  uint64_t in_flight() const { return in_flight_total_; }
  uint64_t in_flight(pci::Bdf function) const;
  // Called when an assertion of `function` ended.
  void OnSettled(std::function<void(pci::Bdf)> callback) { settled_ = std::move(callback); }

  enum class State : uint8_t { kFlying, kDelivered, kCoalesced, kLost };
  // One assertion as it ended; the view is valid inside the visit.
  struct Ended {
    uint32_t number;                               // of the assertion
    pci::Bdf function;
    pci::InterruptKind kind;
    sim::DomId domain;
    State state;
    sim::Ps asserted_at;
    uint32_t deliveries;
    uint32_t redelivered;                          // a level that was still up
    unsigned vcpu;                                 // of a delivered one: where its handler ran
    const std::vector<reports::LatencyRow::Part>& parts;  // of a delivered one: t0 to t6; of one that was merged into
                                                   // another: to the entry of the handler that served both, if one did
    const std::vector<reports::LatencyRow::Part>& tail_parts;  // the rest up to its last probe
    sim::Ps tail;                                  // their sum
  };
  // Adds it to the counts of a row.
  static void Count(const Ended& ended, reports::Interrupt* counts);
  // Every assertion in the order of their numbers.
  void ForEach(const std::function<void(const Ended&)>& visit) const;

  // `kind_name` etc. as result.md has them. `abi`: of a domain; `name`: of a domain.
  std::vector<reports::Interrupt> Rows(const std::function<reports::PortAbi(sim::DomId)>& abi,
                                       const std::function<std::string(sim::DomId)>& name) const;

 private:
  std::function<void(sim::DomId, uint32_t, const std::string&)> stray_;
  std::function<void(sim::DomId, pci::Bdf, pci::InterruptKind, uint32_t)> delivered_;
  static constexpr size_t kProbes = 11;  // t0 .. t10
  static constexpr size_t kChunk = 1024;
  struct Stamp {
    uint8_t probe;
    sim::Ps time;
  };
  // At most one of each probe, in the order reported.
  class Stamps {
   public:
    const Stamp* begin() const { return stamps_.data(); }
    const Stamp* end() const { return stamps_.data() + count_; }
    bool empty() const { return count_ == 0; }
    void Add(Stamp stamp) { stamps_[count_++] = stamp; }

   private:
    std::array<Stamp, kProbes> stamps_;
    size_t count_ = 0;
  };
  // What is known of the time between PENDING and the bounce frame, to say what the event waited for.
  struct Wait {
    sim::Ps pended = 0;
    sim::Ps wake_from = 0, ready_at = 0, wake_to = 0, switch_cost = 0;  // the vCPU slept
    sim::Ps away_from = 0, away_to = 0;                   // it was not let run
    sim::Ps moved_at = 0;                                 // the port went to another vCPU; 0: it did not
    uint16_t masked = 0;                                  // it let no events in; index of names_, 0: it did
  };
  struct Span {
    pci::Bdf function;
    pci::InterruptKind kind = pci::InterruptKind::kIntx;
    sim::DomId domain = sim::kDomXen;
    State state = State::kFlying;
    uint32_t deliveries = 0;
    uint32_t redelivered = 0;
    uint32_t into = 0;                                    // merged into that one
    uint16_t vcpu = 0;
    sim::Ps merged_at = 0;
    Wait wait;
    Stamps stamps;
  };
  using Parts = std::vector<reports::LatencyRow::Part>;
  struct Key {
    pci::Bdf function;
    pci::InterruptKind kind;
    sim::DomId domain;
    friend bool operator<(const Key& a, const Key& b) {
      if (!(a.function == b.function)) return a.function < b.function;
      if (a.kind != b.kind) return a.kind < b.kind;
      return a.domain < b.domain;
    }
  };
  // Not whom the interrupt is for, who has been told of it.
  static bool Foreign(const Span& span, sim::DomId domain) { return span.domain != domain && span.wait.pended != 0; }
  Span& SpanAt(uint32_t index) const { return spans_[index / kChunk][index % kChunk]; }
  Span* Find(uint32_t interrupt);
  void AddStamp(Span* span, uint8_t probe, sim::Ps time);
  void Settle(Span* span, State state);
  void Record(uint32_t interrupt, uint8_t probe, sim::Ps time, sim::DomId domain);
  uint32_t PortToServe(sim::DomId domain, bool* cleared) const;
  void Pended(Span* span, const xen::ProbeEvent& event);
  void Taken(Span* span, const xen::ProbeEvent& event);
  uint16_t NameOf(const std::string& name);
  // The parts of an interval that ends with t4, by what the event waited for.
  void WaitParts(const Span& span, const Stamp& from, const Stamp& to, Parts* parts) const;
  void DeliveredParts(const Span& span, Parts* parts, Parts* tail_parts) const;
  void MergedParts(const Span& span, Parts* parts) const;
  std::string_view PartName(uint8_t from, uint8_t to, const std::string& word) const;

  sim::Simulation& simulation_;
  sim::Trace& trace_;
  xen::Hypervisor* hypervisor_ = nullptr;
  std::function<sim::DomId(pci::Bdf)> owner_;
  std::function<void(pci::Bdf)> settled_;
  std::function<std::pair<sim::Ps, sim::Ps>(sim::DomId, unsigned)> absence_;
  std::function<std::string(sim::DomId, unsigned)> masked_;
  std::vector<std::string> names_;                     // of what masks events, from 1
  mutable std::set<std::string> part_names_;           // parts refer to them
  std::vector<std::unique_ptr<Span[]>> spans_;         // by number - 1, in chunks: a long storm copies nothing
  uint32_t span_count_ = 0;
  std::map<std::pair<pci::Bdf, pci::InterruptKind>, uint64_t> asserted_;
  std::map<pci::Bdf, uint64_t> in_flight_;
  uint64_t in_flight_total_ = 0;
  std::map<sim::DomId, std::vector<uint32_t>> bounced_;  // t4 stamped, t5 not yet
  std::map<sim::DomId, sim::Ps> last_clear_;             // entry of the last clear_pending
  std::map<sim::DomId, uint32_t> awaits_clear_;          // level: handler ran, PENDING still set
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SPANS_H_
