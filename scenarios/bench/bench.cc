// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "scenarios/bench/dma_bench.h"
#include "scenarios/bench/guest_bench.h"
#include "scenarios/bench/table.h"
#include "scenarios/bench/worker.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/parser.h"

extern char** environ;

namespace pvpci::scenarios {
namespace {

// Repetitions in one round: a few milliseconds each.
constexpr unsigned kInterrupts = 2000;
constexpr unsigned kNativeEvents = 20'000;
constexpr unsigned kHandOvers = 10'000;
constexpr unsigned kAccesses = 100'000;
constexpr unsigned kIdleDomains = 8;
constexpr unsigned kMostDevices = 4096;
constexpr unsigned kMostDomains = 1024;
constexpr unsigned kPagesThatMiss = 512;  // in turn: far more than the IOTLB holds

enum Ask : uint32_t { kRealPath, kNativeWithModels, kNativeAlone, kHandOver, kFabric, kBare, kResident, kWholeRun };

// Standard error, once the whole takes more than two seconds.
class Progress {
 public:
  explicit Progress(unsigned rounds) : rounds_(rounds), start_(WallNs()) {}
  ~Progress() {
    if (terminal_ && shown_) std::fputs("\r\033[K", stderr);
  }
  void Show(const std::string& what) {
    if (WallNs() - start_ < 2e9) return;
    if (terminal_) {
      std::fputs(fmt::format("\r\033[Kbench: {}", what).c_str(), stderr);
    } else if (!shown_) {
      std::fputs(fmt::format("bench: {} interleaved rounds\n", rounds_).c_str(), stderr);
    }
    std::fflush(stderr);
    shown_ = true;
  }

 private:
  const unsigned rounds_;
  const double start_;
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

void ServeGuest(const ImageFiles& image, WorkerPort& port) {
  GuestBench bench(image);
  for (BenchRequest request; port.Next(&request);) {
    switch (request.what) {
      case kRealPath: port.Answer(bench.RealPath(request.count)); break;
      case kNativeWithModels:
        port.Answer(bench.NativePath(request.count, GuestBench::Host::kModels));
        break;
      case kNativeAlone: port.Answer(bench.NativePath(request.count, GuestBench::Host::kConstant)); break;
      case kHandOver: port.Answer(bench.HandOver(request.count)); break;
      default: throw std::runtime_error("unknown request");
    }
  }
}

void ServeDma(const DmaShape& shape, WorkerPort& port) {
  DmaBench bench(shape);
  for (BenchRequest request; port.Next(&request);) {
    port.Answer(request.what == kFabric ? bench.Fabric(request.count) : bench.Bare(request.count));
  }
}

// Processor time in ms of a whole run of `scenario`, start-up included.
double RunMs(const BenchOptions& options, const Scenario& scenario, Watch watch) {
  Worker worker("a run", [&](WorkerPort& port) {
    for (BenchRequest request; port.Next(&request);) {
      RunOptions run;
      run.root = options.root;
      run.watch = watch;
      run.text = false;
      const double begin = ThreadNs();
      options.systemc([&] {
        const reports::Result result = RunScenario(scenario, run);
        const bool ended = !result.incomplete && result.verdict != reports::Verdict::kUnable;
        if (!ended) throw std::runtime_error(scenario.name + " did not end");
        return 0;
      });
      port.Answer((ThreadNs() - begin) * 1e-6);
    }
  });
  return worker.Ask(kWholeRun, 1);
}

// ms from here to the first handler in a new process of this program; `processor_ms`: what that process used in all.
double FirstInterruptMs(double* processor_ms) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, answer[1], STDOUT_FILENO);
  std::string name = "pvpci", verb = kFirstInterruptVerb;
  char* arguments[] = {name.data(), verb.data(), nullptr};
  pid_t child = 0;
  const double begin = WallNs();
  const int failed = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(answer[1]);
  if (failed != 0) throw std::runtime_error("cannot start a process");
  std::string text;
  char buffer[128];
  for (ssize_t n; (n = read(answer[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  close(answer[0]);
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  *processor_ms = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
                  static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-3;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("no first interrupt was measured");
  return (std::stod(text) - begin) * 1e-6;
}

double Median(const std::vector<double>& samples) { return QuartilesOf(samples).median; }

// The interrupt lines: every round asks both machines.
void InterruptRounds(Worker& counted, Worker& plain, BenchLine* path, BenchLine* accounting, unsigned rounds,
                     Progress* progress) {
  std::vector<double> real, switches, native, with, without;
  for (unsigned round = 0; round < rounds; ++round) {
    progress->Show(fmt::format("interrupts, round {} of {}", round + 1, rounds));
    real.push_back(counted.Ask(kRealPath, kInterrupts));
    switches.push_back(counted.Ask(kHandOver, kHandOvers));
    native.push_back(plain.Ask(kNativeWithModels, kNativeEvents));
    with.push_back(counted.Ask(kNativeAlone, kNativeEvents));
    without.push_back(plain.Ask(kNativeAlone, kNativeEvents));
    path->rounds.push_back((real.back() - switches.back()) / native.back());
    accounting->rounds.push_back(with.back() / without.back());
  }
  path->detail = fmt::format("{:.0f} ns with 2 thread switches, which take {:.0f} ns, against {:.0f} ns", Median(real),
                             Median(switches), Median(native));
  accounting->detail = fmt::format("{:.0f} ns against {:.0f} ns", Median(with), Median(without));
}

// The DMA lines: each compares two machines in one process each, asked in turn.
struct DmaComparison {
  BenchLine* line;
  Worker* subject;
  Ask subject_does;
  Worker* baseline;
  Ask baseline_does;
};

void DmaRounds(const std::vector<DmaComparison>& comparisons, unsigned rounds, Progress* progress) {
  std::vector<std::pair<std::vector<double>, std::vector<double>>> times(comparisons.size());
  for (unsigned round = 0; round < rounds; ++round) {
    progress->Show(fmt::format("DMA, round {} of {}", round + 1, rounds));
    for (size_t i = 0; i < comparisons.size(); ++i) {
      const DmaComparison& c = comparisons[i];
      times[i].first.push_back(c.subject->Ask(c.subject_does, kAccesses));
      times[i].second.push_back(c.baseline->Ask(c.baseline_does, kAccesses));
      c.line->rounds.push_back(times[i].first.back() / times[i].second.back());
    }
  }
  for (size_t i = 0; i < comparisons.size(); ++i) {
    comparisons[i].line->detail =
        fmt::format("{:.1f} ns against {:.1f} ns", Median(times[i].first), Median(times[i].second));
  }
}

}  // namespace

int RunBench(const BenchOptions& options) {
  signal(SIGPIPE, SIG_IGN);  // a measuring process that ends is an error with a sentence
  const ImageFiles counted_image = FindImage("6.1", options.root);
  const ImageFiles plain_image = FindImage("6.1", options.root, ImageVariant::kPlain);
  const auto in_systemc = [&options](const auto& serve) {
    return [&options, serve](WorkerPort& port) {
      options.systemc([&] {
        serve(port);
        return 0;
      });
    };
  };
  const auto resident = [&](unsigned idle) {
    Worker worker("idle domains", in_systemc([&](WorkerPort& port) {
      const double kib = IdleResidentKiB(counted_image, idle);
      for (BenchRequest request; port.Next(&request);) port.Answer(kib);
    }));
    return worker.Ask(kResident, 1);
  };

  BenchLine start{"B1", "process start to the first interrupt handled by kernel code, ms",
                  "nothing: exec, image, elaboration and dom0's boot are all in it", "<= 50", "", {}};
  BenchLine path{"S7", "MSI asserted to EOI and driver's acknowledgement, real path, instrumented, less 2 thread switches",
                 "the same functions (kernel, registers, EOI hypercall) called natively, plain image", "<= 1.5", "", {}};
  BenchLine dma{"S3", "timed 64-byte DMA with IOTLB hit, through a switch and a root port",
                "bare b_transport through 2 bridges to memory, the same 3 hops", "<= 2.0", "", {}};
  BenchLine miss{"S5", "timed 64-byte DMA with IOTLB miss and a walk of 4 levels", "the same with a hit", "<= 3", "", {}};
  BenchLine devices{"G1", "DMA of one of 4096 devices on 232 buses", "the same device alone", "<= 1.15", "", {}};
  BenchLine domains{"G2", "DMA through an IOMMU with 1024 domains", "1024 devices in one domain", "<= 1.15", "", {}};
  BenchLine accounting{"S14", "upcall path with block accounting and deadline check",
                       "the same functions of the image without it", "<= 1.3", "", {}};
  BenchLine watching{"S17", "a run of honest_dma with trace, ledgers, classes, backtraces and interrupt records",
                     "the same run without them", "<= 1.25", "", {}};
  BenchLine idle{"B5", "resident memory per idle domain with a kernel, beyond its own pages, MiB",
                 "one idle domain less: mappings without the domains' own pages, and page tables", "<= 2", "", {}};

  Progress progress(options.rounds);
  {
    Worker counted("instrumented machine", in_systemc([&](WorkerPort& port) { ServeGuest(counted_image, port); }));
    Worker plain("plain machine", in_systemc([&](WorkerPort& port) { ServeGuest(plain_image, port); }));
    InterruptRounds(counted, plain, &path, &accounting, options.rounds, &progress);
  }
  {
    const auto machine = [&](const char* name, const DmaShape& shape) {
      return Worker(name, in_systemc([shape](WorkerPort& port) { ServeDma(shape, port); }));
    };
    Worker one_device = machine("DMA", {});
    Worker many_pages = machine("DMA that misses", {1, 1, kPagesThatMiss});
    Worker many_devices = machine("4096 devices", {kMostDevices, 1});
    Worker one_domain = machine("1024 devices", {kMostDomains, 1});
    Worker many_domains = machine("1024 domains", {kMostDomains, kMostDomains});
    DmaRounds({{&dma, &one_device, kFabric, &one_device, kBare},
               {&miss, &many_pages, kFabric, &one_device, kFabric},
               {&devices, &many_devices, kFabric, &one_device, kFabric},
               {&domains, &many_domains, kFabric, &one_domain, kFabric}},
              options.rounds, &progress);
  }
  std::vector<double> processor, one, many;
  for (unsigned round = 0; round < options.rounds; ++round) {
    progress.Show(fmt::format("start and idle domains, round {} of {}", round + 1, options.rounds));
    processor.push_back(0);
    start.rounds.push_back(FirstInterruptMs(&processor.back()));
    one.push_back(resident(1));
    many.push_back(resident(1 + kIdleDomains));
    idle.rounds.push_back((many.back() - one.back()) / kIdleDomains / 1024);
  }
  const Scenario honest = LoadScenario(options.root + "/scenarios/honest_dma.yaml");
  std::vector<double> watched, alone;
  for (unsigned round = 0; round < options.rounds; ++round) {
    progress.Show(fmt::format("whole runs, round {} of {}", round + 1, options.rounds));
    watched.push_back(RunMs(options, honest, Watch::kEverything));
    alone.push_back(RunMs(options, honest, Watch::kNothing));
    watching.rounds.push_back(watched.back() / alone.back());
  }
  watching.detail = fmt::format("{:.1f} ms against {:.1f} ms", Median(watched), Median(alone));
  start.detail = fmt::format("wall clock; the whole process used {:.1f} ms of processor time", Median(processor));
  idle.detail = fmt::format("{} domUs {:.1f} MiB, 1 domU {:.1f} MiB", 1 + kIdleDomains, Median(many) / 1024,
                            Median(one) / 1024);

  const std::vector<BenchLine> lines = {start, dma, miss, path, accounting, watching, devices, domains, idle};
  const std::string text = options.json ? BenchJson(lines).dump(2) + "\n" : BenchText(lines);
  std::fputs(text.c_str(), stdout);
  return AllMet(lines) ? 0 : 1;
}

int RunFirstInterrupt(const BenchOptions& options) {
  return options.systemc([&] {
    std::fputs(fmt::format("{:.0f}\n", FirstInterrupt(FindImage("6.1", options.root))).c_str(), stdout);
    std::fflush(stdout);
    _exit(0);  // what comes after is not measured
    return 0;
  });
}

}  // namespace pvpci::scenarios
