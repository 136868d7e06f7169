// SPDX-License-Identifier: Apache-2.0
#include "models/pci/i6300esb.h"

namespace pvpci::pci {
namespace {

using i6300esb::Config;
using i6300esb::Lock;
using i6300esb::Reload;

// The PCI clock of 33 MHz divided by 2^15, or by 2^5. 16.3.4.
constexpr sim::Ps kPciClockPs = 30303;
constexpr unsigned kSlowShift = 15, kFastShift = 5;

}  // namespace

FunctionSpec I6300esb::Spec() {
  return FunctionSpec(/*vendor=*/0x8086, /*device=*/0x25ab, /*class_code=*/0x088000)
      .Subsystem(0x8086, 0x25ab)
      .Bar(0, BarKind::kMemory32, 16)
      .Register(i6300esb::kConfig, 2, 0,
                Config::InterruptType::kMask | Config::FastClock::kMask | Config::OutputDisable::kMask)
      .Register(i6300esb::kLock, 1, 0, Lock::Locked::kMask | Lock::Enable::kMask | Lock::FreeRun::kMask);
}

I6300esb::I6300esb() : Function(Spec()), registers_(i6300esb::kRegisters) { AttachRegisters(); }

void I6300esb::AttachRegisters() {
  registers_.OnWrite("PRELOAD1", &I6300esb::WritePreload, this);
  registers_.OnWrite("PRELOAD2", &I6300esb::WritePreload, this);
  registers_.OnWrite("RELOAD", &I6300esb::WriteReload, this);
}

// One write after each unlocking.
bool I6300esb::TakeUnlock() {
  const bool unlocked = unlock_ == 2;
  unlock_ = 0;
  return unlocked;
}

void I6300esb::WritePreload(const sim::RegisterWrite& write) {
  if (!TakeUnlock()) registers_.Set(write.spec->name, write.before);
}

void I6300esb::WriteReload(const sim::RegisterWrite& write) {
  if (write.written == i6300esb::kUnlockFirst) {
    unlock_ = 1;
  } else if (write.written == i6300esb::kUnlockSecond && unlock_ == 1) {
    unlock_ = 2;
  } else if (!TakeUnlock()) {
    registers_.Set("RELOAD", write.before);
  } else if (Reload::Reset::Get(write.written)) {
    Restart();
  }
}

uint64_t I6300esb::OnBarRead(unsigned, uint64_t offset, unsigned size) {
  return registers_.Read(static_cast<uint32_t>(offset), size);
}

void I6300esb::OnBarWrite(unsigned, uint64_t offset, unsigned size, uint64_t value, ProvenanceId) {
  registers_.Write(static_cast<uint32_t>(offset), value, size);
}

void I6300esb::OnConfigWritten(unsigned offset, unsigned size) {
  if (offset > i6300esb::kLock || offset + size <= i6300esb::kLock) return;
  uint64_t lock = config().Read(i6300esb::kLock, 1);
  if (locked_) {
    lock = Lock::Locked::kMask | Lock::Enable::Of(running_) | (lock & Lock::FreeRun::kMask);
    mutable_config().Set(i6300esb::kLock, 1, static_cast<uint32_t>(lock));
    return;
  }
  locked_ = Lock::Locked::Get(lock);
  const bool enable = Lock::Enable::Get(lock);
  if (enable == running_) return;
  running_ = enable;
  Restart();
}

sim::Ps I6300esb::StageTime(unsigned stage) const {
  const uint64_t preload = registers_.Get(stage == 1 ? "PRELOAD1" : "PRELOAD2");
  const unsigned shift = Config::FastClock::Get(config().Read(i6300esb::kConfig, 2)) ? kFastShift : kSlowShift;
  return (preload << shift) * kPciClockPs;
}

void I6300esb::Restart() {
  ++run_;
  if (!running_) return;
  After(StageTime(1), [this, run = run_] {
    if (run == run_) StageEnded(1);
  });
}

void I6300esb::StageEnded(unsigned stage) {
  if (stage == 1) {
    // Free running, timer 1 only starts again.
    const bool free_run = Lock::FreeRun::Get(config().Read(i6300esb::kLock, 1));
    if (free_run) {
      Restart();
      return;
    }
    After(StageTime(2), [this, run = run_] {
      if (run == run_) StageEnded(2);
    });
    return;
  }
  registers_.Set("RELOAD", registers_.Get("RELOAD") | Reload::Timeout::kMask);
  if (!Config::OutputDisable::Get(config().Read(i6300esb::kConfig, 2))) ++timeouts_;
}

void I6300esb::OnReset(ResetKind) {
  const uint64_t reload = registers_.Get("RELOAD");
  registers_.Reset();
  registers_.Set("RELOAD", reload);
  unlock_ = 0;
  running_ = locked_ = false;
  ++run_;
}

}  // namespace pvpci::pci
