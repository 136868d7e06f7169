// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/classify.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "reports/class_facts.h"
#include "reports/names.h"
#include "scenarios/machine/trace_records.h"
#include "sim/sha256.h"

namespace pvpci::scenarios {
namespace {

using reports::DmaClass;

constexpr uint64_t kWindowStart = 0xFEE0'0000;
constexpr uint64_t kWindowEnd = 0xFEF0'0000;
constexpr size_t kFirstBytes = 64;

bool IsPageTable(sim::FrameType type) {
  switch (type) {
    case sim::FrameType::kL1Table:
    case sim::FrameType::kL2Table:
    case sim::FrameType::kL3Table:
    case sim::FrameType::kL4Table:
    case sim::FrameType::kSegment: return true;
    default: return false;
  }
}

// The dword that a write to the interrupt window carries.
uint32_t MessageData(const pci::Access& access) {
  uint32_t data = 0;
  if (access.tlp->data != nullptr) {
    std::memcpy(&data, access.tlp->data + access.offset, std::min<size_t>(access.length_bytes, sizeof data));
  }
  return data;
}

const char* TypeText(sim::FrameType type) {
  switch (type) {
    case sim::FrameType::kNone: return "none";
    case sim::FrameType::kWritable: return "writable";
    case sim::FrameType::kL1Table:
    case sim::FrameType::kL2Table:
    case sim::FrameType::kL3Table:
    case sim::FrameType::kL4Table: return "page table";
    case sim::FrameType::kSegment: return "descriptor table";
    case sim::FrameType::kShared: return "shared";
    case sim::FrameType::kXenText: return "xen text";
    case sim::FrameType::kXenHeap: return "xen heap";
    case sim::FrameType::kIommuTable: return "iommu table";
    case sim::FrameType::kIrt: return "interrupt remapping table";
    case sim::FrameType::kM2p: return "m2p table";
    case sim::FrameType::kScratch: return "quarantine scratch page";
    case sim::FrameType::kReserved: return "reserved for firmware";
  }
  return "?";
}

}  // namespace

Classifier::Classifier(sim::Simulation& simulation, sim::Trace& trace, sim::MachineMemory& memory,
                       sim::DmaLedger& ledger, Secrets& secrets, Backtraces& backtraces, const Ownership& ownership)
    : simulation_(simulation),
      trace_(trace),
      memory_(memory),
      ledger_(ledger),
      secrets_(secrets),
      backtraces_(backtraces),
      ownership_(ownership) {
  trace_.SetFormatter(sim::RecordKind::kBusAccess, [](const sim::RecordView& view) {
    const auto record = RecordAs<AccessRecord>(view);
    pci::Bdf function = pci::Bdf::FromId(record.function);
    function.segment = record.segment;
    const std::string what = record.dma_class == 0xff
                                 ? fmt::format("message {}", record.interrupt)
                                 : std::string(reports::Name(static_cast<DmaClass>(record.dma_class)));
    return fmt::format("bus {} {} {:#x} -> {:#x} {} bytes {}{}", (record.flags & 1) != 0 ? "write" : "read",
                       pci::ToString(function), record.bus_address, record.host_address, record.length_bytes, what,
                       record.fault != 0 ? fmt::format(" stopped, reason {}", record.fault) : "");
  });
}

void Classifier::OnProgrammed(pci::ProvenanceId id, uint64_t value) {
  if (id >= written_.size()) written_.resize(id + 1);
  written_[id] = trace_.count();
  const sim::Frame* frame = memory_.Find(value >> sim::kPageShift);
  if (frame == nullptr || frame->host == nullptr) return;
  if (id >= programmed_.size()) programmed_.resize(id + 1);
  programmed_[id] = {true, frame->owner, frame->generation};
}

Classifier::Judgement Classifier::JudgeMemory(const pci::Access& access, sim::DomId attacker,
                                              uint64_t address) const {
  Judgement judgement;
  judgement.attacker = attacker;
  const sim::Mfn mfn = address >> sim::kPageShift;
  const sim::Frame* frame = memory_.Find(mfn);
  if (frame == nullptr || frame->host == nullptr) {
    judgement.dma_class = DmaClass::kE10;
    return judgement;
  }
  const bool write = access.tlp->type == pci::TlpType::kMemoryWrite;
  const sim::DomId owner = frame->owner;
  judgement.victim = owner;
  if (frame->type == sim::FrameType::kReserved) {
    judgement.dma_class = DmaClass::kE10;
    judgement.victim = sim::kDomNone;
    return judgement;
  }
  if (owner == sim::kDomXen || frame->type >= sim::FrameType::kXenText) {
    judgement.dma_class = DmaClass::kE7;
    judgement.victim = sim::kDomXen;
    return judgement;
  }
  if (owner == sim::kDomNone || owner == sim::kDomIo) {
    judgement.dma_class = DmaClass::kE10;
    return judgement;
  }
  const auto device = sim::MakeDmaDevice(access.tlp->function.segment, access.tlp->function.id);
  const auto coverage = ledger_.Covering(device, access.bus_address, access.length_bytes, write);
  if (owner == attacker) {
    judgement.victim = sim::kDomNone;
    if (IsPageTable(frame->type)) {
      judgement.dma_class = DmaClass::kE3;
      judgement.victim = attacker;
      return judgement;
    }
    switch (coverage.cover) {
      case sim::DmaLedger::Cover::kInside: judgement.dma_class = DmaClass::kE0; break;
      case sim::DmaLedger::Cover::kSamePage: judgement.dma_class = DmaClass::kE1; break;
      case sim::DmaLedger::Cover::kNone: judgement.dma_class = DmaClass::kE2; break;
    }
    judgement.mapping = coverage.cover == sim::DmaLedger::Cover::kInside ? coverage.mapping : coverage.stale;
    return judgement;
  }
  // Somebody else's, although the guest's own DMA API gave the address: then who mapped it is the story.
  if (coverage.cover == sim::DmaLedger::Cover::kInside) judgement.mapping = coverage.mapping;
  if (frame->type == sim::FrameType::kShared) {
    judgement.dma_class = DmaClass::kE7;  // shared_info and grant tables are Xen's own heap
    return judgement;
  }
  if (ownership_.MapsByGrant(attacker, mfn)) {
    judgement.dma_class = DmaClass::kE4;
  } else {
    judgement.dma_class = owner == 0 ? DmaClass::kE6 : DmaClass::kE5;
  }
  return judgement;
}

Classifier::Judgement Classifier::Judge(const pci::Access& access) const {
  // Who programmed the address answers for it, also when the device has left its domain since.
  const pci::ProvenanceId writer = access.tlp->provenance;
  const sim::DomId attacker = writer != 0 && fabric_ != nullptr ? fabric_->provenance(writer).context.domain
                                                                : ownership_.OwnerOf(access.tlp->function);
  Judgement judgement;
  judgement.attacker = attacker;
  const bool write = access.tlp->type == pci::TlpType::kMemoryWrite;
  if (access.target == pci::Target::kInterruptWindow ||
      (write && access.bus_address >= kWindowStart && access.bus_address < kWindowEnd)) {
    judgement.dma_class = DmaClass::kE9;
    judgement.victim = sim::kDomXen;
    return judgement;
  }
  // Stopped: the hypervisor's map is 1:1, so the bus address tells what it was meant for.
  const uint64_t address = Stopped(access) ? access.bus_address : access.host_address;
  const bool stopped_peer = Stopped(access) && fabric_ != nullptr && fabric_->Decodes(address);
  if (access.target == pci::Target::kPeer || stopped_peer) {
    judgement.dma_class = DmaClass::kE8;
    std::string place;
    const pci::Function* const peer = fabric_->Decoder(address, &place);
    if (peer != nullptr) judgement.victim = ownership_.OwnerOf(peer->bdf());
    return judgement;
  }
  return JudgeMemory(access, attacker, address);
}

void Classifier::OnAccess(const pci::Access& access) {
  if (access.tlp->origin == pci::TlpOrigin::kMessage) {
    Judgement message;
    Emit(access, message);
    return;
  }
  const Judgement judgement = Judge(access);
  Emit(access, judgement);
  const bool landed = !Stopped(access) && access.status == pci::Completion::kSuccess;
  if (InScratch(access)) {
    ++scratch_.accesses;
    scratch_.bytes += access.length_bytes;
  }
  if (landed) {
    reports::DmaTotals& total = totals_[judgement.dma_class];
    ++total.accesses;
    total.bytes += access.length_bytes;
  }
  Note(access, judgement);
}

void Classifier::Emit(const pci::Access& access, const Judgement& judgement) {
  AccessRecord record{};
  record.bus_address = access.bus_address;
  record.host_address = access.host_address;
  record.length_bytes = access.length_bytes;
  record.interrupt = access.tlp->interrupt;
  record.segment = access.tlp->function.segment;
  record.requester = access.tlp->requester.id;
  record.function = access.tlp->function.id;
  const bool message = access.tlp->origin == pci::TlpOrigin::kMessage;
  record.flags = static_cast<uint8_t>((access.tlp->type == pci::TlpType::kMemoryWrite ? 1 : 0) | (message ? 2 : 0));
  record.status = static_cast<uint8_t>(access.status);
  record.dma_class = message ? 0xff : static_cast<uint8_t>(judgement.dma_class);
  record.fault = access.fault != nullptr ? access.fault->reason : 0;
  trace_.Emit(sim::RecordKind::kBusAccess, sim::kDomXen, record);
}

bool Classifier::InScratch(const pci::Access& access) const {
  if (access.fault != nullptr || access.target != pci::Target::kMemory) return false;
  const sim::Frame* frame = memory_.Find(access.host_address >> sim::kPageShift);
  return frame != nullptr && frame->type == sim::FrameType::kScratch;
}

void Classifier::Note(const pci::Access& access, const Judgement& judgement) {
  const bool write = access.tlp->type == pci::TlpType::kMemoryWrite;
  Found* found = nullptr;
  if (reports::IsEscape(judgement.dma_class) || Stopped(access)) {
    found = &FindOrAdd(access, judgement);
    if (!write && !Stopped(access) && access.tlp->data != nullptr) {
      const std::byte* data = access.tlp->data + access.offset;
      found->device_bytes_proven += secrets_.MatchingBytes(access.host_address, data, access.length_bytes);
    }
  }
  NoteLanding(access, judgement, found);
  if (write && !Stopped(access) && !secrets_.empty()) Trail(access, judgement.attacker);
}

// Bytes of a secret that the device writes into memory of its own domain: the proof that they arrived there.
void Classifier::Trail(const pci::Access& access, sim::DomId attacker) {
  if (access.target != pci::Target::kMemory) return;
  const sim::Frame* frame = memory_.Find(access.host_address >> sim::kPageShift);
  if (frame == nullptr || frame->host == nullptr) return;
  const std::byte* landed = frame->host + (access.host_address & (sim::kPageSize - 1));
  for (const Secrets::Match& match : secrets_.Search(landed, access.length_bytes)) {
    if (match.owner == frame->owner || frame->owner != attacker) continue;
    for (Found& found : found_) {
      if (found.victim != match.owner || found.finding.stopped_by || found.finding.dma_class == DmaClass::kE8 ||
          found.finding.device.bdf != pci::ToString(access.tlp->function)) {
        continue;
      }
      if (found.memory_bytes_proven == 0) {
        found.finding.story.push_back(
            {simulation_.now(), "device " + found.finding.device.bdf,
             fmt::format("wrote the bytes of {} to {:#x}, memory of {}", ownership_.DomainName(match.owner),
                         access.host_address + match.offset, ownership_.DomainName(frame->owner))});
      }
      found.memory_bytes_proven += match.bytes;
      break;
    }
  }
}

void Classifier::NoteLanding(const pci::Access& access, const Judgement& judgement, const Found* found) {
  const uint64_t address = Stopped(access) ? access.bus_address : access.host_address;
  const sim::Frame* frame = memory_.Find(address >> sim::kPageShift);
  const bool write = access.tlp->type == pci::TlpType::kMemoryWrite;
  const sim::DomId owner = judgement.dma_class == DmaClass::kE9   ? sim::kDomXen
                           : frame != nullptr && frame->host != nullptr ? frame->owner
                                                                        : sim::kDomNone;
  reports::Landing& landing =
      landings_[{access.tlp->function, judgement.dma_class, write, owner, Stopped(access),
                 address >> sim::kPageShift}];
  if (landing.accesses == 0) {
    landing.bdf = pci::ToString(access.tlp->function);
    landing.dma_class = judgement.dma_class;
    landing.access = write ? reports::Access::kWrite : reports::Access::kRead;
    landing.address = address;
    landing.owner = ownership_.DomainName(owner);
    landing.stopped = Stopped(access);
    landing.first_ps = simulation_.now();
    if (found != nullptr) landing.finding = found->finding.id;
  }
  const uint64_t end = std::max(landing.address + static_cast<uint64_t>(landing.span_bytes),
                                address + access.length_bytes);
  landing.address = std::min(landing.address, address);
  landing.span_bytes = static_cast<int64_t>(end - landing.address);
  landing.bytes += access.length_bytes;
  ++landing.accesses;
  landing.last_ps = simulation_.now();
}

// Two forged messages are the same finding if they are of one format and delivery mode and go to the same receiver.
uint64_t Classifier::MessageKind(const pci::Access& access) const {
  constexpr uint64_t kRemappable = 0x10;
  if ((access.bus_address & kRemappable) != 0) return access.bus_address << 32 | MessageData(access);
  const uint32_t data = MessageData(access);
  return uint64_t{ownership_.MessageReceiver(access.bus_address, data)} << 8 | (data >> 8 & 7);
}

Classifier::Found& Classifier::FindOrAdd(const pci::Access& access, const Judgement& judgement) {
  uint32_t backtrace = 0;
  if (access.tlp->provenance != 0 && fabric_ != nullptr) {
    backtrace = fabric_->provenance(access.tlp->provenance).context.backtrace;
  }
  const FindingKey key{judgement.dma_class,
                       access.tlp->function,
                       judgement.victim,
                       access.tlp->type == pci::TlpType::kMemoryWrite,
                       Stopped(access),
                       backtrace,
                       judgement.dma_class == DmaClass::kE9 ? MessageKind(access) : 0};
  const auto [it, fresh] = by_key_.emplace(key, found_.size());
  if (fresh) {
    found_.emplace_back();
    found_.back().backtrace = backtrace;
    found_.back().record = trace_.count() - 1;
    Describe(access, judgement, &found_.back());
    if (first_finding_) first_finding_();
    return found_.back();
  }
  Found& found = found_[it->second];
  found.finding.bytes += access.length_bytes;
  // One request of the driver is many packets: it occurs again when another register write caused it.
  if (found.provenance != access.tlp->provenance) {
    ++found.finding.occurrences;
    found.provenance = access.tlp->provenance;
  }
  const uint64_t address = Stopped(access) ? access.bus_address : access.host_address;
  found.finding.address = std::min(found.finding.address, address);
  return found;
}

reports::MessageReach Classifier::ReachOf(const pci::Access& access, const Judgement& judgement) const {
  if (judgement.dma_class != DmaClass::kE9) return reports::MessageReach::kNone;
  return ownership_.MessageIsAGuests(access.bus_address, MessageData(access)) ? reports::MessageReach::kGuest
                                                                              : reports::MessageReach::kHypervisor;
}

// Who gave the device the address: the register write, or, of an address that it found in a descriptor, the descriptor and
// the write that made it look.
void Classifier::DescribeProgramming(const pci::Access& access, Found* found) {
  reports::Finding& finding = found->finding;
  const std::string device = pci::ToString(access.tlp->function);
  const pci::ProvenanceRecord& record = fabric_->provenance(access.tlp->provenance);
  finding.programmed_by =
      reports::ProgrammedBy{record.RegisterName(), record.value, record.time, backtraces_.Resolve(found->backtrace),
                            record.context.vcpu};
  const pci::ProvenanceRecord& written = record.via != 0 ? fabric_->provenance(record.via) : record;
  const auto place = [](const std::vector<reports::Frame>& frames) {
    return frames.empty() ? "" : fmt::format(" in {} ({}:{})", frames[0].function, frames[0].file, frames[0].line);
  };
  finding.story.push_back({written.time, ownership_.DomainName(record.context.domain),
                           fmt::format("wrote {:#x} to {} of {}{}", written.value, written.RegisterName(), device,
                                       place(finding.programmed_by->backtrace))});
  if (record.via == 0) return;
  std::string story = fmt::format("fetched the {}, which carried {:#x}", record.RegisterName(), record.value);
  const auto id = sim::MakeDmaDevice(access.tlp->function.segment, access.tlp->function.id);
  const auto coverage = ledger_.Covering(id, record.offset, record.size, /*write=*/false);
  if (coverage.mapping != nullptr) {
    story += fmt::format(", in a buffer mapped{}", place(backtraces_.Resolve(coverage.mapping->mapped_by)));
  }
  finding.story.push_back({record.time, "device " + device, story});
}

void Classifier::Describe(const pci::Access& access, const Judgement& judgement, Found* found) {
  const bool write = access.tlp->type == pci::TlpType::kMemoryWrite;
  const uint64_t address = Stopped(access) ? access.bus_address : access.host_address;
  const std::string device = pci::ToString(access.tlp->function);
  const std::string attacker = ownership_.DomainName(judgement.attacker);
  reports::Finding& finding = found->finding;
  found->victim = judgement.victim;
  found->provenance = access.tlp->provenance;
  const bool descriptor = fabric_ != nullptr && found->provenance != 0 && fabric_->provenance(found->provenance).via != 0;
  found->first_provenance = descriptor ? fabric_->provenance(found->provenance).via : found->provenance;
  finding.id = fmt::format("F{}", found_.size());
  found->of_dom0 = judgement.attacker == 0;
  found->translated = access.tlp->translated;
  finding.dma_class = judgement.dma_class;
  finding.cwe = reports::FactsOf(judgement.dma_class).cwe;
  finding.refs = reports::FactsOf(judgement.dma_class).refs;
  finding.device = {device, pci::ToString(access.tlp->requester)};
  finding.attacker = reports::Party{attacker, ownership_.DomainRole(judgement.attacker)};
  if (access.tlp->provenance != 0) finding.deputy = device;
  finding.bus_address = access.bus_address;
  finding.landed_ps = simulation_.now();
  if (judgement.victim != sim::kDomNone) {
    finding.victim = reports::Party{ownership_.DomainName(judgement.victim), ownership_.DomainRole(judgement.victim)};
  }
  finding.direction = write ? reports::Access::kWrite : reports::Access::kRead;
  finding.address = address;
  finding.bytes = access.length_bytes;
  if (access.fault != nullptr) {
    const char* guard = judgement.dma_class == DmaClass::kE9 ? "interrupt remapping" : "DMA remapping";
    finding.stopped_by = fmt::format("{}, reason {:#04x}: {}", guard, access.fault->reason,
                                     iommu::FaultText(access.fault->reason));
  } else if (InScratch(access)) {
    finding.stopped_by = "quarantine: the scratch page took it in silence, no fault tells";
  } else if (access.status != pci::Completion::kSuccess) {
    finding.stopped_by = fmt::format("the fabric: {}", pci::Name(access.status));
  }
  finding.severity = reports::SeverityOf(judgement.dma_class, finding.direction, finding.stopped_by.has_value(),
                                         ReachOf(access, judgement));
  finding.cvss = reports::CvssVector(judgement.dma_class, finding.direction, finding.stopped_by.has_value(),
                                     ReachOf(access, judgement));
  finding.step = ownership_.StepUnderWay();
  if (judgement.dma_class == DmaClass::kE9) {
    finding.message = ownership_.PathOfMessage(access.bus_address, MessageData(access));
  }
  if (judgement.dma_class == DmaClass::kE8) {
    std::string place = "ECAM";
    const pci::Function* const peer = fabric_->Decoder(address, &place);
    finding.peer = peer == nullptr ? place : fmt::format("{} of {}", place, pci::ToString(peer->bdf()));
  }
  const sim::Frame* frame = memory_.Find(address >> sim::kPageShift);
  if (judgement.dma_class != DmaClass::kE9 && frame != nullptr && frame->host != nullptr) {
    finding.mfn = address >> sim::kPageShift;
    found->reserved = frame->type == sim::FrameType::kReserved;
    const std::string owner = ownership_.DomainName(frame->owner);
    reports::FrameStory story{owner, owner, TypeText(frame->type), frame->generation, frame->grant_maps, std::nullopt};
    const pci::ProvenanceId id = access.tlp->provenance;
    if (id < programmed_.size() && programmed_[id].known) {
      story.owner_when_programmed = ownership_.DomainName(programmed_[id].owner);
      story.generation_when_programmed = programmed_[id].generation;
    }
    finding.frame = story;
  }
  const uint32_t kept = std::min<uint32_t>(access.length_bytes, kFirstBytes);
  if (!Stopped(access) && access.tlp->data != nullptr) {
    const auto* data = reinterpret_cast<const uint8_t*>(access.tlp->data) + access.offset;
    finding.first_bytes.assign(data, data + kept);
  }
  auto name = std::string(reports::Describe(judgement.dma_class));
  if (!finding.peer.empty()) name += ", " + finding.peer;
  finding.title = fmt::format("{}: device {} of {} {} {}", finding.stopped_by ? "stopped" : "escape", device, attacker,
                              write ? "writes" : "reads", name);
  if (judgement.mapping != nullptr) {
    const sim::DmaMapping& mapping = *judgement.mapping;
    finding.mapped_by = reports::MappingEvent{mapping.bus_address, static_cast<int64_t>(mapping.length_bytes),
                                              mapping.mapped_at, backtraces_.Resolve(mapping.mapped_by)};
    if (!mapping.live()) {
      finding.unmapped_by = reports::MappingEvent{mapping.bus_address, static_cast<int64_t>(mapping.length_bytes),
                                                  mapping.unmapped_at, backtraces_.Resolve(mapping.unmapped_by)};
    }
  }
  if (access.tlp->provenance != 0 && fabric_ != nullptr) DescribeProgramming(access, found);
  finding.story.push_back({access.issued, "device " + device,
                           fmt::format("sent a {} of {:#x}", write ? "write" : "read", access.bus_address)});
  if (judgement.dma_class == DmaClass::kE9) {
    finding.story.push_back({access.issued, "device " + device,
                             fmt::format("the message {:#x}: {}", MessageData(access),
                                         ownership_.MessageStory(access.bus_address, MessageData(access)))});
  }
  finding.story.push_back({simulation_.now(), finding.stopped_by ? "IOMMU" : "root complex",
                           finding.stopped_by ? "stopped it: " + *finding.stopped_by
                                              : fmt::format("let it reach {:#x}: {}", address, name)});
}

void Classifier::OnFault(const iommu::FaultRecorded& fault) {
  pci::Bdf requester = pci::Bdf::FromId(fault.requester);
  requester.segment = fault.segment;
  reports::Fault record;
  record.bdf = pci::ToString(requester);
  record.address = fault.address;
  record.access = fault.write != 0 ? reports::Access::kWrite : reports::Access::kRead;
  record.reason = fault.reason;
  const std::string short_bdf = record.bdf.substr(record.bdf.find(':') + 1);
  record.text = fault.interrupt != 0
                    ? fmt::format("INTR-REMAP: Request device [{}] fault index {:#x}, reason {:02x} - {}", short_bdf,
                                  fault.address, fault.reason, iommu::FaultText(fault.reason))
                    : fmt::format("DMAR:[DMA {}] Request device [{}] fault addr {:#x}, reason {:02x} - {}",
                                  fault.write != 0 ? "Write" : "Read", short_bdf, fault.address, fault.reason,
                                  iommu::FaultText(fault.reason));
  record.time_ps = fault.time;
  faults_.push_back(record);
}

void Classifier::OnStrayHandler(sim::DomId domain, uint32_t port, const std::string& handler) {
  for (Found& found : found_) {
    std::optional<reports::MessagePath>& message = found.finding.message;
    if (!message || found.finding.stopped_by || !message->handler.empty() || message->port != static_cast<int>(port) ||
        message->domain != ownership_.DomainName(domain)) {
      continue;
    }
    message->handler = handler;
    found.finding.story.push_back({simulation_.now(), ownership_.DomainName(domain),
                                   fmt::format("ran {}() for event channel {}, as if its device had asked", handler, port)});
    return;
  }
}

// The check that stopped it, or that was not there.
std::string Classifier::GuardOf(const Found& found, reports::Mode mode) const {
  const reports::Finding& finding = found.finding;
  if (finding.stopped_by) return *finding.stopped_by;
  if (mode != reports::Mode::kM0) {
    if (finding.device.requester_id != finding.device.bdf) {
      return "the requester id is believed: nothing above the device checks it (ACS source validation)";
    }
    if (found.reserved) return "DMA remapping: firmware's reserved region is mapped for its device on purpose";
    if (found.translated) return "ATS: a request that says it is translated is not looked at";
    if (found.of_dom0 && finding.dma_class == reports::DmaClass::kE5) {
      return "DMA remapping: dom0's devices may reach every domain's memory (dom0-iommu=relaxed, or passthrough)";
    }
  }
  return reports::AbsentGuard(finding.dma_class, mode);
}

std::vector<reports::Finding> Classifier::Findings(reports::Mode mode, const std::string& reproduce) {
  std::vector<reports::Finding> findings;
  for (const Found& found : found_) {
    reports::Finding finding = found.finding;
    // What arrived in the attacker's memory counts; a device that keeps the bytes has them all the same.
    finding.leaked_bytes_proven = static_cast<int64_t>(
        found.memory_bytes_proven != 0 ? std::min(found.memory_bytes_proven, found.device_bytes_proven)
                                       : found.device_bytes_proven);
    finding.reproduce = reproduce;
    finding.guard = GuardOf(found, mode);
    finding.support = reports::SupportText(mode);
    std::string identity = fmt::format("{}|{}|{}", reports::Name(finding.dma_class),
                                       finding.victim ? finding.victim->role : "", reports::Name(mode));
    if (finding.programmed_by) {
      const auto& frames = finding.programmed_by->backtrace;
      for (size_t i = 0; i < frames.size() && i < 3; ++i) identity += "|" + frames[i].function + frames[i].file;
    }
    finding.fingerprint = sim::Sha256::Hex(identity).substr(0, 16);
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<std::vector<uint64_t>> Classifier::Records() const {
  constexpr uint64_t kBeforeWrite = 1, kAfterWrite = 1, kBeforeLanding = 5, kAfterLanding = 3;
  std::vector<std::vector<uint64_t>> all;
  for (const Found& found : found_) {
    std::set<uint64_t> numbers;
    const auto around = [&](uint64_t record, uint64_t before, uint64_t after) {
      for (uint64_t i = record - std::min(record, before); i <= record + after; ++i) numbers.insert(i);
    };
    if (found.first_provenance < written_.size() && written_[found.first_provenance] != 0) {
      around(written_[found.first_provenance], kBeforeWrite, kAfterWrite);
    }
    around(found.record, kBeforeLanding, kAfterLanding);
    all.emplace_back(numbers.begin(), numbers.end());
  }
  return all;
}

std::vector<reports::Landing> Classifier::Landings() const {
  std::vector<reports::Landing> landings;
  const LandingKey* last = nullptr;
  for (const auto& [key, landing] : landings_) {
    if (last != nullptr && last->SameStory(key) && last->mfn + 1 == key.mfn) {  // a run of frames is one landing
      reports::Landing& run = landings.back();
      run.span_bytes = static_cast<int64_t>(landing.address) + landing.span_bytes - static_cast<int64_t>(run.address);
      run.bytes += landing.bytes;
      run.accesses += landing.accesses;
      run.first_ps = std::min(run.first_ps, landing.first_ps);
      run.last_ps = std::max(run.last_ps, landing.last_ps);
    } else {
      landings.push_back(landing);
    }
    last = &key;
  }
  return landings;
}

}  // namespace pvpci::scenarios
