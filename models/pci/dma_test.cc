// SPDX-License-Identifier: Apache-2.0
// Upstream memory requests: time, order, gates, targets, refusals.
#include <algorithm>

#include "models/pci/fabric.h"
#include "models/pci/registers.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kApic = 0xFEE01000;

std::unique_ptr<Probe> MakeProbe() { return std::make_unique<Probe>(ProbeSpec()); }
Probe& ProbeOf(Rig& rig, const std::string& name = "nic") { return static_cast<Probe&>(*rig.fabric->Find(name)); }

struct Outcome {
  Completion status = Completion::kCompleterAbort;
  sim::Ps time = 0;
  int calls = 0;
};
DmaDone Into(Rig& rig, Outcome& outcome) {
  return [&](Completion status) { outcome = {status, rig.simulation.now(), outcome.calls + 1}; };
}
std::vector<std::byte> Bytes(size_t count, unsigned seed = 1) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>((i * 7 + seed) & 0xff);
  return bytes;
}

TEST(Dma, WritesLandAfterSerialisationAndTransit) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(64);
  Outcome outcome;
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kSuccess);
  EXPECT_EQ(outcome.time, 215 * sim::kNs + LinkDirection({3, 8}, 256).WireTime(84));
  EXPECT_EQ(std::memcmp(rig.At(0x2000), data.data(), 64), 0);
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(Dma, ReadsTakeTheRoundTripAndBothSerialisations) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(512);
  std::copy(data.begin(), data.end(), rig.At(0x3000));
  std::vector<std::byte> sink(512);
  Outcome outcome;
  ProbeOf(rig).ReadMemory(0x3000, 512, sink.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  const LinkDirection link({3, 8}, 256);
  EXPECT_EQ(outcome.time, 466 * sim::kNs + link.WireTime(20) + link.WireTime(512 + 2 * 20));
  EXPECT_EQ(sink, data);
}

TEST(Dma, CutsByPayloadReadRequestAndPage) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(1000);
  ProbeOf(rig).WriteMemory(0x2f80, 1000, data.data(), 0);
  rig.simulation.Run();
  std::vector<uint32_t> lengths;
  for (const AccessSeen& access : rig.host.accesses) {
    lengths.push_back(access.length);
    EXPECT_LE((access.bus_address & 4095) + access.length, 4096u);
  }
  EXPECT_THAT(lengths, ElementsAre(128, 256, 256, 256, 104));
  EXPECT_EQ(std::memcmp(rig.At(0x2f80), data.data(), 1000), 0);
  std::vector<std::byte> sink(2000);
  rig.host.accesses.clear();
  ProbeOf(rig).ReadMemory(0x2000, 2000, sink.data(), 0, {});
  rig.simulation.Run();
  EXPECT_THAT(rig.host.accesses, SizeIs(4));
  EXPECT_EQ(rig.host.accesses[0].length, 512u);
}

TEST(Dma, SaturatesTheLinkAtTheClosedForm) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(128 * 1024);
  Outcome outcome;
  ProbeOf(rig).WriteMemory(0x10000, data.size(), data.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  const double wire = 512.0 * (256 + 20);
  const double per_byte = 1015.625 / 8 / (1 - 16.0 / 203 - 4.0 / 1538);
  EXPECT_NEAR(static_cast<double>(outcome.time - 215 * sim::kNs) / (wire * per_byte), 1.0, 1e-3);
  EXPECT_EQ(std::memcmp(rig.At(0x10000), data.data(), data.size()), 0);
}

TEST(Dma, NarrowLinksTakeLonger) {
  Rig rig(OnePort(MakeProbe(), {1, 1}));
  rig.EnableMaster("nic");
  const auto data = Bytes(64);
  Outcome outcome;
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.time, 215 * sim::kNs + 84 * 4000);
}

TEST(Dma, SwitchesCutThrough) {
  Rig rig(WithSwitch());
  rig.EnableMaster("a");
  const auto data = Bytes(64);
  Outcome outcome;
  ProbeOf(rig, "a").WriteMemory(0x2000, 64, data.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.time, (215 + 115) * sim::kNs + LinkDirection({3, 8}, 256).WireTime(84));
}

TEST(Dma, IsDiscardedWithoutBusMastering) {
  Rig rig(OnePort(MakeProbe()));
  const auto data = Bytes(64);
  Outcome write, read;
  std::vector<std::byte> sink(64);
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0, Into(rig, write));
  ProbeOf(rig).ReadMemory(0x2000, 64, sink.data(), 0, Into(rig, read));
  rig.simulation.Run();
  EXPECT_THAT(rig.host.accesses, IsEmpty());
  EXPECT_EQ(write.status, Completion::kUnsupportedRequest);
  EXPECT_EQ(read.status, Completion::kUnsupportedRequest);
  EXPECT_EQ(ProbeOf(rig).counters().requests_discarded, 2u);
}

TEST(Dma, IsDiscardedWhenABridgeAboveIsNoMaster) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.SetConfig("rp0", 4, 2, 3);
  const auto data = Bytes(64);
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0);
  rig.simulation.Run();
  EXPECT_THAT(rig.host.accesses, IsEmpty());
}

TEST(Ordering, AnMsiDoesNotPassTheDataBeforeIt) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x40);
  const auto data = Bytes(64 * 1024);
  ProbeOf(rig).WriteMemory(0x10000, data.size(), data.data(), 0);
  ProbeOf(rig).RaiseMsi(0);
  rig.simulation.Run();
  ASSERT_EQ(rig.host.order.back(), "message");
  EXPECT_EQ(std::count(rig.host.order.begin(), rig.host.order.end(), "write"), 256);
}

TEST(Ordering, AnMsiDoesNotPassAWriteThatStillWalksTables) {
  Rig rig(OnePort(MakeProbe()));
  ShiftRemapper remapper;
  rig.UseRemapper(&remapper);
  rig.EnableMaster("nic");
  rig.EnableMsi("nic", kApic, 0x40);
  const auto data = Bytes(64);
  Outcome write;
  remapper.latency = 500 * sim::kNs;
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0, Into(rig, write));
  ProbeOf(rig).RaiseMsi(0);
  rig.simulation.At(226 * sim::kNs, [&] { remapper.latency = 0; });
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_GE(rig.host.messages[0].time, write.time);
}

TEST(Ordering, IntxDoesNotPassTheDataBeforeIt) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(4096);
  ProbeOf(rig).WriteMemory(0x10000, data.size(), data.data(), 0);
  ProbeOf(rig).SetIntx(true);
  rig.simulation.Run();
  EXPECT_EQ(rig.host.order.back(), "gsi up");
}

TEST(Ordering, AReadDoesNotPassAnEarlierWrite) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(8192);
  std::vector<std::byte> sink(8192);
  ProbeOf(rig).WriteMemory(0x8000, 8192, data.data(), 0);
  ProbeOf(rig).ReadMemory(0x8000, 8192, sink.data(), 0, {});
  rig.simulation.Run();
  EXPECT_EQ(sink, data);
}

TEST(Ordering, WritesPassReadsThatWaitForTags) {
  FabricSpec spec = OnePort(MakeProbe());
  spec.parameters.read_tags = 1;
  Rig rig(std::move(spec));
  rig.EnableMaster("nic");
  std::vector<std::byte> sink(4096);
  const auto data = Bytes(64);
  Outcome read, write;
  ProbeOf(rig).ReadMemory(0x8000, 4096, sink.data(), 0, Into(rig, read));
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 0, Into(rig, write));
  rig.simulation.Run();
  EXPECT_EQ(read.status, Completion::kSuccess);
  EXPECT_LT(write.time, read.time);
  EXPECT_GE(read.time, 8 * 466 * sim::kNs) << "one read at a time";
}

TEST(Ordering, AHostReadPushesPostedWrites) {
  FabricSpec spec = OnePort(MakeProbe(), {1, 1});
  Rig rig(std::move(spec));
  rig.EnableMaster("nic");
  const auto data = Bytes(4096);
  Outcome write;
  ProbeOf(rig).WriteMemory(0x8000, 4096, data.data(), 0, Into(rig, write));
  const sim::Ps latency = rig.fabric->MmioRead(rig.Bar("nic"), 4).latency;
  rig.simulation.Run();
  EXPECT_GE(latency, write.time);
}

TEST(Target, NowhereIsAnUnsupportedRequest) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  std::vector<std::byte> sink(64);
  Outcome outcome;
  ProbeOf(rig).ReadMemory(0x7000'0000, 64, sink.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kUnsupportedRequest);
  ASSERT_THAT(rig.host.accesses, SizeIs(1));
  EXPECT_EQ(rig.host.accesses[0].target, Target::kNowhere);
}

TEST(Target, InterruptWindowRefusesReadsAndAnythingButADword) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  std::vector<std::byte> data(64);
  Outcome read, wide;
  ProbeOf(rig).ReadMemory(0xFEE00000, 4, data.data(), 0, Into(rig, read));
  ProbeOf(rig).WriteMemory(0xFEE00000, 64, data.data(), 0, Into(rig, wide));
  rig.simulation.Run();
  EXPECT_EQ(read.status, Completion::kUnsupportedRequest);
  EXPECT_EQ(wide.status, Completion::kUnsupportedRequest);
  EXPECT_THAT(rig.host.messages, IsEmpty());
}

TEST(Target, ADwordWriteToTheInterruptWindowIsAForgedMessage) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const uint32_t vector = 0x80;
  ProbeOf(rig).WriteMemory(0xFEE00000, 4, reinterpret_cast<const std::byte*>(&vector), 0);
  rig.simulation.Run();
  ASSERT_THAT(rig.host.messages, SizeIs(1));
  EXPECT_TRUE(rig.host.messages[0].forged);
  EXPECT_EQ(rig.host.messages[0].interrupt, 0u);
  EXPECT_EQ(rig.host.messages[0].data, vector);
}

TEST(Target, PeerBarsAreReached) {
  Rig rig(WithSwitch());
  rig.EnableMaster("a");
  const uint32_t value = 0xcafe;
  ProbeOf(rig, "a").WriteMemory(rig.Bar("c") + 8, 4, reinterpret_cast<const std::byte*>(&value), 0);
  std::vector<std::byte> sink(8);
  ProbeOf(rig, "a").ReadMemory(rig.Bar("c"), 8, sink.data(), 0, {});
  rig.simulation.Run();
  EXPECT_THAT(ProbeOf(rig, "c").writes, ElementsAre(std::make_pair(uint64_t{8}, uint64_t{0xcafe})));
  uint64_t read = 0;
  std::memcpy(&read, sink.data(), 8);
  EXPECT_EQ(read, ProbeOf(rig, "c").answer);
  EXPECT_EQ(rig.host.accesses[0].target, Target::kPeer);
}

TEST(Target, WithAcsPeersPassTheIommu) {
  Rig rig(WithSwitch(/*acs_redirect=*/true));
  ShiftRemapper remapper;
  remapper.faulting_page = rig.Bar("b") >> 12;
  rig.UseRemapper(&remapper);
  rig.EnableMaster("a");
  const uint32_t value = 1;
  ProbeOf(rig, "a").WriteMemory(rig.Bar("b"), 4, reinterpret_cast<const std::byte*>(&value), 0);
  rig.simulation.Run();
  EXPECT_THAT(ProbeOf(rig, "b").writes, IsEmpty());
  EXPECT_TRUE(rig.host.accesses.at(0).fault);
}

TEST(Target, WithoutAcsASwitchRoutesPeersPastTheIommu) {
  Rig rig(WithSwitch(/*acs_redirect=*/false));
  ShiftRemapper remapper;
  remapper.faulting_page = rig.Bar("b") >> 12;
  rig.UseRemapper(&remapper);
  rig.EnableMaster("a");
  const uint32_t value = 1;
  ProbeOf(rig, "a").WriteMemory(rig.Bar("b"), 4, reinterpret_cast<const std::byte*>(&value), 0);
  rig.simulation.Run();
  EXPECT_THAT(ProbeOf(rig, "b").writes, SizeIs(1));
}

TEST(Target, ARemovedPeerNeverAnswers) {
  Rig rig(WithSwitch());
  rig.EnableMaster("a");
  const uint64_t bar = rig.Bar("c");
  rig.fabric->Find("c")->Remove();
  std::vector<std::byte> sink(8);
  Outcome outcome;
  ProbeOf(rig, "a").ReadMemory(bar, 8, sink.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kTimeout);
  EXPECT_EQ(outcome.time, 50 * sim::kMs);
}

TEST(Target, APeerInD3hotIsUnsupported) {
  Rig rig(WithSwitch());
  rig.EnableMaster("a");
  const uint64_t bar = rig.Bar("c");
  rig.SetConfig("c", rig.fabric->Find("c")->spec().capabilities().power + reg::kPmcsr, 2, 3);
  std::vector<std::byte> sink(8);
  Outcome outcome;
  ProbeOf(rig, "a").ReadMemory(bar, 8, sink.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kUnsupportedRequest);
}

TEST(Iommu, TranslatesFaultsAndTakesItsTime) {
  Rig rig(OnePort(MakeProbe()));
  ShiftRemapper remapper;
  remapper.shift = 0x4000;
  remapper.latency = 290 * sim::kNs;
  remapper.faulting_page = 0x9;
  rig.UseRemapper(&remapper);
  rig.EnableMaster("nic");
  const auto data = Bytes(64);
  Outcome write, read;
  std::vector<std::byte> sink(64);
  ProbeOf(rig).WriteMemory(0x2000, 64, data.data(), 7, Into(rig, write));
  ProbeOf(rig).ReadMemory(0x9000, 64, sink.data(), 0, Into(rig, read));
  rig.simulation.Run();
  EXPECT_EQ(std::memcmp(rig.At(0x6000), data.data(), 64), 0);
  EXPECT_EQ(write.time, (215 + 290) * sim::kNs + LinkDirection({3, 8}, 256).WireTime(84));
  EXPECT_EQ(rig.host.accesses[0].host_address, 0x6000u);
  EXPECT_EQ(rig.host.accesses[0].provenance, 7u);
  EXPECT_EQ(read.status, Completion::kUnsupportedRequest);
  EXPECT_TRUE(rig.host.accesses[1].fault);
}

TEST(Malformed, PacketsAcrossAPageAreRefusedWhole) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  const auto data = Bytes(128);
  DmaRequest request;
  request.type = TlpType::kMemoryWrite;
  request.bus_address = 0x2fc0;
  request.length_bytes = 128;
  request.data = const_cast<std::byte*>(data.data());
  request.whole = true;
  Outcome outcome;
  ProbeOf(rig).Send(request, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kUnsupportedRequest);
  EXPECT_EQ(rig.memory.Load<uint64_t>(0x2fc0), 0u);
  ASSERT_THAT(rig.host.accesses, SizeIs(1));
  EXPECT_EQ(rig.host.accesses[0].length, 64u);
}

TEST(Malformed, EmptyRequestsComplete) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  Outcome outcome;
  ProbeOf(rig).ReadMemory(0x2000, 0, nullptr, 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_THAT(rig.host.accesses, IsEmpty());
}

TEST(Malformed, AddressesThatWrapAreNowhere) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  std::vector<std::byte> sink(8192);
  Outcome outcome;
  ProbeOf(rig).ReadMemory(~uint64_t{0} - 0xfff, 8192, sink.data(), 0, Into(rig, outcome));
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kUnsupportedRequest);
}

TEST(Reset, DropsPendingDmaWithoutAWord) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  std::vector<std::byte> sink(1 << 16), untouched = sink;
  std::fill(rig.ram.begin(), rig.ram.end(), std::byte{0x55});
  Outcome outcome;
  ProbeOf(rig).ReadMemory(0x10000, sink.size(), sink.data(), 0, Into(rig, outcome));
  rig.simulation.At(100 * sim::kNs, [&] { ProbeOf(rig).ResetFunction(ResetKind::kFunctionLevel); });
  rig.simulation.Run();
  EXPECT_EQ(outcome.calls, 0);
  EXPECT_EQ(sink, untouched);
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(Reset, LeavesTheFunctionUsable) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  std::vector<std::byte> sink(1 << 16);
  ProbeOf(rig).ReadMemory(0x10000, sink.size(), sink.data(), 0, {});
  Outcome outcome;
  rig.simulation.At(300 * sim::kNs, [&] {
    ProbeOf(rig).ResetFunction(ResetKind::kFunctionLevel);
    rig.EnableMaster("nic");
    ProbeOf(rig).ReadMemory(0x10000, sink.size(), sink.data(), 0, Into(rig, outcome));
  });
  rig.simulation.Run();
  EXPECT_EQ(outcome.status, Completion::kSuccess);
  EXPECT_TRUE(rig.fabric->quiet());
}

TEST(Sharing, FunctionsOfOneLinkTakeTurns) {
  FabricSpec spec = OnePort(MakeProbe());
  spec.root_ports[0].functions.push_back(Slot("nic1", MakeProbe(), 0, 1));
  Rig rig(std::move(spec));
  rig.EnableMaster("nic");
  rig.EnableMaster("nic1");
  const auto data = Bytes(64 * 1024);
  Outcome large, small;
  ProbeOf(rig).WriteMemory(0x10000, data.size(), data.data(), 0, Into(rig, large));
  ProbeOf(rig, "nic1").WriteMemory(0x2000, 64, data.data(), 0, Into(rig, small));
  rig.simulation.Run();
  EXPECT_LT(small.time, large.time / 4);
}

TEST(DmaNow, DoesTheSameWorkAtOnce) {
  Rig rig(OnePort(MakeProbe()));
  rig.EnableMaster("nic");
  auto data = Bytes(64);
  Tlp tlp;
  tlp.type = TlpType::kMemoryWrite;
  tlp.requester = tlp.function = rig.bdf("nic");
  tlp.bus_address = 0x2000;
  tlp.length_bytes = 64;
  tlp.data = data.data();
  sim::Ps latency = 0;
  EXPECT_EQ(rig.fabric->DmaNow(tlp, &latency), Completion::kSuccess);
  EXPECT_EQ(latency, 215 * sim::kNs + LinkDirection({3, 8}, 256).WireTime(84));
  std::vector<std::byte> sink(64);
  tlp.type = TlpType::kMemoryRead;
  tlp.data = sink.data();
  EXPECT_EQ(rig.fabric->DmaNow(tlp, &latency), Completion::kSuccess);
  EXPECT_GE(latency, 466 * sim::kNs);
  EXPECT_EQ(sink, data);
  rig.SetConfig("nic", 4, 2, 2);
  EXPECT_EQ(rig.fabric->DmaNow(tlp, &latency), Completion::kUnsupportedRequest);
}

}  // namespace
}  // namespace pvpci::pci::testing
