// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/dma_bench.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "scenarios/bench/worker.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {
namespace {

constexpr sim::Mfn kFirstTarget = 16;   // the pages that the accesses go to
constexpr unsigned kFunctionsPerPort = 20;  // with the bus inside and above each switch, 4096 functions take 232 buses
constexpr unsigned kPortsPerSwitch = 16;
constexpr uint16_t kFirstUnitDomain = 1;
constexpr unsigned kBytes = 64;
constexpr uint16_t kBusMaster = 0x0004;
constexpr unsigned kCommandRegister = 4;
constexpr uint16_t kVendor = 0x1234, kDevice = 1;

// The pages in turn, and 64 bytes further in all of them each time round.
class Addresses {
 public:
  explicit Addresses(unsigned pages) : pages_(pages) {}
  uint64_t Next() {
    const uint64_t address = (kFirstTarget + page_) * sim::kPageSize + offset_;
    if (++page_ == pages_) {
      page_ = 0;
      offset_ = (offset_ + kBytes) % sim::kPageSize;
    }
    return address;
  }

 private:
  const unsigned pages_;
  unsigned page_ = 0;
  uint64_t offset_ = 0;
};

// Tables of 4 levels, fewer than 512 pages in each domain, and root and context tables: with room to spare.
uint64_t FramesFor(const DmaShape& shape) {
  return kFirstTarget + shape.pages * 2 + shape.domains * (4 + shape.mapped / 500) + 1024;
}

iommu::IommuConfig ConfigOf(const DmaShape& shape) {
  iommu::IommuConfig config;
  if (!shape.paging_caches) config.paging_cache_entries = 0;
  return config;
}

struct Bridge : sc_core::sc_module {
  explicit Bridge(sc_core::sc_module_name name) : sc_module(name) {
    target.register_b_transport(this, &Bridge::Transport);
  }
  void Transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) { initiator->b_transport(payload, delay); }
  tlm_utils::simple_target_socket<Bridge> target{"target"};
  tlm_utils::simple_initiator_socket<Bridge> initiator{"initiator"};
};

struct Ram : sc_core::sc_module {
  Ram(sc_core::sc_module_name name, std::byte* bytes) : sc_module(name), bytes_(bytes) {
    target.register_b_transport(this, &Ram::Transport);
  }
  void Transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    std::byte* const at = bytes_ + payload.get_address();
    if (payload.is_write()) {
      std::memcpy(at, payload.get_data_ptr(), payload.get_data_length());
    } else {
      std::memcpy(payload.get_data_ptr(), at, payload.get_data_length());
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  tlm_utils::simple_target_socket<Ram> target{"target"};
  std::byte* const bytes_;
};

struct Source : sc_core::sc_module {
  explicit Source(sc_core::sc_module_name name) : sc_module(name) {}
  tlm_utils::simple_initiator_socket<Source> initiator{"initiator"};
};

// More than 8 functions at a port need ARI.
pci::FabricSpec BehindSwitches(unsigned devices) {
  pci::FabricSpec spec;
  for (unsigned made = 0; made < devices;) {
    pci::PortSpec top;
    top.device = static_cast<unsigned>(spec.root_ports.size()) + 1;
    top.name = "root_port" + std::to_string(top.device);
    top.attached = std::make_unique<pci::SwitchSpec>();
    top.attached->name = "switch" + std::to_string(top.device);
    for (unsigned port = 0; port < kPortsPerSwitch && made < devices; ++port) {
      pci::PortSpec below;
      below.device = port;
      below.name = "port" + std::to_string(made);
      for (unsigned function = 0; function < kFunctionsPerPort && made < devices; ++function) {
        pci::FunctionSlot slot;
        slot.name = "endpoint" + std::to_string(made++);
        slot.function = function;
        slot.model = std::make_unique<pci::Function>(
            pci::FunctionSpec(kVendor, kDevice, 0xff0000).Express().Ari());
        below.functions.push_back(std::move(slot));
      }
      top.attached->ports.push_back(std::move(below));
    }
    spec.root_ports.push_back(std::move(top));
  }
  return spec;
}

}  // namespace

struct DmaBench::Impl {
  explicit Impl(const DmaShape& wanted)
      : shape(wanted),
        frames(FramesFor(shape)),
        ram(frames * sim::kPageSize),
        memory(frames),
        iommu(&simulation, &memory, nullptr, ConfigOf(shape)),
        tables(&iommu, &memory, {[this](sim::FrameType type, unsigned count) { return Take(type, count); },
                                 [](sim::Mfn, unsigned) {}}),
        sink("ram", ram.data()) {
    for (uint64_t mfn = 0; mfn < frames; ++mfn) memory.frame(mfn).host = ram.data() + mfn * sim::kPageSize;
    pci::HostPorts ports;
    ports.memory = &memory;
    ports.remapper = &iommu;
    fabric = std::make_unique<pci::Fabric>(simulation, BehindSwitches(shape.devices), ports);
    tables.Enable();
    for (unsigned device = 0; device < shape.devices; ++device) {
      endpoint = fabric->Find("endpoint" + std::to_string(device))->bdf();
      domain = static_cast<uint16_t>(kFirstUnitDomain + device % shape.domains);
      tables.SetContext(endpoint, domain);
    }
    const uint32_t command = static_cast<uint32_t>(fabric->Find(endpoint)->config().Read(kCommandRegister, 2));
    fabric->Find(endpoint)->ConfigWrite(kCommandRegister, 2, command | kBusMaster, 0);
    for (unsigned used = 0; used < shape.domains; ++used) {
      const auto unit_domain = static_cast<uint16_t>(kFirstUnitDomain + used);
      for (sim::Mfn page = kFirstTarget; page < kFirstTarget + shape.pages; ++page) {
        tables.MapPage(unit_domain, page, page, true, true);
      }
      for (unsigned more = 0; more < shape.mapped; ++more) {
        tables.MapPage(unit_domain, kFirstTarget + shape.pages + more, kFirstTarget, true, true);
      }
    }
    source.initiator.bind(first.target);
    first.initiator.bind(second.target);
    second.initiator.bind(sink.target);
    simulation.Run(1);  // elaborates
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

  const DmaShape shape;
  const uint64_t frames;
  std::vector<std::byte> ram;
  sim::Mfn next_table = kFirstTarget + shape.pages;
  sim::Simulation simulation{sim::SimulationConfig{}};
  sim::MachineMemory memory;
  iommu::Iommu iommu;
  iommu::TableWriter tables;
  std::unique_ptr<pci::Fabric> fabric;
  pci::Bdf endpoint;  // the active one
  uint16_t domain = 0;  // its
  Source source{"source"};
  Bridge first{"first"};
  Bridge second{"second"};
  Ram sink;
};

DmaBench::DmaBench(const DmaShape& shape) : impl_(std::make_unique<Impl>(shape)) {}
DmaBench::~DmaBench() = default;

double DmaBench::Fabric(unsigned accesses) {
  Impl& m = *impl_;
  std::byte buffer[kBytes] = {};
  pci::Tlp tlp;
  tlp.requester = tlp.function = m.endpoint;
  tlp.length_bytes = kBytes;
  tlp.data = buffer;
  unsigned failures = 0;
  sim::Ps total = 0;
  Addresses addresses(m.shape.pages);
  const uint64_t misses = m.iommu.counters().misses;
  const double begin = ThreadNs();
  for (unsigned i = 0; i < accesses; ++i) {
    tlp.type = (i & 1) != 0 ? pci::TlpType::kMemoryWrite : pci::TlpType::kMemoryRead;
    tlp.bus_address = addresses.Next();
    sim::Ps latency = 0;
    failures += m.fabric->DmaNow(tlp, &latency) != pci::Completion::kSuccess;
    total += latency;
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0 || total == 0) throw std::runtime_error("a DMA access failed");
  const uint64_t missed = m.iommu.counters().misses - misses;
  if (m.shape.pages <= m.iommu.config().iotlb_effective_entries / 2 && missed > m.shape.pages) {
    throw std::runtime_error("the IOTLB missed");
  }
  if (m.shape.pages > 2 * m.iommu.config().iotlb_effective_entries && missed < accesses) {
    throw std::runtime_error("the IOTLB hit");
  }
  return ns / accesses;
}

double DmaBench::ReadsPerMiss(unsigned accesses) {
  const iommu::Iommu::Counters before = impl_->iommu.counters();
  Fabric(accesses);
  const iommu::Iommu::Counters after = impl_->iommu.counters();
  return static_cast<double>(after.tables_read - before.tables_read) / static_cast<double>(after.misses - before.misses);
}

double DmaBench::Bare(unsigned accesses) {
  Impl& m = *impl_;
  unsigned char buffer[kBytes] = {};
  tlm::tlm_generic_payload payload;
  payload.set_data_ptr(buffer);
  payload.set_data_length(kBytes);
  payload.set_streaming_width(kBytes);
  sc_core::sc_time delay;
  unsigned failures = 0;
  Addresses addresses(m.shape.pages);
  const double begin = ThreadNs();
  for (unsigned i = 0; i < accesses; ++i) {
    payload.set_command((i & 1) != 0 ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(addresses.Next());
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    m.source.initiator->b_transport(payload, delay);
    failures += payload.is_response_error();
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0) throw std::runtime_error("a bare transport failed");
  return ns / accesses;
}

}  // namespace pvpci::scenarios
