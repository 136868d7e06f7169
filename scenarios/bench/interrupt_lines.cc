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

enum Ask : uint32_t { kRealPath, kNativeWithModels, kNativeAlone, kHandOver };

void Serve(const ImageFiles& image, WorkerPort& port) {
  GuestBench bench(image);
  for (BenchRequest request; port.Next(&request);) {
    switch (request.what) {
      case kRealPath: port.Answer(bench.RealPath(request.count)); break;
      case kNativeWithModels: port.Answer(bench.NativePath(request.count, GuestBench::Host::kModels)); break;
      case kNativeAlone: port.Answer(bench.NativePath(request.count, GuestBench::Host::kConstant)); break;
      case kHandOver: port.Answer(bench.HandOver(request.count)); break;
      default: throw std::runtime_error("unknown request");
    }
  }
}

void Measure(Bench& bench) {
  Subject counted = bench.InSystemC("instrumented machine", [image = bench.counted_image()](WorkerPort& port) {
    Serve(image, port);
  });
  Subject plain = bench.InSystemC("plain machine", [image = bench.plain_image()](WorkerPort& port) {
    Serve(image, port);
  });
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
          },
          &Measure};
}

}  // namespace pvpci::scenarios
