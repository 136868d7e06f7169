// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "reports/names.h"
#include "scenarios/machine/trace_records.h"
#include "scenarios/traces/trace_files.h"

namespace pvpci::scenarios {
namespace {

constexpr int kDevices = 1, kXen = 2, kLinks = 3, kFirstDomain = 10;  // process numbers
constexpr int kInterrupts = 1, kIommu = 2, kOther = 3;                // Xen's tracks
constexpr int kCalls = 1, kFirstVcpu = 10;                            // a domain's tracks
constexpr unsigned kProbes = 11;
constexpr unsigned kDoIrq = 1, kHandler = 6;
constexpr const char* kParts[kProbes] = {"assert",  "fabric", "do_irq", "upcall_pending", "wait",    "entry",
                                         "handler", "ack",    "eoi",    "apic_eoi",       "resample"};

// Arrows need slices that they can touch: instants have none.
constexpr sim::Ps kTouch = sim::kNs;

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Microseconds to the picosecond.
std::string Us(sim::Ps time) {
  const sim::Ps rest = time % sim::kUs;
  if (rest == 0) return fmt::format("{}", time / sim::kUs);
  std::string text = fmt::format("{}.{:06}", time / sim::kUs, rest);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

struct Interrupt {
  AssertedRecord asserted{};
  struct Stamp {
    uint32_t probe;
    uint64_t time;
    sim::DomId domain;
  };
  std::vector<Stamp> stamps;
};

// One line per event: of sixty thousand interrupts there are more than a million.
class Writer {
 public:
  Writer(const sim::Trace& trace, const TraceNames& names) : trace_(trace), names_(names) {}

  std::string Write() {
    Process(kDevices, "devices");
    Process(kLinks, "links");
    Process(kXen, "Xen");
    Track(kXen, kInterrupts, "interrupts");
    Track(kXen, kIommu, "IOMMU");
    Track(kXen, kOther, "toolstack and hypervisor");
    for (const auto& [id, name] : names_.domains) {
      Process(kFirstDomain + id, name);
      Track(kFirstDomain + id, kCalls, "calls");
    }
    trace_.ForEach([this](const sim::RecordView& record) { Visit(record); });
    for (const auto& [number, interrupt] : interrupts_) Draw(number, interrupt);
    return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + events_ + "\n]}\n";
  }

 private:
  template <typename... Args>
  void Event(fmt::format_string<Args...> format, Args&&... args) {
    if (!events_.empty()) events_ += ",\n";
    fmt::format_to(std::back_inserter(events_), format, std::forward<Args>(args)...);
  }
  void Process(int process, const std::string& name) {
    Event(R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":{}}}}})", process, Quoted(name));
  }
  void Track(int process, int track, const std::string& name) {
    Event(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":{}}}}})", process, track, Quoted(name));
  }
  // The device's own track, and that of its link, made when it is first needed.
  int TrackOf(uint16_t segment, uint16_t function) {
    pci::Bdf bdf = pci::Bdf::FromId(function);
    bdf.segment = segment;
    const int track = 1 + (segment << 16 | function);
    if (devices_.insert(track).second) {
      const std::string name = names_.device ? names_.device(bdf) : "";
      const std::string shown = name.empty() ? pci::ToString(bdf) : fmt::format("{} {}", pci::ToString(bdf), name);
      Track(kDevices, track, shown);
      Track(kLinks, track, "link of " + shown);
    }
    return track;
  }
  int VcpuTrack(sim::DomId domain, unsigned vcpu) {
    if (vcpus_.insert({domain, vcpu}).second) Track(kFirstDomain + domain, kFirstVcpu + static_cast<int>(vcpu), fmt::format("vCPU {}", vcpu));
    return kFirstVcpu + static_cast<int>(vcpu);
  }
  // `args`: members of a JSON object.
  void Slice(int process, int track, const std::string& name, sim::Ps time, const std::string& args, sim::Ps length = kTouch) {
    if (args.empty()) {
      Event(R"({{"ph":"X","pid":{},"tid":{},"name":{},"ts":{},"dur":{}}})", process, track, Quoted(name), Us(time), Us(length));
    } else {
      Event(R"({{"ph":"X","pid":{},"tid":{},"name":{},"ts":{},"dur":{},"args":{{{}}}}})", process, track, Quoted(name), Us(time),
            Us(length), args);
    }
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
      case sim::RecordKind::kBusAccess: return VisitUpstream(record);
      case sim::RecordKind::kConfigAccess:
      case sim::RecordKind::kMmio: {
        const auto access = RecordAs<RegisterRecord>(record);
        const bool mmio = record.kind == sim::RecordKind::kMmio;
        const int track = TrackOf(access.segment, access.function);
        Slice(kDevices, track, fmt::format("{} {}", mmio ? "register" : "configuration", access.write != 0 ? "write" : "read"),
              record.time, "\"access\":" + Quoted(TextOf(record)));
        const char* const tlp = mmio ? (access.write != 0 ? "MWr" : "MRd") : access.write != 0 ? "CfgWr0" : "CfgRd0";
        Slice(kLinks, track, fmt::format("{} {}", tlp, access.size), record.time, "");
        return;
      }
      default:
        break;
    }
    const std::string text = TextOf(record);
    const std::string word = text.substr(0, text.find(' '));
    const std::string what = word.size() < text.size() ? "\"what\":" + Quoted(text.substr(word.size() + 1)) : "";
    if (record.kind == sim::RecordKind::kFault) {
      Slice(kXen, kIommu, word, record.time, what);
    } else if (names_.domains.count(record.domain) != 0) {
      Slice(kFirstDomain + record.domain, kCalls, word, record.time, what);
    } else {
      Slice(kXen, kOther, word, record.time, what);
    }
  }

  void VisitUpstream(const sim::RecordView& record) {
    const auto access = RecordAs<AccessRecord>(record);
    const bool message = access.dma_class == kClassOfMessages;
    const bool write = (access.flags & kAccessWrite) != 0;
    std::string args = fmt::format(R"("bus address":"{:#x}","host address":"{:#x}","bytes":{})", access.bus_address,
                                   access.host_address, access.length_bytes);
    if (message) args += fmt::format(",\"interrupt\":{}", access.interrupt);
    if (!message) args += fmt::format(",\"class\":\"{}\"", reports::Name(static_cast<reports::DmaClass>(access.dma_class)));
    if (access.fault != 0) args += fmt::format(",\"stopped by reason\":{}", access.fault);
    const int track = TrackOf(access.segment, access.function);
    Slice(kDevices, track, message ? "message" : write ? "DMA write" : "DMA read", record.time, args);
    Slice(kLinks, track, fmt::format("{} {}", write ? "MWr" : "MRd", access.length_bytes), record.time, "");
    if (names_.iommu) Slice(kXen, kIommu, access.fault != 0 ? "refused" : message ? "message" : "translated", record.time, args);
  }

  // The line of trace.txt without time and domain.
  std::string TextOf(const sim::RecordView& record) const {
    const std::string line = trace_.Format(record);
    const size_t domain = line.find(' ');
    const size_t text = line.find(' ', domain + 1);
    return text == std::string::npos ? line : line.substr(text + 1);
  }

  // From its first probe to its last, by the parts of the span record, or as far as probes tell.
  std::vector<std::pair<std::string, sim::Ps>> PartsOf(uint32_t number, const Interrupt& interrupt) const {
    if (names_.spans != nullptr) {
      if (const auto span = names_.spans->find(number); span != names_.spans->end()) return span->second.parts;
    }
    std::vector<std::pair<std::string, sim::Ps>> parts;
    uint32_t seen = 1;  // of each probe the first
    uint64_t before = interrupt.stamps.front().time;
    for (const Interrupt::Stamp& stamp : interrupt.stamps) {
      if ((seen >> stamp.probe & 1) != 0 || stamp.time < before) continue;
      seen |= 1u << stamp.probe;
      parts.emplace_back(kParts[stamp.probe], stamp.time - before);
      before = stamp.time;
    }
    return parts;
  }

  void Draw(uint32_t number, const Interrupt& interrupt) {
    if (interrupt.stamps.empty() || interrupt.asserted.interrupt == 0) return;
    static constexpr const char* kKinds[] = {"INTx", "MSI", "MSI-X"};
    const AssertedRecord& asserted = interrupt.asserted;
    const int device = TrackOf(asserted.segment, asserted.function);
    const std::string name = fmt::format("{} {}", asserted.kind < 3 ? kKinds[asserted.kind] : "?", asserted.vector);
    const std::string id = fmt::format("\"interrupt\":{}", number);
    const auto nested = [&](const char* phase, const std::string& text, uint64_t time) {
      Event(R"({{"ph":"{}","cat":"interrupt","id":{},"pid":{},"tid":{},"name":"{}","ts":{}}})", phase, number, kDevices, device, text,
            Us(time));
    };
    const auto arrow = [&](const char* phase, int process, int track, uint64_t time) {
      Event(R"({{"ph":"{}","cat":"interrupt","id":{},"pid":{},"tid":{},"name":"interrupt","ts":{},"bp":"e"}})", phase, number,
            process, track, Us(time));
    };
    const sim::Ps begin = interrupt.stamps.front().time;
    nested("b", fmt::format("{} #{}", name, number), begin);
    sim::Ps at = begin;
    for (const auto& [part, length] : PartsOf(number, interrupt)) {
      nested("b", part, at);
      nested("e", part, at += length);
    }
    nested("e", fmt::format("{} #{}", name, number), at);
    Slice(kDevices, device, name, begin, id);
    arrow("s", kDevices, device, begin);
    uint32_t seen = 0;
    for (const Interrupt::Stamp& stamp : interrupt.stamps) {
      if ((seen >> stamp.probe & 1) != 0) continue;
      seen |= 1u << stamp.probe;
      if (stamp.probe == kDoIrq) {
        Slice(kXen, kInterrupts, fmt::format("{} of {}", name, number), stamp.time, id);
        arrow("t", kXen, kInterrupts, stamp.time);
      }
      if (stamp.probe == kHandler && names_.domains.count(stamp.domain) != 0) {
        const auto span = names_.spans == nullptr ? std::map<uint32_t, SpanShown>::const_iterator() : names_.spans->find(number);
        const bool known = names_.spans != nullptr && span != names_.spans->end();
        const int track = VcpuTrack(stamp.domain, known ? span->second.vcpu : 0);
        Slice(kFirstDomain + stamp.domain, track, "handler", stamp.time, id);
        arrow("f", kFirstDomain + stamp.domain, track, stamp.time);
      }
    }
  }

  const sim::Trace& trace_;
  const TraceNames& names_;
  std::string events_;
  std::set<int> devices_;
  std::set<std::pair<sim::DomId, unsigned>> vcpus_;
  std::map<uint32_t, Interrupt> interrupts_;
};

}  // namespace

std::string PerfettoTrace(const sim::Trace& trace, const TraceNames& names) { return Writer(trace, names).Write(); }

}  // namespace pvpci::scenarios
