// SPDX-License-Identifier: Apache-2.0
#include "models/pci/dw_xdata.h"

#include "models/pci/test_rig.h"
#include "sim/register_contract.h"

namespace pvpci::pci::testing {
namespace {

using xdata::Burst;
using xdata::Control;
using xdata::Performance;
using xdata::Status;

constexpr uint64_t kTarget = 0x8000;
constexpr uint64_t kBytes = 256;  // of a request: the largest payload, as the driver sets it
constexpr LinkSpec kSlow = {1, 1};

TEST(DwXdataRegisters, KeepTheContract) { sim::RegisterContract(xdata::kRegisters); }

// What the driver does, register by register.
class Driver {
 public:
  Driver() : rig_(OnePort(std::make_unique<DwXdata>(), kSlow)) {
    rig_.EnableMaster("nic");
    Aim(kTarget);
  }

  static const sim::RegisterSpec& At(const char* name) {
    return xdata::kRegisters.at(sim::IndexOf(xdata::kRegisters, name));
  }
  void Set(const char* name, uint64_t value) { rig_.Store("nic", At(name).offset, value, At(name).bytes); }
  uint64_t Get(const char* name) { return rig_.Load("nic", At(name).offset, At(name).bytes); }
  void Aim(uint64_t target) {
    Set("ADDR_LSB", target & 0xffffffff);
    Set("ADDR_MSB", target >> 32);
  }
  void Ring(bool write, uint64_t more = Control::NoAddressIncrement::kMask, uint64_t bytes = kBytes) {
    Set("STATUS", 0);
    Set("PATTERN", 7);
    Set("CONTROL", Control::Doorbell::kMask | Control::IsWrite::Of(write) | Control::Length::Of(bytes / 4) |
                       Control::PatternIncrement::kMask | more);
  }
  void Start(bool write) {
    Stop();
    Set("BURST_CNT", Burst::Repeat::kMask | 0x1001);
    Ring(write);
  }
  void Stop() { Set("BURST_CNT", Get("BURST_CNT") & ~Burst::Repeat::kMask); }
  void Pass(sim::Ps time) { rig_.simulation.Run(rig_.simulation.now() + time); }
  // Bytes counted in `time`.
  uint64_t Measure(sim::Ps time, bool write) {
    Set("PERF_CONTROL", 0);
    const uint64_t before = Count(write);
    Set("PERF_CONTROL", Performance::Enable::kMask);
    Pass(time);
    Set("PERF_CONTROL", 0);
    return Count(write) - before;
  }
  uint64_t Count(bool write) {
    return Get(write ? "WR_CNT_MSB" : "RD_CNT_MSB") << 32 | Get(write ? "WR_CNT_LSB" : "RD_CNT_LSB");
  }
  bool Done() { return Status::Done::Get(Get("STATUS")); }
  uint32_t Word(uint64_t address) {
    uint32_t word;
    std::memcpy(&word, rig_.At(address), sizeof word);
    return word;
  }
  const std::vector<AccessSeen>& accesses() { return rig_.host.accesses; }
  Rig& rig() { return rig_; }
  DwXdata& device() { return static_cast<DwXdata&>(*rig_.fabric->Find("nic")); }

 private:
  Rig rig_;
};

TEST(DwXdata, IsWhatTheDriversTableNames) {
  Driver driver;
  EXPECT_EQ(driver.rig().Config("nic", 0), 0xedda16c3u);
}

TEST(DwXdata, WritesItsPatternToOnePlaceUntilToldToStop) {
  Driver driver;
  driver.Start(true);
  driver.Pass(sim::kMs);
  EXPECT_FALSE(driver.Done());
  driver.Stop();
  driver.Pass(sim::kMs);
  EXPECT_TRUE(driver.Done());
  EXPECT_FALSE(driver.device().running());
  const size_t sent = driver.accesses().size();
  EXPECT_GT(sent, 500u);
  for (const AccessSeen& access : driver.accesses()) {
    EXPECT_EQ(access.bus_address, kTarget);
    EXPECT_EQ(access.type, TlpType::kMemoryWrite);
    EXPECT_EQ(access.length, kBytes);
  }
  EXPECT_EQ(driver.Word(kTarget), 7u);
  EXPECT_EQ(driver.Word(kTarget + kBytes - 4), 7u + kBytes / 4 - 1);
  EXPECT_EQ(driver.Word(kTarget + kBytes), 0u);
  driver.Pass(sim::kMs);
  EXPECT_EQ(driver.accesses().size(), sent);
}

TEST(DwXdata, FillsItsLink) {
  Driver driver;
  driver.Start(true);
  const sim::Ps each = LinkDirection(kSlow, kBytes).BusyTime(MemoryWriteBytes(kTarget, kBytes, false));
  const double expected = static_cast<double>(10 * sim::kMs / each * kBytes);
  EXPECT_NEAR(static_cast<double>(driver.Measure(10 * sim::kMs, true)), expected, 4.0 * kBytes);
  EXPECT_EQ(driver.Measure(10 * sim::kMs, false), 0u);
}

TEST(DwXdata, CountsOnlyWhileToldTo) {
  Driver driver;
  driver.Start(true);
  const uint64_t counted = driver.Measure(sim::kMs, true);
  driver.Pass(sim::kMs);
  EXPECT_EQ(driver.Count(true), counted);
}

TEST(DwXdata, ReadsAndChangesNothing) {
  Driver driver;
  std::memset(driver.rig().At(kTarget), 0x5a, kBytes);
  driver.Start(false);
  EXPECT_GT(driver.Measure(sim::kMs, false), 100 * kBytes);
  EXPECT_EQ(driver.accesses().front().type, TlpType::kMemoryRead);
  EXPECT_EQ(driver.Word(kTarget), 0x5a5a5a5au);
}

TEST(DwXdata, DoesNotCountReadsThatNobodyAnswers) {
  Driver driver;
  driver.Aim(uint64_t{1} << 40);
  driver.Start(false);
  EXPECT_EQ(driver.Measure(sim::kMs, false), 0u);
  EXPECT_GT(driver.accesses().size(), 10u);
}

TEST(DwXdata, EndsABurstByItselfAndMovesOnInIt) {
  Driver driver;
  driver.Set("BURST_CNT", 5);
  driver.Ring(true, /*more=*/0, /*bytes=*/64);
  driver.Pass(sim::kMs);
  EXPECT_TRUE(driver.Done());
  ASSERT_EQ(driver.accesses().size(), 5u);
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(driver.accesses()[i].bus_address, kTarget + 64 * i);
}

TEST(DwXdata, TurnsRoundWhenItsDriverDoesNotWait) {
  Driver driver;
  driver.Start(true);
  driver.Pass(100 * sim::kUs);
  driver.Start(false);
  EXPECT_GT(driver.Measure(sim::kMs, false), 100 * kBytes);
  EXPECT_EQ(driver.accesses().back().type, TlpType::kMemoryRead);
  EXPECT_FALSE(driver.Done());
}

TEST(DwXdata, SendsNothingOfNoLength) {
  Driver driver;
  driver.Set("BURST_CNT", Burst::Repeat::kMask);
  driver.Ring(true, 0, /*bytes=*/0);
  driver.Pass(sim::kMs);
  EXPECT_FALSE(driver.device().running());
  EXPECT_TRUE(driver.accesses().empty());
}

TEST(DwXdata, WaitsForTheBusAndCountsNothingMeanwhile) {
  Driver driver;
  driver.Start(true);
  driver.Pass(sim::kMs);
  const uint32_t command = driver.rig().Config("nic", 4, 2);
  driver.rig().SetConfig("nic", 4, 2, command & ~4u);
  driver.Pass(100 * sim::kUs);
  const size_t sent = driver.accesses().size();
  EXPECT_EQ(driver.Measure(sim::kMs, true), 0u);
  EXPECT_EQ(driver.accesses().size(), sent);
  driver.rig().SetConfig("nic", 4, 2, command);
  EXPECT_GT(driver.Measure(sim::kMs, true), 100 * kBytes);
  driver.rig().SetConfig("nic", 4, 2, command & ~4u);
  driver.Pass(100 * sim::kUs);
  driver.Stop();
  EXPECT_TRUE(driver.Done()) << "nothing is under way";
}

TEST(DwXdata, NamesTheRegisterThatGaveTheAddress) {
  Driver driver;
  driver.Start(true);
  driver.Pass(100 * sim::kUs);
  ASSERT_FALSE(driver.accesses().empty());
  EXPECT_EQ(driver.rig().fabric->provenance(driver.accesses().front().provenance).RegisterName(), "BAR0+0x00");
}

TEST(DwXdata, StopsAtAReset) {
  Driver driver;
  driver.Start(true);
  driver.Pass(100 * sim::kUs);
  driver.device().ResetFunction(ResetKind::kHot);
  const size_t sent = driver.accesses().size();
  driver.rig().EnableMaster("nic");
  driver.Pass(sim::kMs);
  EXPECT_EQ(driver.accesses().size(), sent);
  EXPECT_FALSE(driver.device().running());
}

}  // namespace
}  // namespace pvpci::pci::testing
