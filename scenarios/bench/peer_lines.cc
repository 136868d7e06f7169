// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "scenarios/bench/dma_bench.h"
#include "scenarios/bench/groups.h"
#include "scenarios/bench/guest_bench.h"
#include "scenarios/bench/own_process.h"
#include "scenarios/bench/peers.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kReads = 100'000;
constexpr unsigned kForwardedReads = 500;
constexpr unsigned kPeerReads = 1000;
constexpr unsigned kTimers = 5000;
constexpr unsigned kSleeps = 2000;
constexpr unsigned kWorkRounds = 5000;

enum KernelAsk : uint32_t { kTimerEvents, kWork, kWorkResult };

// Compares unless the peer turns out to be absent.
void CompareWith(Bench& bench, const Comparison& comparison) {
  if (!bench.wanted(comparison.id)) return;
  try {
    bench.Compare({comparison});
  } catch (const PeerAbsent& absent) {
    bench.Absent(comparison.id, absent.what());
  }
}

void Measure(Bench& bench) {
  Subject fabric = bench.InSystemC("fabric", [](WorkerPort& port) {
    DmaBench device;
    for (BenchRequest request; port.Next(&request);) port.Answer(device.RegisterRead(request.count));
  });
  Subject guest = bench.InSystemC("two domains", [&bench](WorkerPort& port) {
    GuestBench domains(bench.counted_image());
    for (BenchRequest request; port.Next(&request);) port.Answer(domains.ForwardedConfigRead(request.count));
  });
  std::optional<Qtest> qtest;
  const auto qemu = [&qtest]() -> Qtest& {
    if (!qtest) qtest.emplace();
    return *qtest;
  };
  const auto read_register = [&] { return fabric.Ask(0, kReads); };
  CompareWith(bench, {"S8", [&] { return guest.Ask(0, kForwardedReads); }, [&] { return qemu().ConfigReadNs(kPeerReads); }, "ns",
                      true});
  CompareWith(bench, {"S9", read_register, [&] { return qemu().RegisterReadNs(kPeerReads); }, "ns", true});
  CompareWith(bench, {"S9b", read_register, [] { return TranslatedRegisterReadNs(); }, "ns", true});
  std::optional<UserModeLinux> linux_process;
  const auto uml = [&linux_process]() -> UserModeLinux& {
    if (!linux_process) linux_process.emplace();
    return *linux_process;
  };
  Subject kernel = bench.InSystemC("a kernel", [&bench](WorkerPort& port) {
    KernelBench domain(bench.counted_image());
    uint64_t result = 0;
    for (BenchRequest request; port.Next(&request);) {
      switch (request.what) {
        case kTimerEvents: port.Answer(domain.TimerEventNs(request.count)); break;
        case kWork: port.Answer(domain.WorkNs(request.count, &result)); break;
        case kWorkResult: port.Answer(static_cast<double>(result)); break;
        default: throw std::runtime_error("unknown request");
      }
    }
  });
  std::optional<TranslatedKernel> emulator;
  const auto translated_work = [&] {
    if (!emulator) emulator.emplace(bench.plain_image().Path("elf"));
    uint64_t result = 0;
    const double ns = emulator->RoundNs(kWorkRounds, &result);
    if (static_cast<double>(result) != kernel.Ask(kWorkResult, 0)) {
      throw std::runtime_error("the emulated kernel code came to another result");
    }
    return ns;
  };
  CompareWith(bench, {"S10", [&] { return kernel.Ask(kWork, kWorkRounds); }, translated_work, "ns", true});
  CompareWith(bench, {"S11", [] { return FirstInterruptMs(nullptr); }, [&] { return uml().StartToInitMs(); }, "ms"});
  CompareWith(bench, {"S12", [&] { return kernel.Ask(kTimerEvents, kTimers); }, [&] { return uml().SleepNs(kSleeps); }, "ns", true});
}

}  // namespace

LineGroup PeerLines() {
  return {"peers",
          {
              {"S8", "a configuration read through the real pcifront and pciback of two domains",
               "QEMU qtest, outl and inl", ">= 20", Occasion::kPeers},
              {"S9", "a timed register read", "QEMU qtest, readl", ">= 300", Occasion::kPeers},
              {"S9b", "a timed register read", "QEMU TCG -icount, a guest's read of a register", ">= 3",
               Occasion::kPeers},
              {"S10", "kernel C executed per second, timed", "the same objects in a QEMU TCG -icount guest", ">= 4",
               Occasion::kPeers},
              {"S11", "process start to the first interrupt handled by kernel code",
               "user-mode Linux with time travel, start to init", "<= 0.1", Occasion::kPeers},
              {"S12", "a simulated timer event that the kernel handles", "user-mode Linux with time travel, a nanosleep",
               ">= 50", Occasion::kPeers},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
