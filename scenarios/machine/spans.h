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
#include <string>
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

  // t0.
  void OnAsserted(uint32_t interrupt, pci::Bdf function, pci::InterruptKind kind, unsigned vector) override;
  // t1 .. t4, t8 .. t10.
  void OnProbe(const xen::ProbeEvent& event) override;
  void OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t into, sim::Ps time) override;
  // t5: the domain's event callback was entered.
  void OnUpcallEntered(sim::DomId domain, sim::Ps time);
  // t7: the guest cleared a port's PENDING bit.
  void OnPendingCleared(sim::DomId domain, sim::Ps time);
  // t6: the real driver's handler was entered.
  void OnHandlerEntered(sim::DomId domain, sim::Ps time, const std::string& handler);
  // Told of handlers that begin for an event that no device was programmed to send.
  void OnStrayHandler(std::function<void(sim::DomId, uint32_t port, const std::string& handler)> observer) {
    stray_ = std::move(observer);
  }

  // Told of each delivery as its handler is entered, if it is set.
  void OnDelivered(std::function<void(sim::DomId, pci::Bdf, pci::InterruptKind)> observer) {
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
    const std::vector<reports::LatencyRow::Part>& parts;  // of a delivered one: t0 to t6
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
  std::function<void(sim::DomId, pci::Bdf, pci::InterruptKind)> delivered_;
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
  struct Span {
    pci::Bdf function;
    pci::InterruptKind kind = pci::InterruptKind::kIntx;
    sim::DomId domain = sim::kDomXen;
    State state = State::kFlying;
    uint32_t deliveries = 0;
    uint32_t redelivered = 0;
    Stamps stamps;
  };
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
  Span& SpanAt(uint32_t index) const { return spans_[index / kChunk][index % kChunk]; }
  Span* Find(uint32_t interrupt);
  void AddStamp(Span* span, uint8_t probe, sim::Ps time);
  void Settle(Span* span, State state);
  void Record(uint32_t interrupt, uint8_t probe, sim::Ps time, sim::DomId domain);
  uint32_t PortToServe(sim::DomId domain, bool* cleared) const;

  sim::Simulation& simulation_;
  sim::Trace& trace_;
  xen::Hypervisor* hypervisor_ = nullptr;
  std::function<sim::DomId(pci::Bdf)> owner_;
  std::function<void(pci::Bdf)> settled_;
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
