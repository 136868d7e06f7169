// SPDX-License-Identifier: Apache-2.0
// Downstream: configuration, BARs, bridges, ports, power, reset, provenance.
#include "models/pci/fabric.h"

#include <stdexcept>

#include "models/pci/bridge.h"
#include "models/pci/registers.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Probe> MakeProbe() { return std::make_unique<Probe>(ProbeSpec()); }
Probe& ProbeOf(Rig& rig, const std::string& name = "nic") { return static_cast<Probe&>(*rig.fabric->Find(name)); }

TEST(Firmware, NumbersBusesDepthFirst) {
  Rig rig(WithSwitch());
  EXPECT_EQ(ToString(rig.bdf("a")), "0000:03:00.0");
  EXPECT_EQ(ToString(rig.bdf("b")), "0000:04:00.0");
  EXPECT_EQ(ToString(rig.bdf("c")), "0000:05:00.0");
  EXPECT_EQ(rig.Config("rp0", reg::kSubordinateBus, 1), 4u);
}

TEST(Decoder, NamesTheFunctionAndThePlaceInItsRegisters) {
  Rig rig(WithSwitch());
  std::string place;
  const Function* const function = rig.fabric->Decoder(rig.Bar("b") + 0x10, &place);
  ASSERT_NE(function, nullptr);
  EXPECT_EQ(function->name(), "b");
  EXPECT_EQ(place, "BAR0+0x10");
  EXPECT_EQ(rig.fabric->Decoder(0x1000, &place), nullptr) << "memory";
}

TEST(Firmware, AssignsDisjointAlignedBarsInsideTheWindows) {
  Rig rig(WithSwitch());
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(rig.Bar(name) % 0x4000, 0u);
    EXPECT_GE(rig.Bar(name), rig.fabric->firmware().memory_base);
    EXPECT_TRUE(rig.fabric->Decodes(rig.Bar(name))) << name;
  }
  EXPECT_NE(rig.Bar("a"), rig.Bar("b"));
}

TEST(Firmware, LeavesBusMasteringToTheDriver) {
  Rig rig(OnePort(MakeProbe()));
  EXPECT_EQ(rig.Config("nic", 4, 2) & 7, 3u);
  EXPECT_EQ(rig.Config("rp0", 4, 2) & 7, 7u);
}

TEST(Firmware, KeepsPreferredAddressesOnBusZero) {
  FabricSpec spec;
  FunctionSpec function =
      FunctionSpec(0x1234, 2, 0).Bar(0, BarKind::kMemory32, 0x1000, 0xFEB00000).Bar(1, BarKind::kMemory64, 0x100000);
  spec.integrated.push_back(Slot("x", std::make_unique<Probe>(function), 5));
  Rig rig(std::move(spec));
  EXPECT_EQ(rig.Bar("x", 0), 0xFEB00000u);
  EXPECT_EQ(rig.Bar("x", 1), 0xF0000000u);
}

// PCIe 6.13, 7.8.8: functions beyond 7 name each other and appear when the port forwards to them.
TEST(Ari, ReachesFunctionsBeyondSeven) {
  const auto with_ari = [] {
    return std::make_unique<Probe>(FunctionSpec(0x1234, 2, 0).Bar(0, BarKind::kMemory32, 0x1000).Express().Ari());
  };
  FabricSpec spec = OnePort(with_ari());
  spec.root_ports[0].functions.push_back(Slot("far", with_ari(), 0, 200));
  Rig rig(std::move(spec));
  const unsigned next = ProbeOf(rig).spec().capabilities().ari + reg::kAriNextFunction;
  EXPECT_EQ(rig.Config("nic", next, 1), 200u);
  EXPECT_EQ(rig.bdf("far").id & 0xff, 200);
  EXPECT_EQ(rig.Config("far", reg::kVendorId, 2), 0xffffu);
  const unsigned express = static_cast<Bridge*>(rig.fabric->Find("rp0"))->spec().capabilities().express;
  EXPECT_NE(rig.Config("rp0", express + reg::kDevCap2, 4) & reg::kDevCap2AriForwarding, 0u);
  rig.fabric->ConfigWrite(rig.bdf("rp0"), express + reg::kDevCtl2, 2, reg::kDevCtl2AriForwarding, {});
  EXPECT_EQ(rig.Config("far", reg::kVendorId, 2), 0x1234u);
  EXPECT_EQ(rig.Config("far", next, 1), 0u);
}

TEST(Ari, MustBeThereForFunctionsBeyondSeven) {
  FabricSpec spec = OnePort(MakeProbe());
  spec.root_ports[0].functions.push_back(Slot("far", MakeProbe(), 0, 8));
  EXPECT_THROW(Rig rig(std::move(spec)), std::invalid_argument);
}

TEST(Firmware, PutsWideBarsAbove4GiBIfAsked) {
  FabricSpec spec = OnePort(std::make_unique<Probe>(FunctionSpec(0x1234, 2, 0).Bar(0, BarKind::kMemory64, 1 << 30)));
  spec.firmware.memory64_base = 0x80'0000'0000;
  spec.firmware.memory64_end = 0x100'0000'0000;
  Rig rig(std::move(spec));
  EXPECT_EQ(rig.Bar("nic"), 0x80'0000'0000u);
  EXPECT_EQ(rig.Load("nic", 0x3fff0000, 8), ProbeOf(rig).answer);
}

TEST(Firmware, RefusesMisfitsWithASentence) {
  sim::Simulation simulation({});
  const auto refuse = [&](FabricSpec spec, const char* sentence) {
    try {
      Fabric fabric(simulation, std::move(spec), {});
      ADD_FAILURE() << "accepted: " << sentence;
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), HasSubstr(sentence));
    }
  };
  refuse(OnePort(std::make_unique<Probe>(FunctionSpec(0x1234, 2, 0).Bar(0, BarKind::kMemory32, 1 << 30))),
         "does not fit the firmware's window");
  refuse(OnePort(MakeProbe(), {6, 8}), "link generation");
  refuse(OnePort(MakeProbe(), {3, 3}), "link width");
  refuse(OnePort(nullptr), "has no model");
  FabricSpec twins = OnePort(MakeProbe());
  twins.root_ports[0].functions.push_back(Slot("nic", MakeProbe(), 0, 1));
  refuse(std::move(twins), "unique");
  FabricSpec clash = OnePort(MakeProbe());
  clash.root_ports[0].functions.push_back(Slot("nic2", MakeProbe(), 0, 0));
  refuse(std::move(clash), "are both device");
  FabricSpec orphan;
  orphan.integrated.push_back(Slot("x", MakeProbe(), 3, 2));
  refuse(std::move(orphan), "without function 0");
  FabricSpec far = OnePort(MakeProbe());
  far.root_ports[0].functions[0].device = 1;
  refuse(std::move(far), "only device 0");
}

TEST(Config, AbsentFunctionsReadAllOnes) {
  Rig rig(OnePort(MakeProbe()));
  const AccessResult result = rig.fabric->ConfigRead(Bdf(0, 1, 3, 0), 0, 4);
  EXPECT_EQ(result.value, 0xffffffffu);
  EXPECT_EQ(result.status, Completion::kUnsupportedRequest);
  EXPECT_EQ(rig.fabric->ConfigRead(Bdf(0, 77, 0, 0), 0, 2).value, 0xffffu);
}

TEST(Config, EcamAndConf1ReachTheSameRegister) {
  Rig rig(OnePort(MakeProbe()));
  const Bdf bdf = rig.bdf("nic");
  const uint64_t ecam = rig.fabric->ecam_base() + (uint64_t{bdf.id} << 12);
  const AccessResult direct = rig.fabric->MmioRead(ecam, 4);
  EXPECT_EQ(direct.value, 0x00011234u);
  EXPECT_EQ(direct.latency, 770 * sim::kNs);
  rig.fabric->PortWrite(0xcf8, 4, 0x80000000u | bdf.id << 8 | 0x00, {});
  const AccessResult port = rig.fabric->PortRead(0xcfe, 2);
  EXPECT_EQ(port.value, 0x0001u);
  EXPECT_EQ(port.latency, 920 * sim::kNs);
  rig.fabric->PortWrite(0xcf8, 4, bdf.id << 8, {});
  EXPECT_EQ(rig.fabric->PortRead(0xcfc, 4).value, 0xffffffffu);
  EXPECT_EQ(rig.fabric->PortRead(0x61, 1).value, 0xffu);
}

TEST(Config, ExtendedSpaceIsEcamOnly) {
  Rig rig(OnePort(MakeProbe()));
  EXPECT_EQ(rig.Config("nic", 0x100) & 0xffff, reg::kExtAer);
  EXPECT_EQ(rig.Config("nic", 0xffc), 0u);
}

TEST(Bar, AnswersSizingAndKeepsTypeBits) {
  FunctionSpec spec =
      FunctionSpec(0x1234, 2, 0).Bar(0, BarKind::kMemory64Prefetchable, 0x100000).Bar(2, BarKind::kIo, 32).Rom(0x10000);
  Rig rig(OnePort(std::make_unique<Probe>(spec)));
  rig.SetConfig("nic", 0x10, 4, 0xffffffff);
  rig.SetConfig("nic", 0x14, 4, 0xffffffff);
  rig.SetConfig("nic", 0x18, 4, 0xffffffff);
  rig.SetConfig("nic", 0x1c, 4, 0xffffffff);
  rig.SetConfig("nic", 0x30, 4, 0xfffff800);
  EXPECT_EQ(rig.Config("nic", 0x10), 0xfff0000cu);
  EXPECT_EQ(rig.Config("nic", 0x14), 0xffffffffu);
  EXPECT_EQ(rig.Config("nic", 0x18), 0xffffffe1u);
  EXPECT_EQ(rig.Config("nic", 0x1c), 0u);
  EXPECT_EQ(rig.Config("nic", 0x30), 0xffff0000u);
}

TEST(Bar, FollowsItsRegisterAndItsEnable) {
  Rig rig(OnePort(MakeProbe()));
  const uint64_t old = rig.Bar("nic");
  EXPECT_EQ(rig.fabric->MmioRead(old, 8).value, ProbeOf(rig).answer);
  EXPECT_EQ(rig.fabric->MmioRead(old, 2).value, 0x7788u);
  rig.SetConfig("nic", 0x10, 4, static_cast<uint32_t>(old + 0x8000));
  EXPECT_EQ(rig.fabric->MmioRead(old, 4).status, Completion::kUnsupportedRequest);
  EXPECT_EQ(rig.fabric->MmioRead(old, 4).value, 0xffffffffu);
  EXPECT_EQ(rig.Load("nic", 0, 4), 0x55667788u);
  rig.SetConfig("nic", 4, 2, 0);
  EXPECT_EQ(rig.fabric->MmioRead(old + 0x8000, 4).status, Completion::kUnsupportedRequest);
}

TEST(Bar, IsHiddenOutsideTheBridgeWindow) {
  Rig rig(OnePort(MakeProbe()));
  rig.SetConfig("nic", 0x10, 4, 0xf8000000);
  EXPECT_FALSE(rig.fabric->Decodes(0xf8000000));
  rig.SetConfig("rp0", reg::kMemoryBase, 4, 0xf800f800);
  EXPECT_TRUE(rig.fabric->Decodes(0xf8000000));
  rig.SetConfig("rp0", 4, 2, 0);
  EXPECT_FALSE(rig.fabric->Decodes(0xf8000000));
}

TEST(Bar, IoIsReachedByPorts) {
  Rig rig(OnePort(std::make_unique<Probe>(FunctionSpec(0x1234, 2, 0).Bar(1, BarKind::kIo, 32))));
  const uint16_t port = static_cast<uint16_t>(rig.Bar("nic", 1));
  EXPECT_EQ(rig.fabric->PortRead(port + 4, 4).value, 0x55667788u);
  rig.fabric->PortWrite(port + 8, 2, 0xbeef, {});
  EXPECT_EQ(ProbeOf(rig).writes.back(), std::make_pair(uint64_t{8}, uint64_t{0xbeef}));
}

TEST(Bar, RefusesMisalignedAccesses) {
  Rig rig(OnePort(MakeProbe()));
  EXPECT_EQ(rig.fabric->MmioRead(rig.Bar("nic") + 2, 4).status, Completion::kUnsupportedRequest);
  EXPECT_EQ(rig.fabric->ConfigRead(rig.bdf("nic"), 2, 4).status, Completion::kUnsupportedRequest);
}

TEST(Bridge, ForwardsByTheBusNumbersItHolds) {
  Rig rig(OnePort(MakeProbe()));
  EXPECT_EQ(rig.bdf("nic"), Bdf(0, 1, 0, 0));
  rig.SetConfig("rp0", reg::kPrimaryBus, 4, 0x00202000);
  EXPECT_EQ(rig.fabric->ConfigRead(Bdf(0, 1, 0, 0), 0, 4).status, Completion::kUnsupportedRequest);
  EXPECT_EQ(rig.fabric->ConfigRead(Bdf(0, 0x20, 0, 0), 0, 4).value, 0x00011234u);
  EXPECT_EQ(rig.fabric->Find("nic")->bdf(), Bdf(0, 0x20, 0, 0));
}

TEST(Bridge, SecondaryResetResetsEverythingBelow) {
  Rig rig(WithSwitch());
  rig.EnableMaster("a");
  rig.SetConfig("rp0", reg::kBridgeControl, 2, reg::kBridgeControlReset);
  EXPECT_EQ(ProbeOf(rig, "a").resets, std::vector<ResetKind>{ResetKind::kHot});
  EXPECT_FALSE(ProbeOf(rig, "a").bus_master());
  EXPECT_TRUE(ProbeOf(rig, "c").resets.empty());
}

TEST(Power, D3hotStopsDecodeAndDmaAndD0MayReset) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const unsigned pmcsr = rig.fabric->Find("nic")->spec().capabilities().power + reg::kPmcsr;
  const uint64_t bar = rig.Bar("nic");
  rig.SetConfig("nic", pmcsr, 2, 3);
  EXPECT_FALSE(rig.fabric->Decodes(bar));
  EXPECT_FALSE(ProbeOf(rig).bus_master());
  EXPECT_EQ(rig.Config("nic", 0, 2), 0x1234u);
  rig.SetConfig("nic", pmcsr, 2, 0);
  EXPECT_EQ(ProbeOf(rig).resets, std::vector<ResetKind>{ResetKind::kPowerState});
  EXPECT_EQ(rig.Config("nic", 0x10), 0u);
  EXPECT_EQ(rig.Config("nic", 4, 2), 0u);
}

TEST(Power, NoSoftResetKeepsTheRegisters) {
  Rig rig(OnePort(std::make_unique<Probe>(
      FunctionSpec(0x1234, 1, 0).Bar(0, BarKind::kMemory32, 4096).PowerManagement(/*no_soft_reset=*/true))));
  const unsigned pmcsr = rig.fabric->Find("nic")->spec().capabilities().power + reg::kPmcsr;
  const uint64_t bar = rig.Bar("nic");
  rig.SetConfig("nic", pmcsr, 2, 3);
  rig.SetConfig("nic", pmcsr, 2, 0);
  EXPECT_EQ(rig.Bar("nic"), bar);
  EXPECT_TRUE(rig.fabric->Decodes(bar));
  EXPECT_TRUE(ProbeOf(rig).resets.empty());
}

TEST(Power, UnsupportedStatesAreIgnored) {
  Rig rig(OnePort(MakeProbe()));
  const unsigned pmcsr = rig.fabric->Find("nic")->spec().capabilities().power + reg::kPmcsr;
  rig.SetConfig("nic", pmcsr, 2, 1);
  EXPECT_EQ(rig.Config("nic", pmcsr, 2) & 3, 0u);
}

TEST(Reset, FunctionLevelResetClearsBarsCommandAndVectors) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsix("nic");
  rig.SetVector("nic", 0x1000, 1, 0xfee00000, 0x41, false);
  const CapabilityMap caps = rig.fabric->Find("nic")->spec().capabilities();
  const uint32_t control = rig.Config("nic", caps.express + reg::kDevCtl, 2);
  rig.SetConfig("nic", caps.express + reg::kDevCtl, 2, control | reg::kDevCtlFlr);
  EXPECT_EQ(ProbeOf(rig).resets, std::vector<ResetKind>{ResetKind::kFunctionLevel});
  EXPECT_EQ(rig.Config("nic", 4, 2), 0u);
  EXPECT_EQ(rig.Config("nic", 0x10), 0u);
  EXPECT_EQ(rig.Config("nic", caps.msix + 2, 2) & 0xc000, 0u);
  EXPECT_EQ(rig.Config("nic", caps.express + reg::kDevCtl, 2) & 0xe0, control & 0xe0) << "payload size survives";
  EXPECT_EQ(rig.Config("nic", caps.express + reg::kDevCtl, 2) & reg::kDevCtlFlr, 0u);
  rig.SetConfig("nic", 0x10, 4, 0xf0000000);
  rig.SetConfig("nic", 4, 2, 2);
  EXPECT_EQ(rig.Load("nic", 0x1010 + 12), 1u) << "vectors are masked again";
  EXPECT_EQ(rig.Load("nic", 0x1010), 0u);
}

TEST(Removal, ReadsRunIntoTheTimeout) {
  Rig rig(OnePort(MakeProbe()));
  const uint64_t bar = rig.Bar("nic");
  rig.fabric->Find("nic")->Remove();
  const AccessResult read = rig.fabric->MmioRead(bar, 4);
  EXPECT_EQ(read.status, Completion::kTimeout);
  EXPECT_EQ(read.value, 0xffffffffu);
  EXPECT_EQ(read.latency, 50 * sim::kMs);
  EXPECT_EQ(rig.fabric->ConfigRead(Bdf(0, 1, 0, 0), 0, 4).value, 0xffffffffu);
}

TEST(Provenance, NamesEveryRegisterWrite) {
  Rig rig(OnePort(MakeProbe()));
  ProvenanceId seen = 0;
  ProbeOf(rig).on_write = [&](uint64_t, uint64_t, ProvenanceId id) { seen = id; };
  WriteContext context;
  context.domain = 1;
  context.backtrace = 77;
  const AccessResult write = rig.fabric->MmioWrite(rig.Bar("nic") + 0xc, 4, 0x1f400000, context);
  ASSERT_EQ(seen, write.provenance);
  const ProvenanceRecord& record = rig.fabric->provenance(seen);
  EXPECT_EQ(record.RegisterName(), "BAR0+0x0c");
  EXPECT_EQ(record.function, rig.bdf("nic"));
  EXPECT_EQ(record.value, 0x1f400000u);
  EXPECT_EQ(record.context.backtrace, 77u);
  const AccessResult config = rig.fabric->ConfigWrite(rig.bdf("nic"), 4, 2, 6, context);
  EXPECT_EQ(rig.fabric->provenance(config.provenance).RegisterName(), "config+0x04");
}

TEST(Topology, SwitchesAddTheirTime) {
  Rig rig(WithSwitch());
  EXPECT_EQ(rig.fabric->MmioRead(rig.Bar("a"), 4).latency, (770 + 2 * 115) * sim::kNs);
  EXPECT_EQ(rig.fabric->MmioRead(rig.Bar("c"), 4).latency, 770 * sim::kNs);
  EXPECT_EQ(rig.fabric->MmioWrite(rig.Bar("a"), 4, 0, {}).latency, 100 * sim::kNs);
}

}  // namespace
}  // namespace pvpci::pci::testing
