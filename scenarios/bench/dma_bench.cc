// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/dma_bench.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "models/iommu/iommu.h"
#include "models/iommu/table_writer.h"
#include "models/pci/attacker.h"
#include "models/pci/fabric.h"
#include "scenarios/bench/worker.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kFrames = 256;
constexpr sim::Mfn kFirstTarget = 16;   // the pages that the accesses go to
constexpr unsigned kTargets = 16;       // far fewer than the IOTLB holds
constexpr sim::Mfn kFirstTable = 64;
constexpr uint16_t kUnitDomain = 1;
constexpr unsigned kBytes = 64;
constexpr uint16_t kBusMaster = 0x0004;
constexpr unsigned kCommandRegister = 4;

uint64_t AddressOf(unsigned access) {
  return (kFirstTarget + access % kTargets) * sim::kPageSize + access / kTargets * kBytes % sim::kPageSize;
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

pci::FabricSpec BehindSwitch() {
  pci::FabricSpec spec;
  pci::PortSpec top;
  top.name = "root_port";
  top.device = 1;
  top.attached = std::make_unique<pci::SwitchSpec>();
  top.attached->name = "switch";
  pci::PortSpec port;
  port.name = "port";
  pci::FunctionSlot slot;
  slot.name = "endpoint";
  slot.model = std::make_unique<pci::Attacker>();
  port.functions.push_back(std::move(slot));
  top.attached->ports.push_back(std::move(port));
  spec.root_ports.push_back(std::move(top));
  return spec;
}

}  // namespace

struct DmaBench::Impl {
  Impl()
      : ram(kFrames * sim::kPageSize),
        memory(kFrames),
        iommu(&simulation, &memory, nullptr, {}),
        tables(&iommu, &memory, {[this](sim::FrameType type, unsigned count) { return Take(type, count); },
                                 [](sim::Mfn, unsigned) {}}),
        sink("ram", ram.data()) {
    for (uint64_t mfn = 0; mfn < kFrames; ++mfn) memory.frame(mfn).host = ram.data() + mfn * sim::kPageSize;
    pci::HostPorts ports;
    ports.memory = &memory;
    ports.remapper = &iommu;
    fabric = std::make_unique<pci::Fabric>(simulation, BehindSwitch(), ports);
    endpoint = fabric->Find("endpoint")->bdf();
    const uint32_t command = static_cast<uint32_t>(fabric->ConfigRead(endpoint, kCommandRegister, 2).value);
    fabric->ConfigWrite(endpoint, kCommandRegister, 2, command | kBusMaster, {});
    tables.Enable();
    tables.SetContext(endpoint, kUnitDomain);
    for (sim::Mfn page = kFirstTarget; page < kFirstTarget + kTargets; ++page) {
      tables.MapPage(kUnitDomain, page, page, true, true);
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

  std::vector<std::byte> ram;
  sim::Mfn next_table = kFirstTable;
  sim::Simulation simulation{sim::SimulationConfig{}};
  sim::MachineMemory memory;
  iommu::Iommu iommu;
  iommu::TableWriter tables;
  std::unique_ptr<pci::Fabric> fabric;
  pci::Bdf endpoint;
  Source source{"source"};
  Bridge first{"first"};
  Bridge second{"second"};
  Ram sink;
};

DmaBench::DmaBench() : impl_(std::make_unique<Impl>()) {}
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
  const uint64_t misses = m.iommu.counters().misses;
  const double begin = ThreadNs();
  for (unsigned i = 0; i < accesses; ++i) {
    tlp.type = (i & 1) != 0 ? pci::TlpType::kMemoryWrite : pci::TlpType::kMemoryRead;
    tlp.bus_address = AddressOf(i);
    sim::Ps latency = 0;
    failures += m.fabric->DmaNow(tlp, &latency) != pci::Completion::kSuccess;
    total += latency;
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0 || total == 0) throw std::runtime_error("a DMA access failed");
  if (m.iommu.counters().misses - misses > kTargets) throw std::runtime_error("the IOTLB missed");
  return ns / accesses;
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
  const double begin = ThreadNs();
  for (unsigned i = 0; i < accesses; ++i) {
    payload.set_command((i & 1) != 0 ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(AddressOf(i));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    m.source.initiator->b_transport(payload, delay);
    failures += payload.is_response_error();
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0) throw std::runtime_error("a bare transport failed");
  return ns / accesses;
}

}  // namespace pvpci::scenarios
