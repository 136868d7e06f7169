// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/iommu.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "models/iommu/context_cache.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/interrupt_remap.h"
#include "models/iommu/invalidation_queue.h"
#include "models/iommu/iotlb.h"
#include "models/iommu/paging_cache.h"
#include "models/iommu/registers.h"
#include "models/iommu/walk.h"
#include "sim/check.h"
#include "sim/register.h"

namespace pvpci::iommu {
namespace {

constexpr size_t kStatus = IndexOf(kRegisters, "GSTS");
constexpr unsigned kMostWalkers = 16;
constexpr unsigned kMostQueuedReads = 32;
constexpr unsigned kMostFaultRegisters = 128;
constexpr unsigned kGreatestMask = 18;  // MAMV: pages of one page-selective invalidation, 2^18 = 1 GiB

IommuConfig Checked(IommuConfig config) {
  SIM_CHECK(config.address_bits == 39 || config.address_bits == 48 || config.address_bits == 57,
            "IOMMU address_bits must be 39, 48 or 57");
  SIM_CHECK(config.host_address_bits >= 36 && config.host_address_bits <= 52, "IOMMU host_address_bits: 36..52");
  SIM_CHECK(config.iotlb_entries >= 16 && config.iotlb_entries <= 1024, "IOMMU iotlb_entries: 16..1024");
  SIM_CHECK(config.iotlb_effective_entries >= 1 && config.iotlb_effective_entries <= config.iotlb_entries,
            "IOMMU iotlb_effective_entries: at most iotlb_entries");
  SIM_CHECK(config.paging_cache_entries <= 256, "IOMMU paging_cache_entries: 0..256");
  SIM_CHECK(config.fault_registers >= 1 && config.fault_registers <= kMostFaultRegisters,
            "IOMMU fault_registers: 1..128");
  SIM_CHECK(config.walkers >= 1 && config.walkers <= kMostWalkers, "IOMMU walkers: 1..16");
  SIM_CHECK(config.read_queue >= 1 && config.read_queue <= kMostQueuedReads, "IOMMU read_queue: 1..32");
  return config;
}

WalkLimits LimitsOf(const IommuConfig& config) {
  WalkLimits limits;
  limits.host_address_bits = config.host_address_bits;
  limits.guest_address_bits = config.address_bits;
  limits.levels = 1u << 3;
  if (config.address_bits >= 48) limits.levels |= 1u << 4;
  if (config.address_bits >= 57) limits.levels |= 1u << 5;
  if (config.two_level_tables) limits.levels |= 1u << 2;
  limits.device_tlbs = config.device_tlbs;
  return limits;
}

}  // namespace

struct Iommu::Impl final : InvalidationTarget {
  Impl(sim::Simulation* s, sim::MachineMemory* m, sim::Trace* t, const IommuConfig& c);

  void SetCapabilities();
  void WriteGcmd(const sim::RegisterWrite& write);
  void WriteCcmd(const sim::RegisterWrite& write);
  void WriteFsts(const sim::RegisterWrite& write);
  void WriteIotlb(const sim::RegisterWrite& write);
  pci::DmaFault Refuse(const Fault& fault, uint16_t requester, uint64_t address, bool write, bool interrupt);
  std::variant<pci::Translation, pci::DmaFault> Miss(uint16_t requester, uint64_t bus_address, bool write,
                                                     const ContextEntry* context);
  sim::Ps Enter(bool write);
  sim::Ps Leave(bool write, sim::Ps done);
  sim::Ps Walked(bool write, const EntriesRead& read);

  std::optional<pci::DmaFault> Protected(uint64_t address);
  const ContextEntry* Context(uint16_t requester, std::optional<pci::DmaFault>* refused, uint64_t address, bool write);
  void Forgotten() {
    ++counters.invalidations;
    if (forgotten) forgotten();
  }

  void InvalidateContexts() override {
    contexts.InvalidateAll();
    Forgotten();
  }
  void InvalidateContextsOfDomain(uint16_t domain) override {
    contexts.InvalidateDomain(domain);
    Forgotten();
  }
  void InvalidateContextsOfDevice(uint16_t domain, uint16_t requester, unsigned function_mask) override {
    contexts.InvalidateDevice(domain, requester, function_mask);
    Forgotten();
  }
  void InvalidateIotlb() override {
    iotlb.InvalidateAll();
    tables.InvalidateAll();
    Forgotten();
  }
  void InvalidateIotlbOfDomain(uint16_t domain) override {
    iotlb.InvalidateDomain(domain);
    tables.InvalidateDomain(domain);
    Forgotten();
  }
  void InvalidateIotlbPages(uint16_t domain, uint64_t bus_address, unsigned order, bool leaf_only) override {
    iotlb.InvalidatePages(domain, bus_address, order);
    if (!leaf_only) tables.InvalidatePages(domain, bus_address, order);
    Forgotten();
  }
  void InvalidateInterruptEntries() override {
    interrupts.InvalidateAll();
    Forgotten();
  }
  void InvalidateInterruptEntries(unsigned first, unsigned order) override {
    interrupts.Invalidate(first, order);
    Forgotten();
  }
  bool has_device_tlbs() const override { return config.device_tlbs; }
  bool InvalidateDeviceTlb(uint16_t requester, uint64_t bus_address, unsigned order) override {
    ++counters.invalidations;
    const auto port = device_tlbs.find(requester);
    if (port == device_tlbs.end()) return true;
    const std::optional<sim::Ps> time = port->second->Invalidate(bus_address, order);
    if (time) device_tlb_time = std::max(device_tlb_time, *time);
    return time.has_value();
  }

  sim::Simulation* simulation;
  sim::MachineMemory* memory;
  sim::Trace* trace;
  IommuConfig config;
  UnitMemory unit_memory;
  WalkLimits limits;
  sim::RegisterBank bank;
  EventInterrupt fault_event;
  EventInterrupt completion_event;
  FaultLog faults;
  ContextCache contexts;
  Iotlb iotlb;
  PagingCache tables;
  InterruptRemapper interrupts;
  InvalidationQueue queue;
  FaultObserver observer;
  std::function<void()> forgotten;
  Counters counters;
  std::map<uint16_t, DeviceTlbPort*> device_tlbs;  // by requester
  sim::Ps device_tlb_time = 0;
  uint64_t iva = 0;            // the address register reads as 0, but its command needs what was written
  bool translating = false;    // GSTS.TES, here for the hit path
  bool remapping = false;      // GSTS.IRES
  bool protecting = false;     // PMEN.PRS
  uint64_t root_table = 0;     // latched by GCMD.SRTP
  // Admission: requests enter in order, and one that finds no walker free holds up those behind it.
  std::array<sim::Ps, kMostWalkers> walker_free_at{};
  sim::Dram dram;
  sim::Ps admitted = 0;    // when the newest request entered
  std::array<sim::Ps, kMostQueuedReads> reads_left{};  // when the last `read_queue` reads left; a ring
  unsigned next_read = 0;  // its oldest
  sim::Ps last_left = 0;   // its newest
};

Iommu::Impl::Impl(sim::Simulation* s, sim::MachineMemory* m, sim::Trace* t, const IommuConfig& c)
    : simulation(s),
      memory(m),
      trace(t),
      config(Checked(c)),
      unit_memory(*m, c.coherent),
      limits(LimitsOf(c)),
      bank(kRegisters),
      fault_event(&bank, "FE"),
      completion_event(&bank, "IE"),
      faults(&bank, c.fault_registers, &fault_event),
      iotlb(c.iotlb_effective_entries),
      tables(c.paging_cache_entries),
      interrupts(m, &unit_memory, c.posted_interrupts),
      queue(&bank, m, &faults, &completion_event, this),
      dram(c.dram) {
  if (config.wait_status_later) queue.FinishLater(simulation, config.invalidation_wait);
  SetCapabilities();
  bank.OnWrite("GCMD", &Impl::WriteGcmd, this);
  bank.OnWrite("CCMD", &Impl::WriteCcmd, this);
  bank.OnWrite("FSTS", &Impl::WriteFsts, this);
  bank.OnWrite("IOTLB", &Impl::WriteIotlb, this);
  bank.OnWrite("IVA", [this](const sim::RegisterWrite& w) { iva = (iva & ~w.lanes) | w.written; });
  bank.OnWrite("PMEN", [this](const sim::RegisterWrite& w) {
    protecting = ProtectedMemory::Enable::Get(w.after) != 0;
    bank.Set("PMEN", ProtectedMemory::Status::Set(w.after, protecting));
  });
  bank.OnWrite("FECTL", [this](const sim::RegisterWrite&) { fault_event.Unmasked(); });
  bank.OnWrite("IECTL", [this](const sim::RegisterWrite&) { completion_event.Unmasked(); });
  bank.OnWrite("ICS", [this](const sim::RegisterWrite& w) { if (w.after == 0) completion_event.Clear(); });
  bank.OnWrite("IQT", [this](const sim::RegisterWrite&) { queue.Process(); });
  if (trace != nullptr) {
    trace->SetFormatter(sim::RecordKind::kFault, [](const sim::RecordView& record) {
      FaultRecorded fault;
      std::copy_n(record.payload, sizeof fault, reinterpret_cast<std::byte*>(&fault));
      return "fault " + ToString(fault);
    });
  }
}

void Iommu::Impl::SetCapabilities() {
  constexpr uint64_t kDomainBits16 = 6;
  constexpr uint64_t kBothSuperPages = 3;
  bank.Set("CAP", Cap::Domains::Of(kDomainBits16) | Cap::AddressWidths::Of(limits.levels >> 2) |
                      Cap::MaximumWidth::Of(config.address_bits - 1) | Cap::FaultOffset::Of(kFaultOffset / 16) |
                      Cap::SuperPages::Of(kBothSuperPages) | Cap::PageSelective::kMask |
                      Cap::FaultRegisters::Of(config.fault_registers - 1) | Cap::MaximumMask::Of(kGreatestMask) |
                      Cap::ProtectedLow::kMask | Cap::ProtectedHigh::kMask |
                      Cap::PostedInterrupts::Of(config.posted_interrupts));
  bank.Set("ECAP", Ecap::Coherent::Of(config.coherent) | Ecap::QueuedInvalidation::kMask |
                       Ecap::DeviceTlb::Of(config.device_tlbs) | Ecap::InterruptRemapping::Of(config.remap_interrupts) | Ecap::PassThrough::kMask |
                       Ecap::IotlbOffset::Of(kIotlbOffset / 16) | Ecap::MaximumHandleMask::Of(15));
}

void Iommu::Impl::WriteGcmd(const sim::RegisterWrite& write) {
  uint64_t status = bank.Get(kStatus);
  if (Gcmd::SetRootTable::Get(write.written)) {
    root_table = bank.Get("RTADDR") & kPageFrame;
    status |= Gcmd::SetRootTable::kMask;
  }
  if (Gcmd::SetInterruptTable::Get(write.written)) {
    interrupts.SetTable(bank.Get("IRTA"));
    status |= Gcmd::SetInterruptTable::kMask;
  }
  translating = config.remap_dma && Gcmd::Translation::Get(write.written);
  remapping = config.remap_interrupts && Gcmd::InterruptRemapping::Get(write.written);
  const bool compatibility = config.remap_interrupts && Gcmd::CompatibilityInterrupts::Get(write.written);
  const bool queued = Gcmd::QueuedInvalidation::Get(write.written);
  status = Gcmd::Translation::Set(status, translating);
  status = Gcmd::InterruptRemapping::Set(status, remapping);
  status = Gcmd::CompatibilityInterrupts::Set(status, compatibility);
  status = Gcmd::QueuedInvalidation::Set(status, queued);
  bank.Set(kStatus, status);
  if (queued) queue.Enable(); else queue.Disable();
}

void Iommu::Impl::WriteCcmd(const sim::RegisterWrite& write) {
  if (!Ccmd::Invalidate::Get(write.written)) return;
  const uint64_t granularity = Ccmd::Granularity::Get(write.written);
  const auto domain = static_cast<uint16_t>(Ccmd::Domain::Get(write.written));
  if (granularity == InvalidationDescriptor::kGlobal) {
    InvalidateContexts();
  } else if (granularity == InvalidationDescriptor::kDomain) {
    InvalidateContextsOfDomain(domain);
  } else if (granularity == InvalidationDescriptor::kSelective) {
    InvalidateContextsOfDevice(domain, static_cast<uint16_t>(Ccmd::Source::Get(write.written)),
                               static_cast<unsigned>(Ccmd::FunctionMask::Get(write.written)));
  }
  bank.Set("CCMD", Ccmd::ActualGranularity::Set(write.after, granularity));
}

void Iommu::Impl::WriteIotlb(const sim::RegisterWrite& write) {
  if (!IotlbCommand::Invalidate::Get(write.written)) return;
  uint64_t granularity = IotlbCommand::Granularity::Get(write.written);
  const auto domain = static_cast<uint16_t>(IotlbCommand::Domain::Get(write.written));
  if (granularity == InvalidationDescriptor::kGlobal) {
    InvalidateIotlb();
  } else if (granularity == InvalidationDescriptor::kSelective && Iva::Mask::Get(iva) <= kGreatestMask) {
    InvalidateIotlbPages(domain, iva & Iva::Address::kMask, static_cast<unsigned>(Iva::Mask::Get(iva)),
                         Iva::Hint::Get(iva) != 0);
  } else if (granularity != 0) {
    // More pages than CAP.MAMV: done domain-wide, as 11.4.8.2 allows.
    InvalidateIotlbOfDomain(domain);
    granularity = InvalidationDescriptor::kDomain;
  }
  bank.Set("IOTLB", IotlbCommand::ActualGranularity::Set(write.after, granularity));
}

void Iommu::Impl::WriteFsts(const sim::RegisterWrite& write) {
  faults.StatusWritten();
  constexpr uint64_t kStops = Fsts::QueueError::kMask | Fsts::TimeoutError::kMask;
  if ((write.before & kStops) != 0 && (write.after & kStops) == 0) queue.Process();
}

pci::DmaFault Iommu::Impl::Refuse(const Fault& fault, uint16_t requester, uint64_t address, bool write,
                                  bool interrupt) {
  FaultRecorded record;
  record.time = simulation->now();
  record.address = interrupt ? address : address & kFrameMask;
  record.segment = config.segment;
  record.requester = requester;
  record.reason = static_cast<uint8_t>(fault.reason);
  record.write = write;
  record.interrupt = interrupt;
  record.recorded = fault.report && faults.Record(record);
  ++counters.faults;
  counters.faults_lost += fault.report && !record.recorded;
  if (trace != nullptr) trace->Emit(sim::RecordKind::kFault, sim::kDomXen, record);
  if (observer) observer(record);
  return {record.reason, record.recorded != 0};
}

// When a request that arrives now enters.
inline sim::Ps Iommu::Impl::Enter(bool write) {
  sim::Ps entry = std::max(simulation->now(), admitted);
  if (!write) entry = std::max(entry, reads_left[next_read]);
  return admitted = entry;
}

// When a request that is translated at `done` leaves. Posted requests wait elsewhere, in the buffers of their ports.
inline sim::Ps Iommu::Impl::Leave(bool write, sim::Ps done) {
  if (write) return done;
  last_left = std::max(last_left, done);
  reads_left[next_read] = last_left;
  if (++next_read == config.read_queue) next_read = 0;
  return last_left;
}

// When a request leaves whose walk, which read these entries, starts as soon as a walker is free.
sim::Ps Iommu::Impl::Walked(bool write, const EntriesRead& read) {
  const auto last = walker_free_at.begin() + config.walkers;
  const auto walker = std::min_element(walker_free_at.begin(), last);
  const sim::Ps start = std::max(Enter(write), *walker);
  admitted = start;
  sim::Ps end = start + config.miss;
  if (read.count != 0) end += dram.Wait(read.entries[read.count - 1].address, end);
  const sim::Ps left = Leave(write, end);
  *walker = left + config.walker_recovery + (write ? 0 : config.read_recovery);
  return left;
}

std::variant<pci::Translation, pci::DmaFault> Iommu::Impl::Miss(uint16_t requester, uint64_t bus_address, bool write,
                                                                const ContextEntry* context) {
  EntriesRead read;
  ++counters.misses;
  ContextEntry fetched;
  if (context == nullptr) {
    const auto found = FindContext(unit_memory, limits, root_table, requester, &read);
    if (const auto* fault = std::get_if<Fault>(&found)) return Refuse(*fault, requester, bus_address, write, false);
    fetched = std::get<ContextEntry>(found);
    contexts.Insert(requester, fetched);
    context = &fetched;
    // The context may name a domain whose translation is there already: another function's.
    if (const Iotlb::Entry* entry = iotlb.Find(fetched.domain(), bus_address);
        entry != nullptr && (write ? entry->writable : entry->readable)) {
      const uint64_t offset = bus_address & ((uint64_t{1} << (12 + 9 * (entry->level - 1))) - 1);
      return pci::Translation{entry->host_page | offset, Walked(write, read) - simulation->now()};
    }
  }
  const unsigned before = read.count;
  const auto walked = WalkTable(unit_memory, limits, *context, bus_address, write, &read, &tables);
  counters.tables_read += read.count - before;
  if (const auto* fault = std::get_if<Fault>(&walked)) return Refuse(*fault, requester, bus_address, write, false);
  const Translation& translation = std::get<Translation>(walked);
  const sim::Ps latency = Walked(write, read) - simulation->now();
  if (context->type() != ContextEntry::Type::kPassThrough) {
    const bool replaces = iotlb.size() == iotlb.capacity();
    iotlb.Insert(context->domain(), bus_address, translation.level, translation.host_address, translation.readable,
                 translation.writable, simulation->now() + latency);
    if (replaces && forgotten) forgotten();
  }
  if (context->type() == ContextEntry::Type::kPassThrough) {
    if (const auto blocked = Protected(bus_address)) return *blocked;
  }
  return pci::Translation{translation.host_address, latency};
}

// Requests that no table maps must keep out of protected memory. Those that a table maps are its software's to keep out:
// VT-d 11.4.13 leaves the check of mapped requests to the implementation, and this one makes none.
std::optional<pci::DmaFault> Iommu::Impl::Protected(uint64_t address) {
  if (!protecting) return std::nullopt;
  const auto inside = [&](const char* base, const char* limit) {
    return address >= bank.Get(base) && address <= (bank.Get(limit) | (kProtectedUnit - 1)) &&
           bank.Get(base) <= bank.Get(limit);
  };
  if (!inside("PLMBASE", "PLMLIMIT") && !inside("PHMBASE", "PHMLIMIT")) return std::nullopt;
  ++counters.protected_blocked;
  return pci::DmaFault{static_cast<uint8_t>(FaultReason::kNone), false};
}

// The function's context entry, from the cache or memory; null and `refused` if there is none.
const ContextEntry* Iommu::Impl::Context(uint16_t requester, std::optional<pci::DmaFault>* refused, uint64_t address,
                                         bool write) {
  if (const ContextEntry* const cached = contexts.Find(requester)) return cached;
  EntriesRead read;
  const auto found = FindContext(unit_memory, limits, root_table, requester, &read);
  if (const auto* fault = std::get_if<Fault>(&found)) {
    *refused = Refuse(*fault, requester, address, write, false);
    return nullptr;
  }
  contexts.Insert(requester, std::get<ContextEntry>(found));
  return contexts.Find(requester);
}

Iommu::Iommu(sim::Simulation* simulation, sim::MachineMemory* memory, sim::Trace* trace, IommuConfig config)
    : impl_(std::make_unique<Impl>(simulation, memory, trace, config)) {}

Iommu::~Iommu() = default;

std::variant<pci::Translation, pci::DmaFault> Iommu::Translate(pci::Bdf requester, uint64_t bus_address, bool write) {
  Impl& m = *impl_;
  if (!m.translating) {
    if (const auto blocked = m.Protected(bus_address)) return *blocked;
    return pci::Translation{bus_address, 0};
  }
  const ContextEntry* const context = m.contexts.Find(requester.id);
  if (context == nullptr) return m.Miss(requester.id, bus_address, write, nullptr);
  if (context->type() == ContextEntry::Type::kPassThrough) {
    if ((bus_address >> m.config.address_bits) != 0) {
      return m.Refuse({FaultReason::kBeyondAddressWidth, context->faults_recorded()}, requester.id, bus_address, write,
                      false);
    }
    if (const auto blocked = m.Protected(bus_address)) return *blocked;
    ++m.counters.hits;
    return pci::Translation{bus_address, m.config.hit};
  }
  Iotlb::Entry* const entry =
      (bus_address >> m.config.address_bits) == 0 ? m.iotlb.Find(context->domain(), bus_address) : nullptr;
  if (entry == nullptr) return m.Miss(requester.id, bus_address, write, context);
  if (!(write ? entry->writable : entry->readable)) {
    // Cached permissions stand until software invalidates them, as 6.5 lets hardware do.
    return m.Refuse({write ? FaultReason::kNoWritePermission : FaultReason::kNoReadPermission,
                     context->faults_recorded()},
                    requester.id, bus_address, write, false);
  }
  ++m.counters.hits;
  const sim::Ps now = m.simulation->now();
  sim::Ps done = m.Enter(write) + m.config.hit;
  if (entry->ready_at != 0) {
    // The walk that fills this entry may still be under way: wait for it, do not start another.
    if (entry->ready_at > now) done = std::max(done, entry->ready_at); else entry->ready_at = 0;
  }
  const sim::Ps latency = m.Leave(write, done) - now;
  const uint64_t offset = bus_address & ((uint64_t{1} << (12 + 9 * (entry->level - 1))) - 1);
  return pci::Translation{entry->host_page | offset, latency};
}

std::variant<pci::InterruptMessage, pci::DmaFault> Iommu::Remap(pci::Bdf requester, uint64_t address, uint32_t data) {
  Impl& m = *impl_;
  if (!m.remapping) return pci::InterruptMessage{address, data, 0};
  unsigned index = 0;
  const bool compatibility = Gcmd::CompatibilityInterrupts::Get(m.bank.Get(kStatus)) != 0;
  const auto result = m.interrupts.Remap(requester.id, address, data, compatibility, &index);
  if (const auto* fault = std::get_if<Fault>(&result)) {
    ++m.counters.interrupts_refused;
    return m.Refuse(*fault, requester.id, index, /*write=*/true, /*interrupt=*/true);
  }
  const RemappedInterrupt& interrupt = std::get<RemappedInterrupt>(result);
  ++m.counters.interrupts_remapped;
  return pci::InterruptMessage{interrupt.address, interrupt.data,
                               interrupt.cached ? m.config.interrupt_hit : m.config.interrupt_miss, interrupt.posted};
}

std::variant<pci::Translation, pci::DmaFault> Iommu::Translated(pci::Bdf requester, uint64_t host_address,
                                                                bool write) {
  Impl& m = *impl_;
  const Fault blocked{FaultReason::kTranslatedRequestBlocked, true};
  if (!m.config.device_tlbs || !m.translating) return m.Refuse(blocked, requester.id, host_address, write, false);
  std::optional<pci::DmaFault> refused;
  const ContextEntry* const context = m.Context(requester.id, &refused, host_address, write);
  if (context == nullptr) return *refused;
  if (context->type() != ContextEntry::Type::kWithDeviceTlb) {
    return m.Refuse({blocked.reason, context->faults_recorded()}, requester.id, host_address, write, false);
  }
  if (const auto kept_out = m.Protected(host_address)) return *kept_out;
  ++m.counters.translated;
  return pci::Translation{host_address, 0};
}

std::variant<Iommu::DeviceTranslation, pci::DmaFault> Iommu::TranslationRequest(pci::Bdf requester,
                                                                                uint64_t bus_address) {
  Impl& m = *impl_;
  const Fault blocked{FaultReason::kTranslatedRequestBlocked, true};
  if (!m.config.device_tlbs || !m.translating) return m.Refuse(blocked, requester.id, bus_address, false, false);
  std::optional<pci::DmaFault> refused;
  const ContextEntry* const context = m.Context(requester.id, &refused, bus_address, false);
  if (context == nullptr) return *refused;
  if (context->type() != ContextEntry::Type::kWithDeviceTlb) {
    return m.Refuse({blocked.reason, context->faults_recorded()}, requester.id, bus_address, false, false);
  }
  DeviceTranslation answer;
  answer.latency = m.Walked(/*write=*/false, EntriesRead{}) - m.simulation->now();
  for (const bool write : {false, true}) {
    EntriesRead read;
    const auto walked = WalkTable(m.unit_memory, m.limits, *context, bus_address, write, &read, &m.tables);
    if (const auto* fault = std::get_if<Fault>(&walked)) {
      const bool permission =
          fault->reason == FaultReason::kNoReadPermission || fault->reason == FaultReason::kNoWritePermission;
      if (!permission) return m.Refuse(*fault, requester.id, bus_address, write, false);
      continue;
    }
    answer.host_address = std::get<Translation>(walked).host_address;
    (write ? answer.writable : answer.readable) = true;
  }
  return answer;
}

void Iommu::AttachDeviceTlb(pci::Bdf function, DeviceTlbPort* port) {
  if (port == nullptr) impl_->device_tlbs.erase(function.id);
  else impl_->device_tlbs[function.id] = port;
}

sim::Ps Iommu::TakeDeviceTlbTime() { return std::exchange(impl_->device_tlb_time, 0); }

UnitMemory& Iommu::cpu_cache() { return impl_->unit_memory; }

bool Iommu::Remembers(uint16_t domain_id, uint64_t bus_address) const {
  return impl_->iotlb.Contains(domain_id, bus_address);
}

bool Iommu::Maps(pci::Bdf function, uint64_t bus_address) const {
  EntriesRead read;
  const auto found = FindContext(impl_->unit_memory, impl_->limits, impl_->root_table, function.id, &read);
  const auto* context = std::get_if<ContextEntry>(&found);
  if (context == nullptr) return false;
  for (const bool write : {false, true}) {
    EntriesRead walk;
    if (std::holds_alternative<Translation>(
            WalkTable(impl_->unit_memory, impl_->limits, *context, bus_address, write, &walk))) {
      return true;
    }
  }
  return false;
}

Reached Iommu::ForEachReached(pci::Bdf function, const std::function<void(const ReachedPage&)>& visit) const {
  return iommu::ForEachReached(impl_->unit_memory, impl_->limits, impl_->root_table, function.id, visit);
}

void Iommu::ForEachCached(uint16_t domain_id, const std::function<void(const ReachedPage&)>& visit) const {
  impl_->iotlb.ForEach([&](uint16_t domain, uint64_t bus_address, const Iotlb::Entry& entry) {
    if (domain != domain_id) return;
    visit({bus_address, entry.host_page, entry.level, entry.readable, entry.writable, nullptr});
  });
}

std::vector<unsigned> Iommu::InterruptEntriesOf(pci::Bdf function) const {
  return impl_->interrupts.EntriesFor(function.id);
}

std::optional<uint16_t> Iommu::CachedDomain(pci::Bdf function) const {
  const ContextEntry* const context = impl_->contexts.Find(function.id);
  return context == nullptr ? std::nullopt : std::optional<uint16_t>(context->domain());
}

void Iommu::OnForget(std::function<void()> observer) { impl_->forgotten = std::move(observer); }

uint64_t Iommu::ReadRegister(uint32_t offset, unsigned length_bytes) {
  if ((length_bytes != 4 && length_bytes != 8) || offset % length_bytes != 0) return 0;
  const uint32_t fault_end = kFaultOffset + impl_->faults.bytes();
  if (offset >= kFaultOffset && offset < fault_end) return impl_->faults.Read(offset - kFaultOffset, length_bytes);
  return impl_->bank.Read(offset, length_bytes);
}

void Iommu::WriteRegister(uint32_t offset, uint64_t value, unsigned length_bytes) {
  if ((length_bytes != 4 && length_bytes != 8) || offset % length_bytes != 0) return;
  const uint32_t fault_end = kFaultOffset + impl_->faults.bytes();
  if (offset >= kFaultOffset && offset < fault_end) {
    impl_->faults.Write(offset - kFaultOffset, value, length_bytes);
  } else {
    impl_->bank.Write(offset, value, length_bytes);
  }
}

void Iommu::OnEvent(MessageSender sender) {
  impl_->fault_event.OnSend(sender);
  impl_->completion_event.OnSend(std::move(sender));
}

void Iommu::OnFault(FaultObserver observer) { impl_->observer = std::move(observer); }

const IommuConfig& Iommu::config() const { return impl_->config; }

bool Iommu::translation_enabled() const { return impl_->translating; }

bool Iommu::interrupt_remapping_enabled() const { return impl_->remapping; }

const Iommu::Counters& Iommu::counters() const { return impl_->counters; }

}  // namespace pvpci::iommu
