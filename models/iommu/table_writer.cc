// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/table_writer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "models/iommu/registers.h"
#include "sim/check.h"

namespace pvpci::iommu {
namespace {

constexpr unsigned kIndexBits = 9;
constexpr uint64_t kEntries = 1u << kIndexBits;
constexpr unsigned kDescriptorsPerFrame = sim::kPageSize / sizeof(InvalidationDescriptor);
constexpr uint64_t kEnables = Gcmd::Translation::kMask | Gcmd::InterruptRemapping::kMask |
                              Gcmd::QueuedInvalidation::kMask | Gcmd::CompatibilityInterrupts::kMask;

unsigned PageShift(unsigned level) { return kIndexBits * (level - 1); }  // in 4 KiB pages

bool PowerOfTwo(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

unsigned Log2(uint64_t n) { return static_cast<unsigned>(__builtin_ctzll(n)); }

}  // namespace

TableWriter::TableWriter(Iommu* iommu, sim::MachineMemory* memory, FrameSource frames, TableWriterConfig config)
    : iommu_(iommu),
      memory_(memory),
      frames_(std::move(frames)),
      config_(std::move(config)),
      levels_(iommu->config().address_bits == 39 ? 3 : 4) {
  SIM_CHECK(PowerOfTwo(config_.interrupt_entries) && config_.interrupt_entries >= 256 &&
                config_.interrupt_entries <= 65536,
            "interrupt_entries: a power of two, 256..65536");
  SIM_CHECK(PowerOfTwo(config_.queue_frames) && config_.queue_frames <= 128, "queue_frames: a power of two, 1..128");
  SIM_CHECK(!config_.flaws.torn_entries || config_.later, "torn entries need later");
}

TableWriter::~TableWriter() = default;

uint64_t TableWriter::NewFrames(sim::FrameType type, unsigned count) {
  const sim::Mfn first = frames_.allocate(type, count);
  static constexpr std::array<std::byte, sim::kPageSize> kZeros{};
  for (unsigned i = 0; i < count; ++i) {
    SIM_CHECK(memory_->populated(first + i), "a frame for IOMMU tables has no memory");
    Write((first + i) << sim::kPageShift, kZeros.data(), kZeros.size());
  }
  return first << sim::kPageShift;
}

void TableWriter::Write(uint64_t address, const void* data, uint64_t length_bytes) {
  iommu_->cpu_cache().BeforeWrite(address, length_bytes);
  memory_->Write(address, data, length_bytes);
  iommu_->cpu_cache().WriteBack(address, length_bytes);
}

void TableWriter::WriteEntry(uint64_t address, uint64_t value) {
  const bool live = SecondLevelEntry{memory_->Load<uint64_t>(address)}.present();
  if (!live || !config_.flaws.no_write_back) return Write(address, &value, sizeof value);
  iommu_->cpu_cache().BeforeWrite(address, sizeof value);
  memory_->Write(address, &value, sizeof value);
}

uint64_t TableWriter::NewTable() {
  const uint64_t table = NewFrames(sim::FrameType::kIommuTable, 1);
  ++table_frames_;
  return table;
}

void TableWriter::SetCommand(uint64_t bit, bool on) {
  const uint64_t enables = iommu_->ReadRegister(OffsetOf("GSTS"), 4) & kEnables;
  iommu_->WriteRegister(OffsetOf("GCMD"), on ? enables | bit : enables & ~bit, 4);
}

sim::Ps TableWriter::Enable() {
  if (root_table_ == 0) {
    root_table_ = NewTable();
    queue_ = NewFrames(sim::FrameType::kIommuTable, config_.queue_frames);
    status_ = NewFrames(sim::FrameType::kIommuTable, 1);
    table_frames_ += config_.queue_frames + 1;
    iommu_->WriteRegister(OffsetOf("IQT"), 0, 8);
    iommu_->WriteRegister(OffsetOf("IQA"), queue_ | QueueAddress::Size::Of(Log2(config_.queue_frames)), 8);
    SetCommand(Gcmd::QueuedInvalidation::kMask, true);
    iommu_->WriteRegister(OffsetOf("RTADDR"), root_table_, 8);
  }
  SetCommand(Gcmd::SetRootTable::kMask, true);
  sim::Ps spent = FlushContextGlobal() + FlushIotlbGlobal();
  if (iommu_->config().remap_interrupts) {
    if (interrupt_table_ == 0) {
      const unsigned table_frames =
          static_cast<unsigned>(config_.interrupt_entries * sizeof(Irte) / sim::kPageSize);
      interrupt_table_ = NewFrames(sim::FrameType::kIrt, table_frames);
      interrupt_used_.assign(config_.interrupt_entries, false);
      iommu_->WriteRegister(OffsetOf("IRTA"),
                            interrupt_table_ | InterruptTable::Size::Of(Log2(config_.interrupt_entries) - 1), 8);
    }
    SetCommand(Gcmd::SetInterruptTable::kMask, true);
    spent += FlushInterruptGlobal();
    SetCommand(Gcmd::InterruptRemapping::kMask, true);
  }
  if (iommu_->config().remap_dma) SetCommand(Gcmd::Translation::kMask, true);
  return spent;
}

sim::Ps TableWriter::Disable() {
  SetCommand(Gcmd::Translation::kMask, false);
  SetCommand(Gcmd::InterruptRemapping::kMask, false);
  return config_.entry_write;
}

TableWriter::Domain& TableWriter::DomainOf(uint16_t domain_id) {
  SIM_CHECK(domain_id != 0, "IOMMU domain 0 is left alone");
  Domain& domain = domains_[domain_id];
  if (domain.table == 0) {
    domain.table = NewTable();
    domain.frames.push_back(domain.table >> sim::kPageShift);
  }
  return domain;
}

uint16_t TableWriter::TagOf(uint16_t domain_id) const {
  const auto found = tags_.find(domain_id);
  return found == tags_.end() ? domain_id : found->second;
}

void TableWriter::Split(Domain* domain, uint64_t entry_address, unsigned level) {
  const SecondLevelEntry whole{memory_->Load<uint64_t>(entry_address)};
  const uint64_t table = NewTable();
  domain->frames.push_back(table >> sim::kPageShift);
  const uint64_t part_bytes = sim::kPageSize << PageShift(level - 1);
  for (uint64_t i = 0; i < kEntries; ++i) {
    const uint64_t address = whole.address() + i * part_bytes;
    const SecondLevelEntry part = level == 2
                                      ? SecondLevelEntry::Page(address, whole.readable(), whole.writable())
                                      : SecondLevelEntry::Super(address, whole.readable(), whole.writable());
    WriteEntry(table + i * sizeof part, part.raw);
  }
  WriteEntry(entry_address, SecondLevelEntry::Table(table).raw);
}

uint64_t TableWriter::Descend(Domain* domain, uint64_t bus_page, unsigned level) {
  uint64_t table = domain->table;
  for (unsigned at = levels_;; --at) {
    const uint64_t index = (bus_page >> PageShift(at)) & (kEntries - 1);
    const uint64_t address = table + index * sizeof(SecondLevelEntry);
    if (at == level) return address;
    SecondLevelEntry entry{memory_->Load<uint64_t>(address)};
    if (!entry.present()) {
      const uint64_t next = NewTable();
      domain->frames.push_back(next >> sim::kPageShift);
      WriteEntry(address, SecondLevelEntry::Table(next).raw);
    } else if (at <= 3 && entry.super_page()) {
      Split(domain, address, at);
    }
    table = SecondLevelEntry{memory_->Load<uint64_t>(address)}.address();
  }
}

std::optional<TableWriter::Leaf> TableWriter::FindLeaf(const Domain& domain, uint64_t bus_page) const {
  const std::optional<Leaf> end = WalkEnd(domain, bus_page);
  if (!end || !SecondLevelEntry{memory_->Load<uint64_t>(end->entry_address)}.present()) return std::nullopt;
  return end;
}

std::optional<TableWriter::Leaf> TableWriter::WalkEnd(const Domain& domain, uint64_t bus_page) const {
  if ((bus_page >> (kIndexBits * levels_)) != 0) return std::nullopt;
  uint64_t table = domain.table;
  for (unsigned at = levels_;; --at) {
    const uint64_t index = (bus_page >> PageShift(at)) & (kEntries - 1);
    const uint64_t address = table + index * sizeof(SecondLevelEntry);
    const SecondLevelEntry entry{memory_->Load<uint64_t>(address)};
    if (!entry.present() || at == 1 || (at <= 3 && entry.super_page())) return Leaf{address, at};
    table = entry.address();
  }
}

sim::Ps TableWriter::Changed(uint16_t domain_id, uint64_t bus_page, unsigned order) {
  if (suppressed_) return 0;
  if (batching_) {
    batched_.insert(domain_id);
    return 0;
  }
  const uint16_t tag = TagOf(domain_id);
  return tag == 0 ? 0 : FlushIotlbPages(tag, bus_page, order);
}

sim::Ps TableWriter::MapPage(uint16_t domain_id, uint64_t bus_page, sim::Mfn host_page, bool read, bool write,
                             unsigned order) {
  SIM_CHECK(order == 0 || order == 9 || order == 18, "leaf pages are of order 0, 9 or 18");
  const uint64_t below = (uint64_t{1} << order) - 1;
  SIM_CHECK((bus_page & below) == 0 && (host_page & below) == 0, "a superpage must be aligned at both ends");
  SIM_CHECK((bus_page >> (kIndexBits * levels_)) == 0, "bus page beyond the tables' width");
  if (!read && !write) {
    sim::Ps spent = 0;
    for (uint64_t i = 0; i <= below; ++i) spent += UnmapPage(domain_id, bus_page + i);
    return spent;
  }
  Domain& domain = DomainOf(domain_id);
  const unsigned level = order / kIndexBits + 1;
  if (const std::optional<Leaf> leaf = FindLeaf(domain, bus_page); leaf && leaf->level > level) {
    // Inside a superpage that says the same already: do not split it.
    const Mapping there = *Find(domain_id, bus_page);
    if (there.host_page == host_page && there.read == read && there.write == write) return config_.entry_write;
  }
  const uint64_t address = Descend(&domain, bus_page, level);
  const SecondLevelEntry before{memory_->Load<uint64_t>(address)};
  const uint64_t host_address = host_page << sim::kPageShift;
  const SecondLevelEntry after = level == 1 ? SecondLevelEntry::Page(host_address, read, write)
                                            : SecondLevelEntry::Super(host_address, read, write);
  if (before.raw == after.raw) return config_.entry_write;
  if (config_.flaws.torn_entries) {
    WriteEntry(address, (before.raw & kFrameMask) | (after.raw & ~kFrameMask));
    config_.later(config_.entry_write, [this, address, after] { WriteEntry(address, after.raw); });
  } else {
    WriteEntry(address, after.raw);
  }
  // A new entry needs no flush: not-present ones are never cached.
  return config_.entry_write + (before.present() ? Changed(domain_id, bus_page, order) : 0);
}

sim::Ps TableWriter::UnmapPage(uint16_t domain_id, uint64_t bus_page) {
  const auto it = domains_.find(domain_id);
  if (it == domains_.end() || !FindLeaf(it->second, bus_page)) return 0;
  WriteEntry(Descend(&it->second, bus_page, 1), 0);
  return config_.entry_write + (config_.flaws.unmap_not_flushed ? 0 : Changed(domain_id, bus_page, 0));
}

std::optional<TableWriter::Mapping> TableWriter::Find(uint16_t domain_id, uint64_t bus_page) const {
  const auto it = domains_.find(domain_id);
  if (it == domains_.end()) return std::nullopt;
  const std::optional<Leaf> leaf = FindLeaf(it->second, bus_page);
  if (!leaf) return std::nullopt;
  const SecondLevelEntry entry{memory_->Load<uint64_t>(leaf->entry_address)};
  const uint64_t within = bus_page & ((uint64_t{1} << PageShift(leaf->level)) - 1);
  return Mapping{(entry.address() >> sim::kPageShift) + within, entry.readable(), entry.writable()};
}

std::optional<uint64_t> TableWriter::EntryAddress(uint16_t domain_id, uint64_t bus_page) const {
  const auto it = domains_.find(domain_id);
  if (it == domains_.end()) return std::nullopt;
  const std::optional<Leaf> end = WalkEnd(it->second, bus_page);
  if (!end) return std::nullopt;
  return end->entry_address;
}

std::optional<uint64_t> TableWriter::ContextAddress(pci::Bdf function) const {
  if (root_table_ == 0) return std::nullopt;
  RootEntry root;
  memory_->Read(root_table_ + sizeof root * function.bus(), &root, sizeof root);
  if (!root.present()) return std::nullopt;
  return root.context_table() + sizeof(ContextEntry) * function.devfn();
}

void TableWriter::Prepare(pci::Bdf function, uint16_t domain_id) {
  DomainOf(domain_id);
  if (ContextAddress(function)) return;
  const RootEntry root = RootEntry::Table(NewTable());
  Write(root_table_ + sizeof root * function.bus(), &root, sizeof root);
}

sim::Ps TableWriter::SetContext(pci::Bdf function, uint16_t domain_id) {
  if (const auto it = contexts_.find(function); it != contexts_.end() && it->second == domain_id) return 0;
  const uint64_t table = DomainOf(domain_id).table;
  const uint16_t tag = TagOf(domain_id);
  return WriteContext(function, domain_id,
                      device_tlbs_.count(function) != 0 ? ContextEntry::WithDeviceTlb(table, levels_, tag)
                                                        : ContextEntry::Translate(table, levels_, tag));
}

sim::Ps TableWriter::SetPassThrough(pci::Bdf function, uint16_t domain_id) {
  if (const auto it = contexts_.find(function); it != contexts_.end() && it->second == domain_id) return 0;
  return WriteContext(function, domain_id, ContextEntry::PassThrough(levels_, TagOf(domain_id)));
}

sim::Ps TableWriter::WriteContext(pci::Bdf function, uint16_t domain_id, const ContextEntry& entry) {
  SIM_CHECK(root_table_ != 0, "Enable() comes before contexts");
  SIM_CHECK(function.segment == iommu_->config().segment, "the IOMMU serves another segment");
  const auto before = contexts_.find(function);
  const bool live = before != contexts_.end();
  const uint16_t former = live ? before->second : domain_id;
  Prepare(function, domain_id);
  ContextEntry old;
  memory_->Read(*ContextAddress(function), &old, sizeof old);
  Write(*ContextAddress(function), &entry, sizeof entry);
  if (live) --domains_[former].contexts;
  if (entry.present()) {
    contexts_[function] = domain_id;
    ++domains_[domain_id].contexts;
  } else {
    contexts_.erase(function);
  }
  // Not present before: nothing cached, nothing to flush.
  if (!live || config_.flaws.context_not_flushed) return config_.entry_write;
  return config_.entry_write + FlushContextDevice(old.domain(), function) + FlushIotlbDomain(old.domain());
}

sim::Ps TableWriter::ClearContext(pci::Bdf function) {
  const auto it = contexts_.find(function);
  return it == contexts_.end() ? 0 : WriteContext(function, it->second, ContextEntry());
}

void TableWriter::FillTable(Domain* domain, uint64_t table, unsigned level, sim::Mfn host_page,
                            std::vector<uint64_t>* shared) {
  for (uint64_t i = 0; i < kEntries; ++i) {
    const uint64_t address = table + i * sizeof(SecondLevelEntry);
    const SecondLevelEntry entry{memory_->Load<uint64_t>(address)};
    if (entry.present()) {
      if (level > 1 && !entry.super_page()) FillTable(domain, entry.address(), level - 1, host_page, shared);
      continue;
    }
    if (level == 1) {
      WriteEntry(address, SecondLevelEntry::Page(host_page << sim::kPageShift, true, true).raw);
      continue;
    }
    uint64_t& below = (*shared)[level - 1];
    if (below == 0) {
      below = NewTable();
      domain->frames.push_back(below >> sim::kPageShift);
      FillTable(domain, below, level - 1, host_page, shared);
    }
    WriteEntry(address, SecondLevelEntry::Table(below).raw);
  }
}

sim::Ps TableWriter::FillWith(uint16_t domain_id, sim::Mfn host_page) {
  Domain& domain = DomainOf(domain_id);
  std::vector<uint64_t> shared(levels_ + 1);
  FillTable(&domain, domain.table, levels_, host_page, &shared);
  return kEntries * levels_ * config_.entry_write;
}

sim::Ps TableWriter::DestroyDomain(uint16_t domain_id) {
  const auto it = domains_.find(domain_id);
  if (it == domains_.end()) return 0;
  SIM_CHECK(it->second.contexts == 0, "a function is still attached to the IOMMU domain");
  const uint16_t tag = TagOf(domain_id);
  const sim::Ps spent = tag == 0 ? 0 : FlushIotlbDomain(tag);
  batched_.erase(domain_id);
  for (const sim::Mfn frame : it->second.frames) frames_.free(frame, 1);
  table_frames_ -= it->second.frames.size();
  domains_.erase(it);
  return spent;
}

void TableWriter::BeginBatch() {
  SIM_CHECK(!batching_, "batches do not nest");
  batching_ = true;
}

sim::Ps TableWriter::EndBatch() {
  SIM_CHECK(batching_, "no batch has begun");
  sim::Ps spent = 0;
  for (const uint16_t tag : TakeBatch()) spent += FlushIotlbDomain(tag);
  return spent;
}

std::set<uint16_t> TableWriter::TakeBatch() {
  batching_ = false;
  std::set<uint16_t> tags;
  for (const uint16_t domain_id : std::exchange(batched_, {})) {
    if (TagOf(domain_id) != 0) tags.insert(TagOf(domain_id));
  }
  return tags;
}

std::optional<unsigned> TableWriter::AllocateIrte(unsigned count) {
  SIM_CHECK(PowerOfTwo(count), "interrupt entries come in powers of two");
  for (size_t first = 0; first + count <= interrupt_used_.size(); first += count) {
    const auto begin = interrupt_used_.begin() + static_cast<std::ptrdiff_t>(first);
    if (std::find(begin, begin + count, true) != begin + count) continue;
    std::fill(begin, begin + count, true);
    return static_cast<unsigned>(first);
  }
  return std::nullopt;
}

sim::Ps TableWriter::FreeIrte(unsigned index, unsigned count) {
  sim::Ps spent = 0;
  for (unsigned i = index; i < index + count; ++i) {
    spent += WriteIrte(i, Irte());
    interrupt_used_[i] = false;
  }
  return spent;
}

sim::Ps TableWriter::WriteIrte(unsigned index, const Irte& entry) {
  SIM_CHECK(index < interrupt_used_.size(), "no such interrupt entry");
  const bool was_present = ReadIrte(index).present();
  Write(IrteAddress(index), &entry, sizeof entry);
  return config_.entry_write + (was_present ? FlushInterruptIndex(index, 0) : 0);
}

Irte TableWriter::ReadIrte(unsigned index) const {
  Irte entry;
  memory_->Read(IrteAddress(index), &entry, sizeof entry);
  return entry;
}

void TableWriter::UseDeviceTlb(pci::Bdf function, bool use) {
  if (use) device_tlbs_.insert(function); else device_tlbs_.erase(function);
}

sim::Ps TableWriter::FlushDeviceTlbs(uint16_t domain_id, std::optional<uint64_t> bus_page) {
  sim::Ps spent = 0;
  std::vector<pci::Bdf> silent;
  for (const pci::Bdf function : device_tlbs_) {
    const auto context = contexts_.find(function);
    if (context == contexts_.end() || TagOf(context->second) != domain_id) continue;
    bool answered = true;
    spent += Submit(bus_page ? InvalidationDescriptor::DeviceTlb(function.id, *bus_page << sim::kPageShift)
                             : InvalidationDescriptor::DeviceTlbAll(function.id),
                    &answered);
    if (!answered) silent.push_back(function);
  }
  for (const pci::Bdf function : silent) {
    if (device_tlb_timeout_) device_tlb_timeout_(domain_id, function);
  }
  return spent;
}

sim::Ps TableWriter::Submit(const InvalidationDescriptor& descriptor, bool* answered) {
  SIM_CHECK(queue_ != 0, "Enable() comes before invalidations");
  const uint64_t entries = uint64_t{config_.queue_frames} * kDescriptorsPerFrame;
  uint64_t tail = QueuePointer::Index::Get(iommu_->ReadRegister(OffsetOf("IQT"), 8));
  ++wait_number_;
  for (const InvalidationDescriptor& d : {descriptor, InvalidationDescriptor::Wait(status_, wait_number_)}) {
    memory_->Write(queue_ + tail * sizeof d, &d, sizeof d);
    tail = (tail + 1) % entries;
  }
  iommu_->WriteRegister(OffsetOf("IQT"), QueuePointer::Index::Of(tail), 8);
  if (memory_->Load<uint32_t>(status_) == wait_number_) {
    return iommu_->config().invalidation_wait + iommu_->TakeDeviceTlbTime();
  }
  SIM_CHECK(answered != nullptr && Fsts::TimeoutError::Get(iommu_->ReadRegister(OffsetOf("FSTS"), 4)),
            "the invalidation queue stands still");
  *answered = false;
  iommu_->WriteRegister(OffsetOf("FSTS"), Fsts::TimeoutError::kMask, 4);
  return config_.device_tlb_timeout;
}

sim::Ps TableWriter::FlushContextGlobal() { return Submit(InvalidationDescriptor::Contexts()); }

sim::Ps TableWriter::FlushContextDevice(uint16_t domain_id, pci::Bdf function) {
  return Submit(InvalidationDescriptor::ContextOfDevice(domain_id, function.id));
}

sim::Ps TableWriter::FlushIotlbGlobal() { return Submit(InvalidationDescriptor::Iotlb()); }

sim::Ps TableWriter::FlushIotlbDomain(uint16_t domain_id) {
  return Submit(InvalidationDescriptor::IotlbOfDomain(domain_id)) + FlushDeviceTlbs(domain_id, std::nullopt);
}

sim::Ps TableWriter::FlushIotlbPages(uint16_t domain_id, uint64_t bus_page, unsigned order) {
  return Submit(InvalidationDescriptor::IotlbPages(domain_id, bus_page << sim::kPageShift, order)) +
         FlushDeviceTlbs(domain_id, order == 0 ? std::optional<uint64_t>(bus_page) : std::nullopt);
}

sim::Ps TableWriter::FlushInterruptGlobal() { return Submit(InvalidationDescriptor::InterruptEntries()); }

sim::Ps TableWriter::FlushInterruptIndex(unsigned index, unsigned order) {
  return Submit(InvalidationDescriptor::InterruptEntry(index, order));
}

sim::Ps TableWriter::SetFaultEvent(uint64_t address, uint32_t data) {
  iommu_->WriteRegister(OffsetOf("FEDATA"), data, 4);
  iommu_->WriteRegister(OffsetOf("FEADDR"), static_cast<uint32_t>(address), 4);
  iommu_->WriteRegister(OffsetOf("FEUADDR"), address >> 32, 4);
  iommu_->WriteRegister(OffsetOf("FECTL"), 0, 4);
  return config_.entry_write;
}

std::vector<FaultRecorded> TableWriter::ReadFaults(bool* overflow) {
  std::vector<FaultRecorded> faults;
  const uint64_t status = iommu_->ReadRegister(OffsetOf("FSTS"), 4);
  *overflow = Fsts::Overflow::Get(status) != 0;
  const unsigned count = iommu_->config().fault_registers;
  unsigned index = static_cast<unsigned>(Fsts::Index::Get(status));
  for (unsigned i = 0; i < count && Fsts::Pending::Get(status); ++i, index = (index + 1) % count) {
    const uint32_t record = kFaultOffset + kFaultBytes * index;
    const uint64_t low = iommu_->ReadRegister(record, 8);
    const uint64_t high = iommu_->ReadRegister(record + 8, 8);
    if (!FaultRecord::Fault::Get(high)) break;
    FaultRecorded fault;
    fault.segment = iommu_->config().segment;
    fault.requester = static_cast<uint16_t>(FaultRecord::Source::Get(high));
    fault.reason = static_cast<uint8_t>(FaultRecord::Reason::Get(high));
    fault.interrupt = fault.reason >= static_cast<uint8_t>(FaultReason::kInterruptRequestReserved);
    fault.write = !FaultRecord::Read::Get(high);
    fault.address = fault.interrupt ? FaultRecord::InterruptIndex::Get(low) : low & FaultRecord::Page::kMask;
    fault.recorded = 1;
    faults.push_back(fault);
    iommu_->WriteRegister(record + 8, FaultRecord::Fault::kMask, 8);
  }
  iommu_->WriteRegister(OffsetOf("FSTS"), Fsts::Overflow::kMask, 4);
  return faults;
}

}  // namespace pvpci::iommu
