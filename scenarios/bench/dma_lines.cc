// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "scenarios/bench/dma_bench.h"
#include "scenarios/bench/groups.h"
#include "scenarios/bench/shared_memory.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kAccesses = 100'000;
constexpr unsigned kMostDevices = 4096;
constexpr unsigned kFewerDevices = 256;
constexpr unsigned kMostDomains = 1024;
constexpr unsigned kPagesThatMiss = 512;  // in turn: far more than the IOTLB holds
constexpr unsigned kFewMappings = 100;
constexpr unsigned kManyMappings = 1'000'000;

constexpr unsigned kReads = 100'000;
constexpr unsigned kRoundTrips = 2000;

enum Ask : uint32_t { kFabric, kBare, kReadsPerMiss, kByHand, kRegisterRead, kTableBytes, kCreation, kResident };

void Serve(const DmaShape& shape, WorkerPort& port) {
  DmaBench bench(shape);
  for (BenchRequest request; port.Next(&request);) {
    switch (request.what) {
      case kFabric: port.Answer(bench.Fabric(request.count)); break;
      case kBare: port.Answer(bench.Bare(request.count)); break;
      case kReadsPerMiss: port.Answer(bench.ReadsPerMiss(request.count)); break;
      case kByHand: port.Answer(bench.ByHand(request.count)); break;
      case kRegisterRead: port.Answer(bench.RegisterRead(request.count)); break;
      case kTableBytes: port.Answer(bench.TableBytesPerPage()); break;
      case kCreation: port.Answer(bench.CreationUs()); break;
      case kResident: port.Answer(DmaBench::ResidentKiB()); break;
      default: throw std::runtime_error("unknown request");
    }
  }
}

void Measure(Bench& bench) {
  const auto machine = [&bench](const char* name, const DmaShape& shape) {
    return bench.InSystemC(name, [shape](WorkerPort& port) { Serve(shape, port); });
  };
  Subject one_device = machine("DMA", {});
  Subject many_pages = machine("DMA that misses", {1, 1, kPagesThatMiss, 0, false});
  Subject many_devices = machine("4096 devices", {kMostDevices, 1});
  Subject few_mappings = machine("few mappings", {1, 1, kPagesThatMiss, kFewMappings, false});
  Subject many_mappings = machine("many mappings", {1, 1, kPagesThatMiss, kManyMappings, false});
  Subject one_domain = machine("1024 devices", {kMostDomains, 1});
  Subject many_domains = machine("1024 domains", {kMostDomains, kMostDomains});
  const auto anew = [&machine](unsigned devices, Ask what) { return machine("devices", {devices, 1}).Ask(what, 1); };
  std::vector<double> fewer;
  const auto fabric = [](Subject& subject) { return [&subject] { return subject.Ask(kFabric, kAccesses); }; };
  bench.Compare({
      {"S3", fabric(one_device), [&] { return one_device.Ask(kBare, kAccesses); }},
      {"S4", fabric(one_device), [&] { return one_device.Ask(kByHand, kAccesses); }},
      {"S5", fabric(many_pages), fabric(one_device)},
      {"G1", fabric(many_devices), fabric(one_device)},
      {"G2", fabric(many_domains), fabric(one_domain)},
      {"G6b", fabric(many_mappings), fabric(few_mappings)},
      {"S13", [&] { return one_device.Ask(kRegisterRead, kReads); }, [] { return SharedMemoryRoundTripNs(kRoundTrips); }},
      {"G8", [&] { return (anew(kMostDevices, kResident) - anew(1, kResident)) / (kMostDevices - 1); }, nullptr},
      {"G9", [&] { return many_mappings.Ask(kTableBytes, 1); }, nullptr},
      {"G10b",
       [&] {
         fewer.push_back(anew(kFewerDevices, kCreation));
         return anew(kMostDevices, kCreation);
       },
       nullptr},
  });
  if (bench.wanted("G10b")) {
    bench.Detail("G10b", fmt::format("each of {}; {:.2f} us each of {}", kMostDevices, Median(fewer), kFewerDevices));
  }
  if (!bench.wanted("G6")) return;
  bench.Record("G6", many_mappings.Ask(kReadsPerMiss, kAccesses));
  bench.Detail("G6", fmt::format("{:g} with {} pages mapped", few_mappings.Ask(kReadsPerMiss, kAccesses), kFewMappings));
}

}  // namespace

LineGroup DmaLines() {
  return {"DMA",
          {
              {"S3", "timed 64-byte DMA with IOTLB hit, through a switch and a root port",
               "bare b_transport through 2 bridges to memory, the same 3 hops", "<= 2.0", Occasion::kQuick},
              {"S4", "the same DMA", "a C++ loop written by hand with the same lookup, copy and integer time", "<= 2.5",
               Occasion::kGoals},
              {"S5", "timed 64-byte DMA with IOTLB miss and a walk of 4 levels, no paging-structure caches",
               "the same with a hit", "<= 3", Occasion::kQuick},
              {"G1", "DMA of one of 4096 devices on 232 buses", "the same device alone", "<= 1.15", Occasion::kQuick},
              {"G2", "DMA through an IOMMU with 1024 domains", "1024 devices in one domain", "<= 1.15",
               Occasion::kQuick},
              {"G6", "second-level entries read per IOTLB miss with 1,000,000 pages mapped",
               "nothing: a walk of 4 levels reads 4", "<= 4", Occasion::kQuick},
              {"G6b", "DMA that misses, with 1,000,000 pages mapped", "the same with 100", "<= 1.15", Occasion::kQuick},
              {"G8", "resident memory per device, configuration space included, KiB", "4095 devices less", "<= 12",
               Occasion::kGoals},
              {"G9", "bytes of IOMMU tables per mapped page of 4 KiB", "nothing: 8 of them are the entry itself", "<= 9",
               Occasion::kGoals},
              {"G10b", "creation of a device, the firmware's work included, us", "nothing", "<= 15", Occasion::kGoals},
              {"S13", "a register read across the device's boundary and back",
               "a round trip between two processes that poll shared memory", "<= 0.0833", Occasion::kGoals},
          },
          &Measure};
}

}  // namespace pvpci::scenarios
