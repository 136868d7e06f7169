// SPDX-License-Identifier: Apache-2.0
// Synopsys DesignWare xData (16c3:edda): the traffic generator of a PCIe endpoint prototype. Told an address, a length
// and a direction it sends memory writes or reads there until told to stop, and counts the bytes.
//
// There is no public data sheet: registers are those that drivers/misc/dw-xdata-pcie.c of Linux names, and each says
// below what that driver expects of it. Choices: the size of BAR 0; that every request of a burst carries the pattern
// from its start; that a stopped engine sets STATUS.Done when its last request is done; that a length of 0 sends
// nothing. The driver's target is the start of BAR 0 plus 128 MiB. That is the endpoint's own memory where BAR 0 covers
// it; here it does not.
// Left out: the RAM behind RAM_ADDR and RAM_PORT (stored).
#ifndef PVPCI_MODELS_PCI_DW_XDATA_H_
#define PVPCI_MODELS_PCI_DW_XDATA_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/pci/function.h"
#include "sim/field.h"
#include "sim/register.h"

namespace pvpci::pci {

namespace xdata {

struct Burst {
  using Count = sim::Bits<0, 30>;  // requests of one burst
  using Repeat = sim::Bits<31>;    // again and again; cleared by software: stop
};
struct Control {
  using Doorbell = sim::Bits<0>;    // start with what the registers hold now; reads 0
  using IsWrite = sim::Bits<1>;     // memory writes; else reads, whose data is dropped
  using Length = sim::Bits<2, 13>;  // dwords of a request
  using PatternIncrement = sim::Bits<16>;
  using NoAddressIncrement = sim::Bits<18>;  // all requests to the same address
};
struct Status {
  using Done = sim::Bits<0>;  // software writes 0 before it starts
};
struct Performance {
  using Enable = sim::Bits<5>;  // the counters count; cleared, they stand and can be read
};

inline constexpr std::array kRegisters = {
    sim::Reg32("ADDR_LSB", 0x000).Rw(0xffffffff),
    sim::Reg32("ADDR_MSB", 0x004).Rw(0xffffffff),
    sim::Reg32("BURST_CNT", 0x008).Rw(0xffffffff),
    sim::Reg32("CONTROL", 0x00c)
        .Rw(Control::IsWrite::kMask | Control::Length::kMask | Control::PatternIncrement::kMask |
            Control::NoAddressIncrement::kMask)
        .Wo(Control::Doorbell::kMask),
    sim::Reg32("PATTERN", 0x010).Rw(0xffffffff),
    sim::Reg32("STATUS", 0x014).Rw(Status::Done::kMask),
    sim::Reg32("RAM_ADDR", 0x018).Rw(0xffffffff),
    sim::Reg32("RAM_PORT", 0x01c).Rw(0xffffffff),
    sim::Reg32("PERF_CONTROL", 0x058).Rw(Performance::Enable::kMask),
    sim::Reg32("WR_CNT_LSB", 0x100),  // bytes written
    sim::Reg32("WR_CNT_MSB", 0x104),
    sim::Reg32("RD_CNT_LSB", 0x108),  // bytes read
    sim::Reg32("RD_CNT_MSB", 0x10c),
};
static_assert(sim::WellFormed(kRegisters), "sorted, aligned, disjoint masks");

}  // namespace xdata

struct DwXdataConfig {
  unsigned in_flight = 32;  // requests handed to the link at a time: enough to fill it. 1 .. 256. A
};

class DwXdata : public Function {
 public:
  explicit DwXdata(DwXdataConfig config = {});
  static FunctionSpec Spec();

  bool running() const { return running_; }

 protected:
  uint64_t OnBarRead(unsigned bar, uint64_t offset, unsigned size) override;
  void OnBarWrite(unsigned bar, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) override;
  void OnConfigWritten(unsigned offset, unsigned size) override;
  void OnReset(ResetKind kind) override;

 private:
  void Start();
  void Issue();
  void Finished(Completion status);
  void Settle();
  void Count(const char* low, const char* high);

  DwXdataConfig xdata_config_;
  sim::RegisterBank registers_;
  ProvenanceId writer_ = 0, address_writer_ = 0, target_writer_ = 0;

  // The burst at work, as the doorbell found the registers.
  bool running_ = false;
  bool write_ = false;
  bool same_address_ = false;
  bool repeat_ = false;  // until BURST_CNT.Repeat is written as 0
  uint64_t left_ = 0;    // requests to send if not `repeat_`
  uint64_t target_ = 0;
  unsigned in_flight_ = 0;
  bool again_ = false;           // the doorbell rang meanwhile
  std::vector<std::byte> data_;  // one request: what writes carry, or where reads leave what nobody looks at
  bool paused_ = false;          // requests were discarded: no bus mastering. A write to COMMAND looks again
  uint64_t discards_seen_ = 0;
};

}  // namespace pvpci::pci

#endif  // PVPCI_MODELS_PCI_DW_XDATA_H_
