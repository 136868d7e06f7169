// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "reports/names.h"
#include "scenarios/machine/trace_records.h"
#include "scenarios/traces/trace_files.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

constexpr int kDevices = 1, kXen = 2, kFirstDomain = 10;  // process numbers
constexpr int kInterrupts = 1, kIommu = 2, kOther = 3;    // Xen's tracks
constexpr int kCalls = 1, kHandlers = 2;                  // a domain's tracks
constexpr unsigned kProbes = 11;
constexpr unsigned kDoIrq = 1, kHandler = 6;
constexpr const char* kParts[kProbes] = {"assert",  "fabric", "do_irq", "upcall_pending", "wait",    "entry",
                                         "handler", "ack",    "eoi",    "apic_eoi",       "resample"};

// Arrows need slices that they can touch: instants have none.
constexpr double kTouch = 0.001;

double Us(sim::Ps time) { return static_cast<double>(time) / sim::kUs; }

struct Interrupt {
  AssertedRecord asserted{};
  struct Stamp {
    uint32_t probe;
    uint64_t time;
    sim::DomId domain;
  };
  std::vector<Stamp> stamps;
};

class Writer {
 public:
  Writer(const sim::Trace& trace, const TraceNames& names) : trace_(trace), names_(names) {}

  std::string Write() {
    Process(kDevices, "devices");
    Process(kXen, "Xen");
    Track(kXen, kInterrupts, "interrupts");
    Track(kXen, kIommu, "IOMMU");
    Track(kXen, kOther, "toolstack and hypervisor");
    for (const auto& [id, name] : names_.domains) {
      Process(kFirstDomain + id, name);
      Track(kFirstDomain + id, kCalls, "calls");
      Track(kFirstDomain + id, kHandlers, "handlers");
    }
    trace_.ForEach([this](const sim::RecordView& record) { Visit(record); });
    for (const auto& [number, interrupt] : interrupts_) Draw(number, interrupt);
    return json{{"displayTimeUnit", "ns"}, {"traceEvents", std::move(events_)}}.dump();
  }

 private:
  void Process(int process, const std::string& name) {
    events_.push_back({{"ph", "M"}, {"pid", process}, {"name", "process_name"}, {"args", {{"name", name}}}});
  }
  void Track(int process, int track, const std::string& name) {
    events_.push_back(
        {{"ph", "M"}, {"pid", process}, {"tid", track}, {"name", "thread_name"}, {"args", {{"name", name}}}});
  }
  // The device's own track, made when it is first needed.
  int TrackOf(uint16_t segment, uint16_t function) {
    pci::Bdf bdf = pci::Bdf::FromId(function);
    bdf.segment = segment;
    const int track = 1 + (segment << 16 | function);
    if (devices_.insert(track).second) {
      const std::string name = names_.device ? names_.device(bdf) : "";
      Track(kDevices, track, name.empty() ? pci::ToString(bdf) : fmt::format("{} {}", pci::ToString(bdf), name));
    }
    return track;
  }
  void Slice(int process, int track, const std::string& name, sim::Ps time, json args) {
    events_.push_back({{"ph", "X"},
                       {"pid", process},
                       {"tid", track},
                       {"name", name},
                       {"ts", Us(time)},
                       {"dur", kTouch},
                       {"args", std::move(args)}});
  }

  void Visit(const sim::RecordView& record) {
    switch (record.kind) {
      case sim::RecordKind::kInterrupt: {
        const auto asserted = RecordAs<AssertedRecord>(record);
        Interrupt& interrupt = interrupts_[asserted.interrupt];
        interrupt.asserted = asserted;
        interrupt.stamps.insert(interrupt.stamps.begin(), {0, record.time, record.domain});
        return;
      }
      case sim::RecordKind::kProbe: {
        const auto probe = RecordAs<ProbeRecord>(record);
        if (probe.probe >= kProbes) return;
        interrupts_[probe.interrupt].stamps.push_back({probe.probe, probe.time, record.domain});
        return;
      }
      case sim::RecordKind::kBusAccess: {
        const auto access = RecordAs<AccessRecord>(record);
        const bool message = access.dma_class == kClassOfMessages;
        json args = {{"bus address", fmt::format("{:#x}", access.bus_address)},
                     {"host address", fmt::format("{:#x}", access.host_address)},
                     {"bytes", access.length_bytes}};
        if (!message) args["class"] = reports::Name(static_cast<reports::DmaClass>(access.dma_class));
        if (message) args["interrupt"] = access.interrupt;
        if (access.fault != 0) args["stopped by reason"] = access.fault;
        const char* const name = message ? "message" : (access.flags & kAccessWrite) != 0 ? "DMA write" : "DMA read";
        Slice(kDevices, TrackOf(access.segment, access.function), name, record.time, std::move(args));
        return;
      }
      case sim::RecordKind::kConfigAccess:
      case sim::RecordKind::kMmio: {
        const auto access = RecordAs<RegisterRecord>(record);
        Slice(kDevices, TrackOf(access.segment, access.function),
              fmt::format("{} {}", record.kind == sim::RecordKind::kMmio ? "register" : "configuration",
                          access.write != 0 ? "write" : "read"),
              record.time, {{"access", TextOf(record)}});
        return;
      }
      default:
        break;
    }
    const std::string text = TextOf(record);
    const std::string word = text.substr(0, text.find(' '));
    if (record.kind == sim::RecordKind::kFault) {
      Slice(kXen, kIommu, word, record.time, {{"what", text}});
    } else if (names_.domains.count(record.domain) != 0) {
      Slice(kFirstDomain + record.domain, kCalls, word, record.time, {{"what", text}});
    } else {
      Slice(kXen, kOther, word, record.time, {{"what", text}});
    }
  }
  // The line of trace.txt without time and domain.
  std::string TextOf(const sim::RecordView& record) const {
    const std::string line = trace_.Format(record);
    const size_t domain = line.find(' ');
    const size_t text = line.find(' ', domain + 1);
    return text == std::string::npos ? line : line.substr(text + 1);
  }

  void Draw(uint32_t number, const Interrupt& interrupt) {
    if (interrupt.stamps.empty() || interrupt.asserted.interrupt == 0) return;
    static constexpr const char* kKinds[] = {"INTx", "MSI", "MSI-X"};
    const AssertedRecord& asserted = interrupt.asserted;
    const int device = TrackOf(asserted.segment, asserted.function);
    const std::string name = fmt::format("{} {}", asserted.kind < 3 ? kKinds[asserted.kind] : "?", asserted.vector);
    const json id = number;
    const auto nested = [&](const char* phase, const std::string& text, uint64_t time) {
      events_.push_back({{"ph", phase},
                         {"cat", "interrupt"},
                         {"id", id},
                         {"pid", kDevices},
                         {"tid", device},
                         {"name", text},
                         {"ts", Us(time)}});
    };
    const auto arrow = [&](const char* phase, int process, int track, uint64_t time) {
      events_.push_back({{"ph", phase},
                         {"cat", "interrupt"},
                         {"id", id},
                         {"pid", process},
                         {"tid", track},
                         {"name", "interrupt"},
                         {"ts", Us(time)},
                         {"bp", "e"}});
    };
    nested("b", fmt::format("{} #{}", name, number), interrupt.stamps.front().time);
    Slice(kDevices, device, name, interrupt.stamps.front().time, {{"interrupt", number}});
    arrow("s", kDevices, device, interrupt.stamps.front().time);
    uint32_t seen = 1;  // of each probe the first
    uint64_t before = interrupt.stamps.front().time;
    for (const Interrupt::Stamp& stamp : interrupt.stamps) {
      if (stamp.probe == 0 || (seen >> stamp.probe & 1) != 0) continue;
      seen |= 1u << stamp.probe;
      nested("b", kParts[stamp.probe], before);
      nested("e", kParts[stamp.probe], stamp.time);
      before = stamp.time;
      if (stamp.probe == kDoIrq) {
        Slice(kXen, kInterrupts, fmt::format("{} of {}", name, number), stamp.time, {{"interrupt", number}});
        arrow("t", kXen, kInterrupts, stamp.time);
      }
      if (stamp.probe == kHandler && names_.domains.count(stamp.domain) != 0) {
        Slice(kFirstDomain + stamp.domain, kHandlers, "handler", stamp.time, {{"interrupt", number}});
        arrow("f", kFirstDomain + stamp.domain, kHandlers, stamp.time);
      }
    }
    nested("e", fmt::format("{} #{}", name, number), before);
  }

  const sim::Trace& trace_;
  const TraceNames& names_;
  json events_ = json::array();
  std::set<int> devices_;
  std::map<uint32_t, Interrupt> interrupts_;
};

}  // namespace

std::string PerfettoTrace(const sim::Trace& trace, const TraceNames& names) { return Writer(trace, names).Write(); }

}  // namespace pvpci::scenarios
