// SPDX-License-Identifier: Apache-2.0
// Invariants of threats.md 9: PV IOMMU map, dom0 mode, quarantine, grant counts, fault throttle; and each flaw of the past.
#include "models/xen/passthrough.h"

#include "models/xen/test_machine.h"
#include "sim/out_of_resources.h"

namespace pvpci::xen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const pci::Bdf kNic(0, 2, 0, 0);
const pci::Bdf kDisk(0, 3, 0, 0);

// Keeps maps as sets, contexts as texts, and notes every call that invalidates.
struct FakeIommu : QuietIommu {
  bool remaps_interrupts() const override { return true; }
  sim::Ps DestroyDomain(sim::DomId domain) override { maps.erase(domain); return 0; }
  sim::Ps AttachDevice(pci::Bdf function, sim::DomId domain) override { return Context(function, std::to_string(domain)); }
  sim::Ps PassDevice(pci::Bdf function, sim::DomId) override { return Context(function, "pass"); }
  sim::Ps AttachQuarantine(pci::Bdf function) override { return Context(function, "quarantine"); }
  sim::Ps BlockDevice(pci::Bdf function) override { return Context(function, "none"); }
  sim::Ps MakeQuarantine(pci::Bdf, const std::vector<std::pair<sim::Mfn, sim::Mfn>>& ranges, bool scratch) override {
    if (full) throw sim::OutOfResources("full");
    made += "quarantine " + std::to_string(ranges.size()) + (scratch ? " scratch;" : ";");
    return 0;
  }
  sim::Ps MapFrame(sim::DomId domain, sim::Mfn mfn, bool writable) override {
    if (full) throw sim::OutOfResources("full");
    maps[domain][mfn] = writable;
    return 10;
  }
  sim::Ps UnmapFrame(sim::DomId domain, sim::Mfn mfn) override {
    maps[domain].erase(mfn);
    if (!batch) ++flushes;
    return batch ? 10 : 710;
  }
  void BeginBatch() override { batch = true; }
  sim::Ps EndBatch(sim::Ps later) override {
    batch = false;
    ++flushes;
    flush_later = later;
    return later == 0 ? 700 : 0;
  }
  void SuppressFlushes(bool value) override { suppressed = value; }
  std::vector<DmaFaultReport> TakeFaults() override { return std::exchange(faults, {}); }
  std::optional<unsigned> AllocateIrtes(unsigned count) override { return std::exchange(next, next + count); }
  sim::Ps WriteIrte(unsigned index, const RemapTarget& target) override { irtes[index] = target; return 0; }
  sim::Ps FreeIrtes(unsigned index, unsigned) override { irtes.erase(index); return 0; }
  sim::Ps Context(pci::Bdf function, std::string text) {
    contexts[function] = std::move(text);
    return 0;
  }

  std::map<sim::DomId, std::map<sim::Mfn, bool>> maps;
  std::map<pci::Bdf, std::string> contexts;
  std::map<unsigned, RemapTarget> irtes;
  std::vector<DmaFaultReport> faults;
  std::string made;
  unsigned next = 0;
  unsigned flushes = 0;
  sim::Ps flush_later = 0;
  bool batch = false;
  bool suppressed = false;
  bool full = false;  // no memory for tables
};

struct Losses : FrameLossObserver {
  void OnLoss(sim::DomId, sim::Mfn mfn, FrameLoss loss) override { frames.emplace_back(mfn, loss); }
  void OnDeviceLoss(sim::DomId domain, pci::Bdf) override { devices.push_back(domain); }
  std::vector<std::pair<sim::Mfn, FrameLoss>> frames;
  std::vector<sim::DomId> devices;
};

HypervisorConfig With(Dom0Iommu dom0, Quarantine quarantine = Quarantine::kBasic) {
  HypervisorConfig config;
  config.dom0_iommu = dom0;
  config.quarantine = quarantine;
  return config;
}
HypervisorConfig Without(Unfixed fix) {
  HypervisorConfig config;
  config.unfixed = {fix};
  return config;
}

struct Bench {
  explicit Bench(const HypervisorConfig& config = {}) : machine(config, &iommu) {
    machine.pci.AddEndpoint(kNic, 0xf0000000, true);
    machine.pci.AddEndpoint(kDisk, 0xf1000000, true);
    machine.xen.passthrough().AddFunction(kNic);
    machine.xen.passthrough().SetLossObserver(&losses);
    machine.Add(0);
    machine.Add(1);
  }
  TestDomain& dom0() { return *machine.domains[0]; }
  TestDomain& domU() { return *machine.domains[1]; }
  bool Maps(sim::DomId domain, sim::Mfn mfn) { return iommu.maps[domain].count(mfn) != 0; }
  // decrease_reservation of one page that nothing maps.
  long Balloon(TestDomain& domain, unsigned page) {
    const sim::Mfn mfn = domain.Mfn(page);
    machine.Raw(domain, abi::kUpdateVaMapping, {domain.Va(page), 0, 0, 0, 0});
    std::memcpy(domain.Page(1), &mfn, sizeof mfn);
    abi::MemoryReservation args{domain.Va(1), 1, 0, 0, sim::kDomSelf, {}};
    return machine.Op(domain, abi::kMemoryOp, 1, args);
  }
  void Fault(unsigned times, pci::Bdf source = kNic) {
    for (unsigned i = 0; i < times; ++i) iommu.faults.push_back({source, 0x5000, 5, true, false, "PTE Write"});
    machine.xen.passthrough().FaultInterrupt();
    machine.RunFor(sim::kUs);
  }
  bool Masters() { return (machine.pci.ConfigRead(kNic, 4, 2) & 4) != 0; }

  FakeIommu iommu;
  Losses losses;
  TestMachine machine;
};

TEST(IommuMap, HoldsWritableFramesOnceTheDomainOwnsADevice) {
  Bench bench;
  EXPECT_TRUE(bench.iommu.maps[1].empty());
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_TRUE(bench.Maps(1, bench.domU().Mfn(9)));
  EXPECT_FALSE(bench.Maps(1, bench.domU().vcpu().cr3_mfn)) << "page tables are not for devices";
  EXPECT_EQ(bench.iommu.maps[1].size(), kTestPages - bench.domU().built.pt_pages);
}

TEST(IommuMap, KeepsAWritableFrameUntilItsTypeChangesOrItIsFreed) {
  Bench bench;
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  TestDomain& domU = bench.domU();
  const sim::Mfn mfn = domU.Mfn(9);
  bench.machine.Raw(domU, abi::kUpdateVaMapping, {domU.Va(9), 0, 0, 0, 0});
  EXPECT_TRUE(bench.Maps(1, mfn)) << "the type outlives the last mapping, as in Xen";
  // Pinned as a page table: its contents are zeros, which is a valid L1.
  std::memset(domU.Page(9), 0, 4096);
  abi::MmuextOp pin{abi::kPinL1, 0, mfn, 0};
  std::memcpy(domU.Page(0), &pin, sizeof pin);
  const HypercallResult pinned = bench.machine.Raw(domU, abi::kMmuextOp, {domU.Va(0), 1, 0, sim::kDomSelf, 0});
  EXPECT_EQ(pinned.value, 0);
  EXPECT_GT(pinned.cost, bench.machine.xen.config().hypercall + 700);
  EXPECT_FALSE(bench.Maps(1, mfn));
  EXPECT_THAT(bench.losses.frames, ElementsAre(std::make_pair(mfn, FrameLoss::kType)));
}

// X:xen/drivers/passthrough/iommu.c, iommu_map: -ENOMEM, and a domain crashes, but not the hardware domain.
TEST(NoMemoryForTables, AFunctionIsNotAssignedAndItsDomainCrashes) {
  Bench bench;
  bench.iommu.full = true;
  EXPECT_EQ(bench.machine.xen.AssignDevice(kNic, 1), -abi::kENOMEM);
  EXPECT_EQ(bench.iommu.contexts[kNic], "0");
  EXPECT_EQ(bench.machine.xen.passthrough().OwnerOf(kNic), 0);
  EXPECT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), -abi::kENODEV);
  EXPECT_THAT(bench.machine.xen.console().text(), HasSubstr("failed: -12"));
  bench.machine.RunFor(sim::kUs);
  EXPECT_EQ(bench.domU().domain->crash_reason, "an IOMMU mapping failed");
  EXPECT_EQ(bench.dom0().domain->crash_reason, "");
}

TEST(NoMemoryForTables, AFunctionWithoutQuarantineTableStaysWhereItIs) {
  Bench bench(With(Dom0Iommu::kRelaxed, Quarantine::kScratchPage));
  bench.iommu.full = true;
  EXPECT_EQ(bench.machine.xen.AssignDevice(kNic, sim::kDomIo), -abi::kENOMEM);
  EXPECT_EQ(bench.machine.xen.passthrough().OwnerOf(kNic), 0);
  bench.iommu.full = false;
  EXPECT_EQ(bench.machine.xen.AssignDevice(kNic, sim::kDomIo), 0) << "as if nothing had happened";
}

// A page table is given up and is to become an ordinary page, which devices would reach. Answers whether it did not.
bool StaysUnmapped(Bench& bench, TestDomain& domain) {
  const sim::Mfn mfn = domain.Mfn(9);
  bench.machine.Raw(domain, abi::kUpdateVaMapping, {domain.Va(9), 0, 0, 0, 0});
  std::memset(domain.Page(9), 0, 4096);
  for (const uint32_t command : {abi::kPinL1, abi::kUnpinTable}) {
    abi::MmuextOp op{command, 0, mfn, 0};
    std::memcpy(domain.Page(0), &op, sizeof op);
    EXPECT_EQ(bench.machine.Raw(domain, abi::kMmuextOp, {domain.Va(0), 1, 0, sim::kDomSelf, 0}).value, 0);
  }
  const uint64_t entry = mfn << 12 | abi::kPtePresent | abi::kPteWrite;
  bench.iommu.full = true;
  const long answer = bench.machine.Raw(domain, abi::kUpdateVaMapping, {domain.Va(9), entry, 0, 0, 0}).value;
  bench.machine.RunFor(sim::kUs);
  bench.iommu.full = false;
  return answer == -abi::kEINVAL && bench.machine.memory.frame(mfn).type_count == 0;
}

TEST(NoMemoryForTables, AFrameOfADomainDoesNotBecomeWritableAndItCrashes) {
  Bench bench;
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_TRUE(StaysUnmapped(bench, bench.domU()));
  EXPECT_EQ(bench.domU().domain->crash_reason, "an IOMMU mapping failed");
}

TEST(NoMemoryForTables, AFrameOfDom0DoesNotBecomeWritableAndItLives) {
  Bench bench(With(Dom0Iommu::kStrict));
  EXPECT_TRUE(StaysUnmapped(bench, bench.dom0()));
  EXPECT_EQ(bench.dom0().domain->crash_reason, "");
  const sim::Mfn mfn = bench.dom0().Mfn(9);
  const uint64_t entry = mfn << 12 | abi::kPtePresent | abi::kPteWrite;
  EXPECT_EQ(bench.machine.Raw(bench.dom0(), abi::kUpdateVaMapping, {bench.dom0().Va(9), entry, 0, 0, 0}).value, 0);
  EXPECT_TRUE(bench.Maps(0, mfn));
}

TEST(NoMemoryForTables, AGrantIsNotMapped) {
  Bench bench(With(Dom0Iommu::kStrict));
  Passthrough& passthrough = bench.machine.xen.passthrough();
  const sim::Mfn mfn = bench.domU().Mfn(9);
  bench.iommu.full = true;
  EXPECT_FALSE(passthrough.MapGrant(0, mfn, true));
  bench.iommu.full = false;
  EXPECT_TRUE(passthrough.MapGrant(0, mfn, false));
  EXPECT_FALSE(bench.iommu.maps[0][mfn]) << "the writer that failed does not count";
  passthrough.UnmapGrant(0, mfn, false);
  EXPECT_FALSE(bench.Maps(0, mfn));
}

TEST(IommuMap, LosesWhatIsBallooned) {
  Bench bench;
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  const sim::Mfn mfn = bench.domU().Mfn(9);
  EXPECT_EQ(bench.Balloon(bench.domU(), 9), 1);
  EXPECT_FALSE(bench.Maps(1, mfn));
  EXPECT_EQ(bench.iommu.flushes, 2u) << "dom0's table once, this page once";
  EXPECT_THAT(bench.losses.frames, ElementsAre(std::make_pair(mfn, FrameLoss::kOwnership)));
}

TEST(IommuMap, FreesNoFrameBeforeABatchIsInvalidated) {
  HypervisorConfig config;
  config.iommu_flush = IommuFlush::kOperation;
  Bench bench(config);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  const uint64_t free_before = bench.machine.xen.frames().free_frames();
  EXPECT_EQ(bench.Balloon(bench.domU(), 9), 1);
  EXPECT_EQ(bench.machine.xen.frames().free_frames(), free_before + 1);
  EXPECT_FALSE(bench.iommu.batch);
  EXPECT_EQ(bench.iommu.flush_later, 0u);
  EXPECT_EQ(bench.losses.frames.size(), 1u);
}

TEST(Dom0Map, RelaxedHasAllRamButXens) {
  Bench bench;
  EXPECT_EQ(bench.iommu.contexts[kNic], "0");
  EXPECT_TRUE(bench.Maps(0, bench.dom0().Mfn(9)));
  EXPECT_TRUE(bench.Maps(0, bench.domU().Mfn(9))) << "whoever owns it";
  EXPECT_TRUE(bench.Maps(0, bench.domU().vcpu().cr3_mfn)) << "whatever it is";
  EXPECT_FALSE(bench.Maps(0, 256)) << "Xen's text";
  EXPECT_TRUE(bench.Maps(0, 0xa0)) << "reserved ranges";
  EXPECT_FALSE(bench.Maps(0, 0xfee00));
}

TEST(Dom0Map, StrictHasItsOwnWritableFrames) {
  Bench bench(With(Dom0Iommu::kStrict));
  EXPECT_EQ(bench.iommu.contexts[kNic], "0");
  EXPECT_TRUE(bench.Maps(0, bench.dom0().Mfn(9)));
  EXPECT_FALSE(bench.Maps(0, bench.domU().Mfn(9)));
  EXPECT_FALSE(bench.Maps(0, bench.dom0().vcpu().cr3_mfn));
}

TEST(Dom0Map, PassthroughTranslatesNothing) {
  Bench bench(With(Dom0Iommu::kPassthrough));
  EXPECT_EQ(bench.iommu.contexts[kNic], "pass");
  EXPECT_TRUE(bench.iommu.maps[0].empty());
}

TEST(Dom0Map, TakesInFunctionsThatItReports) {
  Bench bench;
  EXPECT_EQ(bench.machine.Physdev(bench.dom0(), 25, abi::PhysdevPciDeviceAdd{0, 3, 0, 0, 0, 0, 0}), 0);
  EXPECT_EQ(bench.iommu.contexts[kDisk], "0");
}

TEST(Quarantine, BasicIsTheDefaultAndReachesNothing) {
  Bench bench;
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.xen.AssignDevice(kNic, 0), -abi::kEBUSY);
  EXPECT_EQ(bench.machine.xen.DestroyDomain(1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "none");
  EXPECT_THAT(bench.losses.devices, ElementsAre(1));
  EXPECT_EQ(bench.machine.xen.DeassignDevice(kNic, sim::kDomIo), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "0") << "dom0's again when the tools say so";
}

TEST(Quarantine, ScratchHasATableOfItsOwn) {
  Bench bench(With(Dom0Iommu::kRelaxed, Quarantine::kScratchPage));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.made, "quarantine 0 scratch;");
  EXPECT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "quarantine");
}

TEST(Quarantine, NoneGivesItBackToDom0UnlessTheToolsHadAskedForQuarantine) {
  Bench bench(With(Dom0Iommu::kRelaxed, Quarantine::kNone));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "0");
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, sim::kDomIo), 0);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "none") << "assignable-add came first: XSA-306";
}

TEST(GrantMap, LivesFromTheFirstMapToTheLastUnmap) {
  Bench bench(With(Dom0Iommu::kStrict));
  Passthrough& passthrough = bench.machine.xen.passthrough();
  const sim::Mfn mfn = bench.domU().Mfn(9);
  passthrough.MapGrant(0, mfn, false);
  ASSERT_TRUE(bench.Maps(0, mfn));
  EXPECT_FALSE(bench.iommu.maps[0][mfn]) << "read-only";
  passthrough.MapGrant(0, mfn, true);
  EXPECT_TRUE(bench.iommu.maps[0][mfn]);
  passthrough.MapGrant(0, mfn, true);
  passthrough.UnmapGrant(0, mfn, true);
  EXPECT_TRUE(bench.iommu.maps[0][mfn]) << "one writer is left";
  passthrough.UnmapGrant(0, mfn, true);
  EXPECT_FALSE(bench.iommu.maps[0][mfn]) << "one reader is left";
  EXPECT_TRUE(bench.losses.frames.empty());
  passthrough.UnmapGrant(0, mfn, false);
  EXPECT_FALSE(bench.Maps(0, mfn));
  EXPECT_THAT(bench.losses.frames, ElementsAre(std::make_pair(mfn, FrameLoss::kGrant)));
}

TEST(GrantMap, IsForWhoeverIsKeptInStepOnly) {
  Bench bench;
  Passthrough& passthrough = bench.machine.xen.passthrough();
  const size_t before = bench.iommu.maps[0].size();
  passthrough.MapGrant(0, bench.domU().Mfn(9), true);
  EXPECT_EQ(bench.iommu.maps[0].size(), before) << "relaxed dom0 has it anyway";
  passthrough.MapGrant(1, bench.dom0().Mfn(9), true);
  EXPECT_TRUE(bench.iommu.maps[1].empty()) << "no device, no table";
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  passthrough.MapGrant(1, bench.domU().Mfn(9), false);
  EXPECT_TRUE(bench.iommu.maps[1][bench.domU().Mfn(9)]) << "its own frame stays what it was";
}

TEST(Faults, TenTakeBusMasteringAway) {
  Bench bench;
  ASSERT_TRUE(bench.Masters());
  bench.Fault(9);
  EXPECT_TRUE(bench.Masters());
  bench.Fault(1);
  EXPECT_FALSE(bench.Masters());
  EXPECT_EQ(bench.machine.xen.passthrough().silenced().count(kNic), 1u);
  EXPECT_EQ(bench.machine.pci.ConfigRead(kDisk, 4, 2) & 4, 4u) << "nobody else's";
}

TEST(Faults, FarBetweenAreForgiven) {
  Bench bench;
  for (int i = 0; i < 30; ++i) {
    bench.Fault(1);
    bench.machine.RunFor(11 * sim::kMs);
  }
  EXPECT_TRUE(bench.Masters()) << "the count is halved when 10 ms have passed";
  bench.Fault(9);
  EXPECT_TRUE(bench.Masters());
  bench.Fault(1);
  EXPECT_FALSE(bench.Masters());
}

TEST(Faults, FillTheLogSlowly) {
  Bench bench;
  for (int i = 0; i < 100; ++i) bench.Fault(8);
  const std::string& log = bench.machine.xen.console().text();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 10);
  EXPECT_THAT(log, HasSubstr("(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:02:00.0] fault addr 5000\n"));
  EXPECT_THAT(log, HasSubstr("(XEN) [VT-D]DMAR: reason 05 - PTE Write on iommu:0\n"));
  EXPECT_EQ(bench.machine.xen.console().suppressed(), 1590u);
  bench.machine.RunFor(6 * sim::kSec);
  bench.Fault(1);
  EXPECT_THAT(log, HasSubstr("(XEN) printk: 1590 messages suppressed.\n"));
}

HypervisorConfig WithRegion() {
  HypervisorConfig config;
  config.reserved = {{0x3000, 0x3001, {kNic}}};
  return config;
}

TEST(Reserved, RegionsAreMappedForTheOwnerOnlyAndBelongToNobody) {
  Bench bench(WithRegion());
  EXPECT_EQ(bench.machine.memory.frame(0x3000).type, sim::FrameType::kReserved);
  EXPECT_EQ(bench.machine.memory.frame(0x3000).owner, sim::kDomIo);
  EXPECT_TRUE(bench.Maps(0, 0x3001));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kDisk, 1), 0);
  EXPECT_FALSE(bench.Maps(1, 0x3000)) << "another device's";
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_TRUE(bench.Maps(1, 0x3000));
  EXPECT_TRUE(bench.Maps(1, 0x3001));
  EXPECT_FALSE(bench.Maps(1, 0x3002));
  EXPECT_EQ(bench.iommu.made, "quarantine 1;") << "basic quarantine must not take the region from the device";
  ASSERT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "quarantine");
  EXPECT_FALSE(bench.Maps(1, 0x3000));
  EXPECT_TRUE(bench.Maps(0, 0x3000)) << "firmware may use it for dom0 for ever";
}

TEST(Time, OfWhatTheToolsAskForIsNoGuests) {
  HypervisorConfig config;
  Bench bench(config);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.Raw(bench.domU(), abi::kXenVersion, {}).cost, config.hypercall);
  ASSERT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.Raw(bench.domU(), abi::kXenVersion, {}).cost, config.hypercall);
}

TEST(Unfixed, Xsa302GivesInFlightDmaToDom0) {
  Bench bench(Without(Unfixed::kXsa302));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, sim::kDomIo), 0);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.machine.xen.DestroyDomain(1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "0");
}

// A page becomes a page table right after the domain got its first device.
void TypeChangeWhileTheTableIsBuilt(Bench& bench, bool reached) {
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  TestDomain& domU = bench.domU();
  const sim::Mfn mfn = domU.Mfn(9);
  const sim::Mfn later = domU.Mfn(10);
  bench.machine.Raw(domU, abi::kUpdateVaMapping, {domU.Va(9), 0, 0, 0, 0});
  std::memset(domU.Page(9), 0, 4096);
  abi::MmuextOp pin{abi::kPinL1, 0, mfn, 0};
  std::memcpy(domU.Page(0), &pin, sizeof pin);
  EXPECT_EQ(bench.machine.Raw(domU, abi::kMmuextOp, {domU.Va(0), 1, 0, sim::kDomSelf, 0}).value, 0);
  EXPECT_EQ(bench.Maps(1, mfn), reached);
  bench.machine.RunFor(sim::kMs);
  bench.Balloon(domU, 10);
  EXPECT_FALSE(bench.Maps(1, later)) << "in step once it is built";
}

TEST(Unfixed, Xsa285MissesTypeChangesWhileTheTableIsBuilt) {
  Bench bench(Without(Unfixed::kXsa285));
  TypeChangeWhileTheTableIsBuilt(bench, /*reached=*/true);
}

TEST(Fixed, Xsa285MissesNoTypeChange) {
  Bench bench;
  TypeChangeWhileTheTableIsBuilt(bench, /*reached=*/false);
}

TEST(Unfixed, Xsa346FreesFramesBeforeTheInvalidation) {
  Bench bench(Without(Unfixed::kXsa346));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  const uint64_t free_before = bench.machine.xen.frames().free_frames();
  EXPECT_EQ(bench.Balloon(bench.domU(), 9), 1);
  EXPECT_EQ(bench.machine.xen.frames().free_frames(), free_before + 1);
  EXPECT_GE(bench.iommu.flush_later, bench.machine.xen.config().hypercall);
}

TEST(Unfixed, Xsa80LeavesFlushesSuppressedAfterAnError) {
  Bench bench(Without(Unfixed::kXsa80));
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  abi::MemoryReservation bad{0, 1, 63, 0, sim::kDomSelf, {}};
  EXPECT_LT(bench.machine.Op(bench.domU(), abi::kMemoryOp, 1, bad), 0);
  EXPECT_TRUE(bench.iommu.suppressed);
  EXPECT_EQ(bench.Balloon(bench.domU(), 9), 1);
  EXPECT_FALSE(bench.iommu.suppressed) << "until one succeeds";
}

TEST(Unfixed, Xsa378LeavesARegionToTheFormerOwner) {
  HypervisorConfig config = WithRegion();
  config.unfixed = {Unfixed::kXsa378};
  Bench bench(config);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  ASSERT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_TRUE(bench.Maps(1, 0x3000));
}

TEST(Unfixed, Xsa400MapsARegionTooLateAndTakesItInQuarantine) {
  HypervisorConfig config = WithRegion();
  config.unfixed = {Unfixed::kXsa400};
  Bench bench(config);
  ASSERT_EQ(bench.machine.xen.AssignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "1");
  EXPECT_FALSE(bench.Maps(1, 0x3000));
  bench.machine.RunFor(sim::kMs);
  EXPECT_TRUE(bench.Maps(1, 0x3000));
  ASSERT_EQ(bench.machine.xen.DeassignDevice(kNic, 1), 0);
  EXPECT_EQ(bench.iommu.contexts[kNic], "none");
}

TEST(Remapping, MultiMsiUsesConsecutiveEntriesAndRemappableMessages) {
  Bench bench;
  TestMachine& machine = bench.machine;
  ASSERT_EQ(machine.xen.AssignDevice(kNic, 1), 0);
  abi::PhysdevMapPirq map{1, 0, abi::kMapMultiMsi, -1, -1, 2, 0, 3, 0, 0};
  EXPECT_EQ(machine.Op(bench.dom0(), abi::kPhysdevOp, 13, map), 0);
  EXPECT_EQ(map.entry_nr, 3);
  EXPECT_EQ(bench.iommu.irtes.size(), 4u);
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x54, 4) & 0x18, 0x18u);  // remappable, subhandle valid
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x5c, 2), 0u);
  EXPECT_EQ(machine.Physdev(bench.dom0(), 14, abi::PhysdevUnmapPirq{1, 0, map.pirq + 1}), -abi::kEBUSY);
  EXPECT_NE(machine.BindPirq(bench.domU(), static_cast<uint32_t>(map.pirq + 2), 0), 0u);
  EXPECT_EQ(machine.pci.ConfigRead(kNic, 0x60, 4), 0xbu);
  EXPECT_EQ(bench.iommu.irtes.at(2).source, kNic);
  EXPECT_EQ(machine.Physdev(bench.dom0(), 14, abi::PhysdevUnmapPirq{1, 0, map.pirq}), 0);
  EXPECT_TRUE(bench.iommu.irtes.empty());
}

}  // namespace
}  // namespace pvpci::xen
