// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include <fmt/format.h>

#include "scenarios/bench/groups.h"
#include "scenarios/bench/guest_bench.h"

namespace pvpci::scenarios {
namespace {

// Repetitions in one round: a few milliseconds each.
constexpr unsigned kInterrupts = 2000;
constexpr unsigned kNativeEvents = 20'000;
constexpr unsigned kHandOvers = 10'000;

constexpr unsigned kIdleDomains = 1022;  // and dom0 and the active one
constexpr unsigned kFewPorts = 16;
constexpr unsigned kManyPorts = 131'000;  // FIFO event channels have 131,071, and some are the kernel's own
constexpr unsigned kLoadedMs = 10;
constexpr unsigned kIdleSeconds = 10;

enum Ask : uint32_t {
  kRealPath, kNativeWithModels, kNativeAlone, kHandOver, kStubPath, kLoaded, kIdle, kTraceBytes, kLatencySum
};

void Serve(const ImageFiles& image, const GuestShape& shape, WorkerPort& port) {
  GuestBench bench(image, shape);
  for (BenchRequest request; port.Next(&request);) {
    switch (request.what) {
      case kRealPath: port.Answer(bench.RealPath(request.count)); break;
      case kNativeWithModels: port.Answer(bench.NativePath(request.count, GuestBench::Host::kModels)); break;
      case kNativeAlone: port.Answer(bench.NativePath(request.count, GuestBench::Host::kConstant)); break;
      case kHandOver: port.Answer(bench.HandOver(request.count)); break;
      case kStubPath: port.Answer(bench.StubPath(request.count)); break;
      case kLoaded: port.Answer(bench.Loaded(request.count)); break;
      case kIdle: port.Answer(bench.Idle(request.count)); break;
      case kTraceBytes: port.Answer(bench.TraceBytesPerRecord()); break;
      case kLatencySum: port.Answer(bench.LatencySumPs()); break;
      default: throw std::runtime_error("unknown request");
    }
  }
}

void Measure(Bench& bench) {
  const auto machine = [&bench](const char* name, const ImageFiles& image, const GuestShape& shape) {
    return bench.InSystemC(name, [image, shape](WorkerPort& port) { Serve(image, shape, port); });
  };
  Subject counted = machine("instrumented machine", bench.counted_image(), {});
  Subject plain = machine("plain machine", bench.plain_image(), {});
  Subject many_domains = machine("1024 domains", bench.counted_image(), {kIdleDomains});
  Subject few_ports = machine("few ports", bench.counted_image(), {0, kFewPorts, true});
  Subject many_ports = machine("many ports", bench.counted_image(), {0, kManyPorts, true});
  Subject stub = machine("machine with a stub", bench.counted_image(), {});
  const auto path = [](Subject& subject) { return [&subject] { return subject.Ask(kRealPath, kInterrupts); }; };
  std::vector<double> real, switches, native;
  bench.Compare({
      {"S7",
       [&] {
         real.push_back(counted.Ask(kRealPath, kInterrupts));
         switches.push_back(counted.Ask(kHandOver, kHandOvers));
         return real.back() - switches.back();
       },
       [&] {
         native.push_back(plain.Ask(kNativeWithModels, kNativeEvents));
         return native.back();
       }},
      {"S14", [&] { return counted.Ask(kNativeAlone, kNativeEvents); },
       [&] { return plain.Ask(kNativeAlone, kNativeEvents); }},
      {"S6", [&] { return stub.Ask(kStubPath, kInterrupts); }, [&] { return stub.Ask(kHandOver, kHandOvers); }},
      {"S15", [&] { return counted.Ask(kLoaded, kLoadedMs); }, nullptr},
      {"S16", [&] { return counted.Ask(kIdle, kIdleSeconds); }, nullptr},
      {"G4", path(many_domains), path(counted)},
      {"G5", path(many_ports), path(few_ports)},
      {"G12", [&] { return counted.Ask(kTraceBytes, 1); }, nullptr},
      {"D3",
       [&] {
         // Two machines, each in a process of its own, with the same interrupts.
         Subject one = machine("machine", bench.counted_image(), {});
         Subject other = machine("machine", bench.counted_image(), {});
         one.Ask(kRealPath, kInterrupts);
         other.Ask(kRealPath, kInterrupts);
         const double half = (one.Ask(kLatencySum, 1) - other.Ask(kLatencySum, 1)) / 2;
         return half * half;
       },
       nullptr},
  });
  if (bench.wanted("S7")) {
    bench.Detail("S7", fmt::format("{:.0f} ns with 2 thread switches, which take {:.0f} ns, against {:.0f} ns",
                                   Median(real), Median(switches), Median(native)));
  }
}

}  // namespace

LineGroup InterruptLines() {
  return {"interrupts",
          {
              {"S7", "MSI asserted to EOI and driver's acknowledgement, real path, instrumented, less 2 thread switches",
               "the same functions (kernel, registers, EOI hypercall) called natively, plain image", "<= 1.5",
               Occasion::kQuick},
              {"S14", "upcall path with block accounting and deadline check",
               "the same functions of the image without it", "<= 1.3", Occasion::kQuick},
              {"S6", "MSI asserted to EOI with a stub in place of the kernel",
               "a hand-over from one SC_THREAD to another and back, per switch", "<= 4", Occasion::kGoals},
              {"S15", "simulated over processor time at 100,000 MSIs and 1,000,000 DMAs of 64 bytes a second",
               "processor time of one core", ">= 2", Occasion::kGoals},
              {"S16", "simulated over processor time, 10 s in which only timers are armed",
               "processor time of one core", ">= 10000", Occasion::kGoals},
              {"G4", "an interrupt's real path with 1024 domains, one active", "with two", "<= 1.2", Occasion::kGoals},
              {"G5", "an interrupt's real path with 131,000 bound FIFO ports", "with 16", "<= 1.1", Occasion::kGoals},
              {"G12", "bytes of trace per record", "nothing", "<= 32", Occasion::kGoals},
              {"D3", "variance of the sum of all latencies over two runs with equal seed, ps^2", "nothing", "== 0",
               Occasion::kGoals},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
