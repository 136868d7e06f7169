// SPDX-License-Identifier: Apache-2.0
#include "models/pci/dw_xdata.h"

#include <cstring>
#include <utility>

namespace pvpci::pci {

using xdata::Burst;
using xdata::Control;
using xdata::Performance;
using xdata::Status;

FunctionSpec DwXdata::Spec() {
  return FunctionSpec(/*vendor=*/0x16c3, /*device=*/0xedda, /*class_code=*/0xff0000)
      .Subsystem(0x16c3, 0xedda)
      .Bar(0, BarKind::kMemory32, 0x1000)
      .PowerManagement()
      .Express();
}

DwXdata::DwXdata(DwXdataConfig config) : Function(Spec()), xdata_config_(config), registers_(xdata::kRegisters) {
  registers_.OnWrite("ADDR_LSB", [this](const sim::RegisterWrite&) { address_writer_ = writer_; });
  registers_.OnWrite("BURST_CNT", [this](const sim::RegisterWrite& write) {
    if (!repeat_ || Burst::Repeat::Get(write.after)) return;
    repeat_ = false;
    Settle();
  });
  registers_.OnWrite("CONTROL", [this](const sim::RegisterWrite& write) {
    if (!Control::Doorbell::Get(write.written)) return;
    // What the requests under way carry must stay as it is until they are done.
    if (running_) {
      again_ = true;
    } else {
      Start();
    }
  });
}

void DwXdata::OnReset(ResetKind) {
  registers_.Reset();
  running_ = repeat_ = again_ = paused_ = false;
  left_ = in_flight_ = 0;
  discards_seen_ = counters().requests_discarded;
  address_writer_ = target_writer_ = 0;
}

uint64_t DwXdata::OnBarRead(unsigned, uint64_t offset, unsigned size) {
  return registers_.Read(static_cast<uint32_t>(offset), size);
}

void DwXdata::OnBarWrite(unsigned, uint64_t offset, unsigned size, uint64_t value, ProvenanceId provenance) {
  writer_ = provenance;
  registers_.Write(static_cast<uint32_t>(offset), value, size);
}

void DwXdata::OnConfigWritten(unsigned, unsigned) {
  paused_ = false;
  Issue();
}

void DwXdata::Start() {
  const uint64_t control = registers_.Get("CONTROL"), burst = registers_.Get("BURST_CNT");
  write_ = Control::IsWrite::Get(control);
  same_address_ = Control::NoAddressIncrement::Get(control);
  target_ = registers_.Get("ADDR_MSB") << 32 | registers_.Get("ADDR_LSB");
  target_writer_ = address_writer_;
  repeat_ = Burst::Repeat::Get(burst);
  left_ = repeat_ ? 0 : Burst::Count::Get(burst);
  data_.resize(4 * Control::Length::Get(control));
  if (data_.empty()) return;
  uint32_t word = static_cast<uint32_t>(registers_.Get("PATTERN"));
  for (size_t at = 0; at < data_.size(); at += sizeof word) {
    std::memcpy(&data_[at], &word, sizeof word);
    if (Control::PatternIncrement::Get(control)) ++word;
  }
  running_ = true;
  Issue();
  Settle();
}

void DwXdata::Issue() {
  while (running_ && (repeat_ || left_ != 0) && !paused_ && bus_master() && in_flight_ < xdata_config_.in_flight) {
    if (!repeat_) --left_;
    ++in_flight_;
    const auto done = [this](Completion status) { Finished(status); };
    if (write_) {
      WriteMemory(target_, data_.size(), data_.data(), target_writer_, done);
    } else {
      ReadMemory(target_, data_.size(), data_.data(), target_writer_, done);
    }
    if (!same_address_) target_ += data_.size();
  }
}

void DwXdata::Finished(Completion status) {
  --in_flight_;
  // Of a posted write the device knows that it left, not what became of it.
  if (counters().requests_discarded != discards_seen_) {
    ++discards_seen_;
    paused_ = true;
  } else if (write_) {
    Count("WR_CNT_LSB", "WR_CNT_MSB");
  } else if (status == Completion::kSuccess) {
    Count("RD_CNT_LSB", "RD_CNT_MSB");
  }
  Issue();
  Settle();
}

void DwXdata::Settle() {
  if (!running_ || in_flight_ != 0 || repeat_ || left_ != 0) return;
  running_ = false;
  if (std::exchange(again_, false)) {
    Start();
  } else {
    registers_.Set("STATUS", Status::Done::kMask);
  }
}

void DwXdata::Count(const char* low, const char* high) {
  if (!Performance::Enable::Get(registers_.Get("PERF_CONTROL"))) return;
  const uint64_t bytes = (registers_.Get(high) << 32 | registers_.Get(low)) + data_.size();
  registers_.Set(low, static_cast<uint32_t>(bytes));
  registers_.Set(high, bytes >> 32);
}

}  // namespace pvpci::pci
