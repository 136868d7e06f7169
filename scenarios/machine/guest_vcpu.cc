// SPDX-License-Identifier: Apache-2.0
// One vCPU: every call between the guest's code and the models.
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "models/xen/abi.h"
#include "models/xen/sched.h"
#include "scenarios/machine/guest_domain.h"
#include "sim/check.h"

namespace pvpci::scenarios {
namespace {

constexpr uint64_t kSecondaryStackBytes = 8 * sim::kPageSize;  // driver/env/cpu.c
constexpr uint64_t kEventClose = 3;                            // EVTCHNOP_close
constexpr uint64_t kEventSend = 4;                             // EVTCHNOP_send
// INITIAL_JIFFIES of the kernel: five minutes before the 32-bit counter wraps.
constexpr uint64_t kHz = 250;
constexpr uint64_t kInitialJiffies = static_cast<uint32_t>(-300 * static_cast<int64_t>(kHz));

struct DmaMapRecord {
  uint64_t bus_address;
  uint64_t size;
  uint32_t kind;
  uint16_t direction;
  uint16_t function;
};

uint64_t Mask(uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((uint64_t{1} << 8 * size) - 1);
}

sim::DmaKind KindOf(uint32_t kind) {
  switch (kind) {
    case SEAM_DMA_MAP_SG:
    case SEAM_DMA_UNMAP_SG: return sim::DmaKind::kScatterGather;
    case SEAM_DMA_ALLOC_COHERENT:
    case SEAM_DMA_FREE_COHERENT: return sim::DmaKind::kCoherent;
    default: return sim::DmaKind::kSingle;
  }
}

}  // namespace

void RegisterDmaTrace(sim::Trace& trace) {
  trace.SetFormatter(sim::RecordKind::kDmaMap, [](const sim::RecordView& view) {
    static constexpr const char* kNames[] = {"?",      "map",     "unmap",         "map_sg",
                                             "unmap_sg", "coherent", "free_coherent"};
    DmaMapRecord record;
    std::memcpy(&record, view.payload, sizeof record);
    return fmt::format("dma {} {} {:#x} {} bytes direction {}", kNames[record.kind <= SEAM_DMA_FREE_COHERENT ? record.kind : 0],
                       pci::ToString(pci::Bdf::FromId(record.function)), record.bus_address, record.size,
                       record.direction);
  });
}

GuestVcpu::GuestVcpu(GuestDomain& guest, unsigned number) : guest_(guest), number_(number) {
  if (!guest_.loaded_) return;
  driver::VcpuConfig config;
  config.name = fmt::format("{}.vcpu{}", guest_.spec_.name, number);
  config.cpu = number;
  runner_ = std::make_unique<driver::VcpuRunner>(config, *guest_.around_.simulation, *guest_.loaded_,
                                                 guest_.hooks_.get(), *this);
}

xen::Vcpu& GuestVcpu::vcpu() { return *guest_.built_.domain->vcpus[number_]; }

void GuestVcpu::PostWork(uint64_t va) {
  runner_->Post(va);
  guest_.around_.hypervisor->scheduler().Unblock(vcpu());
}

driver::Answer GuestVcpu::Hypercall(uint64_t number, const uint64_t (&args)[5]) {
  if (number == xen::abi::kEventChannelOp && (args[0] == kEventSend || args[0] == kEventClose) &&
      guest_.around_.watched) {
    if (const void* at = guest_.space_.Access(args[1], sizeof(xen::abi::EvtchnPort), false)) {
      xen::abi::EvtchnPort what;
      std::memcpy(&what, at, sizeof what);
      if (args[0] == kEventSend) {
        guest_.around_.rings->OnSend(guest_.id_, what.port);
      } else {
        guest_.around_.rings->OnClose(guest_.id_, what.port);
      }
    }
  }
  const xen::HypercallResult result =
      guest_.around_.hypervisor->Hypercall(vcpu(), static_cast<unsigned>(number), args);
  guest_.CollectWork();
  driver::Answer answer{static_cast<uint64_t>(result.value), result.cost, result.block};
  // Work that was posted before the guest blocked: it must not sleep over it.
  if (answer.block && runner_->has_posts() && vcpu().state == xen::VcpuState::kBlocked) {
    vcpu().state = xen::VcpuState::kRunning;
    answer.block = false;
  }
  return answer;
}

pci::WriteContext GuestVcpu::Context(bool with_backtrace) {
  pci::WriteContext context;
  context.domain = guest_.id_;
  context.vcpu = static_cast<uint16_t>(number_);
  if (with_backtrace && guest_.around_.watched) context.backtrace = guest_.around_.backtraces->Add(guest_.id_, runner_->CaptureBacktrace());
  return context;
}

iommu::Iommu* GuestVcpu::IommuAt(uint64_t machine_address) const {
  const bool registers = machine_address >= iommu::kRegisterBase &&
                         machine_address < iommu::kRegisterBase + iommu::kRegisterBytes;
  return registers ? guest_.around_.iommu : nullptr;
}

driver::Answer GuestVcpu::MmioRead(uint64_t va, unsigned size) {
  const auto mapping = guest_.around_.hypervisor->Walk(vcpu(), va);
  if (!mapping) {
    guest_.Log(4, fmt::format("pvpci: readl of an address that is not mapped\n"), runner_->local_time());
    return {Mask(~uint64_t{0}, size), 0};
  }
  if (guest_.around_.fabric->Decodes(mapping->machine_address)) {
    const pci::AccessResult result = guest_.around_.fabric->MmioRead(mapping->machine_address, size, Context(false));
    return {Mask(result.value, size), result.latency};
  }
  if (iommu::Iommu* const iommu = IommuAt(mapping->machine_address)) {
    const uint64_t value = iommu->ReadRegister(static_cast<uint32_t>(mapping->machine_address - iommu::kRegisterBase), size);
    return {Mask(value, size), iommu->config().register_access};
  }
  uint64_t value = ~uint64_t{0};
  if (!guest_.around_.hypervisor->memory().Read(mapping->machine_address, &value, size)) {
    const pci::AccessResult result = guest_.around_.fabric->MmioRead(mapping->machine_address, size, Context(false));
    return {Mask(result.value, size), result.latency};  // nobody answers, and the fabric says so
  }
  return {Mask(value, size), 0};
}

driver::Answer GuestVcpu::MmioWrite(uint64_t va, unsigned size, uint64_t value) {
  const auto mapping = guest_.around_.hypervisor->Walk(vcpu(), va);
  if (!mapping || !mapping->writable()) {
    // As the page fault would: Xen maps MSI-X tables read-only (abi.md S12).
    const std::string where = mapping ? DescribeMmio(va) : std::string();
    runner_->Halt();
    driver::CrashReport report;
    report.kind = driver::CrashKind::kOops;
    report.time = runner_->local_time();
    report.vcpu = number_;
    report.message = where.empty() ? "write to a register page that is not mapped writable"
                                   : fmt::format("write to {}, which the hypervisor maps read-only", where);
    report.backtrace = runner_->CaptureBacktrace();
    guest_.StopAll(report);
    return {};
  }
  if (guest_.around_.fabric->Decodes(mapping->machine_address)) {
    const pci::AccessResult result =
        guest_.around_.fabric->MmioWrite(mapping->machine_address, size, value, Context(true));
    return {0, result.latency};
  }
  if (iommu::Iommu* const iommu = IommuAt(mapping->machine_address)) {
    iommu->WriteRegister(static_cast<uint32_t>(mapping->machine_address - iommu::kRegisterBase), value, size);
    return {};
  }
  if (guest_.around_.hypervisor->memory().Write(mapping->machine_address, &value, size)) return {};
  return {0, guest_.around_.fabric->MmioWrite(mapping->machine_address, size, value, Context(true)).latency};
}

driver::Answer GuestVcpu::PortRead(uint16_t port, unsigned size) {
  if (!guest_.around_.hypervisor->IoPortPermitted(*guest_.built_.domain, port, size)) {
    return {Mask(~uint64_t{0}, size), 0};
  }
  const pci::AccessResult result = guest_.around_.fabric->PortRead(port, size, Context(false));
  return {Mask(result.value, size), result.latency};
}

driver::Answer GuestVcpu::PortWrite(uint16_t port, unsigned size, uint64_t value) {
  if (!guest_.around_.hypervisor->IoPortPermitted(*guest_.built_.domain, port, size)) return {};
  const pci::AccessResult result =
      guest_.around_.fabric->PortWrite(port, size, static_cast<uint32_t>(value), Context(true));
  return {0, result.latency};
}

bool GuestVcpu::UpcallDeliverable() {
  if (guest_.around_.watched) guest_.around_.rings->OnReturn(guest_.id_);
  const xen::Vcpu& self = vcpu();
  if (xen::Hypervisor::UpcallDeliverable(self)) return true;
  return runner_->has_posts() && self.info != nullptr &&
         reinterpret_cast<const xen::abi::VcpuInfo*>(self.info)->upcall_mask == 0;
}

sim::Ps GuestVcpu::BeginUpcall() { return guest_.around_.hypervisor->BeginUpcall(vcpu()); }

sim::Ps GuestVcpu::EndUpcall() {
  guest_.around_.hypervisor->EndUpcall(vcpu());
  return 0;
}

driver::JiffiesClock GuestVcpu::jiffies_clock() const {
  driver::JiffiesClock clock;
  clock.base = kInitialJiffies;
  clock.origin = guest_.started_;
  clock.xen_offset_ns =
      guest_.around_.hypervisor->SystemTimeNs() - guest_.around_.simulation->now() / sim::kNs;
  return clock;
}

void GuestVcpu::Log(unsigned level, std::string_view text) { guest_.Log(level, text, runner_->local_time()); }

void GuestVcpu::IrqsOff(sim::Ps since) {
  GuestDomain::IrqsOff& longest = guest_.irqs_off_;
  const sim::Ps length = runner_->local_time() - since;
  if (length <= longest.length) return;
  longest = {length, since, number_, runner_->CaptureBacktrace()};
}

// Devices know no guards: what they reach in such a frame goes to its bytes by another way.
void GuestVcpu::Guarded(uint64_t va, uint64_t bytes, bool guarded) {
  driver::DomainSpace& space = guest_.loaded_->space();
  for (uint64_t page = va; page < va + bytes; page += sim::kPageSize) {
    const auto mapping = guest_.around_.hypervisor->Walk(vcpu(), page);
    if (!mapping) continue;
    sim::Frame& frame = guest_.around_.hypervisor->memory().frame(mapping->machine_address >> sim::kPageShift);
    const uint64_t pfn = (page - space.base()) >> sim::kPageShift;
    std::byte* const beneath = guarded ? space.Beneath(pfn) : space.page(pfn);
    if (beneath == nullptr) throw std::bad_alloc();
    frame.host = beneath;
  }
}

void GuestVcpu::Dma(const seam_dma& what) {
  if (!guest_.around_.watched) return;
  const std::string name(what.device, strnlen(what.device, sizeof what.device));
  const auto function = guest_.around_.function_of(guest_.id_, name);
  if (!function) return;
  const sim::Ps now = runner_->local_time();
  const auto device = sim::MakeDmaDevice(function->segment, function->id);
  const uint32_t backtrace = guest_.around_.backtraces->Add(guest_.id_, runner_->CaptureBacktrace());
  sim::DmaLedger& ledger = *guest_.around_.ledger;
  switch (what.kind) {
    case SEAM_DMA_MAP_SINGLE:
    case SEAM_DMA_MAP_SG:
    case SEAM_DMA_ALLOC_COHERENT:
      if (what.size == 0) return;
      ledger.Map(device, guest_.id_, what.bus_address, what.size, static_cast<sim::DmaDirection>(what.direction & 3),
                 KindOf(what.kind), now, backtrace);
      break;
    default: ledger.Unmap(device, what.bus_address, what.size, now, backtrace); break;
  }
  if (guest_.around_.dma_called) {
    const bool begins = what.kind == SEAM_DMA_MAP_SINGLE || what.kind == SEAM_DMA_MAP_SG ||
                        what.kind == SEAM_DMA_ALLOC_COHERENT;
    guest_.around_.dma_called({guest_.id_, *function, what.bus_address, what.size,
                               static_cast<sim::DmaDirection>(what.direction & 3), begins, backtrace});
  }
  guest_.around_.trace->Emit(sim::RecordKind::kDmaMap, guest_.id_,
                             DmaMapRecord{what.bus_address, what.size, what.kind,
                                          static_cast<uint16_t>(what.direction), function->id});
}

void GuestVcpu::Handler(uint64_t address) { guest_.WatchHandler(address); }

driver::Answer GuestVcpu::User(seam_user kind, std::string_view text, uint64_t value) {
  std::vector<reports::Program>& programs = guest_.programs_;
  switch (kind) {
    case SEAM_USER_START: {
      reports::Program program;
      program.domain = guest_.spec_.name;
      for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\0', at), text.size());
        program.argv.emplace_back(text.substr(at, end - at));
        at = end + 1;
      }
      programs.push_back(std::move(program));
      break;
    }
    case SEAM_USER_STDOUT:
      if (!programs.empty()) programs.back().stdout_text += text;
      break;
    case SEAM_USER_EXIT:
      if (!programs.empty()) programs.back().exit = static_cast<int>(static_cast<int64_t>(value));
      break;
  }
  return {};
}

std::string GuestVcpu::DescribeMmio(uint64_t va) {
  const auto mapping = guest_.around_.hypervisor->Walk(vcpu(), va);
  if (!mapping) return "";
  for (const pci::Function* function : guest_.around_.fabric->functions()) {
    for (unsigned bar = 0; bar < 6; ++bar) {
      const uint64_t base = function->bar_address(bar);
      if (base != 0 && mapping->machine_address - base < function->bar_size(bar)) {
        return fmt::format("BAR{} of {}", bar, pci::ToString(function->bdf()));
      }
    }
  }
  return "";
}

void GuestVcpu::Warned(const driver::WarnReport& report) {
  const auto frames = guest_.around_.backtraces->Resolve(guest_.id_, report.backtrace);
  guest_.Log(4, "WARNING\n", report.time);
  for (const reports::Frame& frame : frames) {
    guest_.Log(4, fmt::format("  {} ({}:{})\n", frame.function, frame.file, frame.line), report.time);
  }
}

void GuestVcpu::Crashed(const driver::CrashReport& report) { guest_.StopAll(report); }

void GuestVcpu::Kick() {
  if (runner_) runner_->Preempt();
}

void GuestVcpu::Steal(sim::Ps time) {
  if (runner_) runner_->Steal(time);
}

void GuestVcpu::Deschedule() {
  descheduled_ = true;
  if (runner_) runner_->Pause();
}

void GuestVcpu::Reschedule(sim::Ps when) {
  descheduled_ = false;
  if (runner_ && !paused_) runner_->Resume(when);
}

void GuestVcpu::Pause(bool paused) {
  paused_ = paused;
  if (paused) {
    runner_->Pause();
  } else if (!descheduled_) {
    runner_->Resume(guest_.around_.simulation->now());
  }
}

void GuestVcpu::Wake(sim::Ps when) {
  if (runner_) guest_.around_.simulation->Wake(runner_->id(), when);
}

void GuestVcpu::Start(const xen::VcpuContext& context, sim::Ps when) {
  if (!runner_) return;
  runner_->Start(0, context.rsp, kSecondaryStackBytes, when, context.rip);
}

void GuestVcpu::Stop() {
  if (runner_) runner_->Halt();
}

}  // namespace pvpci::scenarios
