// SPDX-License-Identifier: Apache-2.0
// Local APICs (one per pCPU) and one IO-APIC: from an interrupt message or line to do_IRQ, and back by EOI.
// Intel SDM 3A chapter 11 (local APIC: IRR, ISR, priority by vector, EOI broadcast and its suppression), 82093AA data
// sheet (IO-APIC redirection table, remote IRR). Left out: logical and lowest-priority modes, ICR, LVT, x2APIC ids.
#ifndef PVPCI_MODELS_XEN_APIC_H_
#define PVPCI_MODELS_XEN_APIC_H_

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "models/pci/host_ports.h"
#include "models/xen/config.h"
#include "sim/simulation.h"

namespace pvpci::xen {

// One redirection entry. Raw layout of 82093AA 3.2.4, or remappable format (VT-d 5.1.5.1) with bit 48.
struct RedirectionEntry {
  unsigned vector = 0;
  unsigned destination = 0;   // APIC id
  bool level = false;
  bool active_low = false;
  bool masked = true;
  bool remappable = false;    // `handle` instead of destination
  unsigned handle = 0;
};

enum class SpecialDelivery : uint8_t { kSmi, kNmi, kInit, kExtInt, kIllegalVector };

// What the hypervisor does with an accepted vector.
class VectorHandler {
 public:
  virtual ~VectorHandler() = default;
  // The local APIC interrupted `cpu`: for `busy` it is the hypervisor's, whoever ran there.
  virtual void Interrupted(unsigned cpu, sim::Ps busy) = 0;
  // do_IRQ on `cpu`. `interrupt`: assertion that caused it. Called irq_entry + irq_dispatch after acceptance.
  virtual void DoIrq(unsigned cpu, unsigned vector, uint32_t interrupt) = 0;
  // An assertion reached the platform: a message, or a line that went up.
  virtual void Arrived(uint32_t interrupt, bool forged) = 0;
  // An assertion ended before do_IRQ: merged into `into` (IRR already set), or lost (into == 0).
  virtual void Merged(uint32_t interrupt, uint32_t into) = 0;
  virtual void Lost(uint32_t interrupt) = 0;
  // A message that is no interrupt of a vector reached `cpu`: Intel SDM 3A 11.11, delivery mode, or a vector below 16.
  virtual void Special(unsigned cpu, SpecialDelivery what) = 0;
  // A request that the chipset reports as system error. pci::InterruptSink::SystemError.
  virtual void SystemError(std::optional<pci::Bdf> source, uint64_t address) = 0;
  // The level line behind `gsi` was sampled again after EOI; `up`: it will be sent again, for the same assertion.
  virtual void Resampled(unsigned gsi, bool up, uint32_t interrupt) = 0;
};

class Apics : public pci::InterruptSink {
 public:
  Apics(const HypervisorConfig& config, sim::Simulation& simulation);

  void SetHandler(VectorHandler* handler) { handler_ = handler; }
  void SetRemapper(pci::DmaRemapper* remapper) { remapper_ = remapper; }

  // pci::InterruptSink. What is no interrupt of a vector, and unknown destinations, are counted as lost. Destination 0xff
  // is every local APIC (physical mode).
  void Message(const pci::InterruptMessage& message, pci::Bdf requester, uint32_t interrupt, bool forged) override;
  void SetGsi(unsigned gsi, bool level, uint32_t interrupt) override;
  void SystemError(std::optional<pci::Bdf> source, uint64_t address) override {
    handler_->SystemError(source, address);
  }

  // Local APIC. Eoi ends the highest vector in service; a level one is broadcast to the IO-APIC unless `directed`.
  void Eoi(unsigned cpu, bool directed);
  bool in_service(unsigned cpu, unsigned vector) const { return cpus_[cpu].isr[vector]; }

  // IO-APIC.
  unsigned pins() const { return static_cast<unsigned>(pins_.size()); }
  const RedirectionEntry& redirection(unsigned gsi) const { return pins_[gsi].entry; }
  void WriteRedirection(unsigned gsi, const RedirectionEntry& entry);
  void SetMask(unsigned gsi, bool masked);
  // EOI register write (directed EOI) or broadcast of `vector`.
  void IoApicEoi(unsigned vector);
  // Nobody took the level interrupt that was sent last: while its line is up it counts as not sent. False: the line is
  // down, or edge triggered; then it is gone.
  bool PutBack(unsigned gsi, uint32_t interrupt);
  bool line(unsigned gsi) const { return pins_[gsi].line; }

 private:
  struct Pin {
    RedirectionEntry entry;
    bool line = false;
    bool remote_irr = false;
    bool unsent = false;        // an assertion that has not become a message yet (level: masked or in service)
    uint32_t interrupt = 0;     // latest assertion on this pin
    uint32_t sent = 0;          // assertion sent last
  };
  // The 256 bits of one of the local APIC's registers; the highest vector goes first.
  class Vectors {
   public:
    bool operator[](unsigned vector) const { return (words_[vector / 64] >> vector % 64 & 1) != 0; }
    void Set(unsigned vector) { words_[vector / 64] |= uint64_t{1} << vector % 64; }
    void Clear(unsigned vector) { words_[vector / 64] &= ~(uint64_t{1} << vector % 64); }
    // -1: none.
    int Highest() const {
      for (int word = 3; word >= 0; --word) {
        if (words_[word] != 0) return word * 64 + 63 - __builtin_clzll(words_[word]);
      }
      return -1;
    }

   private:
    std::array<uint64_t, 4> words_{};
  };
  struct Cpu {
    Vectors irr;
    Vectors isr;
    std::array<bool, 256> level{};
    std::array<uint32_t, 256> interrupt{};
    bool dispatching = false;
  };
  void Route(const pci::InterruptMessage& message, uint32_t interrupt);
  void RouteTo(unsigned cpu, const pci::InterruptMessage& message, uint32_t interrupt);
  void Accept(unsigned cpu, unsigned vector, bool level, uint32_t interrupt);
  void Dispatch(unsigned cpu);
  void Evaluate(unsigned gsi, bool after_eoi);
  void Send(unsigned gsi);

  const HypervisorConfig& config_;
  sim::Simulation& simulation_;
  VectorHandler* handler_ = nullptr;
  pci::DmaRemapper* remapper_ = nullptr;
  std::vector<Pin> pins_;
  std::vector<Cpu> cpus_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_APIC_H_
