// SPDX-License-Identifier: Apache-2.0
// A function: configuration registers with their effects, BAR decode, MSI, MSI-X, INTx, power states, resets, and the
// services a device model uses. PCI Local Bus 3.0 chapter 6, PCIe 6.0 chapters 5, 6 and 7.
//
// A device model derives from Function, answers its BARs and calls the services. Everything it does while it handles a
// register write leaves the device when the write has arrived there (`lead`), not when the processor executed it.
// Left out: D1 and D2, PME, VPD, MSI-X tables shared with registers in one qword.
#ifndef PVPCI_MODELS_PCI_FUNCTION_H_
#define PVPCI_MODELS_PCI_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "models/pci/config_space.h"
#include "models/pci/function_spec.h"
#include "models/pci/host_ports.h"
#include "models/pci/provenance.h"
#include "models/pci/tlp.h"
#include "sim/action.h"
#include "sim/time.h"

namespace pvpci::pci {

class Fabric;
struct Bus;
struct Transfer;

// As an error message says it: ERR_COR, ERR_NONFATAL, ERR_FATAL. PCIe 2.2.8.3.
enum class ErrorSeverity : uint8_t { kCorrectable, kNonFatal, kFatal };

enum class ResetKind : uint8_t { kHot, kFunctionLevel, kPowerState };

// Status of the worst piece of a request.
using DmaDone = std::function<void(Completion)>;

// A request of any shape; attack devices use it. Others call ReadMemory and WriteMemory.
struct DmaRequest {
  TlpType type = TlpType::kMemoryRead;
  uint64_t bus_address = 0;
  uint64_t length_bytes = 0;
  std::byte* data = nullptr;  // valid and unchanged until `done`, or until Reset
  ProvenanceId provenance = 0;
  Bdf requester;  // used if `spoof`
  bool spoof = false;
  bool whole = false;  // one TLP, however malformed
  bool translated = false;  // Tlp::translated
};

struct FunctionCounters {
  uint64_t requests_discarded = 0;  // bus mastering off, D3hot, removed
  uint64_t messages_discarded = 0;  // MSI, MSI-X likewise
  uint64_t tlps_sent = 0;
  uint64_t function_resets = 0;
};

class Function {
 public:
  explicit Function(FunctionSpec spec);
  virtual ~Function();
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  const std::string& name() const { return name_; }
  Bdf bdf() const { return bdf_; }
  const FunctionSpec& spec() const { return spec_; }
  const ConfigSpace& config() const { return config_; }
  const FunctionCounters& counters() const { return counters_; }

  bool bus_master() const { return master_; }  // COMMAND bit 2, D0, present; or it does not care
  bool memory_enabled() const;
  bool io_enabled() const;
  unsigned power_state() const;  // 0 or 3 (D3hot)
  bool present() const { return present_; }
  bool msi_enabled() const;
  bool msix_enabled() const;
  uint64_t bar_address(unsigned bar) const;  // as programmed, decode enabled or not; 0 for absent BARs
  uint64_t bar_size(unsigned bar) const { return spec_.bars()[bar].size_bytes; }
  uint64_t rom_address() const;  // 0 while the ROM's own enable is off
  // MSI-X table as machine pages: the hypervisor keeps guests from writing them. 0 if there is none.
  uint64_t msix_table_address() const;
  unsigned interrupt_pin() const;
  bool intx_level() const { return intx_level_; }  // the device's own level, whatever COMMAND says

  // The device asserts one interrupt by itself, as a device may at any time; vectors count from 0. Models whose drivers
  // look at a status register set it first.
  virtual void AssertInterrupt(InterruptKind kind, unsigned vector);
  // A mask holds this message back: the pending bit is set, and further assertions merge with it (PCIe 6.0 6.1.4.3).
  bool interrupt_pending(InterruptKind kind, unsigned vector) const;

  // Surprise removal: configuration reads give all ones, requests to it are never answered.
  void Remove();
  // As its port does on a secondary bus reset, or the platform at power-on.
  void ResetFunction(ResetKind kind);
  // The function detects an error by itself: bit `bit` of its AER status registers. Logged, and sent towards the root
  // port unless masked or not enabled; the severity register decides between non-fatal and fatal. PCIe 6.2.5, without
  // advisory non-fatal errors. A function without AER, or an undefined bit: nothing happens, false.
  bool DetectError(bool correctable, unsigned bit);

  // The fabric's side of the function.
  uint32_t ConfigRead(unsigned offset, unsigned size) const { return config_.Read(offset, size); }
  virtual void ConfigWrite(unsigned offset, unsigned size, uint32_t value, ProvenanceId provenance);
  uint64_t BarRead(unsigned bar, uint64_t offset, unsigned size);
  void BarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance);

 protected:
  // The device behind the registers. Offsets are inside the BAR, naturally aligned, size 1, 2, 4 or 8. Accesses to the
  // MSI-X table and pending bits do not arrive here. OnBarRead's result is cut to `size`.
  virtual uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size);
  virtual void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance);
  virtual uint8_t OnRomRead(uint64_t offset);
  // After a configuration write took effect.
  virtual void OnConfigWritten(unsigned offset, unsigned size);
  // Internal state to its defaults. Requests are already dropped: their `done` will not be called.
  virtual void OnReset(ResetKind kind);

  // An address that the device found at `bus_address`, of `size` bytes there, after the register write `via` made it look.
  ProvenanceId Fetched(uint64_t bus_address, unsigned size, uint64_t value, ProvenanceId via);
  // Services. Requests stay in order; reads and writes are cut by MRRS and MPS and at 4 KiB.
  void ReadMemory(uint64_t bus_address, uint64_t length_bytes, std::byte* sink, ProvenanceId provenance, DmaDone done);
  // `done`: the last byte landed (or was refused: a posted write itself never learns that, PCIe 2.4).
  void WriteMemory(uint64_t bus_address, uint64_t length_bytes, const std::byte* source, ProvenanceId provenance,
                   DmaDone done = {});
  void Send(const DmaRequest& request, DmaDone done);
  // The id of the assertion; 0 if nothing was asserted (not enabled, bus mastering off) or while a register write is
  // still on its way to the device. Masked: asserted now, sent on unmask; raised again meanwhile: the same assertion.
  uint32_t RaiseMsi(unsigned message);
  uint32_t RaiseMsix(unsigned entry);
  // Level of the function's pin. Id of the assertion when the wire goes up, else 0 (as above, unchanged, disabled,
  // going down). The wire stays down while MSI or MSI-X is enabled (PCIe 6.1.4.3).
  uint32_t SetIntx(bool level);
  // Messages that the host allows now: 0 if the capability is absent or disabled.
  unsigned msi_messages() const;
  unsigned msix_entries() const { return msix_enabled() ? spec_.msix().vectors : 0; }
  // Calls `action` after `delay` of the device's own time; dropped if the function is reset meanwhile.
  template <typename Callable>
  void After(sim::Ps delay, Callable action) {
    Schedule(delay, [this, epoch = epoch_, action = std::move(action)]() mutable {
      if (epoch == epoch_) action();
    });
  }
  // Hostile silicon: requests leave whatever COMMAND says. Before the function is attached.
  void IgnoreMasterBit() { ignores_master_bit_ = true; }
  Fabric& fabric() const { return *fabric_; }
  bool attached() const { return fabric_ != nullptr; }
  ConfigSpace& mutable_config() { return config_; }
  Bus* bus() const { return bus_; }

 private:
  friend class Fabric;
  friend class Upstream;
  friend class Downstream;
  friend class Bridge;
  friend class RootComplex;
  friend class IntxRouter;
  friend struct Topology;
  friend class Firmware;

  struct MsixEntry {
    uint32_t address_low = 0, address_high = 0, data = 0, control = 1;
    bool masked() const { return control & 1; }
  };

  void Schedule(sim::Ps delay, sim::Action action);
  bool MayReport(ErrorSeverity severity) const;
  void BecomeMultiFunction();
  void KeepStickyErrors(const ConfigSpace& before);
  uint64_t MsixRead(uint64_t offset, unsigned size) const;
  void MsixWrite(uint64_t offset, unsigned size, uint64_t value);
  uint64_t MsixPendingRead(uint64_t offset, unsigned size) const;
  uint32_t RaiseMsiNow(unsigned message);
  uint32_t RaiseMsixNow(unsigned entry);
  void SendMessage(uint64_t address, uint32_t data, uint32_t interrupt);
  void SendPendingMessages();
  void SendPendingEntry(unsigned entry);
  uint32_t UpdateIntx();
  void Refresh();  // what is derived from the registers
  void ApplyPowerState(unsigned before);

  FunctionSpec spec_;
  ConfigSpace config_;
  Fabric* fabric_ = nullptr;
  Bus* bus_ = nullptr;
  std::string name_;
  Bdf bdf_;
  FunctionCounters counters_;
  uint64_t epoch_ = 0;  // + 1 at every reset: older requests and actions are void
  sim::Ps lead_ = 0;    // how far the access in progress is still away from the device
  bool present_ = true;
  bool master_ = false;
  bool ignores_master_bit_ = false;
  uint32_t max_payload_ = 128, max_read_request_ = 512;
  bool intx_level_ = false;     // wanted by the device
  bool intx_asserted_ = false;  // on the wire
  std::vector<MsixEntry> msix_table_;
  std::vector<uint32_t> msix_pending_;  // interrupt id of the pending entry; 0: not pending
  std::vector<uint32_t> msi_pending_;

  // Owned by Upstream: what waits to be sent.
  std::deque<Transfer*> posted_, non_posted_;
  unsigned tags_in_use_ = 0;
  bool pump_listed_ = false;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_FUNCTION_H_
