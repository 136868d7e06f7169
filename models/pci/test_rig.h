// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a simulation with memory, recording host ports and a plain probe device.
#ifndef PVPCI_MODELS_PCI_TEST_RIG_H_
#define PVPCI_MODELS_PCI_TEST_RIG_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/pci/fabric.h"
#include "models/pci/function.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"

namespace pvpci::pci::testing {

struct MessageSeen {
  uint64_t address;
  uint32_t data;
  Bdf requester;
  uint32_t interrupt;
  bool forged;
  sim::Ps time;
};
struct GsiSeen {
  unsigned gsi;
  bool level;
  uint32_t interrupt;
  sim::Ps time;
};
struct AssertionSeen {
  uint32_t interrupt;
  Bdf function;
  InterruptKind kind;
  unsigned vector;
  sim::Ps time;
};
struct AccessSeen {
  TlpType type;
  TlpOrigin origin;
  Bdf requester;
  Bdf function;
  uint64_t bus_address, host_address;
  uint32_t length;
  Target target;
  Completion status;
  bool fault;
  ProvenanceId provenance;
  sim::Ps issued, time;
};

class RecordingHost : public InterruptSink, public AccessObserver, public InterruptObserver {
 public:
  explicit RecordingHost(sim::Simulation& simulation) : simulation_(simulation) {}
  void Message(const InterruptMessage& message, Bdf requester, uint32_t interrupt, bool forged) override {
    messages.push_back({message.address, message.data, requester, interrupt, forged, simulation_.now()});
    order.push_back("message");
  }
  void SetGsi(unsigned gsi, bool level, uint32_t interrupt) override {
    gsis.push_back({gsi, level, interrupt, simulation_.now()});
    order.push_back(level ? "gsi up" : "gsi down");
  }
  void OnAsserted(uint32_t interrupt, Bdf function, InterruptKind kind, unsigned vector) override {
    assertions.push_back({interrupt, function, kind, vector, simulation_.now()});
  }
  void OnAccess(const Access& access) override {
    accesses.push_back({access.tlp->type, access.tlp->origin, access.tlp->requester, access.tlp->function,
                        access.bus_address, access.host_address, access.length_bytes, access.target, access.status,
                        access.fault != nullptr, access.tlp->provenance, access.issued, simulation_.now()});
    if (access.target == Target::kMemory) {
      order.push_back(access.tlp->type == TlpType::kMemoryWrite ? "write" : "read");
    }
  }

  std::vector<MessageSeen> messages;
  std::vector<GsiSeen> gsis;
  std::vector<AssertionSeen> assertions;
  std::vector<AccessSeen> accesses;
  std::vector<std::string> order;

 private:
  sim::Simulation& simulation_;
};

// Adds `shift` to every address, faults in one page, passes or refuses interrupts.
class ShiftRemapper : public DmaRemapper {
 public:
  std::variant<Translation, DmaFault> Translate(Bdf, uint64_t bus_address, bool write) override {
    if ((bus_address >> 12) == faulting_page) return DmaFault{static_cast<uint8_t>(write ? 5 : 6), true};
    return Translation{bus_address + shift, latency};
  }
  std::variant<InterruptMessage, DmaFault> Remap(Bdf, uint64_t address, uint32_t data) override {
    if (refuse_interrupts) return DmaFault{0x25, true};
    return InterruptMessage{address, data, latency};
  }
  uint64_t shift = 0, faulting_page = ~uint64_t{0};
  sim::Ps latency = 0;
  bool refuse_interrupts = false;
};

// Every service public, BAR accesses recorded, BAR 0 is one register that acts.
class Probe : public Function {
 public:
  explicit Probe(FunctionSpec spec) : Function(std::move(spec)) {}
  using Function::After;
  using Function::RaiseMsi;
  using Function::RaiseMsix;
  using Function::ReadMemory;
  using Function::Send;
  using Function::SetIntx;
  using Function::WriteMemory;

  std::vector<std::pair<uint64_t, uint64_t>> writes;  // offset, value
  std::vector<ResetKind> resets;
  uint64_t answer = 0x1122334455667788;
  std::function<void(uint64_t offset, uint64_t value, ProvenanceId provenance)> on_write;

 protected:
  uint64_t OnBarRead(unsigned, uint64_t, unsigned) override { return answer; }
  void OnBarWrite(unsigned, uint64_t offset, unsigned, uint64_t value, ProvenanceId provenance) override {
    writes.emplace_back(offset, value);
    if (on_write) on_write(offset, value, provenance);
  }
  void OnReset(ResetKind kind) override { resets.push_back(kind); }
};

inline FunctionSpec ProbeSpec() {
  return FunctionSpec(0x1234, 0x0001, 0xff0000)
      .InterruptPin(1)
      .Bar(0, BarKind::kMemory32, 0x4000)
      .PowerManagement()
      .Msi(8, true, true)
      .MsiX(4, 0, 0x1000, 0x2000)
      .Express()
      .Aer();
}

inline constexpr uint64_t kRamFrames = 64;

class Rig {
 public:
  explicit Rig(FabricSpec spec)
      : simulation({}), host(simulation), memory(kRamFrames), ram(kRamFrames * sim::kPageSize) {
    for (uint64_t mfn = 0; mfn < kRamFrames; ++mfn) memory.frame(mfn).host = ram.data() + mfn * sim::kPageSize;
    ports.memory = &memory;
    ports.interrupts = &host;
    ports.accesses = &host;
    ports.assertions = &host;
    fabric = std::make_unique<Fabric>(simulation, std::move(spec), ports);
  }

  void UseRemapper(DmaRemapper* remapper) {
    ports.remapper = remapper;
    fabric->set_host(ports);
  }
  Bdf bdf(const std::string& name) const { return fabric->Find(name)->bdf(); }
  uint32_t Config(const std::string& name, unsigned offset, unsigned size = 4) {
    return static_cast<uint32_t>(fabric->ConfigRead(bdf(name), offset, size).value);
  }
  void SetConfig(const std::string& name, unsigned offset, unsigned size, uint32_t value) {
    fabric->ConfigWrite(bdf(name), offset, size, value, {});
  }
  void EnableMaster(const std::string& name) { SetConfig(name, 4, 2, Config(name, 4, 2) | 4); }
  uint64_t Bar(const std::string& name, unsigned bar = 0) { return fabric->Find(name)->bar_address(bar); }
  uint64_t Load(const std::string& name, uint64_t offset, unsigned size = 4) {
    return fabric->MmioRead(Bar(name) + offset, size).value;
  }
  void Store(const std::string& name, uint64_t offset, uint64_t value, unsigned size = 4) {
    fabric->MmioWrite(Bar(name) + offset, size, value, {});
  }
  void EnableMsi(const std::string& name, uint32_t address, uint16_t data, unsigned log2_messages = 0) {
    const unsigned at = fabric->Find(name)->spec().capabilities().msi;
    SetConfig(name, at + 4, 4, address);
    SetConfig(name, at + 12, 2, data);
    SetConfig(name, at + 2, 2, log2_messages << 4 | 1);
  }
  void EnableMsix(const std::string& name, bool function_mask = false) {
    const unsigned at = fabric->Find(name)->spec().capabilities().msix;
    SetConfig(name, at + 2, 2, function_mask ? 0xc000 : 0x8000);
  }
  void SetVector(const std::string& name, uint64_t table, unsigned entry, uint32_t address, uint32_t data,
                 bool masked) {
    Store(name, table + 16 * entry, address);
    Store(name, table + 16 * entry + 4, 0);
    Store(name, table + 16 * entry + 8, data);
    Store(name, table + 16 * entry + 12, masked);
  }
  std::byte* At(uint64_t machine_address) { return ram.data() + machine_address; }

  sim::Simulation simulation;
  RecordingHost host;
  sim::MachineMemory memory;
  std::vector<std::byte> ram;
  HostPorts ports;
  std::unique_ptr<Fabric> fabric;
};

inline FunctionSlot Slot(std::string name, std::unique_ptr<Function> model, unsigned device = 0,
                         unsigned function = 0) {
  FunctionSlot slot;
  slot.name = std::move(name);
  slot.device = device;
  slot.function = function;
  slot.model = std::move(model);
  return slot;
}

// One probe "nic" behind root port "rp0" at 00:01.0.
inline FabricSpec OnePort(std::unique_ptr<Function> model, LinkSpec link = {}) {
  FabricSpec spec;
  PortSpec port;
  port.name = "rp0";
  port.device = 1;
  port.link = link;
  port.functions.push_back(Slot("nic", std::move(model)));
  spec.root_ports.push_back(std::move(port));
  return spec;
}

// Probes "a" and "b" behind a switch below "rp0", and "c" behind "rp1".
inline FabricSpec WithSwitch(bool acs_redirect = true) {
  FabricSpec spec;
  PortSpec top;
  top.name = "rp0";
  top.device = 1;
  top.attached = std::make_unique<SwitchSpec>();
  top.attached->name = "sw";
  top.attached->acs_redirect = acs_redirect;
  for (unsigned i = 0; i < 2; ++i) {
    PortSpec port;
    port.name = i ? "dp1" : "dp0";
    port.device = i;
    port.functions.push_back(Slot(i ? "b" : "a", std::make_unique<Probe>(ProbeSpec())));
    top.attached->ports.push_back(std::move(port));
  }
  spec.root_ports.push_back(std::move(top));
  PortSpec other;
  other.name = "rp1";
  other.device = 2;
  other.functions.push_back(Slot("c", std::make_unique<Probe>(ProbeSpec())));
  spec.root_ports.push_back(std::move(other));
  return spec;
}

}  // namespace pvpci::pci::testing

#endif  // PVPCI_MODELS_PCI_TEST_RIG_H_
