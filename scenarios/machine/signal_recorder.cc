// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/signal_recorder.h"

#include <algorithm>

#include "models/pci/registers.h"
#include "models/xen/abi.h"
#include "models/xen/apic.h"
#include "models/xen/event_channels.h"

namespace pvpci::scenarios {
namespace {

// Keys of signals: who, which of his, and its number.
enum class Owner : uint64_t { kDevice, kIoApic, kVcpu, kPort };
constexpr uint64_t Key(Owner owner, uint64_t id, uint64_t which, uint64_t number = 0) {
  return static_cast<uint64_t>(owner) << 60 | id << 32 | which << 24 | number;
}

}  // namespace

SignalRecorder::SignalRecorder(Machine& machine) : machine_(machine) {
  pci::HostPorts ports = machine.fabric().host();
  sink_ = ports.interrupts;
  asserted_ = ports.assertions;
  ports.interrupts = this;
  ports.assertions = this;
  machine.fabric().set_host(ports);
  probe_ = machine.hypervisor().probe();
  machine.hypervisor().SetInterruptProbe(this);
  for (const DeviceSpec& device : machine.scenario().devices) {
    const pci::Function& function = machine.device(device.name);
    if (function.interrupt_pin() != 0) gsis_.insert(machine.fabric().GsiOf(function.bdf(), function.interrupt_pin()));
  }
  Look(0);
}

void SignalRecorder::WatchNewDomains() {
  for (const auto& [id, guest] : machine_.guests()) {
    if (guest->hooks() == nullptr || !watched_.insert(id).second) continue;
    for (const std::string& source : guest->image()->image().sources()) {
      guest->hooks()->AddBlocks(source, [this](driver::VcpuRunner&, sim::Ps entry) { Look(entry); });
    }
  }
}

void SignalRecorder::Message(const pci::InterruptMessage& message, pci::Bdf requester, uint32_t interrupt, bool forged) {
  sink_->Message(message, requester, interrupt, forged);
  Look(machine_.simulation().now());
}

void SignalRecorder::SetGsi(unsigned gsi, bool level, uint32_t interrupt) {
  sink_->SetGsi(gsi, level, interrupt);
  Look(machine_.simulation().now());
}

void SignalRecorder::SystemError(std::optional<pci::Bdf> source, uint64_t address) { sink_->SystemError(source, address); }

void SignalRecorder::OnAsserted(uint32_t interrupt, pci::Bdf function, pci::InterruptKind kind, unsigned vector) {
  asserted_->OnAsserted(interrupt, function, kind, vector);
  Look(machine_.simulation().now());
}

void SignalRecorder::OnProbe(const xen::ProbeEvent& event) {
  probe_->OnProbe(event);
  Look(machine_.simulation().now());
}

void SignalRecorder::OnOutcome(uint32_t interrupt, xen::InterruptOutcome outcome, uint32_t into, sim::Ps time) {
  probe_->OnOutcome(interrupt, outcome, into, time);
}

void SignalRecorder::OnMoved(uint32_t interrupt, sim::DomId domain, sim::Ps time) { probe_->OnMoved(interrupt, domain, time); }

void SignalRecorder::Note(sim::Ps time, uint64_t key, const SignalName& name, unsigned width, uint64_t value, const std::string& scope) {
  const auto [known, is_new] = by_key_.try_emplace(key, static_cast<uint32_t>(signals_.size()));
  if (is_new) {
    const std::string number = name.number < 0 ? "" : std::to_string(name.number);
    signals_.push_back({scope, name.before + number + name.after, width});
    values_.push_back(value);
  } else if (values_[known->second] == value) {
    return;
  }
  values_[known->second] = value;
  changes_.push_back({time, known->second, value});
}

void SignalRecorder::LookAtDevice(sim::Ps time, const std::string& name, const pci::Function& function) {
  const uint64_t id = function.bdf().id;
  const auto note = [&](uint64_t which, const char* signal, unsigned width, uint64_t value) {
    Note(time, Key(Owner::kDevice, id, which), {signal}, width, value, name);
  };
  note(0, "intx", 1, function.intx_level() ? 1 : 0);
  note(1, "bus_master", 1, function.bus_master() ? 1 : 0);
  if (const unsigned at = function.spec().capabilities().msi; at != 0) {
    const uint32_t control = function.config().Read(at + pci::reg::kMsiControl, 2);
    note(2, "msi_enable", 1, function.msi_enabled() ? 1 : 0);
    if ((control & pci::reg::kMsiMaskable) != 0) {
      const unsigned mask = at + ((control & pci::reg::kMsi64) != 0 ? 16 : 12);
      note(3, "msi_mask", 32, function.config().Read(mask, 4));
      note(4, "msi_pending", 32, function.config().Read(mask + 4, 4));
    }
  }
  const pci::MsiXSpec& msix = function.spec().msix();
  if (msix.vectors == 0) return;
  const uint32_t control = function.config().Read(function.spec().capabilities().msix + pci::reg::kMsixControl, 2);
  note(5, "msix_enable", 1, function.msix_enabled() ? 1 : 0);
  note(6, "msix_function_mask", 1, (control & pci::reg::kMsixFunctionMask) != 0 ? 1 : 0);
  uint64_t masks = 0, pending = 0;
  constexpr unsigned kControlWord = 12;
  for (unsigned vector = 0; vector < std::min(msix.vectors, 64u); ++vector) {
    const uint64_t entry = msix.table_offset + vector * pci::reg::kMsixEntryBytes;
    // The table answers without any effect.
    masks |= (const_cast<pci::Function&>(function).BarRead(msix.table_bar, entry + kControlWord, 4) & 1) << vector;
    pending |= uint64_t{function.interrupt_pending(pci::InterruptKind::kMsix, vector)} << vector;
  }
  note(7, "msix_mask", std::min(msix.vectors, 64u), masks);
  note(8, "msix_pending", std::min(msix.vectors, 64u), pending);
}

void SignalRecorder::LookAtDomain(sim::Ps time, GuestDomain& guest) {
  xen::Domain* const domain = guest.domain();
  if (domain == nullptr || guest.stopped() || domain->dying) return;
  const std::string& scope = guest.spec().name;
  for (size_t i = 0; i < domain->vcpus.size(); ++i) {
    if (domain->vcpus[i]->info == nullptr) continue;
    const auto& info = *reinterpret_cast<const xen::abi::VcpuInfo*>(domain->vcpus[i]->info);
    Note(time, Key(Owner::kVcpu, guest.id(), 0, i), {"vcpu", static_cast<int>(i), "_upcall_pending"}, 1, info.upcall_pending & 1, scope);
    Note(time, Key(Owner::kVcpu, guest.id(), 1, i), {"vcpu", static_cast<int>(i), "_upcall_mask"}, 1, info.upcall_mask & 1, scope);
  }
  const xen::EventChannels& channels = machine_.hypervisor().event_channels();
  const auto ports = static_cast<uint32_t>(std::min<size_t>(domain->ports.size(), kPortsShown));
  for (uint32_t port = 1; port < ports; ++port) {
    if (domain->ports[port].state == xen::PortState::kFree) continue;
    Note(time, Key(Owner::kPort, guest.id(), 0, port), {"port", static_cast<int>(port), "_pending"}, 1,
         channels.IsPending(*domain, port) ? 1 : 0, scope);
    Note(time, Key(Owner::kPort, guest.id(), 1, port), {"port", static_cast<int>(port), "_mask"}, 1,
         channels.IsMasked(*domain, port) ? 1 : 0, scope);
  }
}

void SignalRecorder::Look(sim::Ps time) {
  for (const DeviceSpec& device : machine_.scenario().devices) LookAtDevice(time, device.name, machine_.device(device.name));
  const xen::Apics& apics = machine_.hypervisor().apics();
  for (const unsigned gsi : gsis_) {
    Note(time, Key(Owner::kIoApic, 0, 0, gsi), {"pin", static_cast<int>(gsi), "_line"}, 1, apics.line(gsi) ? 1 : 0, "ioapic");
    Note(time, Key(Owner::kIoApic, 0, 1, gsi), {"pin", static_cast<int>(gsi), "_mask"}, 1, apics.redirection(gsi).masked ? 1 : 0, "ioapic");
  }
  for (const auto& [id, guest] : machine_.guests()) LookAtDomain(time, *guest);
}

}  // namespace pvpci::scenarios
