// SPDX-License-Identifier: Apache-2.0
#include "models/xen/apic.h"

#include <variant>

#include "sim/check.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kFirstValidVector = 16;
constexpr unsigned kEverybody = 0xff;

// Interrupt request message, Intel SDM 3A 11.11: address bits 19..12 destination, data bits 7..0 vector, 15 level.
unsigned Destination(uint64_t address) { return static_cast<unsigned>(address >> 12) & 0xff; }
unsigned DeliveryMode(uint32_t data) { return (data >> 8) & 7; }

}  // namespace

Apics::Apics(const HypervisorConfig& config, sim::Simulation& simulation)
    : config_(config), simulation_(simulation), pins_(config.gsi_count), cpus_(config.physical_cpus) {}

void Apics::Message(const pci::InterruptMessage& message, pci::Bdf requester, uint32_t interrupt, bool forged) {
  (void)requester;  // verified by the remapper if there is one; the APICs themselves know no source
  handler_->Arrived(interrupt, forged);
  Route(message, interrupt);
}

void Apics::Route(const pci::InterruptMessage& message, uint32_t interrupt) {
  const unsigned cpu = Destination(message.address);
  if (cpu != kEverybody) return RouteTo(cpu, message, interrupt);
  for (unsigned each = 0; each < cpus_.size(); ++each) {
    if (each != 0) handler_->Arrived(0, true);  // the copies are interrupts of their own
    RouteTo(each, message, each == 0 ? interrupt : 0);
  }
}

void Apics::RouteTo(unsigned cpu, const pci::InterruptMessage& message, uint32_t interrupt) {
  const unsigned vector = message.data & 0xff;
  std::optional<SpecialDelivery> special;
  switch (DeliveryMode(message.data)) {
    case 0:
    case 1:
      if (vector < kFirstValidVector) special = SpecialDelivery::kIllegalVector;
      break;
    case 2: special = SpecialDelivery::kSmi; break;
    case 4: special = SpecialDelivery::kNmi; break;
    case 5: special = SpecialDelivery::kInit; break;
    case 7: special = SpecialDelivery::kExtInt; break;
    default: cpu = kEverybody;  // reserved encodings, and start-up, which a message cannot carry
  }
  if (cpu >= cpus_.size() || special) {
    handler_->Lost(interrupt);
    if (cpu < cpus_.size()) handler_->Special(cpu, *special);
    return;
  }
  const bool level = (message.data & 0x8000) != 0;
  if (message.latency != 0) {
    simulation_.After(message.latency, [this, cpu, vector, level, interrupt] { Accept(cpu, vector, level, interrupt); });
    return;
  }
  Accept(cpu, vector, level, interrupt);
}

void Apics::Accept(unsigned cpu, unsigned vector, bool level, uint32_t interrupt) {
  Cpu& target = cpus_[cpu];
  if (target.irr[vector]) {
    handler_->Merged(interrupt, target.interrupt[vector]);
    return;
  }
  target.irr.Set(vector);
  target.level[vector] = level;
  target.interrupt[vector] = interrupt;
  Dispatch(cpu);
}

// Accepts the highest request whose priority class is above everything in service.
void Apics::Dispatch(unsigned cpu) {
  Cpu& target = cpus_[cpu];
  if (target.dispatching) return;  // interrupts are off until do_IRQ has run
  const int request = target.irr.Highest();
  if (request < 0) return;
  const int service = target.isr.Highest();
  if (service >= 0 && (request >> 4) <= (service >> 4)) return;
  const auto vector = static_cast<unsigned>(request);
  target.irr.Clear(vector);
  target.isr.Set(vector);
  target.dispatching = true;
  const uint32_t interrupt = target.interrupt[vector];
  const sim::Ps busy = config_.irq_entry + config_.irq_dispatch;
  handler_->Interrupted(cpu, busy);
  simulation_.After(busy, [this, cpu, vector, interrupt] {
    handler_->DoIrq(cpu, vector, interrupt);
    cpus_[cpu].dispatching = false;
    Dispatch(cpu);
  });
}

void Apics::Eoi(unsigned cpu, bool directed) {
  Cpu& target = cpus_[cpu];
  const int service = target.isr.Highest();
  if (service < 0) return;
  const auto vector = static_cast<unsigned>(service);
  target.isr.Clear(vector);
  if (target.level[vector] && !directed) IoApicEoi(vector);
  Dispatch(cpu);
}

void Apics::SetGsi(unsigned gsi, bool level, uint32_t interrupt) {
  SIM_CHECK(gsi < pins_.size(), "GSI beyond the IO-APIC's pins");
  Pin& pin = pins_[gsi];
  const bool rising = level && !pin.line;
  pin.line = level;
  if (rising) {
    handler_->Arrived(interrupt, false);
    if (pin.unsent) handler_->Merged(interrupt, pin.interrupt);
    else pin.unsent = true;
    pin.interrupt = interrupt;
  }
  if (pin.entry.level) {
    // A line that drops before it was sent took its interrupt with it; if its pin is still in service, that service
    // saw the cause too.
    if (!level && pin.unsent) {
      pin.unsent = false;
      if (pin.remote_irr) handler_->Merged(pin.interrupt, pin.sent);
      else handler_->Lost(pin.interrupt);
    }
    Evaluate(gsi, /*after_eoi=*/false);
  } else if (rising) {
    pin.unsent = false;
    if (pin.entry.masked) {
      handler_->Lost(interrupt);  // an edge at a masked pin is gone, as on hardware
    } else {
      Send(gsi);
    }
  }
}

void Apics::WriteRedirection(unsigned gsi, const RedirectionEntry& entry) {
  SIM_CHECK(gsi < pins_.size(), "GSI beyond the IO-APIC's pins");
  Pin& pin = pins_[gsi];
  pin.entry = entry;
  if (!entry.level) pin.remote_irr = false;  // 82093AA 3.2.4: remote IRR is undefined for edge
  Evaluate(gsi, false);
}

void Apics::SetMask(unsigned gsi, bool masked) {
  pins_[gsi].entry.masked = masked;
  if (!masked) Evaluate(gsi, false);
}

void Apics::IoApicEoi(unsigned vector) {
  for (unsigned gsi = 0; gsi < pins_.size(); ++gsi) {
    Pin& pin = pins_[gsi];
    if (!pin.entry.level || pin.entry.vector != vector || !pin.remote_irr) continue;
    pin.remote_irr = false;
    Evaluate(gsi, /*after_eoi=*/true);
  }
}

bool Apics::PutBack(unsigned gsi, uint32_t interrupt) {
  Pin& pin = pins_[gsi];
  if (!pin.entry.level || !pin.line || pin.interrupt != interrupt) return false;
  pin.unsent = true;
  pin.sent = 0;
  return true;
}

// Sends a level pin if its line is up, unmasked and not already in service somewhere.
void Apics::Evaluate(unsigned gsi, bool after_eoi) {
  Pin& pin = pins_[gsi];
  if (!pin.entry.level) return;
  const bool send = pin.line && !pin.entry.masked && !pin.remote_irr;
  if (after_eoi || (send && pin.sent != 0 && pin.sent == pin.interrupt)) {
    handler_->Resampled(gsi, pin.line, pin.sent);
  }
  if (send) Send(gsi);
}

void Apics::Send(unsigned gsi) {
  Pin& pin = pins_[gsi];
  if (pin.entry.level) pin.remote_irr = true;
  pin.unsent = false;
  pin.sent = pin.interrupt;
  pci::InterruptMessage message;
  message.data = pin.entry.vector | (pin.entry.level ? 0x8000u : 0u);
  if (pin.entry.remappable && remapper_ != nullptr) {
    // VT-d 5.1.5.1: the pin's message in remappable format, with the IO-APIC as its source.
    const uint64_t handle = pin.entry.handle;
    message.address = 0xfee00000u | (handle & 0x7fff) << 5 | 1u << 4 | (handle >> 15 & 1) << 2;
    const auto outcome = remapper_->Remap(config_.io_apic_source, message.address, 0);
    if (std::holds_alternative<pci::DmaFault>(outcome)) {
      handler_->Lost(pin.interrupt);
      return;
    }
    const auto& remapped = std::get<pci::InterruptMessage>(outcome);
    message.address = remapped.address;
    message.data = (remapped.data & 0xff) | (pin.entry.level ? 0x8000u : 0u);
  } else {
    message.address = 0xfee00000u | static_cast<uint64_t>(pin.entry.destination) << 12;
  }
  Route(message, pin.interrupt);
}

}  // namespace pvpci::xen
