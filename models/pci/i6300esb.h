// SPDX-License-Identifier: Apache-2.0
// Watchdog timer of the Intel 6300ESB I/O controller (8086:25ab), as drivers/watchdog/i6300esb.c and QEMU's i6300esb
// see it: Intel 6300ESB data sheet (300641), chapter 16. A conventional function without interrupt pin use and without DMA.
//
// Two stages: timer 1 runs down and, in watchdog mode, timer 2 after it; when that ends too, RELOAD.Timeout is set and
// the output pin goes low, which on a board resets the machine. Here it goes nowhere: `timeouts()` counts. Control sits
// in configuration space beyond the standard header, where pciback lets a guest write only if it is told to be permissive.
// RELOAD.Timeout outlives resets of the function, so that the next start can tell (it is in the resume well).
// Left out: stage-1 interrupts (stored), the free-running mode's output.
#ifndef PVPCI_MODELS_PCI_I6300ESB_H_
#define PVPCI_MODELS_PCI_I6300ESB_H_

#include <array>
#include <cstdint>

#include "models/pci/function.h"
#include "sim/field.h"
#include "sim/register.h"
#include "sim/time.h"

namespace pvpci::pci {

namespace i6300esb {

// Configuration space. 16.3.
inline constexpr unsigned kConfig = 0x60, kLock = 0x68;
struct Config {
  using InterruptType = sim::Bits<0, 1>;
  using FastClock = sim::Bits<2>;      // count at about 1 MHz, not 1 kHz
  using OutputDisable = sim::Bits<5>;
};
struct Lock {
  using Locked = sim::Bits<0>;  // write once: until the next reset Enable keeps its value
  using Enable = sim::Bits<1>;
  using FreeRun = sim::Bits<2>;
};

// BAR 0. 16.4. Each write of a preload value or of RELOAD's command bits needs 0x80, then 0x86 in RELOAD before.
struct Reload {
  using Reset = sim::Bits<8>;    // start again from the preload values
  using Timeout = sim::Bits<9>;  // stage 2 ended; write-1-to-clear
};
inline constexpr uint64_t kUnlockFirst = 0x80, kUnlockSecond = 0x86;
inline constexpr std::array kRegisters = {
    sim::Reg32("PRELOAD1", 0x00).Reset(0xfffff).Rw(0xfffff),
    sim::Reg32("PRELOAD2", 0x04).Reset(0xfffff).Rw(0xfffff),
    sim::Reg32("GINTSR", 0x08).W1c(0x1),
    sim::Reg16("RELOAD", 0x0c).Wo(0xff | Reload::Reset::kMask).W1c(Reload::Timeout::kMask),
};
static_assert(sim::WellFormed(kRegisters), "sorted, aligned, disjoint masks");

}  // namespace i6300esb

class I6300esb : public Function {
 public:
  I6300esb();
  static FunctionSpec Spec();

  bool running() const { return running_; }
  uint64_t timeouts() const { return timeouts_; }
  // Length of one stage as programmed now.
  sim::Ps StageTime(unsigned stage) const;

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnConfigWritten(unsigned offset, unsigned size) override;
  void OnReset(ResetKind kind) override;

 private:
  void AttachRegisters();
  void WritePreload(const sim::RegisterWrite& write);
  void WriteReload(const sim::RegisterWrite& write);
  bool TakeUnlock();
  void Restart();
  void StageEnded(unsigned stage);

  sim::RegisterBank registers_;
  unsigned unlock_ = 0;  // how many of the two words came
  bool running_ = false;
  bool locked_ = false;
  uint64_t run_ = 0;  // + 1 at every restart: an older stage's end is void
  uint64_t timeouts_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_I6300ESB_H_
