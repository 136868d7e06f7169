// SPDX-License-Identifier: Apache-2.0
#include "models/pci/i6300esb.h"

#include "models/pci/test_rig.h"
#include "sim/register_contract.h"

namespace pvpci::pci::testing {
namespace {

using i6300esb::Config;
using i6300esb::Lock;
using i6300esb::Reload;

constexpr uint32_t kOneSecond = 1 << 9;  // in each stage, as the driver counts: both together 1024 ticks

TEST(I6300esbRegisters, KeepTheContract) { sim::RegisterContract(i6300esb::kRegisters); }

// What the driver does, register by register.
class Driver {
 public:
  Driver() : rig_(OnePort(std::make_unique<I6300esb>())) {}

  static const sim::RegisterSpec& At(const char* name) {
    return i6300esb::kRegisters.at(sim::IndexOf(i6300esb::kRegisters, name));
  }
  void Set(const char* name, uint64_t value) { rig_.Store("nic", At(name).offset, value, At(name).bytes); }
  uint64_t Get(const char* name) { return rig_.Load("nic", At(name).offset, At(name).bytes); }
  void Unlock() {
    Set("RELOAD", i6300esb::kUnlockFirst);
    Set("RELOAD", i6300esb::kUnlockSecond);
  }
  void SetHeartbeat(uint32_t seconds) {
    for (const char* name : {"PRELOAD1", "PRELOAD2"}) {
      Unlock();
      Set(name, seconds * kOneSecond);
    }
    Ping();
  }
  void Ping() {
    Unlock();
    Set("RELOAD", Reload::Reset::kMask);
  }
  void Enable(uint64_t lock = Lock::Enable::kMask) {
    rig_.SetConfig("nic", i6300esb::kLock, 1, static_cast<uint32_t>(lock));
  }
  uint64_t Lock_() { return rig_.Config("nic", i6300esb::kLock, 1); }
  void Pass(sim::Ps time) { rig_.simulation.Run(rig_.simulation.now() + time); }
  bool TimedOut() { return Reload::Timeout::Get(Get("RELOAD")); }
  I6300esb& device() { return static_cast<I6300esb&>(*rig_.fabric->Find("nic")); }
  Rig& rig() { return rig_; }

 private:
  Rig rig_;
};

TEST(I6300esb, StandsStillUntilEnabled) {
  Driver driver;
  driver.SetHeartbeat(1);
  driver.Pass(10 * sim::kSec);
  EXPECT_FALSE(driver.TimedOut());
  EXPECT_FALSE(driver.device().running());
}

TEST(I6300esb, TimesOutAfterBothStages) {
  Driver driver;
  driver.SetHeartbeat(30);
  driver.Enable();
  const sim::Ps both = driver.device().StageTime(1) + driver.device().StageTime(2);
  EXPECT_NEAR(static_cast<double>(both) / sim::kSec, 30.5, 0.1) << "1024 ticks of 2^15 PCI clocks for each second";
  driver.Pass(both - sim::kMs);
  EXPECT_FALSE(driver.TimedOut());
  driver.Pass(2 * sim::kMs);
  EXPECT_TRUE(driver.TimedOut());
  EXPECT_EQ(driver.device().timeouts(), 1u);
}

TEST(I6300esb, StartsAgainWhenPinged) {
  Driver driver;
  driver.SetHeartbeat(2);
  driver.Enable();
  for (unsigned i = 0; i < 5; ++i) {
    driver.Pass(1500 * sim::kMs);
    driver.Ping();
  }
  EXPECT_FALSE(driver.TimedOut());
  driver.Pass(3 * sim::kSec);
  EXPECT_TRUE(driver.TimedOut());
}

TEST(I6300esb, TakesOneWriteForEachUnlocking) {
  Driver driver;
  driver.Unlock();
  driver.Set("PRELOAD1", 5);
  driver.Set("PRELOAD1", 6);
  EXPECT_EQ(driver.Get("PRELOAD1"), 5u);
  driver.Set("RELOAD", i6300esb::kUnlockSecond);
  driver.Set("PRELOAD1", 7);
  EXPECT_EQ(driver.Get("PRELOAD1"), 5u) << "the second word alone";
}

TEST(I6300esb, KeepsTheTimeoutThroughAResetUntilItIsCleared) {
  Driver driver;
  driver.SetHeartbeat(1);
  driver.Enable();
  driver.Pass(2 * sim::kSec);
  const uint64_t bar = driver.rig().Bar("nic");
  driver.device().ResetFunction(ResetKind::kHot);
  driver.rig().SetConfig("nic", 0x10, 4, static_cast<uint32_t>(bar));
  driver.rig().SetConfig("nic", 4, 2, 2);
  EXPECT_FALSE(driver.device().running());
  EXPECT_TRUE(driver.TimedOut());
  driver.Set("RELOAD", Reload::Timeout::kMask);
  EXPECT_TRUE(driver.TimedOut()) << "not without unlocking";
  driver.Unlock();
  driver.Set("RELOAD", Reload::Timeout::kMask | Reload::Reset::kMask);
  EXPECT_FALSE(driver.TimedOut());
}

TEST(I6300esb, CannotBeStoppedOnceLocked) {
  Driver driver;
  driver.SetHeartbeat(1);
  driver.Enable(Lock::Enable::kMask | Lock::Locked::kMask);
  driver.Enable(0);
  EXPECT_EQ(driver.Lock_(), Lock::Enable::kMask | Lock::Locked::kMask);
  EXPECT_TRUE(driver.device().running());
}

TEST(I6300esb, CountsFasterOnTheFastClockAndKeepsItsPinUpWhenToldTo) {
  Driver driver;
  driver.rig().SetConfig("nic", i6300esb::kConfig, 2,
                         static_cast<uint32_t>(Config::FastClock::kMask | Config::OutputDisable::kMask));
  driver.SetHeartbeat(1);
  driver.Enable();
  driver.Pass(2 * sim::kMs);
  EXPECT_TRUE(driver.TimedOut());
  EXPECT_EQ(driver.device().timeouts(), 0u);
}

TEST(I6300esb, NeverEndsInFreeRunningMode) {
  Driver driver;
  driver.SetHeartbeat(1);
  driver.Enable(Lock::Enable::kMask | Lock::FreeRun::kMask);
  driver.Pass(5 * sim::kSec);
  EXPECT_FALSE(driver.TimedOut());
}

}  // namespace
}  // namespace pvpci::pci::testing
