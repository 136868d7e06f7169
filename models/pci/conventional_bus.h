// SPDX-License-Identifier: Apache-2.0
// A conventional PCI bus: 32 bits, one transaction at a time, everybody takes turns. PCI Local Bus 3.0 chapter 3.
// Times are whole clocks; parity, 64-bit extensions, fast back-to-back and special cycles are left out, and so are the
// attempts between a Retry and when the data is there.
//
//   write   FRAME# and address | DEVSEL#, medium decode | a clock per dword | idle
//   read    FRAME# and address | turn-around, DEVSEL#   | wait states, a clock per dword | idle
//   Retry   FRAME# and address | DEVSEL#                | STOP# | idle
#ifndef PVPCI_MODELS_PCI_CONVENTIONAL_BUS_H_
#define PVPCI_MODELS_PCI_CONVENTIONAL_BUS_H_

#include <algorithm>
#include <cstdint>

#include "sim/time.h"

namespace pvpci::pci {

class ConventionalBus {
 public:
  static constexpr unsigned kHeadClocks = 2;     // address, and until the target may answer
  static constexpr unsigned kGrantClocks = 2;    // REQ# to GNT# of an idle bus; hidden where one was under way. 3.4.1
  static constexpr unsigned kIdleClocks = 1;     // between two transactions of different masters. 3.4.2
  static constexpr unsigned kRetryClocks = 1;    // STOP# without data. 3.3.3.2.1
  static constexpr unsigned kInitialClocks = 16;  // by which a target has answered. 3.5.1.1

  // What the host bridge gives or takes in one transaction before it disconnects: a prefetched line, its posting buffer.
  // 3.3.3.2.1; sizes assumed.
  static constexpr uint32_t kReadBurst = 64, kWriteBurst = 256;

  // 33 or 66 MHz: 30 or 15 ns. 4.2.3.1, 7.6.4.1
  explicit ConventionalBus(unsigned mhz) : clock_((mhz == 66 ? 15 : 30) * sim::kNs) {}

  sim::Ps clock() const { return clock_; }
  static unsigned Dwords(uint64_t address, uint64_t length_bytes) {
    return static_cast<unsigned>(((address & 3) + length_bytes + 3) / 4);
  }
  // Bytes of one turn. With others waiting a master gives the bus back when its latency timer has run out. 3.5.4
  static uint32_t Burst(uint64_t address, bool read, bool alone, unsigned latency_timer) {
    const uint32_t whole = read ? kReadBurst - static_cast<uint32_t>(address & (kReadBurst - 1)) : kWriteBurst;
    if (alone) return whole;
    const unsigned dwords = latency_timer > kHeadClocks ? latency_timer - kHeadClocks : 1;
    return std::min(whole, dwords * 4 - static_cast<uint32_t>(address & 3));
  }

  // When the next transaction may begin; kNever while a read waits for its data.
  sim::Ps free_at() const { return held_ ? sim::kNever : free_; }

  // The last dword is across. A transaction asked for while another was under way needs no further grant.
  sim::Ps Write(sim::Ps at, uint64_t address, uint64_t length_bytes) {
    return End(Head(at) + Dwords(address, length_bytes) * clock_);
  }
  // The address is across; the bus is held until Data or Retry.
  sim::Ps Read(sim::Ps at) {
    held_ = true;
    return Head(at);
  }
  // Whether a target that has the data at `ready` may keep a read waiting whose address was across at `asked`.
  bool MayWait(sim::Ps asked, sim::Ps ready) const {
    return ready <= asked + (kInitialClocks - kHeadClocks) * clock_;
  }
  // The held read's data: the last dword is across.
  sim::Ps Data(sim::Ps asked, sim::Ps ready, uint64_t address, uint64_t length_bytes) {
    held_ = false;
    const sim::Ps wait = ready > asked ? (ready - asked + clock_ - 1) / clock_ * clock_ : 0;
    return End(asked + wait + Dwords(address, length_bytes) * clock_);
  }
  void Retry(sim::Ps asked) {
    held_ = false;
    End(asked + kRetryClocks * clock_);
  }

 private:
  sim::Ps Head(sim::Ps at) {
    return (at > free_ ? at + kGrantClocks * clock_ : std::max(at, free_)) + kHeadClocks * clock_;
  }
  sim::Ps End(sim::Ps last) {
    free_ = last + kIdleClocks * clock_;
    return last;
  }

  const sim::Ps clock_;
  sim::Ps free_ = 0;
  bool held_ = false;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_CONVENTIONAL_BUS_H_
