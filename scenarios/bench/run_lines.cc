// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "scenarios/bench/groups.h"
#include "scenarios/bench/guest_bench.h"
#include "scenarios/bench/hypervisor_bench.h"
#include "scenarios/bench/own_process.h"
#include "scenarios/engine.h"
#include "scenarios/parser.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kIdleDomains = 8;
constexpr unsigned kFewerDomains = 256;
constexpr unsigned kMostDomains = 4096;
constexpr unsigned kFewerKernels = 4;
constexpr unsigned kMostKernels = 24;

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
  return worker.Ask(0, 1);
}

void Measure(Bench& bench) {
  const BenchOptions& options = bench.options();
  const Scenario honest = LoadScenario(options.root + "/scenarios/honest_dma.yaml");
  std::vector<double> processor, one, many;
  // Each in a process of its own.
  const auto domains = [&bench](unsigned count) {
    return bench.InSystemC("domains", [count](WorkerPort& port) {
      const double us = DomainCreationUs(count);
      for (BenchRequest request; port.Next(&request);) port.Answer(us);
    }).Ask(0, 1);
  };
  const auto kernels = [&bench](unsigned count) {
    return bench.InSystemC("kernels", [&bench, count](WorkerPort& port) {
      const double ms = KernelDomainCreationMs(bench.counted_image(), count);
      for (BenchRequest request; port.Next(&request);) port.Answer(ms);
    }).Ask(0, 1);
  };
  std::vector<double> fewer_domains, fewer_kernels;
  const auto resident = [&](unsigned idle) {
    Subject machine = bench.InSystemC("idle domains", [&](WorkerPort& port) {
      const double kib = IdleResidentKiB(bench.counted_image(), idle);
      for (BenchRequest request; port.Next(&request);) port.Answer(kib);
    });
    return machine.Ask(0, 1);
  };
  bench.Compare({
      {"B1",
       [&] {
         processor.push_back(0);
         return FirstInterruptMs(&processor.back());
       },
       nullptr},
      {"G7",
       [&] {
         one.push_back(resident(1));
         many.push_back(resident(1 + kIdleDomains));
         return (many.back() - one.back()) / kIdleDomains / 1024;
       },
       nullptr},
      {"G10",
       [&] {
         fewer_domains.push_back(domains(kFewerDomains));
         return domains(kMostDomains);
       },
       nullptr},
      {"G10c",
       [&] {
         fewer_kernels.push_back(kernels(kFewerKernels));
         return kernels(kMostKernels);
       },
       nullptr},
      {"S17", [&] { return RunMs(options, honest, Watch::kEverything); },
       [&] { return RunMs(options, honest, Watch::kNothing); }, "ms"},
  });
  if (bench.wanted("B1")) {
    bench.Detail("B1", fmt::format("wall clock; the whole process used {:.1f} ms of processor time", Median(processor)));
  }
  if (bench.wanted("G11")) {
    bench.Absent("G11", "not measured: vpci.c has 256 functions at most, and no machine here gives a domain more");
  }
  if (bench.wanted("G10")) {
    bench.Detail("G10", fmt::format("each of {}; {:.1f} us each of {}", kMostDomains, Median(fewer_domains), kFewerDomains));
  }
  if (bench.wanted("G10c")) {
    bench.Detail("G10c", fmt::format("each of {}; {:.2f} ms each of {}", kMostKernels, Median(fewer_kernels), kFewerKernels));
  }
  if (bench.wanted("G7")) {
    bench.Detail("G7", fmt::format("{} domUs {:.1f} MiB, 1 domU {:.1f} MiB", 1 + kIdleDomains, Median(many) / 1024,
                                   Median(one) / 1024));
  }
}

}  // namespace

LineGroup RunLines() {
  return {"whole runs",
          {
              {"B1", "process start to the first interrupt handled by kernel code, ms",
               "nothing: exec, image, elaboration and dom0's boot are all in it", "<= 50", Occasion::kQuick},
              {"S17", "a run of honest_dma with trace, ledgers, classes, backtraces and interrupt records",
               "the same run without them", "<= 1.25", Occasion::kQuick},
              {"G7", "resident memory per idle domain with a kernel, beyond its own pages, MiB",
               "one idle domain less: mappings without the domains' own pages, and page tables", "<= 2",
               Occasion::kQuick},
              {"G10", "creation of a domain without a kernel, us", "nothing", "<= 100", Occasion::kGoals},
              {"G10c", "creation of a domain with a kernel, loaded and relocated, ms", "nothing", "<= 5",
               Occasion::kGoals},
              {"G11", "enumeration through pcifront, per function of 4096", "of 256", "<= 1.2", Occasion::kGoals},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
