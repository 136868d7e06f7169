// SPDX-License-Identifier: Apache-2.0
#include "scenarios/bench/dma_bench.h"

#include <algorithm>
#include <array>
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
#include "scenarios/bench/memory_use.h"
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

// What is kept of a translation by who writes it by hand.
struct Translation {
  uint64_t tag = UINT64_MAX;  // requester and bus page
  uint64_t host_page = 0;
};

constexpr uint64_t kRegisterBytes = 4096;

// A device with one page of registers.
struct Registers : pci::Function {
  using pci::Function::Function;
  uint64_t OnBarRead(unsigned, uint64_t offset, unsigned) override { return values[offset / 8]; }
  std::array<uint64_t, kRegisterBytes / 8> values{};
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
        pci::FunctionSpec function_spec(kVendor, kDevice, 0xff0000);
        function_spec.Express().Ari();
        if (devices == 1) {
          slot.model = std::make_unique<Registers>(function_spec.Bar(0, pci::BarKind::kMemory32, kRegisterBytes));
        } else {
          slot.model = std::make_unique<pci::Function>(function_spec);
        }
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
    const double begin = ThreadNs();
    fabric = std::make_unique<pci::Fabric>(simulation, BehindSwitches(shape.devices), ports);
    creation_ns = ThreadNs() - begin;
    tables.Enable();
    for (unsigned device = 0; device < shape.devices; ++device) {
      endpoint = fabric->Find("endpoint" + std::to_string(device))->bdf();
      domain = static_cast<uint16_t>(kFirstUnitDomain + device % shape.domains);
      tables.SetContext(endpoint, domain);
    }
    const uint32_t command = static_cast<uint32_t>(fabric->Find(endpoint)->config().Read(kCommandRegister, 2));
    fabric->Find(endpoint)->ConfigWrite(kCommandRegister, 2, command | kBusMaster, 0);
    const sim::Mfn before_tables = next_table;
    for (unsigned used = 0; used < shape.domains; ++used) {
      const auto unit_domain = static_cast<uint16_t>(kFirstUnitDomain + used);
      for (sim::Mfn page = kFirstTarget; page < kFirstTarget + shape.pages; ++page) {
        tables.MapPage(unit_domain, page, page, true, true);
      }
      for (unsigned more = 0; more < shape.mapped; ++more) {
        tables.MapPage(unit_domain, kFirstTarget + shape.pages + more, kFirstTarget, true, true);
      }
    }
    table_frames = next_table - before_tables;
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
  double creation_ns = 0;
  uint64_t table_frames = 0;
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

double DmaBench::ByHand(unsigned accesses) {
  Impl& m = *impl_;
  constexpr unsigned kSets = 8, kWays = 16;
  constexpr sim::Ps kOneWay = 215'000, kSwitch = 115'000, kByte = 127;
  constexpr unsigned kHeaderBytes = 24;
  std::array<std::array<Translation, kWays>, kSets> cache;
  const uint64_t requester = uint64_t{m.endpoint.id} << 48;
  for (sim::Mfn page = kFirstTarget; page < kFirstTarget + m.shape.pages; ++page) {
    cache[page % kSets][page / kSets % kWays] = {requester | page, page};
  }
  std::byte buffer[kBytes] = {};
  sim::Ps now = 0, lower_free = 0, upper_free = 0, total = 0;
  unsigned failures = 0;
  Addresses addresses(m.shape.pages);
  const double begin = ThreadNs();
  for (unsigned i = 0; i < accesses; ++i) {
    const bool write = (i & 1) != 0;
    const uint64_t address = addresses.Next();
    const sim::Ps wire = (kHeaderBytes + (write ? kBytes : 0)) * kByte;
    lower_free = std::max(lower_free, now) + wire;
    upper_free = std::max(upper_free, lower_free + kSwitch) + wire;
    const uint64_t page = address / sim::kPageSize;
    const Translation* found = nullptr;
    for (const Translation& entry : cache[page % kSets]) {
      if (entry.tag == (requester | page)) {
        found = &entry;
        break;
      }
    }
    if (found == nullptr) {
      ++failures;
      continue;
    }
    std::byte* const at = m.ram.data() + found->host_page * sim::kPageSize + address % sim::kPageSize;
    if (write) {
      std::memcpy(at, buffer, kBytes);
    } else {
      std::memcpy(buffer, at, kBytes);
    }
    asm volatile("" : : "r"(buffer) : "memory");  // what was read is used, and could have changed before it is written
    total += upper_free + kOneWay - now;
    now = upper_free;
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0 || total == 0) throw std::runtime_error("a translation is missing");
  return ns / accesses;
}

double DmaBench::RegisterRead(unsigned reads) {
  Impl& m = *impl_;
  constexpr unsigned kBar0 = 0x10;
  const uint64_t bar = m.fabric->Find(m.endpoint)->config().Read(kBar0, 4) & ~uint64_t{0xf};
  const pci::WriteContext context;
  unsigned failures = 0;
  sim::Ps total = 0;
  const double begin = ThreadNs();
  for (unsigned i = 0; i < reads; ++i) {
    const pci::AccessResult result = m.fabric->MmioRead(bar + i % 64 * 8, 4, context);
    failures += result.status != pci::Completion::kSuccess;
    total += result.latency;
  }
  const double ns = ThreadNs() - begin;
  if (failures != 0 || total == 0) throw std::runtime_error("a register was not read");
  return ns / reads;
}

double DmaBench::TableBytesPerPage() const {
  const uint64_t pages = uint64_t{impl_->shape.pages + impl_->shape.mapped} * impl_->shape.domains;
  return static_cast<double>(impl_->table_frames * sim::kPageSize) / static_cast<double>(pages);
}

double DmaBench::CreationUs() const { return impl_->creation_ns * 1e-3 / impl_->shape.devices; }

double DmaBench::ResidentKiB() { return MappedKiB() + StatusKiB("VmPTE"); }

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
