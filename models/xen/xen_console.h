// SPDX-License-Identifier: Apache-2.0
// What Xen itself prints, as `xl dmesg` shows it. Messages that a guest can cause are limited in rate: ten at once, then
// one every five seconds (xen/drivers/char/console.c, printk_ratelimit; guest_loglvl=none/warning).
#ifndef PVPCI_MODELS_XEN_XEN_CONSOLE_H_
#define PVPCI_MODELS_XEN_XEN_CONSOLE_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "sim/simulation.h"
#include "sim/time.h"

namespace pvpci::xen {

class XenConsole {
 public:
  enum class Level : uint8_t { kAlways, kGuestWarning };

  explicit XenConsole(const sim::Simulation& simulation) : simulation_(simulation) {}

  void Print(Level level, const std::string& line) {
    if (level == Level::kGuestWarning && !Allowed()) {
      ++missed_;
      ++suppressed_;
      return;
    }
    if (missed_ != 0) text_ += "(XEN) printk: " + std::to_string(missed_) + " messages suppressed.\n";
    missed_ = 0;
    text_ += "(XEN) " + line + "\n";
  }
  const std::string& text() const { return text_; }
  uint64_t suppressed() const { return suppressed_; }

 private:
  static constexpr sim::Ps kEvery = 5 * sim::kSec;
  static constexpr uint64_t kBurst = 10;

  // A bucket that time fills, of the length of ten messages.
  bool Allowed() {
    const sim::Ps now = simulation_.now();
    credit_ = std::min(credit_ + (now - last_), kBurst * kEvery);
    last_ = now;
    if (credit_ < kEvery) return false;
    credit_ -= kEvery;
    return true;
  }

  const sim::Simulation& simulation_;
  std::string text_;
  uint64_t missed_ = 0;
  uint64_t suppressed_ = 0;
  sim::Ps credit_ = kBurst * kEvery;
  sim::Ps last_ = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_XEN_CONSOLE_H_
