// SPDX-License-Identifier: Apache-2.0
#include "models/pci/fabric.h"

#include <stdexcept>
#include <utility>

#include "models/pci/downstream.h"
#include "models/pci/intx_router.h"
#include "models/pci/root_complex.h"
#include "models/pci/topology.h"
#include "models/pci/upstream.h"
#include "sim/check.h"

namespace pvpci::pci {
namespace {

void Require(bool holds, const char* sentence) {
  if (!holds) throw std::invalid_argument(sentence);
}

bool PayloadSize(unsigned bytes) { return bytes >= 128 && bytes <= 4096 && (bytes & (bytes - 1)) == 0; }

void CheckParameters(const FabricParameters& p, const FirmwareParameters& f) {
  Require(PayloadSize(p.max_payload), "max_payload must be a power of two from 128 to 4096");
  Require(PayloadSize(p.max_read_request), "max_read_request must be a power of two from 128 to 4096");
  Require(
      p.read_completion_boundary == 64 || p.read_completion_boundary == 128 || PayloadSize(p.read_completion_boundary),
      "read_completion_boundary must be a power of two from 64 to 4096");
  Require(p.read_tags > 0, "a function needs at least one read tag");
  Require(p.read_round_trip >= p.posted_one_way + p.llc_saves,
          "read_round_trip must be at least posted_one_way and llc_saves together");
  Require(p.dram.ranks >= 1 && p.dram.ranks <= 8 && (p.dram.ranks & (p.dram.ranks - 1)) == 0,
          "memory has 1, 2, 4 or 8 ranks");
  Require(p.dram.refresh_interval == 0 || p.dram.refresh_time < p.dram.refresh_interval,
          "a refresh takes less time than there is between two");
  Require(p.host_bus_mhz == 0 || p.host_bus_mhz == 33 || p.host_bus_mhz == 66, "a conventional bus has 33 or 66 MHz");
  Require(p.posted_headers <= 127 && p.read_headers <= 127 && p.posted_data <= 2047,
          "a root port holds at most 127 headers of a kind, and 2047 units of data");
  Require(p.posted_data == 0 || p.posted_data * kCreditBytes >= p.max_payload,
          "a root port has room for the largest payload at least");
  Require(f.ecam_buses >= 1 && f.ecam_buses <= 256, "ECAM holds 1 to 256 buses");
  Require((f.ecam_base & 0xfffff) == 0, "the ECAM base must be aligned to 1 MiB");
  Require(f.memory_base <= f.memory_end && f.memory_end <= 0xFEC0'0000,
          "the 32-bit window must end at or below 0xfec00000");
  Require(f.memory_end <= f.ecam_base || f.memory_base >= f.ecam_base + (uint64_t{f.ecam_buses} << 20),
          "the 32-bit window and ECAM overlap");
}

}  // namespace

std::array<std::array<uint8_t, 4>, 32> FirmwareParameters::DefaultGsi() {
  std::array<std::array<uint8_t, 4>, 32> table{};
  for (unsigned device = 0; device < 32; ++device) {
    for (unsigned pin = 0; pin < 4; ++pin) table[device][pin] = static_cast<uint8_t>(20 + (device + pin) % 4);
  }
  return table;
}

Fabric::Fabric(sim::Simulation& simulation, FabricSpec spec, HostPorts host)
    : simulation_(simulation),
      parameters_(spec.parameters),
      firmware_(spec.firmware),
      llc_(parameters_.llc_bytes),
      dram_(parameters_.dram),
      host_(host),
      topology_(std::make_unique<Topology>(*this)),
      root_complex_(std::make_unique<RootComplex>(*this)),
      upstream_(std::make_unique<Upstream>(*this)),
      downstream_(std::make_unique<Downstream>(*this)),
      intx_(std::make_unique<IntxRouter>(*this)) {
  CheckParameters(parameters_, firmware_);
  topology_->Build(spec);
  topology_->RunFirmware();
}

Fabric::~Fabric() = default;

void Fabric::set_host(HostPorts host) { host_ = host; }

AccessResult Fabric::ConfigRead(Bdf function, unsigned offset, unsigned size, const WriteContext& context) {
  return downstream_->Config(function, offset, size, false, 0, context);
}
AccessResult Fabric::ConfigWrite(Bdf function, unsigned offset, unsigned size, uint32_t value,
                                 const WriteContext& context) {
  return downstream_->Config(function, offset, size, true, value, context);
}
AccessResult Fabric::MmioRead(uint64_t machine_address, unsigned size, const WriteContext& context) {
  return downstream_->Mmio(machine_address, size, false, 0, context);
}
AccessResult Fabric::MmioWrite(uint64_t machine_address, unsigned size, uint64_t value, const WriteContext& context) {
  return downstream_->Mmio(machine_address, size, true, value, context);
}
AccessResult Fabric::PortRead(uint16_t port, unsigned size, const WriteContext& context) {
  return downstream_->Port(port, size, false, 0, context);
}
AccessResult Fabric::PortWrite(uint16_t port, unsigned size, uint32_t value, const WriteContext& context) {
  return downstream_->Port(port, size, true, value, context);
}

bool Fabric::Decodes(uint64_t machine_address) const {
  const uint64_t ecam_end = firmware_.ecam_base + (uint64_t{firmware_.ecam_buses} << 20);
  if (machine_address >= firmware_.ecam_base && machine_address < ecam_end) return true;
  return topology_->FindMemory(machine_address) != nullptr;
}

const Function* Fabric::Decoder(uint64_t machine_address, std::string* place) const {
  const AddressRange* const range = topology_->FindMemory(machine_address);
  if (range == nullptr) return nullptr;
  *place = RegisterName(range->space, machine_address - range->first);
  return range->function;
}

Completion Fabric::DmaNow(const Tlp& tlp, sim::Ps* latency) { return upstream_->Now(tlp, latency); }

Function* Fabric::Find(Bdf function) const { return topology_->Find(function); }

Function* Fabric::Find(const std::string& name) const {
  const auto found = topology_->by_name.find(name);
  return found == topology_->by_name.end() ? nullptr : found->second;
}

std::vector<Function*> Fabric::functions() const {
  topology_->Refresh();
  std::vector<Function*> all;
  for (const auto& row : topology_->by_bus) {
    if (!row) continue;
    for (Function* function : *row) {
      if (function) all.push_back(function);
    }
  }
  return all;
}

unsigned Fabric::GsiOf(Bdf function, unsigned pin) const {
  const Function* found = topology_->Find(function);
  SIM_CHECK(found && pin >= 1 && pin <= 4, "a GSI is asked for pin 1 to 4 of a function that is there");
  unsigned device = 0, root_pin = 0;
  topology_->RootPin(*found, pin - 1, &device, &root_pin);
  return firmware_.gsi[device][root_pin];
}

bool Fabric::quiet() const { return upstream_->quiet(); }

uint32_t Fabric::NextInterrupt(Bdf function, InterruptKind kind, unsigned vector) {
  ++last_interrupt_;
  if (host_.assertions) host_.assertions->OnAsserted(last_interrupt_, function, kind, vector);
  return last_interrupt_;
}

void Fabric::RoutesChanged(bool bridge) {
  if (bridge) {
    topology_->BusesChanged();
  } else {
    topology_->AddressesChanged();
  }
}

}  // namespace pvpci::pci
