// SPDX-License-Identifier: Apache-2.0
// What interrupt messages mean to this machine: from address and data, through the interrupt remapping table, to the event
// channel of a domain; and who wrote the entries of that table. Part of Machine.
#include <fmt/format.h>

#include "models/iommu/table_entries.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/irq.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {
namespace {

// Remappable format, VT-d 5.1.2.2. Compatibility format, Intel SDM 3A 11.11.
constexpr uint64_t kRemappable = 0x10, kSubhandleValid = 0x8;
constexpr unsigned kLowestPriority = 1;

const char* DeliveryName(unsigned mode) {
  static constexpr const char* kModes[] = {"fixed", "lowest priority", "SMI", "reserved",
                                           "NMI",   "INIT",            "reserved", "ExtINT"};
  return kModes[mode & 7];
}

unsigned EntryOf(uint64_t address, uint32_t data) {
  const unsigned handle = static_cast<unsigned>((address >> 5 & 0x7fff) | (address & 4) << 13);
  return (address & kSubhandleValid) != 0 ? (handle + (data & 0xffff)) & 0xffff : handle;
}

// VT-d 9.10, SVT and SQ.
std::string SourceText(const iommu::Irte& entry, uint16_t segment) {
  const auto bdf = [segment](uint16_t id) {
    pci::Bdf function = pci::Bdf::FromId(id);
    function.segment = segment;
    return pci::ToString(function);
  };
  switch (entry.validation()) {
    case iommu::Irte::Validation::kNone: return "any requester";
    case iommu::Irte::Validation::kRequester: {
      static constexpr const char* kIgnored[] = {"", ", function bit 2 ignored", ", function bits 1 and 2 ignored",
                                                 ", any function"};
      return bdf(entry.source_id()) + kIgnored[entry.source_qualifier() & 3];
    }
    case iommu::Irte::Validation::kBusRange:
      return fmt::format("buses {:02x} to {:02x}", entry.source_id() >> 8, entry.source_id() & 0xff);
    case iommu::Irte::Validation::kReserved: return "reserved";
  }
  return "reserved";
}

}  // namespace

void Machine::OnInterruptEntry(unsigned index) {
  EntryWritten& written = entries_written_[index];
  written = {sim::kDomXen, "", simulation_.now(), 0};
  const auto call = hypervisor_->hypercall_table().running();
  if (!call) return;
  written.domain = call->vcpu->domain->id();
  written.hypercall = call->name;
  GuestDomain* const guest = FindGuest(written.domain);
  if (guest == nullptr || call->vcpu->id >= guest->vcpus().size()) return;
  written.backtrace = backtraces_.Add(written.domain, guest->vcpus()[call->vcpu->id]->runner().CaptureBacktrace());
}

// A message's vector and processor are its own, or its entry's.
void Machine::FollowEntry(reports::MessagePath* path) const {
  const auto index = static_cast<unsigned>(*path->entry);
  if (const auto written = entries_written_.find(index); written != entries_written_.end()) {
    const EntryWritten& by = written->second;
    path->written_by = reports::EntryWriter{DomainName(by.domain), by.hypercall, by.time, backtraces_.Resolve(by.backtrace)};
  }
  const std::optional<iommu::Irte> entry = tables_ == nullptr ? std::nullopt : tables_->InterruptEntry(index);
  if (!entry || !entry->present() || entry->posted()) return;
  path->source = SourceText(*entry, iommu_->config().segment);
  path->vector = entry->vector();
  path->delivery = DeliveryName(entry->delivery_mode());
  path->processor = entry->destination();
}

reports::MessagePath Machine::PathOfMessage(uint64_t address, uint32_t data) const {
  reports::MessagePath path;
  path.address = address;
  path.data = data;
  if ((address & kRemappable) != 0) {
    path.format = "remappable";
    path.entry = static_cast<int>(EntryOf(address, data));
    FollowEntry(&path);
    if (!path.vector) return path;
  } else {
    path.format = "compatibility";
    path.vector = static_cast<int>(data & 0xff);
    path.delivery = DeliveryName(data >> 8);
    path.processor = static_cast<int>(address >> 12 & 0xff);
  }
  const int irq = IrqOf(static_cast<unsigned>(*path.vector), static_cast<unsigned>(*path.processor));
  if (irq < 0) return path;
  for (const xen::Irqs::Guest& guest : hypervisor_->irqs().desc(irq).guests) {
    path.domain = DomainName(guest.domain);
    path.pirq = static_cast<int>(guest.pirq);
    const xen::Domain* const domain = static_cast<const xen::Hypervisor&>(*hypervisor_).domain(guest.domain);
    if (domain == nullptr) continue;
    const auto found = domain->pirqs.find(static_cast<unsigned>(guest.pirq));
    if (found != domain->pirqs.end() && found->second.port != 0) path.port = static_cast<int>(found->second.port);
  }
  return path;
}

std::string Machine::MessageStory(uint64_t address, uint32_t data) const {
  const reports::MessagePath path = PathOfMessage(address, data);
  std::string text;
  if (path.entry) {
    text = fmt::format("remappable format, entry {} of the interrupt remapping table", *path.entry);
    if (path.written_by) {
      text += fmt::format(", written by {}{}", path.written_by->domain,
                          path.written_by->hypercall.empty() ? "" : "'s " + path.written_by->hypercall);
      if (!path.written_by->backtrace.empty()) {
        const reports::Frame& frame = path.written_by->backtrace.front();
        text += fmt::format(" in {} ({}:{})", frame.function, frame.file, frame.line);
      }
    }
    if (!path.vector) return text + ", which is not present";
    text += fmt::format(", which serves {} only: ", path.source);
  }
  text += fmt::format("vector {:#04x}, delivery {}, local APIC {}", *path.vector, path.delivery, *path.processor);
  const int irq = IrqOf(static_cast<unsigned>(*path.vector), static_cast<unsigned>(*path.processor));
  if (irq < 0) return text + ", which no irq of Xen has";
  for (const xen::Irqs::Guest& guest : hypervisor_->irqs().desc(irq).guests) {
    text += fmt::format(", which Xen gives to {} as pirq {}", DomainName(guest.domain), guest.pirq);
  }
  return text;
}

// A remappable message can only be what its entry says; of the others fixed and lowest priority are vectors.
bool Machine::MessageIsAGuests(uint64_t address, uint32_t data) const {
  if ((address & kRemappable) != 0) return true;
  return (data >> 8 & 7) <= kLowestPriority &&
         IrqOf(data & 0xff, static_cast<unsigned>(address >> 12 & 0xff)) >= 0;
}

int Machine::IrqOf(unsigned vector, unsigned cpu) const {
  constexpr int kMostIrqs = 4096;
  for (int irq = 0; irq < kMostIrqs; ++irq) {
    if (!hypervisor_->irqs().Valid(irq)) continue;
    const xen::Irqs::Desc& desc = hypervisor_->irqs().desc(irq);
    if (desc.vector == vector && desc.cpu == cpu && desc.guest_bound) return irq;
  }
  return -1;
}

sim::DomId Machine::MessageReceiver(uint64_t address, uint32_t data) const {
  if ((data >> 8 & 7) > kLowestPriority) return sim::kDomXen;  // NMI, INIT and the like are nobody's
  return hypervisor_->irqs().ReceiverOf(static_cast<unsigned>(address >> 12 & 0xff), data & 0xff);
}

}  // namespace pvpci::scenarios
