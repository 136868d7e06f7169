// SPDX-License-Identifier: Apache-2.0
#include "models/xen/hypervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/xen/abi.h"
#include "models/xen/apic.h"
#include "models/xen/event_channels.h"
#include "models/xen/frames.h"
#include "models/xen/grant_table.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/irq.h"
#include "models/xen/memory_op.h"
#include "models/xen/misc_ops.h"
#include "models/xen/mmu.h"
#include "models/xen/msi.h"
#include "models/xen/passthrough.h"
#include "models/xen/physdev.h"
#include "models/xen/pirq.h"
#include "models/xen/sched.h"
#include "models/xen/system_time.h"
#include "sim/check.h"
#include "sim/out_of_resources.h"
#include "sim/log.h"

namespace pvpci::xen {
namespace {

constexpr unsigned kShutdownCrash = 3;
constexpr uint32_t kUnlimitedPorts = abi::kFifoMaxPort;

abi::VcpuInfo& Info(const Vcpu& vcpu) { return *reinterpret_cast<abi::VcpuInfo*>(vcpu.info); }

}  // namespace

Hypervisor::Hypervisor(HypervisorConfig config, sim::Simulation& simulation, sim::MachineMemory& memory,
                       sim::Trace& trace, PlatformPci& pci, IommuControl* iommu)
    : config_(std::move(config)),
      simulation_(simulation),
      memory_(memory),
      trace_(trace),
      pci_(pci),
      iommu_(iommu),
      console_(simulation) {
  SIM_CHECK(config_.physical_cpus >= 1 && config_.physical_cpus <= 64, "physical_cpus: 1 .. 64");
  SIM_CHECK(config_.gsi_count >= 16 && config_.gsi_count <= 120, "gsi_count: 16 .. 120");
  passthrough_ = std::make_unique<Passthrough>(*this);
  frames_ = std::make_unique<Frames>(*this);
  system_time_ = std::make_unique<SystemTime>(*this);
  apics_ = std::make_unique<Apics>(config_, simulation_);
  event_channels_ = std::make_unique<EventChannels>(*this);
  irqs_ = std::make_unique<Irqs>(*this, *apics_);
  msi_ = std::make_unique<MsiProgrammer>(*this);
  pirqs_ = std::make_unique<Pirqs>(*this);
  physdev_ = std::make_unique<PhysdevOps>(*this);
  mmu_ = std::make_unique<Mmu>(*this);
  memory_ops_ = std::make_unique<MemoryOps>(*this);
  grants_ = std::make_unique<Grants>(*this);
  scheduler_ = std::make_unique<Scheduler>(*this);
  table_ = std::make_unique<HypercallTable>(trace_);
  misc_ = std::make_unique<MiscOps>(*this, *table_);
  apics_->SetHandler(irqs_.get());
  irqs_->SetMsi(msi_.get());
  RegisterHypercalls();
}

Hypervisor::~Hypervisor() = default;

void Hypervisor::RegisterHypercalls() {
  event_channels_->Register(*table_);
  physdev_->Register(*table_);
  scheduler_->Register(*table_);
  memory_ops_->Register(*table_);
  mmu_->Register(*table_);
  grants_->Register(*table_);
  misc_->Register();
}

HypercallResult Hypervisor::Hypercall(Vcpu& vcpu, unsigned nr, const uint64_t args[5]) {
  Domain& domain = *vcpu.domain;
  HypercallResult result;
  if (domain.shut_down || domain.dying) {
    result.value = -abi::kEINVAL;
    result.block = true;
    return result;
  }
  Call call{vcpu, domain, args};
  if (nr == abi::kMemoryOp) passthrough_->BeginMemoryOp();
  result.value = table_->Run(nr, call);
  if (nr == abi::kMemoryOp) passthrough_->EndMemoryOp(result.value < 0, config_.hypercall + call.cost);
  result.cost = config_.hypercall + call.cost + passthrough_->TakeCost();
  result.block = call.block || domain.shut_down;
  return result;
}

bool Hypervisor::UpcallDeliverable(const Vcpu& vcpu) {
  const abi::VcpuInfo& info = Info(vcpu);
  return info.upcall_pending != 0 && info.upcall_mask == 0;
}

sim::Ps Hypervisor::BeginUpcall(Vcpu& vcpu) {
  abi::VcpuInfo& info = Info(vcpu);
  vcpu.saved_masks.push_back(info.upcall_mask);
  info.upcall_mask = 1;
  if (probe_ != nullptr) {
    for (const uint32_t port : vcpu.unstamped_ports) {
      const EventChannel& channel = vcpu.domain->ports[port];
      if (channel.state != PortState::kPirq || channel.interrupts.empty()) continue;
      probe_->OnProbe({channel.interrupts.back(), Probe::kT4, simulation_.now(), vcpu.domain->id(), port, channel.pirq, &vcpu});
    }
  }
  vcpu.unstamped_ports.clear();
  UpdateTime(vcpu);
  return config_.upcall_inject;
}

void Hypervisor::EndUpcall(Vcpu& vcpu) {
  if (vcpu.saved_masks.empty()) return;
  abi::VcpuInfo& info = Info(vcpu);
  info.upcall_mask = vcpu.saved_masks.back();
  vcpu.saved_masks.pop_back();
  // Whatever the callback's own loop has taken needs no bounce frame any more.
  if (info.upcall_pending == 0) vcpu.unstamped_ports.clear();
}

std::optional<GuestMapping> Hypervisor::Walk(const Vcpu& vcpu, uint64_t va) const { return mmu_->Walk(vcpu, va); }

bool Hypervisor::IoPortPermitted(const Domain& domain, unsigned port, unsigned size) const {
  if (domain.privileged()) return true;
  return std::any_of(domain.ioports.begin(), domain.ioports.end(), [&](const auto& range) {
    return port >= range.first && port + size - 1 <= range.second;
  });
}

uint32_t Hypervisor::TakeInterrupt(sim::DomId id, uint32_t port) {
  Domain* subject = domain(id);
  if (subject == nullptr || port >= subject->ports.size()) return 0;
  EventChannel& channel = subject->ports[port];
  if (channel.interrupts.empty()) return 0;
  const uint32_t interrupt = channel.interrupts.front();
  channel.interrupts.pop_front();
  if (channel.interrupts.empty()) {
    subject->NoteServed(port);
    auto& unstamped = subject->vcpus[channel.notify_vcpu]->unstamped_ports;
    unstamped.erase(std::remove(unstamped.begin(), unstamped.end(), port), unstamped.end());
  }
  return interrupt;
}

uint32_t Hypervisor::PortOfPirq(sim::DomId id, unsigned pirq) const {
  const Domain* subject = domain(id);
  if (subject == nullptr) return 0;
  const auto found = subject->pirqs.find(pirq);
  return found == subject->pirqs.end() ? 0 : found->second.port;
}

void Hypervisor::UpdateTime(Vcpu& vcpu) { system_time_->Update(vcpu); }
uint64_t Hypervisor::SystemTimeNs() const { return system_time_->Nanoseconds(); }
pci::InterruptSink& Hypervisor::interrupts() { return *apics_; }
void Hypervisor::SetInterruptRemapper(pci::DmaRemapper* remapper) { apics_->SetRemapper(remapper); }
void Hypervisor::AddDomainObserver(DomainObserver* observer) { scheduler_->AddObserver(observer); }
InterruptCounts Hypervisor::interrupt_counts() const { return irqs_->counts(); }

Domain* Hypervisor::domain(sim::DomId id) {
  const auto found = domains_.find(id);
  return found == domains_.end() ? nullptr : found->second.get();
}

const Domain* Hypervisor::domain(sim::DomId id) const {
  const auto found = domains_.find(id);
  return found == domains_.end() ? nullptr : found->second.get();
}

std::vector<sim::DomId> Hypervisor::domains() const {
  std::vector<sim::DomId> ids;
  for (const auto& [id, domain] : domains_) ids.push_back(id);
  return ids;
}

Domain& Hypervisor::AddDomain(const DomainSpec& spec) {
  SIM_CHECK(domains_.count(spec.id) == 0, "domain id in use: " + std::to_string(spec.id));
  SIM_CHECK(spec.vcpus >= 1 && spec.vcpus <= 32, "vcpus: 1 .. 32");
  auto domain = std::make_unique<Domain>();
  domain->spec = spec;
  domain->max_pages = spec.pages;
  domain->nr_pirqs = config_.gsi_count + (domain->privileged() ? config_.extra_dom0_irqs : config_.extra_guest_irqs);
  domain->max_port = domain->privileged() ? kUnlimitedPorts : config_.event_channels_limit;
  domain->ports.resize(1);
  const auto shared_info = frames_->AllocateShared(spec.id);
  if (!shared_info) throw sim::OutOfResources("no machine frame is left in Xen's heap for " + spec.name);
  domain->shared_info_mfn = *shared_info;
  domain->shared_info = memory_.frame(domain->shared_info_mfn).host;
  auto& shared = *reinterpret_cast<abi::SharedInfo*>(domain->shared_info);
  for (unsigned id = 0; id < spec.vcpus; ++id) {
    auto vcpu = std::make_unique<Vcpu>();
    vcpu->domain = domain.get();
    vcpu->id = id;
    vcpu->pcpu = vcpus_created_++ % config_.physical_cpus;
    vcpu->info = reinterpret_cast<std::byte*>(&shared.vcpu_info[id]);
    shared.vcpu_info[id].upcall_mask = 1;  // a vCPU starts with events off
    domain->vcpus.push_back(std::move(vcpu));
  }
  domain->control.resize(spec.vcpus);
  trace_.SetDomainName(spec.id, spec.name);
  Domain& added = *domain;
  domains_[spec.id] = std::move(domain);
  system_time_->UpdateWallclock(added);
  for (auto& vcpu : added.vcpus) UpdateTime(*vcpu);
  return added;
}

void Hypervisor::CrashDomain(sim::DomId id, const std::string& reason) {
  Domain* subject = domain(id);
  if (subject == nullptr) return;
  sim::Log(sim::LogLevel::kWarning, "xen", "{} crashed: {}", subject->spec.name, reason);
  console_.Print(XenConsole::Level::kAlways, fmt::format("Domain {} crashed: {}", id, reason));
  subject->crash_reason = reason;
  scheduler_->ShutdownDomain(*subject, kShutdownCrash);
}

void Hypervisor::Panic(const std::string& reason) {
  if (panicked_) return;
  panicked_ = true;
  console_.Print(XenConsole::Level::kAlways, "Panic on CPU 0: " + reason);
  for (const sim::DomId id : domains()) CrashDomain(id, "the hypervisor panicked: " + reason);
}

long Hypervisor::DestroyDomain(sim::DomId id) {
  Domain* subject = domain(id);
  if (subject == nullptr || subject->dying) return -abi::kESRCH;
  for (auto& vcpu : subject->vcpus) scheduler_->Retire(*vcpu);
  subject->shut_down = true;
  event_channels_->CloseAll(*subject);
  pirqs_->UnmapAll(*subject);
  while (!subject->devices.empty()) DeassignDevice(*subject->devices.begin(), id);
  grants_->ReleaseAll(*subject);
  subject->dying = true;
  mmu_->Forget(*subject);
  passthrough_->Destroy(*subject);
  // Frames that another domain still has grant-mapped keep their owner until the last unmap.
  bool zombie = false;
  for (const auto& [first, last] : frames_->ram()) {
    for (sim::Mfn mfn = first; mfn <= last; ++mfn) {
      if (memory_.frame(mfn).owner != id) continue;
      sim::Frame& frame = memory_.frame(mfn);
      if (frame.grant_maps == 0) {
        frames_->Free(mfn);
        continue;
      }
      zombie = true;
      frame.ref_count = frame.grant_maps;
      frame.type_count = std::min(frame.type_count, frame.grant_maps);
    }
  }
  if (!zombie) domains_.erase(id);
  passthrough_->TakeCost();  // the time of the tools, not of the next guest
  return 0;
}

long Hypervisor::AssignDevice(pci::Bdf function, sim::DomId id) {
  Domain* subject = domain(id);
  if (subject == nullptr && id != sim::kDomIo) return -abi::kESRCH;
  if ((pci_.ConfigRead(function, 0, 4) & 0xffff) == 0xffff) return -abi::kENODEV;
  if (iommu_ == nullptr && (config_.no_iommu == NoIommuPolicy::kRefused || id == sim::kDomIo)) return -abi::kEOPNOTSUPP;
  for (const auto& [other, owner] : domains_) {
    if (other != id && other != 0 && owner->devices.count(function) != 0) return -abi::kEBUSY;
  }
  // <= 4.12 answered -ENOSYS here, which the tools tolerated for PV; the device stayed dom0's for MSI maps.
  if (iommu_ == nullptr && config_.no_iommu == NoIommuPolicy::kIntxOnly) return 0;
  const bool enabled = subject == nullptr || passthrough_->Enable(*subject);
  const bool assigned = enabled && passthrough_->Assign(function, id);
  passthrough_->TakeCost();
  if (!assigned) return -abi::kENOMEM;
  if (subject != nullptr) {
    // In quarantine it stays dom0's for configuration.
    if (Domain* dom0 = domain(0); dom0 != nullptr && id != 0) dom0->devices.erase(function);
    subject->devices.insert(function);
  }
  return 0;
}

long Hypervisor::DeassignDevice(pci::Bdf function, sim::DomId id) {
  if (id == sim::kDomIo) {
    if (iommu_ == nullptr) return -abi::kEOPNOTSUPP;
    passthrough_->Deassign(function, id);
    passthrough_->TakeCost();
    return 0;
  }
  Domain* subject = domain(id);
  if (subject == nullptr) return -abi::kESRCH;
  const bool owned = subject->devices.erase(function) != 0;
  if (!owned) return iommu_ == nullptr && config_.no_iommu == NoIommuPolicy::kIntxOnly ? 0 : -abi::kENODEV;
  if (Domain* dom0 = domain(0); dom0 != nullptr && id != 0) dom0->devices.insert(function);
  passthrough_->Deassign(function, id);
  passthrough_->TakeCost();
  return 0;
}

long Hypervisor::PermitIomem(sim::DomId id, uint64_t first_mfn, uint64_t count, bool allow) {
  Domain* subject = domain(id);
  if (subject == nullptr) return -abi::kESRCH;
  if (count == 0) return -abi::kEINVAL;
  const std::pair<uint64_t, uint64_t> range(first_mfn, first_mfn + count - 1);
  auto& ranges = subject->iomem;
  if (allow) ranges.push_back(range);
  else ranges.erase(std::remove(ranges.begin(), ranges.end(), range), ranges.end());
  return 0;
}

long Hypervisor::PermitIoPort(sim::DomId id, unsigned first, unsigned count, bool allow) {
  Domain* subject = domain(id);
  if (subject == nullptr) return -abi::kESRCH;
  if (count == 0 || first + count > 65536) return -abi::kEINVAL;
  const std::pair<unsigned, unsigned> range(first, first + count - 1);
  auto& ranges = subject->ioports;
  if (allow) ranges.push_back(range);
  else ranges.erase(std::remove(ranges.begin(), ranges.end(), range), ranges.end());
  return 0;
}

long Hypervisor::PermitIrq(sim::DomId id, unsigned pirq, bool allow) {
  Domain* subject = domain(id);
  if (subject == nullptr) return -abi::kESRCH;
  if (pirq >= subject->nr_pirqs) return -abi::kEINVAL;
  const auto found = subject->pirqs.find(pirq);
  const unsigned irq = found == subject->pirqs.end() || found->second.irq < 0 ? pirq
                                                                             : static_cast<unsigned>(found->second.irq);
  if (allow) subject->irqs_permitted.insert(irq);
  else subject->irqs_permitted.erase(irq);
  return 0;
}

long Hypervisor::MapGsi(sim::DomId id, unsigned gsi) {
  Domain* subject = domain(id);
  Domain* dom0 = domain(0);
  if (subject == nullptr || dom0 == nullptr) return -abi::kESRCH;
  return pirqs_->MapGsi(*dom0, *subject, static_cast<int>(gsi), static_cast<int>(gsi));
}

long Hypervisor::UnmapPirq(sim::DomId id, unsigned pirq) {
  Domain* subject = domain(id);
  return subject == nullptr ? -abi::kESRCH : pirqs_->Unmap(*subject, static_cast<int>(pirq));
}

uint32_t Hypervisor::ConnectHost(sim::DomId id, std::function<void()> on_send) {
  Domain* subject = domain(id);
  SIM_CHECK(subject != nullptr, "ConnectHost: no such domain");
  return event_channels_->ConnectHost(*subject, std::move(on_send));
}

void Hypervisor::NotifyFromHost(sim::DomId id, uint32_t port) {
  Domain* subject = domain(id);
  if (subject == nullptr || port >= subject->ports.size()) return;
  if (subject->ports[port].host_consumer) event_channels_->SetPending(*subject, port);
}

void Hypervisor::RaiseVirq(sim::DomId id, unsigned virq) {
  Domain* subject = domain(id);
  if (subject == nullptr || subject->shut_down || virq >= abi::kVirqCount) return;
  event_channels_->SendVirq(*subject->vcpus[0], virq);
}

std::map<std::string, HypercallCount> Hypervisor::hypercall_counts(sim::DomId id) const {
  const Domain* subject = domain(id);
  return subject == nullptr ? std::map<std::string, HypercallCount>() : table_->Counts(*subject);
}

}  // namespace pvpci::xen
