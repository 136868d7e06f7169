// SPDX-License-Identifier: Apache-2.0
#include "models/xen/irq.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/xen/abi.h"
#include "models/xen/event_channels.h"
#include "models/xen/pirq.h"
#include "models/xen/sched.h"
#include "sim/check.h"

namespace pvpci::xen {
namespace {

// Xen keeps 0xf0.. for itself and starts handing out dynamic vectors above the legacy block.
constexpr unsigned kFirstDynamicVector = 0x31;
constexpr unsigned kLastDynamicVector = 0xef;

// A level line sent again for the assertion that was served last.
bool IsAgain(const Irqs::Desc& desc, uint32_t interrupt) {
  return desc.level && desc.kind == IrqKind::kGsi && desc.interrupt == interrupt;
}

}  // namespace

Irqs::Irqs(Hypervisor& hypervisor, Apics& apics) : hypervisor_(hypervisor), apics_(apics), descs_(apics.pins()) {
  const unsigned cpus = hypervisor.config().physical_cpus;
  vector_irq_.resize(cpus);
  for (auto& vectors : vector_irq_) vectors.fill(-1);
  pending_eoi_.resize(cpus);
  for (Desc& desc : descs_) desc.kind = IrqKind::kGsi;
}

int Irqs::CreateMsiIrq() {
  for (size_t irq = apics_.pins(); irq < descs_.size(); ++irq) {
    if (descs_[irq].kind != IrqKind::kFree) continue;
    descs_[irq] = Desc();
    descs_[irq].kind = IrqKind::kMsi;
    return static_cast<int>(irq);
  }
  descs_.emplace_back();
  descs_.back().kind = IrqKind::kMsi;
  return static_cast<int>(descs_.size() - 1);
}

void Irqs::DestroyMsiIrq(int irq) {
  ReleaseVector(irq);
  desc(irq) = Desc();
}

long Irqs::SetupGsi(unsigned gsi, bool level, bool active_low) {
  if (gsi >= apics_.pins()) return -abi::kEINVAL;
  Desc& target = descs_[gsi];
  if (target.trigger_set) return -abi::kEEXIST;
  target.trigger_set = true;
  target.level = level;
  target.active_low = active_low;
  AssignVector(static_cast<int>(gsi), target.cpu);
  WriteRedirection(static_cast<int>(gsi), /*masked=*/true);
  return 0;
}

void Irqs::AssignVector(int irq, unsigned cpu) {
  Desc& target = desc(irq);
  if (target.vector != 0 && target.cpu == cpu) return;
  if (target.vector != 0 && target.started) {
    target.moving = true;
    target.old_cpu = target.cpu;
    target.old_vector = target.vector;
  } else {
    ReleaseVector(irq);
  }
  // Spread over priority classes, as Xen does (step 8): neighbours do not block each other.
  auto& vectors = vector_irq_[cpu];
  for (unsigned offset = 0; offset < 8; ++offset) {
    for (unsigned vector = kFirstDynamicVector + offset; vector <= kLastDynamicVector; vector += 8) {
      if (vectors[vector] != -1 || vector == 0x80 || vector == 0x82) continue;
      vectors[vector] = irq;
      target.vector = vector;
      target.cpu = cpu;
      return;
    }
  }
  SIM_CHECK(false, "no interrupt vector left on a pCPU");
}

void Irqs::ReleaseVector(int irq) {
  Desc& target = desc(irq);
  if (target.vector == 0) return;
  if (vector_irq_[target.cpu][target.vector] == irq) vector_irq_[target.cpu][target.vector] = -1;
  target.vector = 0;
  target.wanted_cpu = -1;
  ReleaseOldVector(target);
}

void Irqs::ReleaseOldVector(Desc& target) {
  if (target.moving) vector_irq_[target.old_cpu][target.old_vector] = -1;
  target.moving = false;
}

AckType Irqs::AckTypeOf(const Desc& desc) const {
  if (desc.kind == IrqKind::kMsi) {
    const int irq = static_cast<int>(&desc - descs_.data());
    return msi_ != nullptr && msi_->maskable(irq) ? AckType::kNone : AckType::kEoi;
  }
  if (!desc.level) return AckType::kNone;
  // A local APIC with directed EOI forces the old way (abi.md 3.6).
  const HypervisorConfig& config = hypervisor_.config();
  return config.directed_eoi || config.io_apic_ack == IoApicAck::kOld ? AckType::kUnmask : AckType::kEoi;
}

void Irqs::WriteRedirection(int irq, bool masked) {
  Desc& target = desc(irq);
  RedirectionEntry entry;
  entry.vector = target.vector;
  entry.destination = target.cpu;
  entry.level = target.level;
  entry.active_low = target.active_low;
  entry.masked = masked;
  IommuControl* iommu = hypervisor_.iommu();
  if (iommu != nullptr && iommu->remaps_interrupts()) {
    if (target.remap_index < 0) {
      const auto index = iommu->AllocateIrtes(1);
      SIM_CHECK(index.has_value(), "interrupt remapping table full");
      target.remap_index = static_cast<int>(*index);
    }
    RemapTarget remap;
    remap.source = hypervisor_.config().io_apic_source;
    remap.vector = target.vector;
    remap.destination = target.cpu;
    remap.level = target.level;
    iommu->WriteIrte(static_cast<unsigned>(target.remap_index), remap);
    entry.remappable = true;
    entry.handle = static_cast<unsigned>(target.remap_index);
  }
  apics_.WriteRedirection(static_cast<unsigned>(irq), entry);
}

void Irqs::Enable(int irq) {
  Desc& target = desc(irq);
  target.disabled = false;
  if (target.kind == IrqKind::kMsi) msi_->SetMask(irq, false);
  else apics_.SetMask(static_cast<unsigned>(irq), false);
}

void Irqs::Disable(int irq) {
  desc(irq).disabled = true;
  MaskSource(irq);
}

void Irqs::MaskSource(int irq) {
  if (desc(irq).kind == IrqKind::kMsi) msi_->SetMask(irq, true);
  else apics_.SetMask(static_cast<unsigned>(irq), true);
}

void Irqs::Startup(int irq) {
  Desc& target = desc(irq);
  if (target.kind == IrqKind::kGsi) WriteRedirection(irq, /*masked=*/true);
  target.started = true;
  Enable(irq);
}

void Irqs::RetargetAtNext(int irq, unsigned cpu) {
  Desc& target = desc(irq);
  if (!target.started) return Retarget(irq, cpu);
  target.wanted_cpu = static_cast<int>(cpu);
}

// X:arch/x86/irq.c:move_masked_irq; __assign_irq_vector answers -EAGAIN to a second move before the first is over.
void Irqs::MoveIfWanted(int irq) {
  Desc& target = desc(irq);
  const int cpu = std::exchange(target.wanted_cpu, -1);
  if (cpu >= 0 && !target.moving) Retarget(irq, static_cast<unsigned>(cpu));
}

void Irqs::Retarget(int irq, unsigned cpu) {
  Desc& target = desc(irq);
  if (target.cpu == cpu && target.vector != 0) return;
  AssignVector(irq, cpu);
  if (target.kind == IrqKind::kMsi) {
    msi_->Retarget(irq, cpu, target.vector);
  } else {
    WriteRedirection(irq, apics_.redirection(static_cast<unsigned>(irq)).masked);
  }
}

long Irqs::BindGuest(int irq, Domain& domain, unsigned pirq, bool shareable, unsigned cpu) {
  if (!Valid(irq)) return -abi::kEINVAL;
  Desc& target = desc(irq);
  if (target.xen_owned) return -abi::kEBUSY;
  if (!target.guest_bound) {
    target.shareable = shareable;
    target.in_flight = 0;
    target.ack = AckTypeOf(target);
    target.guest_bound = true;
    target.guests.push_back({domain.id(), pirq});
    // Affinity first: the irq is started on its final pCPU.
    Retarget(irq, cpu);
    Startup(irq);
    return 0;
  }
  if (!shareable || !target.shareable) return -abi::kEBUSY;
  if (target.guests.size() >= hypervisor_.config().irq_max_guests) return -abi::kEBUSY;
  target.guests.push_back({domain.id(), pirq});
  return 0;
}

void Irqs::UnbindGuest(int irq, Domain& domain, unsigned pirq) {
  Desc& target = desc(irq);
  const auto guest = std::find_if(target.guests.begin(), target.guests.end(), [&](const Guest& g) {
    return g.domain == domain.id() && g.pirq == pirq;
  });
  if (guest == target.guests.end()) return;
  GuestEoi(irq, domain, pirq);  // a guest that leaves owes no EOI any more
  target.guests.erase(guest);
  if (!target.guests.empty()) return;
  if (target.eoi_timer != 0) hypervisor_.simulation().Cancel(target.eoi_timer);
  target.eoi_timer = 0;
  Disable(irq);
  target.started = target.guest_bound = false;
  target.wanted_cpu = -1;
  target.rate_count = 0;
  target.rate_disabled = false;
  rate_limited_.erase(std::remove(rate_limited_.begin(), rate_limited_.end(), irq), rate_limited_.end());
}

bool Irqs::Shared(int irq) const {
  return Valid(irq) && descs_[static_cast<size_t>(irq)].guests.size() > 1;
}

// handler->ack: what happens at the interrupt controllers before guests are told.
void Irqs::Ack(int irq, unsigned cpu) {
  const Desc& target = desc(irq);
  const bool directed = hypervisor_.config().directed_eoi;
  switch (target.ack) {
    case AckType::kNone:
      apics_.Eoi(cpu, directed);
      break;
    case AckType::kUnmask:
      if (!directed) apics_.SetMask(static_cast<unsigned>(irq), true);
      apics_.Eoi(cpu, directed);
      break;
    case AckType::kEoi:
      break;
  }
}

// handler->end: the last guest is done.
void Irqs::End(int irq) {
  Desc& target = desc(irq);
  StampAll(irq, Probe::kT9, target.interrupt);
  if (target.ack == AckType::kUnmask) {
    if (hypervisor_.config().directed_eoi) apics_.IoApicEoi(target.vector);
    MoveIfWanted(irq);
    if (!hypervisor_.config().directed_eoi && !target.disabled) apics_.SetMask(static_cast<unsigned>(irq), false);
  }
}

void Irqs::Complete(int irq) {
  Desc& target = desc(irq);
  if (target.ack == AckType::kUnmask) {
    End(irq);
  } else if (target.ack == AckType::kEoi && target.eoi_pending) {
    target.eoi_ready = true;
    FlushReady(target.eoi_cpu);
  }
}

// Pops ready entries from the top only: the local APIC ends its highest vector in service first.
void Irqs::FlushReady(unsigned cpu) {
  auto& stack = pending_eoi_[cpu];
  while (!stack.empty() && desc(stack.back()).eoi_ready) {
    const int irq = stack.back();
    stack.pop_back();
    Desc& target = desc(irq);
    target.eoi_pending = target.eoi_ready = false;
    StampAll(irq, Probe::kT9, target.interrupt);
    apics_.Eoi(cpu, /*directed=*/false);
  }
}

void Irqs::GuestEoi(int irq, Domain& domain, unsigned pirq) {
  if (!Valid(irq)) return;
  Desc& target = desc(irq);
  const auto info = domain.pirqs.find(pirq);
  if (!target.guest_bound || info == domain.pirqs.end()) return;
  if (!info->second.masked) return;
  info->second.masked = false;
  if (--target.in_flight == 0) {
    if (target.eoi_timer != 0) hypervisor_.simulation().Cancel(target.eoi_timer);
    target.eoi_timer = 0;
    Complete(irq);
  }
}

void Irqs::ForcedEoi(int irq) {
  Desc& target = desc(irq);
  target.eoi_timer = 0;
  if (!target.guest_bound) return;
  ++counts_.forced_eois;
  for (const Guest& guest : target.guests) {
    Pirq& info = hypervisor_.domain(guest.domain)->pirqs.at(guest.pirq);
    if (!info.masked) continue;
    info.masked = false;
    --target.in_flight;
  }
  if (target.in_flight == 0) Complete(irq);
}

void Irqs::LiftRateLimit() {
  rate_timer_armed_ = false;
  std::vector<int> irqs;
  irqs.swap(rate_limited_);
  for (const int irq : irqs) {
    desc(irq).rate_disabled = false;
    Enable(irq);
  }
}

void Irqs::Interrupted(unsigned cpu, sim::Ps busy) { hypervisor_.scheduler().Steal(cpu, busy); }

void Irqs::DoIrq(unsigned cpu, unsigned vector, uint32_t interrupt) {
  const sim::Ps entered = hypervisor_.simulation().now() - hypervisor_.config().irq_dispatch;
  const int irq = vector_irq_[cpu][vector];
  if (irq < 0) {  // "No irq handler for vector"
    Stamp(interrupt, Probe::kT1, entered, sim::kDomXen, 0, 0);
    apics_.Eoi(cpu, false);
    SayOnce(fmt::format("CPU{}: No irq handler for vector {:02x}", cpu, vector));
    Outcome(interrupt, InterruptOutcome::kLost, 0);
    return;
  }
  Desc& target = desc(irq);
  if (target.moving && cpu == target.cpu && vector == target.vector) ReleaseOldVector(target);  // irq_complete_move
  Ack(irq, cpu);
  // Of a level line at its end, when it is masked; X:arch/x86/io_apic.c:end_level_ioapic_irq_old.
  if (target.ack != AckType::kUnmask) MoveIfWanted(irq);
  if (!target.guest_bound) {
    // Its last guest left while the interrupt was on its way. It is ended all the same, masked as the irq is, so that the
    // next guest's startup finds the pin free: X:arch/x86/irq.c:do_IRQ, label out.
    Stamp(interrupt, Probe::kT1, entered, sim::kDomXen, 0, 0);
    const bool again = IsAgain(target, interrupt);
    if (target.ack == AckType::kEoi) apics_.Eoi(cpu, false);
    if (target.ack == AckType::kUnmask && hypervisor_.config().directed_eoi) apics_.IoApicEoi(vector);
    const bool still_up = target.kind == IrqKind::kGsi && apics_.PutBack(static_cast<unsigned>(irq), interrupt);
    if (!again && !still_up) Outcome(interrupt, InterruptOutcome::kLost, 0);
    return;
  }
  const HypervisorConfig& config = hypervisor_.config();
  const sim::Ps now = hypervisor_.simulation().now();
  if (config.irq_ratelimit != 0 && target.rate_count++ >= config.irq_ratelimit) {
    if (now < target.rate_start + config.irq_ratelimit_window) {
      Stamp(interrupt, Probe::kT1, entered, sim::kDomXen, 0, 0);
      // The source is masked, the irq's status says nothing of it: where the end of a level interrupt unmasks the pin
      // (ACKTYPE_UNMASK without directed EOI), End below undoes it at once, and such a line is not limited at all.
      // X:arch/x86/irq.c:do_IRQ, X:arch/x86/io_apic.c:end_level_ioapic_irq_old.
      MaskSource(irq);
      if (!target.rate_disabled) {
        target.rate_disabled = true;
        ++counts_.rate_limited;
        rate_limited_.push_back(irq);
        if (!rate_timer_armed_) {
          rate_timer_armed_ = true;
          hypervisor_.simulation().After(config.irq_ratelimit_window, [this] { LiftRateLimit(); });
        }
      }
      const bool again = IsAgain(target, interrupt);
      target.interrupt = interrupt;
      if (target.ack == AckType::kUnmask) End(irq);
      if (target.ack == AckType::kEoi) apics_.Eoi(cpu, false);
      if (!again) Outcome(interrupt, InterruptOutcome::kLost, 0);
      return;
    }
    target.rate_count = 0;
    target.rate_start = now;
  }
  DoIrqGuest(irq, cpu, interrupt, entered);
}

void Irqs::DoIrqGuest(int irq, unsigned cpu, uint32_t interrupt, sim::Ps entered) {
  Desc& target = desc(irq);
  const bool again = IsAgain(target, interrupt);
  target.interrupt = interrupt;
  if (target.ack != AckType::kNone && target.eoi_timer != 0) {
    hypervisor_.simulation().Cancel(target.eoi_timer);
    target.eoi_timer = 0;
  }
  if (target.ack == AckType::kEoi) {
    pending_eoi_[cpu].push_back(irq);
    target.eoi_pending = true;
    target.eoi_ready = false;
    target.eoi_cpu = cpu;
  }
  bool delivered = false;
  uint32_t into = 0;
  const std::vector<Guest> guests = target.guests;  // delivery may wake code that unbinds
  for (const Guest& guest : guests) {
    Domain& domain = *hypervisor_.domain(guest.domain);
    Pirq& info = domain.pirqs.at(guest.pirq);
    if (target.ack != AckType::kNone && !info.masked) {
      info.masked = true;
      ++target.in_flight;
    }
    if (info.port == 0) continue;
    info.in_service = interrupt;
    const uint32_t port = info.port;
    const sim::Ps now = hypervisor_.simulation().now();
    Stamp(interrupt, Probe::kT1, entered, domain.id(), port, guest.pirq);
    const Pended pended = hypervisor_.event_channels().SendPirq(domain, info);
    auto& queue = domain.ports[port].interrupts;
    if (!pended.newly_pending) {
      if (!queue.empty()) into = queue.back();
      continue;
    }
    delivered = true;
    Vcpu& notified = *domain.vcpus[domain.ports[port].notify_vcpu];
    Stamp(interrupt, Probe::kT2, now, domain.id(), port, guest.pirq, &notified);
    if (pended.raised) Stamp(interrupt, Probe::kT3, now, domain.id(), port, guest.pirq);
    // PENDING was clear, so the guest has taken every earlier event but at most one that it is about to handle.
    while (queue.size() >= 2) queue.pop_front();
    queue.push_back(interrupt);
    domain.NoteInterrupted(port);
    notified.unstamped_ports.push_back(port);
  }
  if (target.ack == AckType::kNone) {
    StampAll(irq, Probe::kT9, interrupt);
  } else {
    if (target.eoi_timer != 0) hypervisor_.simulation().Cancel(target.eoi_timer);
    target.eoi_timer = hypervisor_.simulation().After(hypervisor_.config().forced_eoi, [this, irq] { ForcedEoi(irq); });
  }
  if (again) {  // its outcome was counted when it came first
    if (delivered) Outcome(interrupt, InterruptOutcome::kRedelivered, 0);
  } else {
    Outcome(interrupt, delivered ? InterruptOutcome::kDelivered : InterruptOutcome::kCoalesced, into);
  }
}

void Irqs::Arrived(uint32_t, bool forged) {
  ++counts_.arrived;
  if (forged) ++counts_.forged;
}

void Irqs::Merged(uint32_t interrupt, uint32_t into) { Outcome(interrupt, InterruptOutcome::kCoalesced, into); }

void Irqs::Lost(uint32_t interrupt) { Outcome(interrupt, InterruptOutcome::kLost, 0); }

void Irqs::SayOnce(const std::string& line) {
  if (said_.insert(line).second) hypervisor_.console().Print(XenConsole::Level::kAlways, line);
}

// X:arch/x86/traps.c:do_nmi, unknown_nmi_error; X:arch/x86/apic.c:error_interrupt. An INIT takes the processor from Xen: the
// boot processor's restarts the machine, any other waits for a start-up message.
void Irqs::Special(unsigned cpu, SpecialDelivery what) {
  switch (what) {
    case SpecialDelivery::kIllegalVector:
      SayOnce(fmt::format("APIC error on CPU{}: 40(40), Received illegal vector", cpu));
      return;
    case SpecialDelivery::kSmi: SayOnce(fmt::format("CPU{}: system management interrupt, the firmware runs", cpu)); return;
    case SpecialDelivery::kExtInt: SayOnce(fmt::format("CPU{}: spurious 8259A interrupt", cpu)); return;
    case SpecialDelivery::kNmi:
      SayOnce(fmt::format("CPU{}: NMI, unknown reason", cpu));
      if (hypervisor_.config().nmi_fatal) hypervisor_.Panic("FATAL TRAP: vector = 2 (nmi)");
      return;
    case SpecialDelivery::kInit:
      SayOnce(fmt::format("CPU{}: INIT", cpu));
      if (cpu == 0) return hypervisor_.Panic("INIT at the boot processor: the machine restarts");
      for (const sim::DomId id : hypervisor_.domains()) {
        for (auto& vcpu : hypervisor_.domain(id)->vcpus) {
          if (vcpu->pcpu == cpu) hypervisor_.scheduler().Retire(*vcpu);
        }
      }
      return;
  }
}

// X:arch/x86/traps.c:pci_serr_error.
void Irqs::SystemError(std::optional<pci::Bdf> source, uint64_t address) {
  const std::string who = source ? "device " + pci::ToString(*source) : std::string("a processor");
  if (hypervisor_.config().mask_system_errors) {
    SayOnce(fmt::format("unsupported request of {}, masked (XSA-59)", who));
    return;
  }
  SayOnce(fmt::format("NMI - PCI system error (SERR): {} at {:#x}", who, address));
  if (hypervisor_.config().nmi_fatal) hypervisor_.Panic("FATAL TRAP: vector = 2 (nmi), PCI system error (SERR)");
}

sim::DomId Irqs::ReceiverOf(unsigned cpu, unsigned vector) const {
  if (cpu >= vector_irq_.size() || vector > 0xff || vector_irq_[cpu][vector] < 0) return sim::kDomXen;
  const Desc& target = descs_[static_cast<size_t>(vector_irq_[cpu][vector])];
  return target.guest_bound && !target.guests.empty() ? target.guests.front().domain : sim::kDomXen;
}

void Irqs::Resampled(unsigned gsi, bool, uint32_t interrupt) { StampAll(static_cast<int>(gsi), Probe::kT10, interrupt); }

void Irqs::Outcome(uint32_t interrupt, InterruptOutcome outcome, uint32_t into) {
  switch (outcome) {
    case InterruptOutcome::kDelivered: ++counts_.delivered; break;
    case InterruptOutcome::kCoalesced: ++counts_.coalesced; break;
    case InterruptOutcome::kLost: ++counts_.lost; break;
    case InterruptOutcome::kRedelivered: ++counts_.redelivered; break;
  }
  if (hypervisor_.probe() != nullptr) {
    hypervisor_.probe()->OnOutcome(interrupt, outcome, into, hypervisor_.simulation().now());
  }
}

void Irqs::Stamp(uint32_t interrupt, Probe probe, sim::Ps time, sim::DomId domain, uint32_t port, unsigned pirq,
                 const Vcpu* vcpu) {
  if (hypervisor_.probe() == nullptr) return;
  hypervisor_.probe()->OnProbe({interrupt, probe, time, domain, port, pirq, vcpu});
}

void Irqs::StampAll(int irq, Probe probe, uint32_t interrupt) {
  if (hypervisor_.probe() == nullptr) return;
  for (const Guest& guest : desc(irq).guests) {
    const Pirq& info = hypervisor_.domain(guest.domain)->pirqs.at(guest.pirq);
    Stamp(interrupt, probe, hypervisor_.simulation().now(), guest.domain, info.port, guest.pirq);
  }
}

InterruptCounts Irqs::counts() const {
  InterruptCounts counts = counts_;
  counts.waiting = counts.arrived - counts.delivered - counts.coalesced - counts.lost;
  return counts;
}

}  // namespace pvpci::xen
