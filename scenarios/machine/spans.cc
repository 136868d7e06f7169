// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/spans.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "models/xen/domain.h"
#include "models/xen/event_channels.h"
#include "reports/latency_stats.h"
#include "scenarios/machine/trace_records.h"

namespace pvpci::scenarios {
namespace {

constexpr uint8_t kT0 = 0, kT2 = 2, kT4 = 4, kT5 = 5, kT6 = 6, kT7 = 7;

// What happens between the probe before and this one.
const char* PartWord(uint8_t probe) {
  static constexpr std::array<const char*, 11> kWords = {"assert", "fabric", "do_irq",  "upcall_pending", "wait", "entry",
                                                         "handler", "ack",   "eoi",     "apic_eoi",       "resample"};
  return kWords[probe];
}

const char* KindName(uint16_t kind) { return kind == 0 ? "intx" : kind == 1 ? "msi" : "msix"; }

reports::InterruptKind ToReport(pci::InterruptKind kind) {
  switch (kind) {
    case pci::InterruptKind::kIntx: return reports::InterruptKind::kIntx;
    case pci::InterruptKind::kMsi: return reports::InterruptKind::kMsi;
    case pci::InterruptKind::kMsix: return reports::InterruptKind::kMsix;
  }
  return reports::InterruptKind::kMsi;
}

}  // namespace

Spans::Spans(sim::Simulation& simulation, sim::Trace& trace) : simulation_(simulation), trace_(trace) {
  trace_.SetFormatter(sim::RecordKind::kInterrupt, [](const sim::RecordView& view) {
    const auto record = RecordAs<AssertedRecord>(view);
    pci::Bdf function = pci::Bdf::FromId(record.function);
    function.segment = record.segment;
    return fmt::format("interrupt {} {} {} {}", record.interrupt, KindName(record.kind), pci::ToString(function),
                       record.vector);
  });
  trace_.SetFormatter(sim::RecordKind::kProbe, [](const sim::RecordView& view) {
    const auto record = RecordAs<ProbeRecord>(view);
    return fmt::format("probe t{} interrupt {} at {}", record.probe, record.interrupt, record.time);
  });
}

Spans::Span* Spans::Find(uint32_t interrupt) {
  return interrupt == 0 || interrupt > span_count_ ? nullptr : &SpanAt(interrupt - 1);
}

void Spans::AddStamp(Span* span, uint8_t probe, sim::Ps time) {
  for (const Stamp& stamp : span->stamps) {
    if (stamp.probe == probe) return;  // a level line delivered again: the first delivery is the one measured
  }
  span->stamps.Add({probe, time});
}

void Spans::Record(uint32_t interrupt, uint8_t probe, sim::Ps time, sim::DomId domain) {
  trace_.Emit(sim::RecordKind::kProbe, domain, ProbeRecord{interrupt, probe, time});
}

void Spans::OnAsserted(uint32_t interrupt, pci::Bdf function, pci::InterruptKind kind, unsigned vector) {
  span_count_ = std::max(span_count_, interrupt);
  while (spans_.size() * kChunk < span_count_) spans_.push_back(std::make_unique<Span[]>(kChunk));
  Span& span = SpanAt(interrupt - 1);
  span.function = function;
  span.kind = kind;
  span.domain = owner_ ? owner_(function) : sim::kDomXen;
  AddStamp(&span, kT0, simulation_.now());
  ++asserted_[{function, kind}];
  ++in_flight_[function];
  ++in_flight_total_;
  trace_.Emit(sim::RecordKind::kInterrupt, sim::kDomXen,
              AssertedRecord{interrupt, function.segment, function.id, static_cast<uint16_t>(kind),
                             static_cast<uint16_t>(vector)});
}

void Spans::Settle(Span* span, State state) {
  if (span->state != State::kFlying) return;
  span->state = state;
  --in_flight_total_;
  --in_flight_[span->function];
  if (settled_) settled_(span->function);
}

void Spans::OnProbe(const xen::ProbeEvent& event) {
  Span* span = Find(event.interrupt);
  if (span == nullptr) return;
  // dom0 shares the line of a seized INTx device (pciback's fake handler): not the delivery that is measured.
  if (event.domain != sim::kDomXen && event.domain != span->domain) return;
  const auto probe = static_cast<uint8_t>(event.probe);
  AddStamp(span, probe, event.time);
  Record(event.interrupt, probe, event.time, event.domain);
  if (probe == kT4) bounced_[event.domain].push_back(event.interrupt);
}

void Spans::OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t, sim::Ps) {
  Span* span = Find(interrupt);
  if (span == nullptr) return;
  switch (outcome) {
    case xen::InterruptOutcome::kDelivered: break;  // at the port; the handler is still to come
    case xen::InterruptOutcome::kCoalesced: Settle(span, State::kCoalesced); break;
    case xen::InterruptOutcome::kLost: Settle(span, State::kLost); break;
    case xen::InterruptOutcome::kRedelivered: ++span->redelivered; break;
  }
}

void Spans::OnUpcallEntered(sim::DomId domain, sim::Ps time) {
  const auto waiting = bounced_.find(domain);
  if (waiting == bounced_.end()) return;
  for (const uint32_t interrupt : waiting->second) {
    AddStamp(Find(interrupt), kT5, time);
    Record(interrupt, kT5, time, domain);
  }
  waiting->second.clear();
}

void Spans::OnPendingCleared(sim::DomId domain, sim::Ps time) {
  last_clear_[domain] = time;
  const auto level = awaits_clear_.find(domain);
  if (level == awaits_clear_.end()) return;
  AddStamp(Find(level->second), kT7, time);
  Record(level->second, kT7, time, domain);
  awaits_clear_.erase(level);
}

// The port whose handler runs now. An edge handler's port was cleared right before; a level one's is still pending.
uint32_t Spans::PortToServe(sim::DomId domain_id, bool* cleared) const {
  const xen::Domain* domain = hypervisor_->domain(domain_id);
  uint32_t still_pending = 0;
  if (domain == nullptr) return 0;
  for (const uint32_t port : domain->interrupted_ports) {
    if (domain->ports[port].state != xen::PortState::kPirq) continue;
    if (!hypervisor_->event_channels().IsPending(*domain, port)) {
      *cleared = true;
      return port;
    }
    if (still_pending == 0) still_pending = port;
  }
  *cleared = false;
  return still_pending;
}

void Spans::OnHandlerEntered(sim::DomId domain, sim::Ps time, const std::string& handler) {
  bool cleared = false;
  const uint32_t port = PortToServe(domain, &cleared);
  const uint32_t interrupt = port == 0 ? 0 : hypervisor_->TakeInterrupt(domain, port);
  Span* span = Find(interrupt);
  if (span == nullptr) {  // a forged message, or a shared handler that runs for a neighbour
    if (port != 0 && stray_) stray_(domain, port, handler);
    return;
  }
  if (cleared && last_clear_.count(domain) != 0) {
    AddStamp(span, kT7, last_clear_[domain]);
    Record(interrupt, kT7, last_clear_[domain], domain);
  }
  ++span->deliveries;
  AddStamp(span, kT6, time);
  Record(interrupt, kT6, time, domain);
  if (!cleared) awaits_clear_[domain] = interrupt;
  Settle(span, State::kDelivered);
  if (delivered_) delivered_(domain, span->function, span->kind);
}

uint64_t Spans::asserted(pci::Bdf function, pci::InterruptKind kind) const {
  const auto it = asserted_.find({function, kind});
  return it == asserted_.end() ? 0 : it->second;
}

uint64_t Spans::in_flight(pci::Bdf function) const {
  const auto it = in_flight_.find(function);
  return it == in_flight_.end() ? 0 : it->second;
}

void Spans::Count(const Ended& ended, reports::Interrupt* counts) {
  ++counts->asserted;
  counts->spurious += ended.redelivered;
  if (ended.kind != pci::InterruptKind::kIntx && ended.deliveries > 1) counts->duplicated += ended.deliveries - 1;
  if (ended.state == State::kCoalesced) ++counts->coalesced;
  if (ended.state == State::kLost || ended.state == State::kFlying) ++counts->lost;
  if (ended.state == State::kDelivered) ++counts->delivered;
}

void Spans::ForEach(const std::function<void(const Ended&)>& visit) const {
  std::map<uint16_t, std::string> part_names;  // from << 8 | to
  std::vector<reports::LatencyRow::Part> parts, tail_parts;
  for (uint32_t index = 0; index < span_count_; ++index) {
    const Span& span = SpanAt(index);
    if (span.stamps.empty()) continue;
    parts.clear();
    tail_parts.clear();
    sim::Ps tail = 0;
    if (span.state == State::kDelivered) {
      std::vector<Stamp> stamps(span.stamps.begin(), span.stamps.end());
      std::stable_sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.time < b.time; });
      std::vector<reports::LatencyRow::Part>* now = &parts;
      for (size_t i = 1; i < stamps.size(); ++i) {
        const auto key = static_cast<uint16_t>(stamps[i - 1].probe << 8 | stamps[i].probe);
        std::string& part_name = part_names[key];
        if (part_name.empty()) {
          part_name = fmt::format("t{}_t{}_{}", stamps[i - 1].probe, stamps[i].probe, PartWord(stamps[i].probe));
        }
        const sim::Ps duration = stamps[i].time - stamps[i - 1].time;
        now->push_back({part_name, duration});
        if (now == &tail_parts) tail += duration;
        if (stamps[i].probe == kT6) now = &tail_parts;
      }
    }
    visit({index + 1, span.function, span.kind, span.domain, span.state, span.stamps.begin()->time, span.deliveries,
           span.redelivered, parts, tail_parts, tail});
  }
}

std::vector<reports::Interrupt> Spans::Rows(const std::function<reports::PortAbi(sim::DomId)>& abi,
                                            const std::function<std::string(sim::DomId)>& name) const {
  struct Row {
    reports::Interrupt interrupt;
    reports::LatencyRow latency;
  };
  std::map<Key, Row> rows;
  ForEach([&rows](const Ended& ended) {
    Row& row = rows[{ended.function, ended.kind, ended.domain}];
    Count(ended, &row.interrupt);
    if (ended.state == State::kDelivered) row.latency.Add(ended.parts, ended.tail);
  });
  std::vector<reports::Interrupt> result;
  for (auto& [key, row] : rows) {
    row.interrupt.source = pci::ToString(key.function);
    row.interrupt.kind = ToReport(key.kind);
    row.interrupt.abi = abi(key.domain);
    row.interrupt.domain = name(key.domain);
    row.latency.Fill(&row.interrupt);
    result.push_back(row.interrupt);
  }
  return result;
}

}  // namespace pvpci::scenarios
