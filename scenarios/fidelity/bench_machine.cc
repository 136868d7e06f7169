// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/bench_machine.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/pci/fabric.h"
#include "scenarios/fidelity/pcie_bench_device.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kMostWindow = 64 << 20;
constexpr sim::Mfn kWindow = 4096;  // its first frame
constexpr uint64_t kWindowFrames = kMostWindow >> sim::kPageShift;
constexpr sim::Mfn kTables = 16;
constexpr uint16_t kUnitDomain = 1;
constexpr unsigned kTags = 64;
constexpr unsigned kMaxPayload = 256, kMaxReadRequest = 512;  // of all four hosts: spec/timing.md A1
constexpr uint16_t kCommandMaster = 0x0004;
constexpr unsigned kCommand = 4;
constexpr pci::LinkSpec kLink{3, 8};
constexpr const char* kDeviceName = "nfp6000";

const std::map<std::string, Probe>& Probes() {
  static const std::map<std::string, Probe> probes = {{"LAT_CMD_RD", Probe::kCommandRead},
                                                      {"LAT_DMA_RD", Probe::kDmaRead},
                                                      {"LAT_DMA_WRRD", Probe::kDmaWriteRead},
                                                      {"BW_DMA_RD", Probe::kReadStream},
                                                      {"BW_DMA_WR", Probe::kWriteStream}};
  return probes;
}

// Accesses that are not counted: enough for the IOTLB to be as full as it gets.
constexpr unsigned kWarmUp = 2000;
constexpr unsigned kLatencies = 24'000, kTransactions = 12'000;

// Everything that is one machine. The window's frames are all one page of the host's: what they hold does not matter.
struct Half {
  // `miss`: of its IOMMU; 0: without one.
  Half(sim::Simulation* simulation, const Hosts& hosts, const MeasuredHost& host, sim::Ps miss)
      : memory(kWindow + kWindowFrames), tables_ram(kWindow * sim::kPageSize), page(sim::kPageSize) {
    for (sim::Mfn mfn = 0; mfn < kWindow; ++mfn) memory.frame(mfn).host = tables_ram.data() + mfn * sim::kPageSize;
    for (sim::Mfn mfn = kWindow; mfn < kWindow + kWindowFrames; ++mfn) memory.frame(mfn).host = page.data();
    const sim::DramSpec dram{hosts.refresh_interval, host.refresh_time, hosts.ranks};

    pci::FabricSpec spec;
    spec.parameters.read_round_trip = host.read;
    spec.parameters.llc_saves = host.llc_saves;
    spec.parameters.llc_bytes = host.llc_bytes;
    spec.parameters.llc_write_miss = host.write_miss;
    spec.parameters.dram = dram;
    spec.parameters.max_payload = kMaxPayload;
    spec.parameters.max_read_request = kMaxReadRequest;
    spec.parameters.completion_split = pci::CompletionSplit::kFirstLineAlone;
    spec.parameters.read_tags = kTags;
    pci::PortSpec port;
    port.name = "port";
    port.device = 1;
    port.link = kLink;
    pci::FunctionSlot slot;
    slot.name = kDeviceName;
    auto model = std::make_unique<PcieBenchDevice>(hosts.device, kLink, kMaxPayload);
    device = model.get();
    slot.model = std::move(model);
    port.functions.push_back(std::move(slot));
    spec.root_ports.push_back(std::move(port));
    pci::HostPorts ports;
    ports.memory = &memory;
    if (miss != 0) {
      iommu::IommuConfig config;
      config.hit = host.hit;
      config.miss = miss;
      config.iotlb_effective_entries = host.iotlb_entries;
      config.walkers = host.walkers;
      config.walker_recovery = host.walker_recovery;
      config.read_recovery = host.read_recovery;
      config.read_queue = hosts.read_queue;
      config.dram = dram;
      unit = std::make_unique<iommu::Iommu>(simulation, &memory, nullptr, config);
      writer = std::make_unique<iommu::TableWriter>(
          unit.get(), &memory,
          iommu::FrameSource{[this](sim::FrameType type, unsigned count) { return Take(type, count); },
                             [](sim::Mfn, unsigned) {}});
      ports.remapper = unit.get();
    }
    fabric = std::make_unique<pci::Fabric>(*simulation, std::move(spec), ports);
    if (miss != 0) {
      writer->Enable();
      writer->SetContext(device->bdf(), kUnitDomain);
      for (sim::Mfn frame = kWindow; frame < kWindow + kWindowFrames; ++frame) {
        writer->MapPage(kUnitDomain, frame, frame, true, true);
      }
    }
    const auto command = static_cast<uint32_t>(device->config().Read(kCommand, 2));
    device->ConfigWrite(kCommand, 2, command | kCommandMaster, 0);
  }

  sim::Mfn Take(sim::FrameType type, unsigned count) {
    const sim::Mfn taken = next_table;
    next_table += count;
    for (unsigned i = 0; i < count; ++i) {
      memory.SetOwner(taken + i, sim::kDomXen);
      memory.SetType(taken + i, type);
    }
    return taken;
  }

  sim::MachineMemory memory;
  std::vector<std::byte> tables_ram, page;
  sim::Mfn next_table = kTables;
  std::unique_ptr<iommu::Iommu> unit;
  std::unique_ptr<iommu::TableWriter> writer;
  std::unique_ptr<pci::Fabric> fabric;
  PcieBenchDevice* device = nullptr;
};

double AtShare(std::vector<sim::Ps>* samples, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(samples->size() - 1));
  std::nth_element(samples->begin(), samples->begin() + static_cast<ptrdiff_t>(rank), samples->end());
  return static_cast<double>((*samples)[rank]) / sim::kNs;
}

}  // namespace

struct BenchMachine::Impl {
  Impl(const Hosts& hosts, const MeasuredHost& host)
      : off(&simulation, hosts, host, 0),
        on(&simulation, hosts, host, host.miss),
        on_in_details(&simulation, hosts, host, host.miss_in_details) {
    simulation.Run(1);  // elaborates
  }
  sim::Simulation simulation{sim::SimulationConfig{}};
  Half off, on, on_in_details;
};

BenchMachine::BenchMachine(const Hosts& hosts, const MeasuredHost& host) : impl_(std::make_unique<Impl>(hosts, host)) {}
BenchMachine::~BenchMachine() = default;

Measured BenchMachine::Measure(const PublishedRow& row) {
  const auto probe = Probes().find(row.test);
  if (probe == Probes().end()) throw std::runtime_error("no such test: " + row.test);
  Half& half = !row.iommu ? impl_->off : row.details ? impl_->on_in_details : impl_->on;
  Measurement measurement;
  measurement.probe = probe->second;
  measurement.base = kWindow << sim::kPageShift;
  measurement.window_bytes = row.window_bytes;
  measurement.size_bytes = row.size_bytes;
  measurement.sequential = row.sequential;
  measurement.warm_up = kWarmUp;
  const bool stream = measurement.probe == Probe::kReadStream || measurement.probe == Probe::kWriteStream;
  measurement.count = stream ? kTransactions : kLatencies;
  half.fabric->last_level_cache().Empty();
  if (row.warm) half.fabric->last_level_cache().Touch(measurement.base, row.window_bytes);
  half.device->Begin(measurement, [this] { impl_->simulation.Stop(); });
  impl_->simulation.Run();

  Measured measured;
  if (stream) {
    measured.per_second = half.device->rate();
    return measured;
  }
  std::vector<sim::Ps> samples = half.device->latencies();
  sim::Ps sum = 0;
  for (const sim::Ps sample : samples) sum += sample;
  measured.average_ns = static_cast<double>(sum) / sim::kNs / static_cast<double>(samples.size());
  measured.median_ns = AtShare(&samples, 0.5);
  measured.p999_ns = AtShare(&samples, 0.999);
  return measured;
}

}  // namespace pvpci::scenarios
