// SPDX-License-Identifier: Apache-2.0
// The PCI fabric: root complex, root ports, links, switches and the functions behind them, in one segment.
// PCI Express Base Specification 6.0 chapters 2, 6, 7; PCI Firmware 3.3 4.1 (ECAM); PCI Local Bus 3.0 3.2.2.3 (conf1).
//
// Downstream calls are synchronous: they do the access and say what it took; the caller lets that time pass. What a
// register write makes a device send leaves the device one transit later. Upstream traffic takes its time on the
// sim::Simulation: serialisation on every link, switches, one-way transit, then the root complex translates, decides
// the target, copies and tells the observer, all at the instant of arrival.
// Left out: errors that the fabric itself would detect, DPC, hot plug, virtual channels, relaxed and id-based ordering,
// SR-IOV, ATS, PRI, PASID, lock transactions, atomics. Errors of MMIO and configuration accesses are returned, not
// signalled.
#ifndef PVPCI_MODELS_PCI_FABRIC_H_
#define PVPCI_MODELS_PCI_FABRIC_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/pci/function.h"
#include "models/pci/host_ports.h"
#include "models/pci/last_level_cache.h"
#include "models/pci/link.h"
#include "models/pci/provenance.h"
#include "models/pci/tlp.h"
#include "sim/dram.h"
#include "sim/machine_memory.h"
#include "sim/simulation.h"
#include "sim/time.h"

namespace pvpci::pci {

struct Topology;
class RootComplex;
class Upstream;
class Downstream;
class Firmware;
class IntxRouter;

// Default profile bdw-gen3x8 of spec/timing.md A7.
struct FabricParameters {
  sim::Ps read_round_trip = 466 * sim::kNs;     // device read of cold memory. 386 .. 522 ns. A2, V.
  sim::Ps posted_one_way = 215 * sim::kNs;      // device to root complex, MSI included. 193 .. 260 ns. A2, D.
  sim::Ps switch_cut_through = 115 * sim::kNs;  // port to port. 100 .. 200 ns. A1, V.
  sim::Ps mmio_read = 770 * sim::kNs;           // CPU read of a register, ECAM too. 500 .. 2500 ns. A4, D+A.
  sim::Ps mmio_write_gap = 100 * sim::kNs;      // between posted CPU writes. 50 .. 300 ns. A4, V.
  sim::Ps port_extra = 150 * sim::kNs;          // conf1 and I/O: serialising port access. 100 .. 1000 ns. A4, A.
  sim::Ps completion_timeout = 50 * sim::kMs;   // 50 us .. 64 s. PCIe 7.5.3.16, default range.
  unsigned max_payload = 256;                   // what the firmware programs, if the function can. A1.
  unsigned max_read_request = 512;              // A1.
  unsigned read_completion_boundary = 64;       // A1.
  CompletionSplit completion_split = CompletionSplit::kMaxPayload;  // as pcie-bench's model. A1.
  unsigned read_tags = 32;                      // reads in flight per function: 5-bit tags. PCIe 2.2.6.2.
  // What a root port can hold, in flow-control credits: headers of posted requests, their data in units of 16 bytes, headers
  // of reads. Shared by all below it; switches hold nothing of their own. 0: no limit. 1 .. 127, 1 .. 2047. PCIe 2.6.1.
  unsigned posted_headers = 0, posted_data = 0, read_headers = 0;
  // Bus 0 as a conventional bus of 33 or 66 MHz, whose functions take turns (conventional_bus.h); 0: they are integrated into
  // the root complex. What is behind root ports does not go over it.
  unsigned host_bus_mhz = 0;
  sim::Ps host_bridge = 120 * sim::kNs;  // its host bridge: to memory and back, or from a processor. 50 .. 480 ns. A.
  bool ecrc = false;                            // A1.
  sim::Ps llc_saves = 56 * sim::kNs;            // of read_round_trip when the LLC holds the line. 50 .. 58 ns. A2, V.
  sim::Ps llc_write_miss = 0;                   // more until a write has landed that the LLC does not hold. 0 .. 75 ns.
                                                // D: LAT_CMD_WRRD, windows of 64 MiB against 8 KiB, pcie-bench.
  uint64_t llc_bytes = 0;                       // 0: no cache, every read is one of cold memory. 0 .. 64 MiB.
  sim::Ps remote_node = 0;                      // more for memory of the other node. 13 .. 67 ns. A2, V.
  sim::DramSpec dram;                           // refresh; off.
};

// What the firmware leaves behind.
struct FirmwareParameters {
  uint64_t ecam_base = 0xE000'0000;  // 1 MiB per bus
  unsigned ecam_buses = 256;
  uint64_t memory_base = 0xF000'0000;  // 32-bit window for BARs
  uint64_t memory_end = 0xFEC0'0000;   // one past; the IO-APIC follows
  uint64_t memory64_base = 0;          // 64-bit BARs go here; 0: below 4 GiB with the others
  uint64_t memory64_end = 0;
  uint32_t io_base = 0xC000, io_end = 0x10000;
  uint16_t command = 0x0103;  // memory, I/O, SERR; bus mastering is left to the driver
  // Root ports have AER and an MSI, bridges forward error messages, and _OSC lets the kernel use all that. Off as where
  // the traces were recorded: dom0 had left Device Control at 0. golden/e1000e.config, 0xe8.
  bool native_aer = false;
  // Polarity that the link devices of those GSIs declare. As on QEMU's Q35 board; golden/e1000e-probe.trace, setup_gsi.
  bool gsi_active_high = true;
  // GSI of (root bus device, pin - 1). Default as on a Q35 board: 20 + (device + pin) % 4.
  std::array<std::array<uint8_t, 4>, 32> gsi = DefaultGsi();
  static std::array<std::array<uint8_t, 4>, 32> DefaultGsi();
};

// Topology as data.
struct FunctionSlot {
  std::string name;  // unique in the fabric
  unsigned device = 0, function = 0;  // function 0..7; 0..255 behind a port if all functions there have ARI
  std::unique_ptr<Function> model;
};
struct PortSpec;
struct SwitchSpec {
  std::string name;
  bool acs_redirect = true;  // peer requests go up to the root complex (ACS P2P redirect). PCIe 6.12.
  std::vector<PortSpec> ports;
};
struct PortSpec {  // a root port, or a downstream port of a switch
  std::string name;
  unsigned device = 0;  // on its own primary bus
  LinkSpec link;
  std::vector<FunctionSlot> functions;   // on the bus below, all of device 0
  std::unique_ptr<SwitchSpec> attached;  // or a switch
};
struct FabricSpec {
  FabricParameters parameters;
  FirmwareParameters firmware;
  std::vector<FunctionSlot> integrated;  // on bus 0, which is as wide as a gen5 x16 link. 00:00.0 is a host bridge
  std::vector<PortSpec> root_ports;
};

// The host side; null members are absent. Must outlive the fabric.
struct HostPorts {
  sim::MachineMemory* memory = nullptr;
  DmaRemapper* remapper = nullptr;
  InterruptSink* interrupts = nullptr;
  AccessObserver* accesses = nullptr;
  InterruptObserver* assertions = nullptr;
};

// Every downstream access, after it was done.
struct RegisterAccess {
  Bdf function;
  RegisterSpace space = RegisterSpace::kConfig;
  bool write = false;
  uint8_t size = 0;
  uint64_t offset = 0;
  uint64_t value = 0;
  Completion status = Completion::kSuccess;
  WriteContext context;
};
class RegisterObserver {
 public:
  virtual ~RegisterObserver() = default;
  virtual void OnRegister(const RegisterAccess& access) = 0;
};

struct AccessResult {
  uint64_t value = ~uint64_t{0};  // reads: in the low `size` bytes; all ones unless kSuccess
  Completion status = Completion::kSuccess;
  sim::Ps latency = 0;          // the processor is busy that long
  ProvenanceId provenance = 0;  // writes that reached a register
};

class Fabric {
 public:
  // Elaborates and lets the firmware run: bus numbers, BARs, windows, INTx lines. A misfit is refused with a sentence
  // (std::invalid_argument).
  Fabric(sim::Simulation& simulation, FabricSpec spec, HostPorts host);
  ~Fabric();
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  void set_host(HostPorts host);  // when the host side is elaborated after the fabric
  const HostPorts& host() const { return host_; }
  void set_register_observer(RegisterObserver* observer) { register_observer_ = observer; }
  RegisterObserver* register_observer() const { return register_observer_; }

  // Downstream. Size 1, 2, 4 (MMIO also 8); naturally aligned, other accesses answer kUnsupportedRequest.
  AccessResult ConfigRead(Bdf function, unsigned offset, unsigned size, const WriteContext& context = {});
  AccessResult ConfigWrite(Bdf function, unsigned offset, unsigned size, uint32_t value, const WriteContext& context);
  // Machine addresses: ECAM, BARs, expansion ROMs. Others answer kUnsupportedRequest.
  AccessResult MmioRead(uint64_t machine_address, unsigned size, const WriteContext& context = {});
  AccessResult MmioWrite(uint64_t machine_address, unsigned size, uint64_t value, const WriteContext& context);
  // conf1 (0xCF8, 0xCFC..0xCFF) and I/O BARs. Others answer kUnsupportedRequest.
  AccessResult PortRead(uint16_t port, unsigned size, const WriteContext& context = {});
  AccessResult PortWrite(uint16_t port, unsigned size, uint32_t value, const WriteContext& context);

  // True if the fabric decodes the address now.
  bool Decodes(uint64_t machine_address) const;
  // Who: the function and which of its spaces, "BAR0+0x10", "ROM+0x0". Null: nobody, or the ECAM window.
  const Function* Decoder(uint64_t machine_address, std::string* place) const;

  // The whole work of one TLP at once: gating, links, translation, target, copy, observer. `latency`: until the write
  // landed or the completion is back at the device. The TLP must not cross 4 KiB (it is answered as malformed: UR).
  Completion DmaNow(const Tlp& tlp, sim::Ps* latency);

  const ProvenanceRecord& provenance(ProvenanceId id) const { return provenance_.at(id); }
  const ProvenanceLog& provenance_log() const { return provenance_; }

  // Identity. Find: null if absent.
  Function* Find(Bdf function) const;
  Function* Find(const std::string& name) const;
  // In bus, device, function order, bridges included.
  std::vector<Function*> functions() const;

  // GSI that INTx pin 1..4 of the function reaches, through all swizzling. PCI-to-PCI Bridge 1.2, 9.1.
  unsigned GsiOf(Bdf function, unsigned pin) const;
  // What the firmware's routing table says for a device on bus 0.
  unsigned GsiOfRootPin(unsigned device, unsigned pin) const { return firmware_.gsi[device & 31][(pin - 1) & 3]; }

  uint64_t ecam_base() const { return firmware_.ecam_base; }
  unsigned ecam_buses() const { return firmware_.ecam_buses; }
  const FabricParameters& parameters() const { return parameters_; }
  // What processors do to it is told by whoever knows; nobody does in a scenario.
  LastLevelCache& last_level_cache() { return llc_; }
  const FirmwareParameters& firmware() const { return firmware_; }
  sim::Simulation& simulation() const { return simulation_; }
  // True when nothing is queued, on a link or waiting for a completion.
  bool quiet() const;
  uint32_t interrupts_asserted() const { return last_interrupt_; }

 private:
  friend class Function;
  friend class Bridge;
  friend class Upstream;
  friend class Downstream;
  friend class RootComplex;
  friend class IntxRouter;
  friend class Firmware;
  friend struct Topology;

  uint32_t NextInterrupt(Bdf function, InterruptKind kind, unsigned vector);
  void RoutesChanged(bool bridge);  // a BAR, or an enable bit, or anything of a bridge changed

  sim::Simulation& simulation_;
  FabricParameters parameters_;
  FirmwareParameters firmware_;
  LastLevelCache llc_;
  sim::Dram dram_;
  HostPorts host_;
  RegisterObserver* register_observer_ = nullptr;
  ProvenanceLog provenance_;
  uint32_t last_interrupt_ = 0;
  std::unique_ptr<Topology> topology_;
  std::unique_ptr<RootComplex> root_complex_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<Downstream> downstream_;
  std::unique_ptr<IntxRouter> intx_;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_FABRIC_H_
