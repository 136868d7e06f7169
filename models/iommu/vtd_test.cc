// SPDX-License-Identifier: Apache-2.0
// The unit against its specification, feature by feature: VT-d 4.0, legacy mode. What QEMU's tests of its own unit ask
// (capabilities after reset, pass-through, translation) is here too, in our own words.
#include <gmock/gmock.h>

#include <cstring>
#include <optional>
#include <vector>

#include "models/iommu/registers.h"
#include "models/iommu/test_bench.h"

namespace pvpci::iommu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint16_t kDomU = 2;
constexpr uint16_t kOther = 3;
constexpr uint64_t kBusPage = 0x345;
constexpr sim::Mfn kHostPage = 0x678 & 0x3ff;
constexpr uint64_t kBusAddress = kBusPage << 12;

IommuConfig Config(void (*change)(IommuConfig*)) {
  IommuConfig config;
  change(&config);
  return config;
}

// A unit with one page mapped for the NIC's domain.
struct Mapped : TestBench {
  explicit Mapped(const IommuConfig& config = {}, const TableWriterConfig& writer_config = {})
      : TestBench(config, writer_config) {
    writer.Enable();
    writer.SetContext(kNic, kDomU);
    writer.MapPage(kDomU, kBusPage, kHostPage, true, true);
  }
  bool Write(uint64_t page = kBusPage) { return Allowed(kNic, page << 12, true); }
  uint64_t Reg(const char* name, unsigned bytes = 8) { return iommu.ReadRegister(OffsetOf(name), bytes); }
  void SetReg(const char* name, uint64_t value, unsigned bytes = 8) {
    iommu.WriteRegister(OffsetOf(name), value, bytes);
  }
};

TEST(Capabilities, AreWhatTheConfigurationSays) {
  TestBench bench;
  const uint64_t cap = bench.iommu.ReadRegister(OffsetOf("CAP"), 8);
  const uint64_t ecap = bench.iommu.ReadRegister(OffsetOf("ECAP"), 8);
  EXPECT_EQ(Cap::AddressWidths::Get(cap), 6u) << "39 and 48 bits";
  EXPECT_EQ(Cap::MaximumWidth::Get(cap), 47u);
  EXPECT_EQ(Cap::Domains::Get(cap), 6u);
  EXPECT_EQ(Cap::SuperPages::Get(cap), 3u);
  EXPECT_TRUE(Cap::PageSelective::Get(cap));
  EXPECT_TRUE(Cap::ProtectedLow::Get(cap) && Cap::ProtectedHigh::Get(cap));
  EXPECT_FALSE(Cap::PostedInterrupts::Get(cap));
  EXPECT_TRUE(Ecap::Coherent::Get(ecap) && Ecap::QueuedInvalidation::Get(ecap) && Ecap::PassThrough::Get(ecap));
  EXPECT_FALSE(Ecap::DeviceTlb::Get(ecap));
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("FSTS"), 4), 0u);
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("GSTS"), 4), 0u);
}

TEST(PassThrough, ReachesTheSameAddressUpToTheWidth) {
  Mapped bench;
  bench.writer.SetPassThrough(kDisk, 7);
  ASSERT_TRUE(bench.Allowed(kDisk, 0x1234'5678, true));
  EXPECT_EQ(bench.translation.host_address, 0x1234'5678u);
  EXPECT_FALSE(bench.Allowed(kDisk, uint64_t{1} << 48, false));
  EXPECT_EQ(bench.reason, FaultReason::kBeyondAddressWidth);
}

// --- Protected memory, 11.4.13 ---

TEST(ProtectedMemory, BlocksEverythingThatNoTableMapsAndRecordsNothing) {
  TestBench bench;
  bench.iommu.WriteRegister(OffsetOf("PLMBASE"), 0x40'0000, 4);
  bench.iommu.WriteRegister(OffsetOf("PLMLIMIT"), 0x5f'ffff, 4);
  bench.iommu.WriteRegister(OffsetOf("PHMBASE"), 0x1'0000'0000, 8);
  bench.iommu.WriteRegister(OffsetOf("PHMLIMIT"), 0x1'0000'0000, 8);
  EXPECT_TRUE(bench.Allowed(kNic, 0x40'0000, true)) << "not enabled";
  bench.iommu.WriteRegister(OffsetOf("PMEN"), ProtectedMemory::Enable::kMask, 4);
  EXPECT_TRUE(ProtectedMemory::Status::Get(bench.iommu.ReadRegister(OffsetOf("PMEN"), 4)));
  EXPECT_TRUE(bench.Allowed(kNic, 0x3f'ffff, true));
  EXPECT_FALSE(bench.Allowed(kNic, 0x40'0000, true));
  EXPECT_FALSE(bench.Allowed(kNic, 0x5f'ffff, false)) << "the limit's low bits count as ones";
  EXPECT_TRUE(bench.Allowed(kNic, 0x60'0000, false));
  EXPECT_FALSE(bench.Allowed(kNic, 0x1'001f'ffff, false));
  EXPECT_TRUE(bench.Allowed(kNic, 0x1'0020'0000, false));
  EXPECT_FALSE(bench.recorded);
  EXPECT_EQ(bench.iommu.ReadRegister(OffsetOf("FSTS"), 4), 0u);
  EXPECT_EQ(bench.iommu.counters().protected_blocked, 3u);
}

TEST(ProtectedMemory, HoldsForPassThroughAndNotForMappedRequests) {
  Mapped bench;
  bench.writer.SetPassThrough(kDisk, 7);
  bench.SetReg("PLMBASE", 0, 4);
  bench.SetReg("PLMLIMIT", 0x1f'ffff, 4);
  bench.SetReg("PMEN", ProtectedMemory::Enable::kMask, 4);
  EXPECT_FALSE(bench.Allowed(kDisk, 0x1000, true));
  EXPECT_FALSE(bench.Allowed(kDisk, 0x1000, true)) << "from the context cache, too";
  EXPECT_TRUE(bench.Write()) << "its table is software's to keep clean";
}

// --- Paging-structure caches, 6.2.5, 6.5.2.3 ---

TEST(PagingCache, ShortensWalks) {
  Mapped bench;
  bench.writer.MapPage(kDomU, kBusPage + 1, kHostPage + 1, true, true);
  ASSERT_TRUE(bench.Write());
  EXPECT_EQ(bench.iommu.counters().tables_read, 4u);
  ASSERT_TRUE(bench.Write(kBusPage + 1));
  EXPECT_EQ(bench.iommu.counters().tables_read, 5u) << "the leaf only";
}

TEST(PagingCache, OfNoEntriesWalksFromTheRoot) {
  Mapped bench(Config([](IommuConfig* c) { c->paging_cache_entries = 0; }));
  bench.writer.MapPage(kDomU, kBusPage + 1, kHostPage + 1, true, true);
  ASSERT_TRUE(bench.Write());
  ASSERT_TRUE(bench.Write(kBusPage + 1));
  EXPECT_EQ(bench.iommu.counters().tables_read, 8u);
}

// The directory entry is cleared behind the unit's back; the leaf's table is still known.
TEST(PagingCache, KeepsATableThatSoftwareUnlinkedUntilInvalidatedWithoutTheHint) {
  Mapped bench;
  ASSERT_TRUE(bench.Write());
  uint64_t directory = 0;
  const Reached reached = bench.iommu.ForEachReached(kNic, [&](const ReachedPage& page) {
    directory = page.walk->entries[page.walk->count - 2].address;
  });
  ASSERT_EQ(reached.kind, ReachKind::kTable);
  bench.memory.memory.Store<uint64_t>(directory, 0);
  const auto invalidate = [&](bool hint) {
    bench.SetReg("IVA", kBusAddress | Iva::Hint::Of(hint));
    bench.SetReg("IOTLB", IotlbCommand::Invalidate::kMask | IotlbCommand::Granularity::Of(3) |
                              IotlbCommand::Domain::Of(kDomU));
  };
  invalidate(/*hint=*/true);
  EXPECT_TRUE(bench.Write()) << "IH: the leaf was forgotten, the way to it was not";
  invalidate(/*hint=*/false);
  EXPECT_FALSE(bench.Write());
  EXPECT_EQ(bench.reason, FaultReason::kNoWritePermission);
}

TEST(PagingCache, IsTaggedByDomain) {
  Mapped bench;
  bench.writer.SetContext(kDisk, kOther);
  bench.writer.MapPage(kOther, kBusPage, kHostPage + 5, true, true);
  ASSERT_TRUE(bench.Write());
  ASSERT_TRUE(bench.Allowed(kDisk, kBusAddress, true));
  EXPECT_EQ(bench.translation.host_address >> 12, kHostPage + 5);
  EXPECT_EQ(bench.iommu.counters().tables_read, 8u);
}

TEST(PagingCache, HasItsSizeAndForgetsTheOldest) {
  PagingCache cache(2);
  cache.Insert(1, 0x0000'0000, {0x1000, 1, true, true});
  cache.Insert(1, 0x0020'0000, {0x2000, 1, true, true});
  cache.Insert(1, 0x0040'0000, {0x3000, 1, true, true});
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.Find(1, 0, 4), nullptr);
  EXPECT_EQ(cache.Find(1, 0x20'1000, 4)->table, 0x2000u);
  EXPECT_EQ(cache.Find(2, 0x20'1000, 4), nullptr);
  cache.InvalidatePages(1, 0x20'0000, 9);
  EXPECT_EQ(cache.Find(1, 0x20'1000, 4), nullptr);
  EXPECT_NE(cache.Find(1, 0x40'0000, 4), nullptr);
  cache.InvalidateDomain(1);
  EXPECT_EQ(cache.size(), 0u);
}

// --- Page-selective invalidation, by register and by queue, 6.5.1.2, 6.5.2.3 ---

TEST(PageSelective, TakesThePagesThatTheMaskNamesAndNoOthers) {
  Mapped bench;
  for (uint64_t i = 0; i < 8; ++i) bench.writer.MapPage(kDomU, 0x400 + i, kHostPage + i, true, true);
  for (uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(bench.Write(0x400 + i));
  bench.SetReg("IVA", 0x404ull << 12 | Iva::Mask::Of(1));
  bench.SetReg("IOTLB", IotlbCommand::Invalidate::kMask | IotlbCommand::Granularity::Of(3) |
                            IotlbCommand::Domain::Of(kDomU));
  EXPECT_EQ(IotlbCommand::ActualGranularity::Get(bench.Reg("IOTLB")), 3u);
  for (uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(bench.iommu.Remembers(kDomU, (0x400 + i) << 12), i != 4 && i != 5) << i;
  }
}

TEST(PageSelective, BeyondTheGreatestMaskIsDoneDomainWide) {
  Mapped bench;
  ASSERT_TRUE(bench.Write());
  bench.SetReg("IVA", Iva::Mask::Of(30));
  bench.SetReg("IOTLB", IotlbCommand::Invalidate::kMask | IotlbCommand::Granularity::Of(3) |
                            IotlbCommand::Domain::Of(kDomU));
  EXPECT_EQ(IotlbCommand::ActualGranularity::Get(bench.Reg("IOTLB")), 2u);
  EXPECT_FALSE(bench.iommu.Remembers(kDomU, kBusAddress));
}

// --- Walks that do not snoop, 11.4.3 ---

TEST(NonCoherent, SeesATableWhenItsLineIsWrittenBack) {
  const auto config = Config([](IommuConfig* c) { c->coherent = false; });
  Mapped bench(config);
  EXPECT_FALSE(Ecap::Coherent::Get(bench.Reg("ECAP")));
  EXPECT_TRUE(bench.Write()) << "software wrote its lines back";
  EXPECT_EQ(bench.iommu.cpu_cache().dirty_lines(), 0u);
}

TEST(NonCoherent, MissesChangesThatStayInTheCache) {
  const auto config = Config([](IommuConfig* c) { c->coherent = false; });
  TableWriterConfig flawed;
  flawed.flaws.no_write_back = true;
  Mapped bench(config, flawed);
  EXPECT_TRUE(bench.Write()) << "new entries are written back";
  bench.writer.UnmapPage(kDomU, kBusPage);
  EXPECT_TRUE(bench.Write()) << "XSA-321: unmapped and invalidated, and memory still has the entry";
  bench.iommu.cpu_cache().WriteBackAll();
  bench.writer.FlushIotlbDomain(kDomU);
  EXPECT_FALSE(bench.Write());
}

TEST(NonCoherent, MattersOnlyToAUnitThatDoesNotSnoop) {
  TableWriterConfig flawed;
  flawed.flaws.no_write_back = true;
  Mapped bench({}, flawed);
  EXPECT_TRUE(bench.Write());
}

// --- Device TLBs: PCIe 6.0, 10; VT-d 4.1, 6.5.2.5, 7.1.3 (reason 0xD) ---

struct Atc : DeviceTlbPort {
  std::optional<sim::Ps> Invalidate(uint64_t bus_address, unsigned order) override {
    forgotten.emplace_back(bus_address, order);
    return answers ? std::optional<sim::Ps>(sim::kUs) : std::nullopt;
  }
  std::vector<std::pair<uint64_t, unsigned>> forgotten;
  bool answers = true;
};

IommuConfig WithAts() {
  return Config([](IommuConfig* c) { c->device_tlbs = true; });
}

FaultReason Translated(TestBench& bench, uint64_t address) {
  const auto result = bench.iommu.Translated(kNic, address, true);
  const auto* fault = std::get_if<pci::DmaFault>(&result);
  return fault == nullptr ? FaultReason::kNone : static_cast<FaultReason>(fault->reason);
}

TEST(DeviceTlb, TranslatedRequestsAreBlockedByDefault) {
  Mapped bench;
  EXPECT_EQ(Translated(bench, 0x1000), FaultReason::kTranslatedRequestBlocked);
  bool overflow = false;
  const auto faults = bench.writer.ReadFaults(&overflow);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].reason, 0x0D);
}

TEST(DeviceTlb, TranslatedRequestsNeedAContextOfTheirKindAndThenReachEverything) {
  Mapped bench(WithAts());
  EXPECT_EQ(Translated(bench, 0x1000), FaultReason::kTranslatedRequestBlocked) << "context type 0";
  bench.writer.UseDeviceTlb(kDisk, true);
  bench.writer.SetContext(kDisk, kOther);
  const auto result = bench.iommu.Translated(kDisk, 0xdead'b000, true);
  ASSERT_TRUE(std::holds_alternative<pci::Translation>(result));
  EXPECT_EQ(std::get<pci::Translation>(result).host_address, 0xdead'b000u) << "no table is asked";
}

TEST(DeviceTlb, ContextsOfItsKindAreInvalidWithoutIt) {
  Mapped bench;
  bench.writer.UseDeviceTlb(kDisk, true);
  bench.writer.SetContext(kDisk, kOther);
  EXPECT_FALSE(bench.Allowed(kDisk, 0, false));
  EXPECT_EQ(bench.reason, FaultReason::kContextInvalid);
}

TEST(DeviceTlb, TranslationRequestsTellPermissionsWithoutAFault) {
  Mapped bench(WithAts());
  bench.writer.UseDeviceTlb(kDisk, true);
  bench.writer.SetContext(kDisk, kOther);
  bench.writer.MapPage(kOther, 5, kHostPage, true, false);
  auto answer = std::get<Iommu::DeviceTranslation>(bench.iommu.TranslationRequest(kDisk, 5 << 12));
  EXPECT_EQ(answer.host_address, kHostPage << 12);
  EXPECT_TRUE(answer.readable);
  EXPECT_FALSE(answer.writable);
  answer = std::get<Iommu::DeviceTranslation>(bench.iommu.TranslationRequest(kDisk, 6 << 12));
  EXPECT_FALSE(answer.readable || answer.writable);
  EXPECT_EQ(bench.iommu.counters().faults, 0u);
  EXPECT_TRUE(std::holds_alternative<pci::DmaFault>(bench.iommu.TranslationRequest(kNic, kBusAddress)));
}

TEST(DeviceTlb, IsToldOfEveryUnmapAndItsAnswerIsWaitedFor) {
  Mapped bench(WithAts());
  Atc atc;
  bench.iommu.AttachDeviceTlb(kDisk, &atc);
  bench.writer.UseDeviceTlb(kDisk, true);
  bench.writer.SetContext(kDisk, kOther);
  bench.writer.MapPage(kOther, 5, kHostPage, true, true);
  EXPECT_THAT(atc.forgotten, IsEmpty());
  EXPECT_EQ(bench.writer.UnmapPage(kOther, 5), 100 * sim::kNs + 2 * 700 * sim::kNs + sim::kUs);
  EXPECT_THAT(atc.forgotten, ElementsAre(std::make_pair(uint64_t{5} << 12, 0u)));
  bench.writer.UnmapPage(kDomU, kBusPage);
  EXPECT_EQ(atc.forgotten.size(), 1u) << "another domain's";
}

TEST(DeviceTlb, ThatDoesNotAnswerTimesOutAndIsNamedWithItsDomain) {
  Mapped bench(WithAts());
  Atc atc;
  atc.answers = false;
  bench.iommu.AttachDeviceTlb(kDisk, &atc);
  bench.writer.UseDeviceTlb(kDisk, true);
  bench.writer.SetContext(kDisk, kOther);
  bench.writer.MapPage(kOther, 5, kHostPage, true, true);
  std::vector<std::pair<uint16_t, pci::Bdf>> silent;
  bench.writer.OnDeviceTlbTimeout([&](uint16_t domain, pci::Bdf function) { silent.emplace_back(domain, function); });
  EXPECT_GE(bench.writer.UnmapPage(kOther, 5), sim::kSec);
  ASSERT_EQ(silent.size(), 1u);
  EXPECT_EQ(silent[0].first, kOther);
  EXPECT_EQ(silent[0].second, kDisk);
  EXPECT_EQ(bench.Reg("FSTS", 4), 0u) << "cleared";
  EXPECT_LT(bench.writer.UnmapPage(kDomU, kBusPage), sim::kMs) << "the queue goes on for others";
}

// --- Posted interrupts, 5.2 ---

struct Posting : Mapped {
  Posting() : Mapped(Config([](IommuConfig* c) { c->remap_interrupts = c->posted_interrupts = true; })) {
    index = *writer.AllocateIrte();
    Irte entry;
    entry.raw[0] = Irte::Present::Of(1) | Irte::Mode::kMask | Irte::Vector::Of(0x41) |
                   Irte::DescriptorLow::Of(kDescriptor >> 6);
    entry.raw[1] = Irte::SourceId::Of(kNic.id) | Irte::SourceValidation::Of(1);
    writer.WriteIrte(index, entry);
    PostedDescriptor descriptor;
    descriptor.control = PostedDescriptor::Vector::Of(0xf2) | PostedDescriptor::XapicDestination::Of(3);
    Put(descriptor);
  }
  void Put(const PostedDescriptor& descriptor) { memory.memory.Write(kDescriptor, &descriptor, sizeof descriptor); }
  PostedDescriptor Get() {
    PostedDescriptor descriptor;
    memory.memory.Read(kDescriptor, &descriptor, sizeof descriptor);
    return descriptor;
  }
  std::variant<pci::InterruptMessage, pci::DmaFault> Send(pci::Bdf source = kNic) {
    return iommu.Remap(source, RemappableAddress::For(index, false).raw, 0);
  }
  static constexpr uint64_t kDescriptor = 0x20'0000;
  unsigned index = 0;
};

TEST(Posting, NotesTheVectorAndNotifiesOnce) {
  Posting bench;
  const auto first = std::get<pci::InterruptMessage>(bench.Send());
  EXPECT_FALSE(first.posted);
  EXPECT_EQ(first.data & 0xff, 0xf2u);
  EXPECT_EQ(first.address, 0xFEE0'3000u);
  EXPECT_EQ(bench.Get().requests[1], 2u) << "vector 0x41";
  EXPECT_TRUE(PostedDescriptor::Outstanding::Get(bench.Get().control));
  EXPECT_TRUE(std::get<pci::InterruptMessage>(bench.Send()).posted) << "one notification is outstanding";
}

TEST(Posting, StaysSilentWhenSuppressed) {
  Posting bench;
  PostedDescriptor descriptor = bench.Get();
  descriptor.control |= PostedDescriptor::Suppress::kMask;
  bench.Put(descriptor);
  EXPECT_TRUE(std::get<pci::InterruptMessage>(bench.Send()).posted);
  EXPECT_EQ(bench.Get().requests[1], 2u);
}

TEST(Posting, VerifiesTheSourceAndItsDescriptor) {
  Posting bench;
  EXPECT_EQ(std::get<pci::DmaFault>(bench.Send(kDisk)).reason, 0x26);
  PostedDescriptor descriptor = bench.Get();
  descriptor.control |= 4;
  bench.Put(descriptor);
  EXPECT_EQ(std::get<pci::DmaFault>(bench.Send()).reason, 0x28);
}

TEST(Posting, IsAReservedFormatWithoutTheCapability) {
  Mapped bench(Config([](IommuConfig* c) { c->remap_interrupts = true; }));
  const unsigned index = *bench.writer.AllocateIrte();
  Irte entry;
  entry.raw[0] = Irte::Present::Of(1) | Irte::Mode::kMask;
  bench.writer.WriteIrte(index, entry);
  const auto result = bench.iommu.Remap(kNic, RemappableAddress::For(index, false).raw, 0);
  EXPECT_EQ(std::get<pci::DmaFault>(result).reason, 0x24);
}

// --- What software does ---

TEST(Contexts, AreReplacedInOneWriteAndInvalidatedUnderTheFormerDomain) {
  Mapped bench;
  bench.writer.MapPage(kOther, kBusPage, kHostPage + 1, true, true);
  ASSERT_TRUE(bench.Write());
  bench.writer.SetContext(kNic, kOther);
  ASSERT_TRUE(bench.Write());
  EXPECT_EQ(bench.translation.host_address >> 12, kHostPage + 1);
  EXPECT_FALSE(bench.iommu.Remembers(kDomU, kBusAddress));
}

TEST(Contexts, NotInvalidatedLeadToTheFormerOwner) {
  TableWriterConfig flawed;
  flawed.flaws.context_not_flushed = true;
  Mapped bench({}, flawed);
  ASSERT_TRUE(bench.Write());
  bench.writer.ClearContext(kNic);
  EXPECT_TRUE(bench.Write()) << "XSA-442";
}

TEST(Unmaps, NotInvalidatedLiveOnInTheIotlb) {
  TableWriterConfig flawed;
  flawed.flaws.unmap_not_flushed = true;
  Mapped bench({}, flawed);
  ASSERT_TRUE(bench.Write());
  bench.writer.UnmapPage(kDomU, kBusPage);
  EXPECT_TRUE(bench.Write()) << "XSA-78";
  bench.writer.FlushIotlbDomain(kDomU);
  EXPECT_FALSE(bench.Write());
}

TEST(Entries, WrittenFieldByFieldPointToFrameZeroForAWhile) {
  TableWriterConfig flawed;
  flawed.flaws.torn_entries = true;
  std::function<void()> rest;
  flawed.later = [&](sim::Ps time, std::function<void()> action) {
    EXPECT_EQ(time, 100 * sim::kNs);
    rest = std::move(action);
  };
  Mapped bench({}, flawed);
  ASSERT_TRUE(bench.Write());
  EXPECT_EQ(bench.translation.host_address, 0u) << "XSA-347: permissions of the new entry, address of the old";
  rest();
  EXPECT_TRUE(bench.Write());
  EXPECT_EQ(bench.translation.host_address, 0u) << "and the IOTLB keeps it: not-present entries need no invalidation";
}

TEST(Tags, SharedByTwoDomainsLetOneReachTheOthersPages) {
  Mapped bench;
  bench.writer.SetTag(kOther, kDomU);
  bench.writer.SetContext(kDisk, kOther);
  ASSERT_TRUE(bench.Write());
  ASSERT_TRUE(bench.Allowed(kDisk, kBusAddress, true)) << "XSA-399: a hit in the other's translation";
  EXPECT_EQ(bench.translation.host_address >> 12, kHostPage);
}

TEST(Fill, SendsEveryPageToOneFrameWithAFewTables) {
  Mapped bench;
  const uint64_t before = bench.writer.table_frames();
  bench.writer.FillWith(kDomU, 9);
  EXPECT_LE(bench.writer.table_frames() - before, 3u);
  for (const uint64_t page : {uint64_t{0}, uint64_t{1} << 20, (uint64_t{1} << 36) - 1, kBusPage + 1}) {
    ASSERT_TRUE(bench.Write(page)) << page;
    EXPECT_EQ(bench.translation.host_address >> 12, 9u);
  }
  ASSERT_TRUE(bench.Write());
  EXPECT_EQ(bench.translation.host_address >> 12, kHostPage) << "what was mapped stays";
}

// --- Enumeration ---

TEST(Reach, FindsEveryLeafOnceWithItsWalk) {
  Mapped bench;
  bench.writer.MapPage(kDomU, 512 * 3, 512, true, false, 9);
  std::vector<std::pair<uint64_t, unsigned>> pages;
  const Reached reached = bench.iommu.ForEachReached(kNic, [&](const ReachedPage& page) {
    pages.emplace_back(page.host_address >> 12, page.level);
    EXPECT_EQ(page.walk->count, page.level == 1 ? 6u : 5u);
    EXPECT_EQ(page.writable, page.level == 1);
    EXPECT_EQ(DescribeWalk(*page.walk).size(), page.walk->count);
  });
  EXPECT_EQ(reached.kind, ReachKind::kTable);
  EXPECT_EQ(reached.domain, kDomU);
  EXPECT_THAT(pages, ElementsAre(std::make_pair(uint64_t{kHostPage}, 1u), std::make_pair(uint64_t{512}, 2u)));
  EXPECT_EQ(bench.iommu.ForEachReached(kDisk, [](const ReachedPage&) {}).refused, FaultReason::kRootNotPresent);
  bench.writer.SetPassThrough(kDisk, 7);
  EXPECT_EQ(bench.iommu.ForEachReached(kDisk, [](const ReachedPage&) {}).kind, ReachKind::kUntranslated);
}

TEST(Reach, ReadsSharedTablesOnce) {
  Mapped bench;
  bench.writer.FillWith(kDomU, 9);
  unsigned leaves = 0;
  bench.iommu.ForEachReached(kNic, [&](const ReachedPage&) { ++leaves; });
  EXPECT_LE(leaves, 2048u);
}

}  // namespace
}  // namespace pvpci::iommu
