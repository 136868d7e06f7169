// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/path_meter.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "reports/latency_stats.h"
#include "scenarios/machine/trace_records.h"

namespace pvpci::scenarios {
namespace {

constexpr size_t kEventsKept = 200;  // of one interrupt; a longer way is cut off

using Key = std::tuple<std::string, pci::InterruptKind, sim::DomId>;  // source

std::string SortOf(pci::Bdf function, pci::InterruptKind kind) {
  return fmt::format("{} {}", pci::ToString(function), static_cast<int>(kind));
}

reports::InterruptKind ToReport(pci::InterruptKind kind) {
  switch (kind) {
    case pci::InterruptKind::kIntx: return reports::InterruptKind::kIntx;
    case pci::InterruptKind::kMsi: return reports::InterruptKind::kMsi;
    case pci::InterruptKind::kMsix: return reports::InterruptKind::kMsix;
  }
  return reports::InterruptKind::kMsi;
}

struct Row {
  pci::Bdf function;
  reports::Interrupt counts;
  reports::LatencyRow latency;
  std::vector<std::pair<sim::Ps, uint32_t>> delivered;  // latency and number
};

std::vector<reports::SpanPart> ToReport(const std::vector<reports::LatencyRow::Part>& parts) {
  std::vector<reports::SpanPart> list;
  for (const auto& part : parts) list.push_back({std::string(part.name), part.duration});
  return list;
}

// The way of one interrupt as records tell it.
struct Window {
  reports::Path* path;
  size_t sample;     // of the path
  bool events;       // keep them
  bool message;      // it is sent as a write
  bool sent = false;
  AccessRecord last_access{};  // of its DMA
  sim::DomId last_domain = sim::kDomXen;
  uint32_t number;
  pci::Bdf function;
  sim::DomId domain;
  sim::Ps from, to;
};

// The record without its time, and without the number of the interrupt, which is another in every run.
std::string TextOf(const sim::Trace& trace, const sim::RecordView& record, const Window& window, std::string* where) {
  const std::string line = trace.Format(record);
  const size_t domain = line.find(' ') + 1;
  const size_t text = line.find(' ', domain);
  *where = line.substr(domain, text - domain);
  std::string what = text == std::string::npos ? "" : line.substr(text + 1);
  for (const char* word : {"interrupt", "message"}) {
    const std::string numbered = fmt::format("{} {}", word, window.number);
    const size_t at = what.find(numbered);
    if (at != std::string::npos) what.replace(at, numbered.size(), word);
  }
  return what;
}

void AddEvent(const sim::Trace& trace, const sim::RecordView& record, const Window& window) {
  sim::Ps time = record.time;
  reports::PathEvent event;
  switch (record.kind) {
    case sim::RecordKind::kInterrupt:
      if (RecordAs<AssertedRecord>(record).interrupt != window.number) return;
      event = {0, pci::ToString(window.function), fmt::format("t0 vector {}", RecordAs<AssertedRecord>(record).vector)};
      break;
    case sim::RecordKind::kProbe: {
      const auto probe = RecordAs<ProbeRecord>(record);
      if (probe.interrupt != window.number) return;
      time = probe.time;  // the record may have been written later
      TextOf(trace, record, window, &event.where);
      event.what = fmt::format("t{}", probe.probe);
      break;
    }
    case sim::RecordKind::kBusAccess: {
      const auto access = RecordAs<AccessRecord>(record);
      if (access.function != window.function.id || access.segment != window.function.segment) return;
      event.what = TextOf(trace, record, window, &event.where);
      event.where = pci::ToString(window.function);
      break;
    }
    default:
      if (record.domain != window.domain) return;
      event.what = TextOf(trace, record, window, &event.where);
  }
  if (time < window.from || time > window.to) return;
  event.after_ps = time - window.from;
  window.path->events.push_back(std::move(event));
}

// What the device did between its interrupt before and this one.
void AddDma(const sim::RecordView& record, Window* window) {
  if (window->sent) return;
  auto& dma = window->path->samples[window->sample].dma;
  if (record.kind == sim::RecordKind::kInterrupt) {
    const auto asserted = RecordAs<AssertedRecord>(record);
    if (window->message || asserted.function != window->function.id || asserted.segment != window->function.segment) return;
    window->sent = asserted.interrupt == window->number;
    if (!window->sent) dma.reset();
    return;
  }
  const auto access = RecordAs<AccessRecord>(record);
  if (access.function != window->function.id || access.segment != window->function.segment) return;
  if (access.dma_class == kClassOfMessages) {
    window->sent = access.interrupt == window->number;
    if (!window->sent) dma.reset();
    return;
  }
  if (!dma) dma.emplace();
  ++dma->accesses;
  dma->bytes += access.length_bytes;
  dma->last_ps = record.time;
  window->last_domain = record.domain;
  window->last_access = access;
}

void AddEvents(const sim::Trace& trace, std::vector<Window>* list) {
  std::vector<Window>& windows = *list;
  sim::Ps first = sim::kNever, last = 0;
  for (const Window& window : windows) {
    first = std::min(first, window.from);
    last = std::max(last, window.to);
  }
  trace.ForEach([&](const sim::RecordView& record) {
    if (record.time > last) return;
    if (record.kind == sim::RecordKind::kInterrupt || record.kind == sim::RecordKind::kBusAccess) {
      for (Window& window : windows) AddDma(record, &window);
    }
    if (record.time < first) return;
    for (const Window& window : windows) {
      if (window.events && record.time >= window.from && record.time <= window.to) AddEvent(trace, record, window);
    }
  });
  for (const Window& window : windows) {
    if (auto& dma = window.path->samples[window.sample].dma) {
      std::string where;
      dma->last = TextOf(trace, {dma->last_ps, sim::RecordKind::kBusAccess, window.last_domain,
                                 reinterpret_cast<const std::byte*>(&window.last_access), sizeof window.last_access}, window, &where);
    }
    auto& events = window.path->events;
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.after_ps < b.after_ps; });
    if (events.size() > kEventsKept) events.resize(kEventsKept);
  }
}

int RankOf(const std::string& mark) { return mark == "max" ? 100 : std::stoi(mark.substr(1)); }

// Which interrupts stand at the marks, by number.
std::map<uint32_t, std::vector<const char*>> Marks(std::vector<std::pair<sim::Ps, uint32_t>> delivered) {
  std::sort(delivered.begin(), delivered.end());
  std::map<uint32_t, std::vector<const char*>> marks;
  const auto mark = [&](const char* name, unsigned percent) {
    // Of equal latencies the first interrupt: which of them the rank meets means nothing.
    const sim::Ps latency = delivered[(delivered.size() * percent + 99) / 100 - 1].first;
    marks[std::lower_bound(delivered.begin(), delivered.end(), std::pair(latency, uint32_t{0}))->second].push_back(name);
  };
  mark("p50", 50);
  mark("p90", 90);
  mark("p99", 99);
  mark("max", 100);
  return marks;
}

}  // namespace

std::map<std::string, xen::HypercallCount> PathMeter::CallsOf(Machine& machine, sim::DomId domain) {
  if (machine.hypervisor().domain(domain) == nullptr) return {};
  return machine.hypervisor().hypercall_counts(domain);
}

void PathMeter::Begin(Machine& machine, const std::string& since, bool blocks) {
  begun_ = true;
  since_ = since;
  since_ps_ = machine.simulation().now();
  for (const auto& [id, guest] : machine.guests()) {
    if (guest->domain() == nullptr) continue;
    calls_before_[id] = CallsOf(machine, id);
    if (!blocks || guest->hooks() == nullptr || guest->spec().role == Role::kDom0) continue;
    blocks_[id] = std::make_unique<UpcallBlocks>();
    blocks_[id]->Install(*guest);
    bottom_halves_.Install(*guest);
  }
  if (blocks_.empty()) return;
  machine.spans().OnDelivered([this](sim::DomId domain, pci::Bdf function, pci::InterruptKind kind, uint32_t number) {
    const auto counter = blocks_.find(domain);
    if (counter == blocks_.end()) return;
    counter->second->NoteDelivered(SortOf(function, kind));
    bottom_halves_.NoteDelivered(number);
  });
}

std::vector<reports::Path> PathMeter::Paths(Machine& machine, const std::vector<reports::Interrupt>& rows) {
  std::map<Key, Row> measured;
  std::map<sim::DomId, int64_t> delivered_in;
  machine.spans().ForEach([&](const Spans::Ended& ended) {
    if (ended.asserted_at < since_ps_) return;
    Row& row = measured[{pci::ToString(ended.function), ended.kind, ended.domain}];
    row.function = ended.function;
    Spans::Count(ended, &row.counts);
    if (ended.state != Spans::State::kDelivered) return;
    row.latency.Add(ended.parts, ended.tail_parts);
    sim::Ps latency = 0;
    for (const auto& part : ended.parts) latency += part.duration;
    row.delivered.emplace_back(latency, ended.number);
    ++delivered_in[ended.domain];
  });

  std::vector<reports::Path> paths;
  std::vector<std::pair<Key, const Row*>> of_path;
  for (auto& [key, row] : measured) {
    const auto& [source, kind, domain] = key;
    const std::string name = machine.DomainName(domain);
    const auto known = std::find_if(rows.begin(), rows.end(), [&, &s = source, &k = kind](const reports::Interrupt& each) {
      return each.source == s && each.kind == ToReport(k) && each.domain == name;
    });
    if (known == rows.end() || row.delivered.empty()) continue;
    reports::Path path;
    path.since = since_;
    path.row = row.counts;
    path.row.source = source;
    path.row.kind = known->kind;
    path.row.abi = known->abi;
    path.row.domain = name;
    row.latency.Fill(&path.row);
    path.delivered_in_domain = delivered_in[domain];
    const auto before = calls_before_.find(domain);
    for (const auto& [call, count] : CallsOf(machine, domain)) {
      xen::HypercallCount earlier;
      if (before != calls_before_.end() && before->second.count(call) != 0) earlier = before->second.at(call);
      if (count.calls == earlier.calls) continue;
      path.hypercalls.push_back({name, call, static_cast<int64_t>(count.calls - earlier.calls),
                                 static_cast<int64_t>(count.failures - earlier.failures)});
    }
    if (const auto counter = blocks_.find(domain); counter != blocks_.end()) {
      if (const auto tally = counter->second->Of(SortOf(row.function, kind))) {
        const uint64_t typical = tally->Typical();
        path.upcall_blocks = static_cast<int64_t>(typical);
        path.functions = counter->second->Functions(*tally, typical);
      }
    }
    paths.push_back(std::move(path));
    of_path.emplace_back(key, &row);
  }

  std::map<uint32_t, std::pair<size_t, std::vector<const char*>>> wanted;  // number -> path and marks
  for (size_t i = 0; i < paths.size(); ++i) {
    for (auto& [number, names] : Marks(of_path[i].second->delivered)) wanted[number] = {i, names};
  }
  std::vector<Window> windows;
  if (!wanted.empty()) {
    machine.spans().ForEach([&](const Spans::Ended& ended) {
      const auto at = wanted.find(ended.number);
      if (at == wanted.end()) return;
      const auto& [index, names] = at->second;
      reports::SpanSample sample;
      sample.interrupt = ended.number;
      sample.asserted_ps = ended.asserted_at;
      sample.parts = ToReport(ended.parts);
      sample.tail = ToReport(ended.tail_parts);
      sample.vcpu = static_cast<int>(ended.vcpu);
      for (const BottomHalves::Note& note : bottom_halves_.Of(ended.number)) {
        const auto began = note.began ? std::optional(*note.began - ended.asserted_at) : std::nullopt;
        sample.bottom_halves.push_back({note.what, note.queued - ended.asserted_at, began});
      }
      for (const reports::SpanPart& part : sample.parts) sample.latency_ps += part.ps;
      for (const char* name : names) {
        sample.at = name;
        paths[index].samples.push_back(sample);
      }
    });
    for (reports::Path& path : paths) {
      std::sort(path.samples.begin(), path.samples.end(), [](const auto& a, const auto& b) {
        return RankOf(a.at) < RankOf(b.at);
      });
    }
    for (size_t i = 0; i < paths.size(); ++i) {
      const auto& [source, kind, domain] = of_path[i].first;
      for (size_t k = 0; k < paths[i].samples.size(); ++k) {
        const reports::SpanSample& sample = paths[i].samples[k];
        sim::Ps end = sample.asserted_ps + sample.latency_ps;
        for (const reports::SpanPart& part : sample.tail) end += part.ps;
        windows.push_back({&paths[i], k, sample.at == "p50", kind != pci::InterruptKind::kIntx, false, {}, sim::kDomXen,
                           static_cast<uint32_t>(sample.interrupt), of_path[i].second->function, domain, sample.asserted_ps, end});
      }
    }
    AddEvents(machine.trace(), &windows);
  }
  return paths;
}

}  // namespace pvpci::scenarios
