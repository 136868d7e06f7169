// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/spans.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/domain.h"
#include "models/xen/event_channels.h"
#include "reports/latency_stats.h"
#include "scenarios/machine/trace_records.h"

namespace pvpci::scenarios {
namespace {

constexpr uint8_t kT0 = 0, kT2 = 2, kT3 = 3, kT4 = 4, kT5 = 5, kT6 = 6, kT7 = 7, kT8 = 8, kT9 = 9;

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
  if (probe == kT2 && event.vcpu != nullptr) Pended(span, event);
  if (probe == kT4) {
    if (event.vcpu != nullptr) Taken(span, event);
    bounced_[event.domain].push_back(event.interrupt);
  }
}

void Spans::Pended(Span* span, const xen::ProbeEvent& event) {
  if (span->wait.pended != 0) return;  // a level line delivered again
  span->wait.pended = event.time;
  const xen::Vcpu& vcpu = *event.vcpu;
  if (vcpu.info == nullptr || reinterpret_cast<const xen::abi::VcpuInfo*>(vcpu.info)->upcall_mask == 0) return;
  const std::string where = !vcpu.saved_masks.empty() ? "upcall" : masked_ ? masked_(event.domain, vcpu.id) : "";
  span->wait.masked = NameOf(where.empty() ? "masked" : "masked_" + where);
}

void Spans::Taken(Span* span, const xen::ProbeEvent& event) {
  Wait& wait = span->wait;
  if (wait.pended == 0 || wait.wake_to != 0 || wait.away_to != 0) return;
  const xen::Vcpu& vcpu = *event.vcpu;
  if (vcpu.runs_at > wait.pended && wait.masked == 0) {
    wait.wake_from = std::max(vcpu.woken_at, wait.pended);
    wait.wake_to = std::min(vcpu.runs_at, event.time);
    wait.ready_at = std::clamp(vcpu.ready_at, wait.wake_from, wait.wake_to);
    wait.switch_cost = vcpu.switch_cost;
  }
  // Most often the wake explains it all.
  if (!absence_ || event.time == std::max(wait.pended, wait.wake_to)) return;
  const auto [since, until] = absence_(event.domain, vcpu.id);
  if (until <= wait.pended || since >= event.time) return;
  wait.away_from = std::max({since, wait.pended, wait.wake_to});
  wait.away_to = std::min(until, event.time);
}

uint16_t Spans::NameOf(const std::string& name) {
  const auto known = std::find(names_.begin(), names_.end(), name);
  if (known == names_.end()) {
    names_.push_back(name);
    return static_cast<uint16_t>(names_.size());
  }
  return static_cast<uint16_t>(known - names_.begin() + 1);
}

void Spans::OnMoved(uint32_t interrupt, sim::DomId domain, sim::Ps time) {
  Span* span = Find(interrupt);
  if (span != nullptr && domain == span->domain) span->wait.moved_at = time;
}

void Spans::OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t into, sim::Ps time) {
  Span* span = Find(interrupt);
  if (span == nullptr) return;
  switch (outcome) {
    case xen::InterruptOutcome::kDelivered: break;  // at the port; the handler is still to come
    case xen::InterruptOutcome::kCoalesced:
      span->into = into;
      span->merged_at = time;
      Settle(span, State::kCoalesced);
      break;
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
  Span* span = Find(level->second);
  if (!Foreign(*span, domain)) AddStamp(span, kT7, time);
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

void Spans::OnHandlerEntered(sim::DomId domain, sim::Ps time, const std::string& handler, unsigned vcpu) {
  bool cleared = false;
  const uint32_t port = PortToServe(domain, &cleared);
  const uint32_t interrupt = port == 0 ? 0 : hypervisor_->TakeInterrupt(domain, port);
  Span* span = Find(interrupt);
  if (span == nullptr) {  // a forged message, or a shared handler that runs for a neighbour
    if (port != 0 && stray_) stray_(domain, port, handler);
    return;
  }
  if (cleared && last_clear_.count(domain) != 0) {
    if (!Foreign(*span, domain)) AddStamp(span, kT7, last_clear_[domain]);
    Record(interrupt, kT7, last_clear_[domain], domain);
  }
  if (Foreign(*span, domain)) {  // as in OnProbe; dom0's may come first, where the owner is kept from running
    Record(interrupt, kT6, time, domain);
    if (!cleared) awaits_clear_[domain] = interrupt;
    return;
  }
  if (span->deliveries++ == 0) span->vcpu = static_cast<uint16_t>(vcpu);
  AddStamp(span, kT6, time);
  Record(interrupt, kT6, time, domain);
  if (!cleared) awaits_clear_[domain] = interrupt;
  Settle(span, State::kDelivered);
  if (delivered_) delivered_(domain, span->function, span->kind, interrupt);
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

std::string_view Spans::PartName(uint8_t from, uint8_t to, const std::string& word) const {
  return *part_names_.insert(fmt::format("t{}_t{}_{}", from, to, word)).first;
}

void Spans::WaitParts(const Span& span, const Stamp& from, const Stamp& to, Parts* parts) const {
  const Wait& wait = span.wait;
  const size_t first = parts->size();
  sim::Ps at = from.time;
  // Up to `end`, if that is still to come. A part that comes twice is one.
  const auto until = [&](sim::Ps end, const std::string& word) {
    end = std::min(end, to.time);
    if (end <= at) return;
    const std::string_view name = PartName(from.probe, to.probe, word);
    const auto same = std::find_if(parts->begin() + static_cast<std::ptrdiff_t>(first), parts->end(),
                                   [&](const auto& part) { return part.name == name; });
    if (same == parts->end()) {
      parts->push_back({name, end - at});
    } else {
      same->duration += end - at;
    }
    at = end;
  };
  until(wait.moved_at, "moved");
  const std::string otherwise = wait.masked == 0 || wait.moved_at != 0 ? PartWord(to.probe) : names_[wait.masked - 1];
  if (wait.wake_to != 0) {
    until(wait.wake_from, otherwise);
    const sim::Ps switched_from = wait.wake_to - std::min(wait.switch_cost, wait.wake_to - wait.wake_from);
    until(std::min(wait.ready_at, switched_from), "wake");
    until(switched_from, "runqueue");  // another one ran there
    until(wait.wake_to, "switch");
  }
  if (wait.away_to != 0) {
    until(wait.away_from, otherwise);
    until(wait.away_to, "descheduled");
  }
  until(to.time, otherwise);
  if (parts->size() == first) parts->push_back({PartName(from.probe, to.probe, PartWord(to.probe)), 0});
}

void Spans::DeliveredParts(const Span& span, Parts* parts, Parts* tail_parts) const {
  std::vector<Stamp> stamps(span.stamps.begin(), span.stamps.end());
  std::stable_sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.time < b.time; });
  const bool bounced = std::any_of(stamps.begin(), stamps.end(), [](const Stamp& stamp) { return stamp.probe == kT4; });
  bool guest_eoi = false;
  Parts* now = parts;
  for (size_t i = 1; i < stamps.size(); ++i) {
    const Stamp& from = stamps[i - 1];
    const Stamp& to = stamps[i];
    guest_eoi |= to.probe == kT8;
    // Without a bounce frame of its own the upcall that was under way took it.
    const bool in_loop = !bounced && span.wait.masked != 0 && from.time >= span.wait.pended && now == parts &&
                         (to.probe == kT7 || to.probe == kT6) && (from.probe == kT2 || from.probe == kT3 || from.probe == kT9);
    if (to.probe == kT4 && now == parts) {
      WaitParts(span, from, to, parts);
    } else if (in_loop) {
      now->push_back({PartName(from.probe, to.probe, names_[span.wait.masked - 1]), to.time - from.time});
    } else {
      // Nobody said EOI for so long that Xen did.
      const bool forced = to.probe == kT9 && !guest_eoi && hypervisor_ != nullptr && span.wait.pended != 0 &&
                          to.time >= span.wait.pended + hypervisor_->config().forced_eoi;
      now->push_back({PartName(from.probe, to.probe, forced ? "forced_eoi" : PartWord(to.probe)), to.time - from.time});
    }
    if (to.probe == kT6) now = tail_parts;
  }
}

void Spans::MergedParts(const Span& span, Parts* parts) const {
  if (span.into == 0 || span.into > span_count_) return;
  const Span& served = SpanAt(span.into - 1);
  const auto handler = std::find_if(served.stamps.begin(), served.stamps.end(), [](const Stamp& stamp) { return stamp.probe == kT6; });
  if (handler == served.stamps.end() || handler->time < span.merged_at) return;  // that handler had looked before
  const sim::Ps asserted = span.stamps.begin()->time;
  parts->push_back({PartName(kT0, kT2, "merged"), span.merged_at - asserted});
  parts->push_back({PartName(kT2, kT6, "coalesced"), handler->time - span.merged_at});
}

void Spans::ForEach(const std::function<void(const Ended&)>& visit) const {
  Parts parts, tail_parts;
  for (uint32_t index = 0; index < span_count_; ++index) {
    const Span& span = SpanAt(index);
    if (span.stamps.empty()) continue;
    parts.clear();
    tail_parts.clear();
    if (span.state == State::kDelivered) DeliveredParts(span, &parts, &tail_parts);
    if (span.state == State::kCoalesced) MergedParts(span, &parts);
    sim::Ps tail = 0;
    for (const auto& part : tail_parts) tail += part.duration;
    visit({index + 1, span.function, span.kind, span.domain, span.state, span.stamps.begin()->time, span.deliveries,
           span.redelivered, span.vcpu, parts, tail_parts, tail});
  }
}

std::vector<reports::Interrupt> Spans::Rows(const std::function<reports::PortAbi(sim::DomId)>& abi,
                                            const std::function<std::string(sim::DomId)>& name) const {
  struct Row {
    reports::Interrupt interrupt;
    reports::LatencyRow latency, coalesced;
    std::optional<unsigned> vcpu;  // of the last delivery
  };
  std::map<Key, Row> rows;
  ForEach([&rows](const Ended& ended) {
    Row& row = rows[{ended.function, ended.kind, ended.domain}];
    Count(ended, &row.interrupt);
    if (ended.state == State::kCoalesced && !ended.parts.empty()) row.coalesced.Add(ended.parts, {});
    if (ended.state != State::kDelivered) return;
    row.latency.Add(ended.parts, ended.tail_parts);
    if (row.vcpu && *row.vcpu != ended.vcpu) ++row.interrupt.vcpu_moves;
    row.vcpu = ended.vcpu;
  });
  std::vector<reports::Interrupt> result;
  for (auto& [key, row] : rows) {
    row.interrupt.source = pci::ToString(key.function);
    row.interrupt.kind = ToReport(key.kind);
    row.interrupt.abi = abi(key.domain);
    row.interrupt.domain = name(key.domain);
    row.latency.Fill(&row.interrupt);
    row.coalesced.FillCoalescing(&row.interrupt);
    result.push_back(row.interrupt);
  }
  return result;
}

}  // namespace pvpci::scenarios
