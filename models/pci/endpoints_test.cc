// SPDX-License-Identifier: Apache-2.0
// The other endpoints: edu, the clone and the attack device.
#include <stdexcept>

#include "models/pci/attacker.h"
#include "models/pci/cloned.h"
#include "models/pci/edu.h"
#include "models/pci/registers.h"
#include "models/pci/test_rig.h"

namespace pvpci::pci::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kApic = 0xFEE01000;

std::unique_ptr<Rig> EduRig() {
  auto rig = std::make_unique<Rig>(OnePort(std::make_unique<Edu>()));
  rig->EnableMaster("nic");
  return rig;
}

TEST(Edu, HasItsIdentityAndLiveness) {
  auto rig = EduRig();
  EXPECT_EQ(rig->Config("nic", 0), 0x11e81234u);
  EXPECT_EQ(rig->Load("nic", 0x00), 0x010000edu);
  rig->Store("nic", 0x04, 0x12345678);
  EXPECT_EQ(rig->Load("nic", 0x04), ~0x12345678u);
  EXPECT_EQ(rig->Load("nic", 0x00, 1), 0xffu) << "only dwords below 0x80";
}

TEST(Edu, ComputesFactorialsAndRaisesIfAsked) {
  auto rig = EduRig();
  rig->Store("nic", 0x20, 0x80);
  rig->Store("nic", 0x08, 10);
  EXPECT_EQ(rig->Load("nic", 0x20) & 1, 1u);
  rig->simulation.Run();
  EXPECT_EQ(rig->Load("nic", 0x08), 3628800u);
  EXPECT_EQ(rig->Load("nic", 0x24), 1u);
  EXPECT_EQ(rig->host.order, std::vector<std::string>{"gsi up"});
  rig->Store("nic", 0x64, 1);
  rig->simulation.Run();
  EXPECT_EQ(rig->host.order.back(), "gsi down");
}

TEST(Edu, RoundTripsABufferAndRaisesItsMessage) {
  auto rig = EduRig();
  rig->EnableMsi("nic", kApic, 0x50);
  for (unsigned i = 0; i < 64; ++i) rig->ram[0x2000 + i] = static_cast<std::byte>(i);
  rig->Store("nic", 0x80, 0x2000, 8);
  rig->Store("nic", 0x88, 0x40000, 8);
  rig->Store("nic", 0x90, 64, 8);
  rig->Store("nic", 0x98, 1 | 4, 8);
  rig->simulation.Run();
  EXPECT_EQ(rig->Load("nic", 0x98) & 1, 0u);
  ASSERT_THAT(rig->host.messages, SizeIs(1));
  EXPECT_EQ(rig->Load("nic", 0x24), 0x100u);
  rig->Store("nic", 0x80, 0x40000, 8);
  rig->Store("nic", 0x88, 0x3000, 8);
  rig->Store("nic", 0x98, 1 | 2, 8);
  rig->simulation.Run();
  EXPECT_EQ(std::memcmp(rig->At(0x2000), rig->At(0x3000), 64), 0);
  EXPECT_THAT(rig->host.messages, SizeIs(1));
  EXPECT_EQ(rig->fabric->provenance(rig->host.accesses.back().provenance).RegisterName(), "BAR0+0x88");
}

TEST(Edu, DropsAddressBitsAboveItsMaskAndStaysInItsBuffer) {
  auto rig = EduRig();
  rig->Store("nic", 0x80, 0x40000, 8);
  rig->Store("nic", 0x88, 0x1'0000'2000, 8);
  rig->Store("nic", 0x90, 16, 8);
  rig->Store("nic", 0x98, 3, 8);
  rig->simulation.Run();
  ASSERT_THAT(rig->host.accesses, SizeIs(1));
  EXPECT_EQ(rig->host.accesses[0].bus_address, 0x2000u);
  rig->Store("nic", 0x80, 0x40ff8, 8);
  rig->Store("nic", 0x98, 3, 8);
  rig->simulation.Run();
  EXPECT_THAT(rig->host.accesses, SizeIs(1));
  EXPECT_EQ(rig->Load("nic", 0x98) & 1, 0u);
}

// The first lines of a dump as the tools print it.
const char kHexdump[] =
    "00000000  86 80 d3 10 03 01 10 00  00 00 00 02 00 00 00 00  |................|\n"
    "00000010  00 00 b0 fe 00 00 b2 fe  a1 c0 00 00 00 00 b6 fe  |................|\n"
    "00000020  00 00 00 00 00 00 00 00  00 00 00 00 86 80 00 00  |................|\n"
    "00000030  00 00 00 00 c8 00 00 00  00 00 00 00 0a 01 00 00  |................|\n"
    "00000040  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "*\n"
    "000000a0  11 00 04 00 03 00 00 00  03 20 00 00 00 00 00 00  |......... ......|\n"
    "000000b0  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "000000c0  00 00 00 00 00 00 00 00  01 d0 22 00 00 00 00 00  |..........\".....|\n"
    "000000d0  05 e0 80 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "000000e0  10 a0 91 00 00 80 00 00  00 00 00 00 11 04 00 00  |................|\n"
    "000000f0  00 00 11 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "00000100  01 00 02 14 00 00 00 00  00 00 00 00 30 20 46 00  |............0 F.|\n"
    "00000110  00 00 00 00 00 e0 00 00  a0 00 00 00 00 00 00 00  |................|\n"
    "00000120  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "*\n"
    "00000140  03 00 01 00 56 34 12 ff  ff 00 54 52 00 00 00 00  |....V4....TR....|\n"
    "00000150  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
    "*\n"
    "00001000\n";
const std::array<uint64_t, 6> kBars = {0x20000, 0x20000, 32, 0x4000, 0, 0};

std::unique_ptr<Rig> CloneRig() {
  FabricSpec spec;
  spec.integrated.push_back(Slot("nic", std::make_unique<Cloned>(ParseConfigDump(kHexdump), kBars), 5));
  return std::make_unique<Rig>(std::move(spec));
}

TEST(Cloned, ReadsEveryByteAsDumped) {
  const std::vector<uint8_t> image = ParseConfigDump(kHexdump);
  ASSERT_EQ(image.size(), 4096u);
  auto rig = CloneRig();
  for (unsigned offset = 0; offset < 4096; ++offset) {
    ASSERT_EQ(rig->Config("nic", offset, 1), image[offset]) << offset;
  }
  EXPECT_EQ(rig->fabric->GsiOf(rig->bdf("nic"), 1), 21u);
}

TEST(Cloned, BarsSizeAsGivenAndKeepWhatIsWritten) {
  auto rig = CloneRig();
  EXPECT_EQ(rig->Bar("nic", 3), 0xFEB60000u);
  rig->fabric->MmioWrite(0xFEB01234 & ~3u, 4, 0xabad1dea, {});
  EXPECT_EQ(rig->fabric->MmioRead(0xFEB01234 & ~3u, 4).value, 0xabad1deau);
  EXPECT_EQ(rig->fabric->PortRead(0xc0a0, 4).value, 0u);
  rig->SetConfig("nic", 0x10, 4, 0xffffffff);
  rig->SetConfig("nic", 0x18, 4, 0xffffffff);
  EXPECT_EQ(rig->Config("nic", 0x10), 0xfffe0000u);
  EXPECT_EQ(rig->Config("nic", 0x18), 0xffffffe1u);
}

TEST(Cloned, KeepsItsAddressesBehindARootPortOfItsOwn) {
  FabricSpec spec = OnePort(std::make_unique<Cloned>(ParseConfigDump(kHexdump), kBars));
  PortSpec other;
  other.name = "rp1";
  other.device = 2;
  other.functions.push_back(Slot("probe", std::make_unique<Probe>(ProbeSpec().Bar(1, BarKind::kIo, 32))));
  spec.root_ports.push_back(std::move(other));
  Rig rig(std::move(spec));
  EXPECT_EQ(rig.Bar("nic", 0), 0xFEB00000u);
  EXPECT_EQ(rig.Bar("nic", 2), 0xC0A0u);
  EXPECT_TRUE(rig.fabric->Decodes(0xFEB60000));
  EXPECT_EQ(rig.fabric->PortRead(0xC0A0, 4).status, Completion::kSuccess);
  EXPECT_EQ(rig.fabric->PortRead(static_cast<uint16_t>(rig.Bar("probe", 1)), 4).value, 0x55667788u);
  EXPECT_EQ(rig.Bar("probe", 1) & ~uint64_t{0xfff}, 0xD000u);
}

TEST(Cloned, CapabilitiesWork) {
  auto rig = CloneRig();
  rig->EnableMaster("nic");
  rig->EnableMsix("nic");
  auto& clone = static_cast<Cloned&>(*rig->fabric->Find("nic"));
  EXPECT_EQ(clone.spec().msix().vectors, 5u);
  const uint64_t table = clone.msix_table_address();
  EXPECT_EQ(table, 0xFEB60000u);
  rig->fabric->MmioWrite(table, 8, kApic, {});
  rig->fabric->MmioWrite(table + 8, 8, 0x33, {});
  EXPECT_NE(clone.RaiseMsix(0), 0u);
  rig->simulation.Run();
  ASSERT_THAT(rig->host.messages, SizeIs(1));
  rig->SetConfig("nic", 0xcc, 2, 3);
  EXPECT_EQ(clone.power_state(), 3u);
}

TEST(Cloned, ReadsLspciOutputToo) {
  std::string text = "00:05.0 Ethernet controller: Intel Corporation 82574L\n";
  for (unsigned row = 0; row < 16; ++row) {
    char line[8];
    std::snprintf(line, sizeof line, "%02x:", row * 16);
    text += line;
    for (unsigned i = 0; i < 16; ++i) text += row == 0 && i < 2 ? (i ? " 80" : " 86") : " 00";
    text += "\n";
  }
  const std::vector<uint8_t> image = ParseConfigDump(text);
  EXPECT_EQ(image.size(), 256u);
  EXPECT_EQ(image[1], 0x80);
}

TEST(Cloned, RefusesBadDumpsWithTheLine) {
  const std::string row = "00000000  86 80 d3 10 03 01 10 00  00 00 00 02 00 00 00 00\n";
  struct Row {
    std::string text;
    const char* sentence;
  };
  const Row rows[] = {
      {"", "at least 64"},
      {row, "line 1: 16 bytes"},
      {row + "00000020  00 00\n", "line 2: offset 0x20 where 0x10"},
      {row + "00000010  0g 00\n", "line 2: '0g' is not a byte"},
      {row + "*\n", "no end offset"},
      {"*\n" + row, "line 1: '*' repeats"},
      {row + "*\n00000008\n", "does not follow"},
      {row + "*\n00002000\n", "beyond 4096"},
      {"hello\n", "expected an offset"},
      {row + "00000010 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n", "more than 16"},
  };
  for (const Row& bad : rows) {
    try {
      ParseConfigDump(bad.text);
      ADD_FAILURE() << "accepted: " << bad.text;
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), HasSubstr(bad.sentence));
    }
  }
}

TEST(Cloned, RefusesSizesThatDoNotFitTheDump) {
  const std::vector<uint8_t> image = ParseConfigDump(kHexdump);
  struct Row {
    std::array<uint64_t, 6> bars;
    const char* sentence;
  };
  const Row rows[] = {
      {{0, 0x20000, 32, 0x4000, 0, 0}, "give its size"},
      {{0x20000, 0x1000000, 32, 0x4000, 0, 0}, "not aligned to the size"},
      {{0x20000, 0x20000, 31, 0x4000, 0, 0}, "power of two"},
      {{0x20000, 0x20000, 32, 0x1000, 0, 0}, "does not fit BAR 3"},
  };
  for (const Row& bad : rows) {
    try {
      Cloned clone(image, bad.bars);
      ADD_FAILURE() << "accepted: " << bad.sentence;
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), HasSubstr(bad.sentence));
    }
  }
}

TEST(Cloned, ResetForgetsAddressesAndEnables) {
  auto rig = CloneRig();
  rig->fabric->Find("nic")->ResetFunction(ResetKind::kFunctionLevel);
  EXPECT_EQ(rig->Config("nic", 0x10), 0u);
  EXPECT_EQ(rig->Config("nic", 0x18), 1u);
  EXPECT_EQ(rig->Config("nic", 4, 2), 0u);
  EXPECT_EQ(rig->Config("nic", 0), 0x10d38086u);
}

std::unique_ptr<Rig> AttackRig() {
  auto rig = std::make_unique<Rig>(OnePort(std::make_unique<Attacker>()));
  rig->EnableMaster("nic");
  return rig;
}
Attacker& AttackerOf(Rig& rig) { return static_cast<Attacker&>(*rig.fabric->Find("nic")); }

TEST(Attacker, ReadsAVictimsPageIntoItsBuffer) {
  auto rig = AttackRig();
  std::memcpy(rig->At(0x5000), "secret", 6);
  rig->Store("nic", attacker::kAddressLow, 0x5000);
  rig->Store("nic", attacker::kLength, 4096);
  rig->Store("nic", attacker::kCommand, attacker::kRead);
  rig->simulation.Run();
  EXPECT_EQ(std::memcmp(AttackerOf(*rig).buffer().data(), "secret", 6), 0);
  EXPECT_EQ(rig->Load("nic", attacker::kBuffer, 2), 0x6573u);
  EXPECT_EQ(rig->Load("nic", attacker::kStatus), 0u);
  EXPECT_EQ(rig->fabric->provenance(rig->host.accesses[0].provenance).RegisterName(), "BAR0+0x08");
}

TEST(Attacker, LiesAboutItsRequesterId) {
  auto rig = AttackRig();
  rig->Store("nic", attacker::kAddressLow, 0x5000);
  rig->Store("nic", attacker::kLength, 8);
  rig->Store("nic", attacker::kPattern, 0x41414141);
  rig->Store("nic", attacker::kRequester, 0x10000 | 0x0208);
  rig->Store("nic", attacker::kCommand, attacker::kWritePattern);
  rig->simulation.Run();
  ASSERT_THAT(rig->host.accesses, SizeIs(1));
  EXPECT_EQ(rig->host.accesses[0].requester.id, 0x0208);
  EXPECT_EQ(rig->host.accesses[0].function, rig->bdf("nic"));
  EXPECT_EQ(rig->memory.Load<uint64_t>(0x5000), 0x4141414141414141u);
}

TEST(Attacker, ForgesMessagesAndRepeats) {
  auto rig = AttackRig();
  rig->Store("nic", attacker::kAddressLow, 0xFEE00000);
  rig->Store("nic", attacker::kPattern, 0x82);
  rig->Store("nic", attacker::kRepeat, 3);
  rig->Store("nic", attacker::kCommand, attacker::kMessage);
  rig->simulation.Run();
  ASSERT_THAT(rig->host.messages, SizeIs(3));
  EXPECT_TRUE(rig->host.messages[2].forged);
  EXPECT_EQ(rig->Load("nic", attacker::kCompleted), 3u);
  AttackerOf(*rig).EmitMessage(0xFEE00000, 0x99);
  rig->simulation.Run();
  EXPECT_EQ(rig->host.messages.back().data, 0x99u);
}

TEST(Attacker, StridesThroughMemoryAndCountsRefusals) {
  auto rig = AttackRig();
  rig->Store("nic", attacker::kAddressLow, static_cast<uint32_t>((kRamFrames - 2) * 4096));
  rig->Store("nic", attacker::kLength, 16);
  rig->Store("nic", attacker::kRepeat, 4);
  rig->Store("nic", attacker::kStrideLow, 4096);
  rig->Store("nic", attacker::kCommand, attacker::kRead | attacker::kInterrupt);
  rig->simulation.Run();
  EXPECT_EQ(rig->Load("nic", attacker::kCompleted), 4u);
  EXPECT_EQ(rig->Load("nic", attacker::kErrors), 2u);
  EXPECT_EQ(rig->host.order.back(), "gsi up");
}

TEST(Attacker, IsStillGatedByBusMastering) {
  auto rig = AttackRig();
  rig->SetConfig("nic", 4, 2, 2);
  rig->Store("nic", attacker::kAddressLow, 0xFEE00000);
  rig->Store("nic", attacker::kCommand, attacker::kMessage);
  rig->simulation.Run();
  EXPECT_THAT(rig->host.messages, IsEmpty());
  EXPECT_EQ(rig->Load("nic", attacker::kErrors), 1u);
}

// Ten writes in laps of two, a reset in their midst: how many landed, and what became of the master bit.
struct ResetOutcome {
  size_t writes;
  bool master;
  uint64_t last;
};
ResetOutcome StreamThroughReset(bool deaf) {
  AttackerConfig config;
  config.deaf = deaf;
  Rig rig(OnePort(std::make_unique<Attacker>(config)));
  rig.EnableMaster("nic");
  rig.Store("nic", attacker::kAddressLow, 0x5000);
  rig.Store("nic", attacker::kLength, 4);
  rig.Store("nic", attacker::kRepeat, 10);
  rig.Store("nic", attacker::kInterval, 1000);
  rig.Store("nic", attacker::kStrideLow, 4);
  rig.Store("nic", attacker::kSpan, 2);
  rig.Store("nic", attacker::kCommand, attacker::kWritePattern);
  rig.simulation.At(3 * sim::kUs, [&] { rig.fabric->Find("nic")->ResetFunction(ResetKind::kFunctionLevel); });
  rig.simulation.Run();
  return {rig.host.accesses.size(), rig.fabric->Find("nic")->bus_master(), rig.host.accesses.back().bus_address};
}

TEST(Attacker, StopsAtAReset) {
  const ResetOutcome outcome = StreamThroughReset(/*deaf=*/false);
  EXPECT_LT(outcome.writes, 5u);
  EXPECT_FALSE(outcome.master);
}

TEST(Attacker, GoesOnThroughAResetAndWithoutTheMasterBitIfItIsDeaf) {
  const ResetOutcome outcome = StreamThroughReset(/*deaf=*/true);
  EXPECT_GE(outcome.writes, 9u);
  EXPECT_TRUE(outcome.master);
  EXPECT_EQ(outcome.last & ~uint64_t{4}, 0x5000u);
}

TEST(Attacker, SendsMalformedPacketsWhole) {
  auto rig = AttackRig();
  rig->Store("nic", attacker::kAddressLow, 0x5ff0);
  rig->Store("nic", attacker::kLength, 64);
  rig->Store("nic", attacker::kCommand, attacker::kWritePattern | attacker::kWhole);
  rig->simulation.Run();
  EXPECT_EQ(rig->Load("nic", attacker::kErrors), 1u);
}

}  // namespace
}  // namespace pvpci::pci::testing
