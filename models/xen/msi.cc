// SPDX-License-Identifier: Apache-2.0
#include "models/xen/msi.h"

#include "models/pci/registers.h"
#include "models/xen/abi.h"

namespace pvpci::xen {
namespace {

// PCI Local Bus 3.0, 6.7 and 6.8; names as in the specification.
using namespace pci::reg;  // NOLINT: names of the specification

constexpr unsigned kMessageControl = kMsiControl;
static_assert(kMessageControl == kMsixControl);
constexpr unsigned kMsiMultipleEnable = 7u << 4;
constexpr unsigned kMsixTableSize = 0x7ff;
constexpr uint64_t kMessageWindow = 0xfee00000;

long Enxio() { return -6; }

}  // namespace

bool MsiProgrammer::Remaps() const {
  IommuControl* iommu = hypervisor_.iommu();
  return iommu != nullptr && iommu->remaps_interrupts();
}

unsigned MsiProgrammer::FindCapability(pci::Bdf function, unsigned id) const {
  PlatformPci& pci = hypervisor_.pci();
  if ((pci.ConfigRead(function, 0, 4) & 0xffff) == 0xffff) return 0;
  if ((pci.ConfigRead(function, kStatus, 2) & kStatusCapabilities) == 0) return 0;
  unsigned position = pci.ConfigRead(function, kCapabilities, 1) & 0xfc;
  // A loop in the list must not hang the machine: no more entries than fit.
  for (int budget = 48; budget > 0 && position >= 0x40; --budget) {
    const uint32_t header = pci.ConfigRead(function, position, 2);
    if ((header & 0xff) == id) return position;
    position = (header >> 8) & 0xfc;
  }
  return 0;
}

std::optional<uint64_t> MsiProgrammer::BarAddress(pci::Bdf function, unsigned bar) const {
  PlatformPci& pci = hypervisor_.pci();
  if (bar > 5) return std::nullopt;
  const uint32_t low = pci.ConfigRead(function, kBar0 + 4 * bar, 4);
  if ((low & 1) != 0) return std::nullopt;  // I/O BAR
  uint64_t address = low & ~0xfu;
  if ((low & 6) == 4 && bar < 5) address |= static_cast<uint64_t>(pci.ConfigRead(function, kBar0 + 4 * bar + 4, 4)) << 32;
  if (address == 0) return std::nullopt;
  return address;
}

long MsiProgrammer::Setup(Domain& domain, const MsiRequest& request, const std::vector<int>& irqs, unsigned cpu) {
  return request.table_base != 0 ? SetupMsix(domain, request, irqs[0], cpu) : SetupMsi(domain, request, irqs, cpu);
}

long MsiProgrammer::SetupMsi(Domain& domain, const MsiRequest& request, const std::vector<int>& irqs, unsigned cpu) {
  (void)domain;
  PlatformPci& pci = hypervisor_.pci();
  const unsigned capability = FindCapability(request.function, kCapMsi);
  if (capability == 0) return -abi::kENODEV;
  for (const auto& [irq, message] : messages_) {
    if (message.function == request.function && !message.msix) return -abi::kEEXIST;
  }
  uint32_t control = pci.ConfigRead(request.function, capability + kMessageControl, 2);
  const unsigned capable = 1u << ((control >> 1) & 7);
  if (irqs.size() > capable) return static_cast<long>(capable);  // the caller may retry with fewer
  unsigned log2 = 0;
  while ((1u << log2) < irqs.size()) ++log2;

  std::optional<unsigned> remap;
  if (Remaps()) {
    remap = hypervisor_.iommu()->AllocateIrtes(static_cast<unsigned>(irqs.size()));
    if (!remap.has_value()) return -abi::kENOSPC;
  }
  control = (control & ~(kMsiMultipleEnable | kMsiEnable)) | log2 << 4;
  pci.ConfigWrite(request.function, capability + kMessageControl, 2, control);
  for (size_t i = 0; i < irqs.size(); ++i) {
    Message& message = messages_[irqs[i]];
    message.function = request.function;
    message.maskable = (control & kMsiMaskable) != 0;
    message.capability = capability;
    message.wide = (control & kMsi64) != 0;
    message.index = static_cast<unsigned>(i);
    message.count = i == 0 ? static_cast<unsigned>(irqs.size()) : 0;
    message.first_irq = irqs[0];
    if (remap.has_value()) message.remap_index = static_cast<int>(*remap + i);
  }
  // Masked before anything can be sent; the enable bit is dom0's.
  for (const int irq : irqs) SetMask(irq, true);
  for (const int irq : irqs) hypervisor_.irqs().Retarget(irq, cpu);
  return 0;
}

long MsiProgrammer::UseMsix(pci::Bdf function, uint64_t table_base, Msix** out) {
  PlatformPci& pci = hypervisor_.pci();
  const unsigned capability = FindCapability(function, kCapMsix);
  if (capability == 0) return -abi::kENODEV;
  if ((pci.ConfigRead(function, kCommand, 2) & kCommandMemory) == 0) return Enxio();
  Msix& msix = msix_[function];
  if (msix.used == 0) {
    const uint32_t control = pci.ConfigRead(function, capability + kMessageControl, 2);
    const uint32_t table = pci.ConfigRead(function, capability + 4, 4);
    const uint32_t pba = pci.ConfigRead(function, capability + 8, 4);
    const auto table_bar = BarAddress(function, table & 7);
    const auto pba_bar = BarAddress(function, pba & 7);
    if (!table_bar.has_value()) {
      msix_.erase(function);
      return Enxio();
    }
    msix.capability = capability;
    msix.entries = (control & kMsixTableSize) + 1;
    // dom0 says where the BAR is; what the device's own register says must agree.
    msix.table = (table_base != 0 ? table_base : *table_bar) + (table & ~7u);
    msix.pba = pba_bar.value_or(0) + (pba & ~7u);
    const auto protect = [&](uint64_t first, uint64_t bytes) {
      for (uint64_t mfn = first >> sim::kPageShift; mfn <= (first + bytes - 1) >> sim::kPageShift; ++mfn) {
        msix.frames.push_back(mfn);
        ++read_only_[mfn];
      }
    };
    protect(msix.table, uint64_t{msix.entries} * kMsixEntryBytes);
    if (pba_bar.has_value()) protect(msix.pba, (msix.entries + 63) / 64 * 8);
  }
  ++msix.used;
  *out = &msix;
  return 0;
}

void MsiProgrammer::ReleaseUse(pci::Bdf function) {
  const auto found = msix_.find(function);
  if (found == msix_.end() || --found->second.used != 0) return;
  for (const sim::Mfn mfn : found->second.frames) {
    if (--read_only_[mfn] == 0) read_only_.erase(mfn);
  }
  msix_.erase(found);
}

long MsiProgrammer::SetupMsix(Domain& domain, const MsiRequest& request, int irq, unsigned cpu) {
  PlatformPci& pci = hypervisor_.pci();
  const unsigned capability = FindCapability(request.function, kCapMsix);
  if (capability == 0) return -abi::kENODEV;
  const unsigned entries = (pci.ConfigRead(request.function, capability + kMessageControl, 2) & kMsixTableSize) + 1;
  if (request.entry_nr < 0 || static_cast<unsigned>(request.entry_nr) >= entries) return -abi::kEINVAL;
  for (const auto& [other, message] : messages_) {
    if (message.function == request.function && message.msix && message.index == static_cast<unsigned>(request.entry_nr)) {
      return -abi::kEEXIST;
    }
  }
  const bool first_use = msix_.count(request.function) == 0;
  Msix* msix = nullptr;
  if (const long error = UseMsix(request.function, request.table_base, &msix); error != 0) return error;
  if (first_use && !domain.privileged() && domain.allocated_pages != 0) {
    // The domain may already have mapped the table writable: Xen cannot take that back (abi.md S13).
    ReleaseUse(request.function);
    hypervisor_.CrashDomain(domain.id(), "MSI-X table was not prepared before the device was given away");
    return -abi::kEBUSY;
  }
  Message& message = messages_[irq];
  message.function = request.function;
  message.msix = message.maskable = true;
  message.capability = capability;
  message.index = static_cast<unsigned>(request.entry_nr);
  message.first_irq = irq;
  if (Remaps()) {
    const auto remap = hypervisor_.iommu()->AllocateIrtes(1);
    if (!remap.has_value()) {
      messages_.erase(irq);
      ReleaseUse(request.function);
      return -abi::kENOSPC;
    }
    message.remap_index = static_cast<int>(*remap);
  }
  // The table may be written only while the function does not send: enable with everything masked, then restore.
  const uint32_t control = pci.ConfigRead(request.function, capability + kMessageControl, 2);
  if ((control & kMsixEnable) == 0) {
    pci.ConfigWrite(request.function, capability + kMessageControl, 2, control | kMsixEnable | kMsixFunctionMask);
  }
  SetMask(irq, true);
  hypervisor_.irqs().Retarget(irq, cpu);
  if ((control & kMsixEnable) == 0) pci.ConfigWrite(request.function, capability + kMessageControl, 2, control);
  return 0;
}

void MsiProgrammer::WriteMessage(Message& message) {
  PlatformPci& pci = hypervisor_.pci();
  uint64_t address = kMessageWindow | static_cast<uint64_t>(message.cpu) << 12;
  uint32_t data = message.vector;
  if (message.remap_index >= 0) {
    RemapTarget target;
    target.source = message.function;
    target.vector = message.vector;
    target.destination = message.cpu;
    hypervisor_.iommu()->WriteIrte(static_cast<unsigned>(message.remap_index), target);
    // Remappable format, VT-d 5.1.2.2: handle of the block's first entry; the subhandle is added by the function.
    const auto handle = static_cast<uint64_t>(message.remap_index) - (message.msix ? 0 : message.index);
    address = kMessageWindow | (handle & 0x7fff) << 5 | 1u << 4 | 1u << 3 | (handle >> 15 & 1) << 2;
    data = 0;
  }
  if (message.msix) {
    const uint64_t entry = msix_.at(message.function).table + uint64_t{message.index} * kMsixEntryBytes;
    pci.MmioWrite(entry, 4, address & 0xffffffff);
    pci.MmioWrite(entry + 4, 4, address >> 32);
    pci.MmioWrite(entry + 8, 4, data);
    return;
  }
  if (message.index != 0) return;  // a block has one message
  pci.ConfigWrite(message.function, message.capability + 4, 4, static_cast<uint32_t>(address));
  if (message.wide) pci.ConfigWrite(message.function, message.capability + 8, 4, static_cast<uint32_t>(address >> 32));
  pci.ConfigWrite(message.function, message.capability + (message.wide ? 12 : 8), 2, data);
}

bool MsiProgrammer::maskable(int irq) const {
  const auto found = messages_.find(irq);
  return found != messages_.end() && found->second.maskable;
}

void MsiProgrammer::SetMask(int irq, bool masked) {
  const auto found = messages_.find(irq);
  if (found == messages_.end()) return;
  Message& message = found->second;
  message.masked = masked;
  if (!message.maskable) return;
  PlatformPci& pci = hypervisor_.pci();
  if (message.msix) {
    const uint64_t control = msix_.at(message.function).table + uint64_t{message.index} * kMsixEntryBytes + 12;
    pci.MmioWrite(control, 4, masked ? 1 : 0);
    return;
  }
  const unsigned offset = message.capability + (message.wide ? 16 : 12);
  const uint32_t bits = pci.ConfigRead(message.function, offset, 4);
  const uint32_t bit = 1u << message.index;
  pci.ConfigWrite(message.function, offset, 4, masked ? bits | bit : bits & ~bit);
}

void MsiProgrammer::Retarget(int irq, unsigned cpu, unsigned vector) {
  const auto found = messages_.find(irq);
  if (found == messages_.end()) return;
  found->second.cpu = cpu;
  found->second.vector = vector;
  WriteMessage(found->second);
}

bool MsiProgrammer::IsFirst(int irq) const {
  const auto found = messages_.find(irq);
  return found == messages_.end() || found->second.first_irq == irq;
}

std::vector<int> MsiProgrammer::Group(int irq) const {
  std::vector<int> irqs;
  for (const auto& [other, message] : messages_) {
    if (message.first_irq == irq) irqs.push_back(other);
  }
  return irqs;
}

void MsiProgrammer::Teardown(int irq) {
  const std::vector<int> irqs = Group(irq);
  if (irqs.empty()) return;
  const Message first = messages_.at(irq);
  for (const int member : irqs) SetMask(member, true);
  PlatformPci& pci = hypervisor_.pci();
  if (!first.msix) {
    const uint32_t control = pci.ConfigRead(first.function, first.capability + kMessageControl, 2);
    pci.ConfigWrite(first.function, first.capability + kMessageControl, 2, control & ~kMsiEnable);
  }
  for (const int member : irqs) {
    const Message& message = messages_.at(member);
    if (message.remap_index >= 0) hypervisor_.iommu()->FreeIrtes(static_cast<unsigned>(message.remap_index), 1);
    messages_.erase(member);
  }
  if (first.msix) ReleaseUse(first.function);
}

long MsiProgrammer::PrepareMsix(pci::Bdf function) {
  if (msix_.count(function) != 0) return -abi::kEBUSY;
  Msix* msix = nullptr;
  return UseMsix(function, 0, &msix);
}

long MsiProgrammer::ReleaseMsix(pci::Bdf function) {
  if (FindCapability(function, kCapMsix) == 0) return -abi::kENODEV;
  const auto found = msix_.find(function);
  if (found == msix_.end() || found->second.used != 1) return -abi::kEBUSY;
  ReleaseUse(function);
  return 0;
}

long MsiProgrammer::Restore(pci::Bdf function) {
  for (auto& [irq, message] : messages_) {
    if (!(message.function == function)) continue;
    WriteMessage(message);
    SetMask(irq, message.masked);
  }
  return 0;
}

}  // namespace pvpci::xen
