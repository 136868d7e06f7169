// SPDX-License-Identifier: Apache-2.0
#include "models/xen/pirq.h"

#include <vector>

#include "models/xen/abi.h"
#include "models/xen/event_channels.h"
#include "models/xen/irq.h"
#include "models/xen/msi.h"

namespace pvpci::xen {

bool Pirqs::Permitted(const Domain& domain, unsigned pirq) const {
  const auto found = domain.pirqs.find(pirq);
  if (found == domain.pirqs.end() || found->second.irq < 0) return false;
  return domain.privileged() || domain.irqs_permitted.count(static_cast<unsigned>(found->second.irq)) != 0;
}

long Pirqs::FreePirq(const Domain& domain, bool msi) const {
  const unsigned gsis = hypervisor_.config().gsi_count;
  if (msi) return FreePirqs(domain, 1);
  for (unsigned pirq = 16; pirq < gsis; ++pirq) {
    if (domain.pirqs.count(pirq) == 0) return pirq;
  }
  return -abi::kENOSPC;
}

long Pirqs::FreePirqs(const Domain& domain, int count) const {
  const int lowest = static_cast<int>(hypervisor_.config().gsi_count);
  int run = 0;
  for (int pirq = static_cast<int>(domain.nr_pirqs) - 1; pirq >= lowest; --pirq) {
    run = domain.pirqs.count(static_cast<unsigned>(pirq)) == 0 ? run + 1 : 0;
    if (run == count) return pirq;
  }
  return -abi::kENOSPC;
}

long Pirqs::Map(Domain& domain, unsigned pirq, int irq) {
  domain.irqs_permitted.insert(static_cast<unsigned>(irq));
  Pirq& info = domain.pirqs[pirq];
  info.irq = irq;
  domain.pirq_of_irq[irq] = pirq;
  return pirq;
}

long Pirqs::MapGsi(const Domain& caller, Domain& domain, int gsi, int pirq) {
  if (gsi < 0 || gsi >= static_cast<int>(hypervisor_.config().gsi_count)) return -abi::kEINVAL;
  // The index is a pirq of the caller; only dom0 may name a GSI it has not mapped itself.
  int irq = gsi;
  const auto own = caller.pirqs.find(static_cast<unsigned>(gsi));
  if (own != caller.pirqs.end() && own->second.irq >= 0) irq = own->second.irq;
  else if (!caller.privileged()) return -abi::kEINVAL;
  if (!caller.privileged() && caller.irqs_permitted.count(static_cast<unsigned>(irq)) == 0) return -abi::kEPERM;

  const auto current = domain.pirq_of_irq.find(irq);
  if (pirq < 0) {
    pirq = current != domain.pirq_of_irq.end() ? static_cast<int>(current->second)
                                               : static_cast<int>(FreePirq(domain, /*msi=*/false));
    if (pirq < 0) return pirq;
  } else if (current != domain.pirq_of_irq.end() && current->second != static_cast<unsigned>(pirq)) {
    return -abi::kEEXIST;
  }
  if (static_cast<unsigned>(pirq) >= domain.nr_pirqs) return -abi::kEINVAL;
  const auto taken = domain.pirqs.find(static_cast<unsigned>(pirq));
  if (taken != domain.pirqs.end() && taken->second.irq != irq) return -abi::kEINVAL;
  return Map(domain, static_cast<unsigned>(pirq), irq);
}

long Pirqs::MapMsi(Domain& domain, const MsiRequest& request, int pirq, int count) {
  const HypervisorConfig& config = hypervisor_.config();
  // Without IOMMU the newer policies never assigned the device, so the owner check finds nothing (abi.md S3).
  const bool assigned = domain.devices.count(request.function) != 0 || domain.privileged();
  if (!assigned) return -abi::kENODEV;
  if (hypervisor_.iommu() == nullptr && config.no_iommu != NoIommuPolicy::kMsiToo && !domain.privileged()) {
    return -abi::kENODEV;
  }
  if (count > 1) {
    const IommuControl* iommu = hypervisor_.iommu();
    if (iommu == nullptr || !iommu->remaps_interrupts()) return -abi::kEOPNOTSUPP;
    int rounded = 1;
    while (rounded < count) rounded <<= 1;
    count = rounded;
  }
  if (pirq < 0) {
    const long free = FreePirqs(domain, count);
    if (free < 0) return count > 1 ? -abi::kENFILE : free;
    pirq = static_cast<int>(free);
  } else {
    if (static_cast<unsigned>(pirq) + static_cast<unsigned>(count) > domain.nr_pirqs) return -abi::kEINVAL;
    for (int i = 0; i < count; ++i) {
      if (domain.pirqs.count(static_cast<unsigned>(pirq + i)) != 0) return -abi::kEEXIST;
    }
  }
  std::vector<int> irqs;
  for (int i = 0; i < count; ++i) irqs.push_back(hypervisor_.irqs().CreateMsiIrq());
  const unsigned cpu = domain.vcpus.empty() ? 0 : domain.vcpus[0]->pcpu;
  const long error = hypervisor_.msi().Setup(domain, request, irqs, cpu);
  if (error != 0) {
    for (const int irq : irqs) hypervisor_.irqs().DestroyMsiIrq(irq);
    return error;
  }
  for (int i = 0; i < count; ++i) Map(domain, static_cast<unsigned>(pirq + i), irqs[static_cast<size_t>(i)]);
  return pirq;
}

long Pirqs::Unmap(Domain& domain, int pirq) {
  if (pirq < 0 || static_cast<unsigned>(pirq) >= domain.nr_pirqs) return -abi::kEINVAL;
  const auto found = domain.pirqs.find(static_cast<unsigned>(pirq));
  if (found == domain.pirqs.end() || found->second.irq < 0) return -abi::kEINVAL;
  const int irq = found->second.irq;
  const bool msi = irq >= static_cast<int>(hypervisor_.config().gsi_count);
  std::vector<int> irqs = {irq};
  if (msi) {
    if (!hypervisor_.msi().IsFirst(irq)) return -abi::kEBUSY;
    irqs = hypervisor_.msi().Group(irq);
    hypervisor_.msi().Teardown(irq);
  }
  for (size_t i = 0; i < irqs.size(); ++i) {
    const unsigned number = static_cast<unsigned>(pirq) + static_cast<unsigned>(i);
    Pirq& info = domain.pirqs.at(number);
    if (info.port != 0) hypervisor_.irqs().UnbindGuest(irqs[i], domain, number);
    domain.irqs_permitted.erase(static_cast<unsigned>(irqs[i]));
    domain.pirq_of_irq.erase(irqs[i]);
    // A forced unbind leaves the port open: the pirq number stays taken until the guest closes it.
    if (info.port != 0) info.irq = -1;
    else domain.pirqs.erase(number);
    if (msi) hypervisor_.irqs().DestroyMsiIrq(irqs[i]);
  }
  return 0;
}

void Pirqs::SetEoiBit(Domain& domain, unsigned pirq, bool needed) {
  if (domain.eoi_map == nullptr || pirq >= 8 * sim::kPageSize) return;
  auto* word = reinterpret_cast<uint64_t*>(domain.eoi_map) + pirq / 64;
  const uint64_t bit = uint64_t{1} << (pirq % 64);
  if (needed) __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
  else __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
}

long Pirqs::Bind(Domain& domain, unsigned pirq, bool will_share) {
  Pirq& info = domain.pirqs.at(pirq);
  info.masked = false;
  const long error = hypervisor_.irqs().BindGuest(info.irq, domain, pirq, will_share, domain.vcpus[0]->pcpu);
  if (error != 0) return error;
  SetEoiBit(domain, pirq, hypervisor_.irqs().ack_type(info.irq) != AckType::kNone);
  return 0;
}

void Pirqs::Unbind(Domain& domain, unsigned pirq) {
  const auto found = domain.pirqs.find(pirq);
  if (found == domain.pirqs.end()) return;
  if (found->second.irq < 0) {  // was unmapped under the port
    domain.pirqs.erase(found);
    return;
  }
  hypervisor_.irqs().UnbindGuest(found->second.irq, domain, pirq);
  found->second.port = 0;
  found->second.masked = false;
}

void Pirqs::Retarget(Domain& domain, unsigned pirq, unsigned cpu) {
  const auto found = domain.pirqs.find(pirq);
  if (found != domain.pirqs.end() && found->second.irq >= 0) hypervisor_.irqs().RetargetAtNext(found->second.irq, cpu);
}

long Pirqs::Eoi(Domain& domain, unsigned pirq) {
  if (pirq >= domain.nr_pirqs) return -abi::kEINVAL;
  const auto found = domain.pirqs.find(pirq);
  if (found == domain.pirqs.end()) return -abi::kEINVAL;
  if (hypervisor_.probe() != nullptr && found->second.masked) {
    hypervisor_.probe()->OnProbe({found->second.in_service, Probe::kT8, hypervisor_.simulation().now(), domain.id(),
                                  found->second.port, pirq});
  }
  if (domain.auto_unmask && found->second.port != 0) hypervisor_.event_channels().UnmaskPort(domain, found->second.port);
  hypervisor_.irqs().GuestEoi(found->second.irq, domain, pirq);
  return 0;
}

void Pirqs::UnmapAll(Domain& domain) {
  while (!domain.pirqs.empty()) {
    const auto [pirq, info] = *domain.pirqs.begin();
    if (info.irq < 0 || Unmap(domain, static_cast<int>(pirq)) != 0) domain.pirqs.erase(pirq);
  }
}

}  // namespace pvpci::xen
