// SPDX-License-Identifier: Apache-2.0
// Measures interrupts on a whole machine room: dom0 with the real pciback, a domU with the real pcifront and endpoint
// driver, MSI enabled. One per process.
#ifndef PVPCI_SCENARIOS_BENCH_GUEST_BENCH_H_
#define PVPCI_SCENARIOS_BENCH_GUEST_BENCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/bench/ping_pong.h"
#include "scenarios/machine/machine.h"

namespace pvpci::scenarios {

// Builds a machine and starts its domains one after the other, outside any scenario's steps.
class BenchMachine {
 public:
  BenchMachine(const std::string& yaml, const ImageFiles& image);
  Machine& machine() { return *machine_; }
  // Runs until `operation` says that it is done. Throws std::runtime_error with its error, or if nothing can happen.
  void Do(const std::string& what, const std::function<void(Machine::Done)>& operation);
  void Boot(const std::string& domain);
  // All simulated time until nothing is left to do at once, at most `span`.
  void Settle(sim::Ps span);

 private:
  std::unique_ptr<Machine> machine_;
};

// Passes register accesses on and stamps each interrupt twice: at its assertion, and at the driver's last access to the
// device in its handler.
class AcknowledgeWatch : public pci::RegisterObserver {
 public:
  void Attach(pci::Fabric* fabric);
  void Asserting();
  void OnRegister(const pci::RegisterAccess& access) override;
  // Ticks of the time-stamp counter per interrupt, since the last call; an interrupt without acknowledgement is missing.
  std::vector<uint64_t> Take() { return std::exchange(ticks_, {}); }

 private:
  pci::RegisterObserver* next_ = nullptr;
  uint64_t asserted_ = 0;  // 0: acknowledged
  std::vector<uint64_t> ticks_;
};

// What stands around the one domain that is active, and how it gets its events.
struct GuestShape {
  unsigned idle_domains = 0;  // without a kernel
  unsigned bound_ports = 0;   // event channels that are bound and silent; the device's comes after them
  bool fifo = false;
};

class GuestBench {
 public:
  explicit GuestBench(const ImageFiles& image, const GuestShape& shape = {});

  // ns per MSI: from the device's assertion through fabric, Xen model, hand-over to the vCPU's thread and upcall, the
  // kernel's own path with its EOI, to the driver's handler that acknowledges at the device. Going to sleep after it is
  // not in it. Time-stamp counter, the median of all: another program that gets the processor does not count.
  double RealPath(unsigned interrupts);

  // What answers the register accesses and the EOI hypercall of kernel functions that are called natively.
  enum class Host {
    kModels,    // the same hypercall, page-table walk and device models as on the real path, by plain calls
    kConstant,  // a constant: nothing but kernel code is measured
  };
  // ns per event: its bits are set as Xen would, then the kernel's event callback is called like any C function. No
  // simulated time, no vCPU, no seam. With models the median of the time-stamp counter as in RealPath, since they append
  // to the trace, which costs a page fault now and then; else processor time.
  double NativePath(unsigned events, Host host);

  // ns of processor time per MSI that a stub handles in the domain's place, without a vCPU of its own: from the
  // assertion through fabric, Xen model and the 2-level bits to PHYSDEVOP_eoi.
  double StubPath(unsigned interrupts);

  // ns of processor time per configuration read that the domain's kernel makes through the real pcifront and the real
  // pciback of dom0. `reads` of them.
  double ForwardedConfigRead(unsigned reads);

  // Simulated over processor time of so many ms with an MSI each 10 us and a DMA of 64 bytes each us.
  double Loaded(unsigned ms);
  // The same of so many s in which only timers are armed.
  double Idle(unsigned seconds);
  // Bytes of trace per record so far.
  double TraceBytesPerRecord();
  // Sum of all latencies of interrupts so far, ps.
  double LatencySumPs();

  // ns per hand-over from one SystemC thread to another: two switches.
  double HandOver(unsigned hand_overs) { return ping_pong_.NsPerHandOver(hand_overs); }

 private:
  void RaiseNext(unsigned left);
  void DmaNext(unsigned left);
  uint64_t PirqPort() const;

  PingPong ping_pong_;
  BenchMachine bench_;
  GuestDomain& guest_;
  pci::Function& device_;
  AcknowledgeWatch watch_;
  uint64_t settled_ = 0;
  uint64_t dma_failures_ = 0;
  sim::Ps interval_;  // between MSIs
};

// Boots dom0 and answers the wall clock (WallNs) at which the first interrupt handler of its kernel was entered.
double FirstInterrupt(const ImageFiles& image);

// A kernel alone: dom0 sleeps again and again, or computes.
class KernelBench {
 public:
  explicit KernelBench(const ImageFiles& image);
  // ns of processor time per event of a timer: the kernel arms it, it fires, the task that waits for it wakes and goes on.
  double TimerEventNs(unsigned events);
  // ns of processor time per round of driver/guest/kernel_work.c. `result`: what the rounds came to.
  double WorkNs(unsigned rounds, uint64_t* result);

 private:
  // ns of processor time.
  double CallNs(const std::string& function, unsigned count, long* result);

  BenchMachine bench_;
};

// Processor time in ms to make a domain with a kernel, loaded and relocated, for each of so many.
double KernelDomainCreationMs(const ImageFiles& image, unsigned domains);

// KiB resident in this process beyond the pages of its domains, with `idle` domUs booted and asleep.
double IdleResidentKiB(const ImageFiles& image, unsigned idle);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_BENCH_GUEST_BENCH_H_
