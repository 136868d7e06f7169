// SPDX-License-Identifier: Apache-2.0
#include "models/pci/plx_dma.h"

#include <set>

#include "models/pci/test_rig.h"
#include "sim/register_contract.h"

namespace pvpci::pci::testing {
namespace {

using plx::Ctrl;
using plx::Intr;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kRing = 0x1000, kSource = 0x4000, kDestination = 0x8000;
constexpr uint32_t kSlots = 4;
constexpr uint32_t kApic = 0xFEE00000;
constexpr uint32_t kValid = 1u << 31, kInterrupt = 1u << 30, kSuccess = 1u << 30, kReadFailed = 1u << 29;
constexpr uint64_t kStart = Ctrl::WriteBack::kMask | Ctrl::DescriptorMode::Of(plx::kModeOffChip) |
                            Ctrl::Start::kMask | plx::kReports;

TEST(PlxDmaRegisters, KeepTheContract) { sim::RegisterContract(plx::kRegisters); }

// What the driver does, register by register.
class Driver {
 public:
  explicit Driver(PlxDmaConfig config = {}) : rig_(OnePort(std::make_unique<PlxDma>(config))) {
    rig_.EnableMaster("nic");
    for (unsigned i = 0; i < 0x4000; ++i) rig_.ram[kSource + i] = static_cast<std::byte>(i * 7 + (i >> 8));
    Set("DESC_RING_ADDR", kRing);
    Set("DESC_RING_ADDR_HI", 0);
    Set("DESC_RING_NEXT_ADDR", kRing);
    Set("DESC_RING_COUNT", kSlots);
  }

  static const sim::RegisterSpec& At(const char* name) {
    return plx::kRegisters.at(sim::IndexOf(plx::kRegisters, name));
  }
  void Set(const char* name, uint64_t value) { rig_.Store("nic", At(name).offset, value, At(name).bytes); }
  uint64_t Get(const char* name) { return rig_.Load("nic", At(name).offset, At(name).bytes); }
  void Describe(unsigned slot, uint64_t source, uint64_t destination, uint32_t size, uint32_t flags = kInterrupt) {
    const uint32_t words[4] = {size | flags | kValid,
                               static_cast<uint32_t>((destination >> 32 & 0xffff) | (source >> 32 & 0xffff) << 16),
                               static_cast<uint32_t>(destination), static_cast<uint32_t>(source)};
    std::memcpy(rig_.At(kRing + 16 * slot), words, sizeof words);
  }
  uint32_t Flags(unsigned slot) {
    uint32_t word;
    std::memcpy(&word, rig_.At(kRing + 16 * slot), sizeof word);
    return word;
  }
  void Start() {
    Set("CTRL", kStart);
    rig_.simulation.Run();
  }
  bool Copied(uint64_t source, uint64_t destination, uint32_t size) {
    return std::memcmp(rig_.At(source), rig_.At(destination), size) == 0;
  }
  Rig& rig() { return rig_; }
  PlxDma& device() { return static_cast<PlxDma&>(*rig_.fabric->Find("nic")); }

 private:
  Rig rig_;
};

TEST(PlxDma, IsWhatTheDriversTableNames) {
  Driver driver;
  EXPECT_EQ(driver.rig().Config("nic", 0), 0x87d010b5u);
  EXPECT_EQ(driver.rig().Config("nic", 8) >> 8, 0x088000u);
}

TEST(PlxDma, CopiesAndWritesTheDescriptorBack) {
  Driver driver;
  driver.rig().EnableMsi("nic", kApic, 0x50);
  driver.Describe(0, kSource + 3, kDestination + 1, 5000);
  driver.Start();
  EXPECT_TRUE(driver.Copied(kSource + 3, kDestination + 1, 5000));
  EXPECT_EQ(driver.rig().At(kDestination)[0], std::byte{0}) << "nothing before";
  EXPECT_EQ(driver.rig().At(kDestination + 5001)[0], std::byte{0}) << "nothing behind";
  EXPECT_EQ(driver.Flags(0), 5000 | kSuccess);
  EXPECT_THAT(driver.rig().host.messages, SizeIs(1));
  EXPECT_EQ(driver.Get("INTR_STATUS"), Intr::DescriptorDone::kMask);
  EXPECT_EQ(driver.Get("DESC_RING_LAST_ADDR"), kRing);
  EXPECT_EQ(driver.Get("DESC_RING_LAST_SIZE"), 5000u);
  EXPECT_EQ(driver.Get("DESC_RING_NEXT_ADDR"), kRing + 16);
  EXPECT_EQ(Ctrl::DescriptorInvalid::Get(driver.Get("CTRL")), 1u) << "stopped at the next one";
}

TEST(PlxDma, MessageComesAfterDataAndDescriptor) {
  Driver driver;
  driver.rig().EnableMsi("nic", kApic, 0x50);
  driver.Describe(0, kSource, kDestination, 64);
  driver.Start();
  std::vector<std::string> writes;
  for (const std::string& what : driver.rig().host.order) {
    if (what != "read") writes.push_back(what);
  }
  EXPECT_THAT(writes, ElementsAre("write", "write", "message"));
}

TEST(PlxDma, GoesRoundItsRing) {
  Driver driver;
  for (unsigned i = 0; i < 3 * kSlots; ++i) {
    driver.Describe(i % kSlots, kSource + 16 * i, kDestination + 16 * i, 16);
    driver.Start();
    EXPECT_TRUE(driver.Copied(kSource + 16 * i, kDestination + 16 * i, 16)) << i;
  }
  EXPECT_EQ(driver.device().descriptors_done(), 3 * kSlots);
}

TEST(PlxDma, TakesUpWhatWasAddedWhileItRan) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 4096);
  driver.Set("CTRL", kStart);
  driver.Describe(1, kSource + 4096, kDestination + 4096, 4096);
  driver.Set("CTRL", kStart);
  driver.rig().simulation.Run();
  EXPECT_TRUE(driver.Copied(kSource, kDestination, 8192));
}

TEST(PlxDma, UsesItsPinWithoutMsiUntilTheStatusIsCleared) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 8);
  driver.Start();
  EXPECT_TRUE(driver.device().intx_level());
  driver.Set("INTR_STATUS", Intr::DescriptorDone::kMask);
  driver.rig().simulation.Run();
  EXPECT_FALSE(driver.device().intx_level());
}

TEST(PlxDma, InterruptsOnlyWhereTheDescriptorAsks) {
  Driver driver;
  driver.rig().EnableMsi("nic", kApic, 0x50);
  driver.Describe(0, kSource, kDestination, 8, 0);
  driver.Start();
  EXPECT_THAT(driver.rig().host.messages, IsEmpty());
  driver.Set("INTR_CTRL", Intr::InvalidDescriptor::kMask);
  driver.Start();
  EXPECT_THAT(driver.rig().host.messages, SizeIs(1)) << "or where INTR_CTRL does";
}

TEST(PlxDma, LeavesDescriptorsAloneWithoutWriteBack) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 8);
  driver.Set("CTRL", kStart & ~Ctrl::WriteBack::kMask);
  driver.rig().simulation.Run();
  EXPECT_TRUE(driver.Copied(kSource, kDestination, 8));
  EXPECT_EQ(driver.Flags(0), 8 | kInterrupt | kValid);
}

TEST(PlxDma, ReportsASourceOutOfReach) {
  Driver driver;
  driver.Describe(0, kRamFrames * sim::kPageSize, kDestination, 8);
  driver.Start();
  EXPECT_EQ(driver.Flags(0), kReadFailed);
}

TEST(PlxDma, StopsInOtherDescriptorModes) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 8);
  driver.Set("CTRL", kStart & ~Ctrl::DescriptorMode::kMask);
  driver.rig().simulation.Run();
  EXPECT_THAT(driver.rig().host.accesses, IsEmpty());
}

// What the driver's stop does: ask, wait for the report, clear it, and find nothing to stop the next time.
TEST(PlxDma, PausesWhenAskedTo) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 4096);
  driver.Describe(1, kSource + 4096, kDestination + 4096, 4096);
  driver.Set("CTRL", kStart);
  driver.rig().fabric->MmioWrite(driver.rig().Bar("nic") + Driver::At("CTRL").offset, 4,
                                 plx::kReports | Ctrl::GracefulPause::kMask, {});
  driver.rig().simulation.Run();
  EXPECT_EQ(Ctrl::GracefulPauseDone::Get(driver.Get("CTRL")), 1u);
  EXPECT_FALSE(driver.Copied(kSource + 4096, kDestination + 4096, 4096)) << "not the one behind";
  driver.Set("CTRL", plx::kReports | Ctrl::GracefulPause::kMask);
  EXPECT_EQ(driver.Get("CTRL"), Ctrl::GracefulPause::kMask);
  driver.Set("CTRL", plx::kReports);
  driver.Set("CTRL", plx::kReports | Ctrl::GracefulPause::kMask);
  EXPECT_EQ(Ctrl::GracefulPauseDone::Get(driver.Get("CTRL")), 1u) << "at once when it stands still";
}

TEST(PlxDma, NamesTheWritesBehindItsRequests) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 8);
  driver.Start();
  std::set<std::string> writers;
  for (const AccessSeen& access : driver.rig().host.accesses) {
    writers.insert(driver.rig().fabric->provenance(access.provenance).RegisterName());
  }
  EXPECT_THAT(writers, ElementsAre("BAR0+0x21c", "descriptor at 0x1008", "descriptor at 0x100c"));
  for (const AccessSeen& access : driver.rig().host.accesses) {
    const ProvenanceRecord& record = driver.rig().fabric->provenance(access.provenance);
    if (record.space != RegisterSpace::kDescriptor) continue;
    EXPECT_EQ(record.value, access.type == TlpType::kMemoryRead ? kSource : kDestination);
    EXPECT_EQ(driver.rig().fabric->provenance(record.via).RegisterName(), "BAR0+0x238") << "START";
  }
}

TEST(PlxDma, IsBrokenOnlyWhenAskedToBe) {
  PlxDmaConfig config;
  config.corrupt_every = 2;
  Driver driver(config);
  std::vector<bool> good;
  for (unsigned i = 0; i < 4; ++i) {
    driver.Describe(i, kSource + 64 * i, kDestination + 64 * i, 64);
    driver.Start();
    good.push_back(driver.Copied(kSource + 64 * i, kDestination + 64 * i, 64));
  }
  EXPECT_THAT(good, ElementsAre(true, false, true, false));
}

TEST(PlxDma, ForgetsItsRingWhenReset) {
  Driver driver;
  driver.Describe(0, kSource, kDestination, 4096);
  driver.Set("CTRL", kStart);
  driver.device().ResetFunction(ResetKind::kFunctionLevel);
  driver.rig().simulation.Run();
  for (const sim::RegisterSpec& spec : plx::kRegisters) {
    EXPECT_EQ(driver.device().BarRead(0, spec.offset, spec.bytes), spec.reset) << spec.name;
  }
  EXPECT_EQ(driver.Flags(0) & kValid, kValid);
}

}  // namespace
}  // namespace pvpci::pci::testing
