// SPDX-License-Identifier: Apache-2.0
// Pins, mask and pending bits over time, looked at while a run goes on: of the devices (INTx, MSI, MSI-X), the IO-APIC, the event
// channels and the vCPUs. scenarios/traces/ writes them as VCD. Nobody looks unless asked.
//
// Looked at whenever a basic block of a guest begins, an interrupt message or a line arrives, or an interrupt gets somewhere.
#ifndef PVPCI_SCENARIOS_MACHINE_SIGNAL_RECORDER_H_
#define PVPCI_SCENARIOS_MACHINE_SIGNAL_RECORDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "models/pci/host_ports.h"
#include "models/xen/platform.h"
#include "scenarios/machine/machine.h"
#include "scenarios/machine/signals.h"

namespace pvpci::scenarios {

class SignalRecorder : private pci::InterruptSink, private pci::InterruptObserver, private xen::InterruptProbe {
 public:
  // Stands between the machine and its observers from now on, and passes everything on. The machine outlives it.
  explicit SignalRecorder(Machine& machine);

  // Hooks into the domains that have been built meanwhile. While no vCPU executes.
  void WatchNewDomains();

  const std::vector<Signal>& signals() const { return signals_; }
  const std::vector<SignalChange>& changes() const { return changes_; }  // in order of time, but for vCPUs' skew

 private:
  static constexpr uint32_t kPortsShown = 64;  // of a domain

  void Message(const pci::InterruptMessage& message, pci::Bdf requester, uint32_t interrupt, bool forged) override;
  void SetGsi(unsigned gsi, bool level, uint32_t interrupt) override;
  void SystemError(std::optional<pci::Bdf> source, uint64_t address) override;
  void OnAsserted(uint32_t interrupt, pci::Bdf function, pci::InterruptKind kind, unsigned vector) override;
  void OnProbe(const xen::ProbeEvent& event) override;
  void OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t into, sim::Ps time) override;
  void OnMoved(uint32_t interrupt, sim::DomId domain, sim::Ps time) override;

  void Look(sim::Ps time);
  void LookAtDevice(sim::Ps time, const std::string& name, const pci::Function& function);
  void LookAtDomain(sim::Ps time, GuestDomain& guest);
  // `name` with `number` behind it, if that is not negative: "port7_mask" is {"port", "_mask"} and 7.
  struct SignalName {
    const char* before;
    int number = -1;
    const char* after = "";
  };
  void Note(sim::Ps time, uint64_t key, const SignalName& name, unsigned width, uint64_t value, const std::string& scope);

  Machine& machine_;
  pci::InterruptSink* sink_;
  pci::InterruptObserver* asserted_;
  xen::InterruptProbe* probe_;
  std::set<unsigned> gsis_;
  std::set<sim::DomId> watched_;
  std::vector<Signal> signals_;
  std::vector<uint64_t> values_;         // the last of each
  std::map<uint64_t, uint32_t> by_key_;
  std::vector<SignalChange> changes_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MACHINE_SIGNAL_RECORDER_H_
