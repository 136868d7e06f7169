// SPDX-License-Identifier: Apache-2.0
#include "scenarios/fidelity/pcie_bench_device.h"

#include <algorithm>
#include <utility>

#include "models/pci/fabric.h"
#include "sim/check.h"

namespace pvpci::scenarios {
namespace {

constexpr uint16_t kNetronome = 0x19ee, kNfp6000 = 0x6000;
constexpr uint32_t kNetworkController = 0x028000;
constexpr uint32_t kLine = 64, kPage = 4096;
constexpr uint32_t kSmallRead = 128;
constexpr unsigned kWritesInFlight = 32;
constexpr sim::Ps kMostPause = 1 * sim::kUs;

uint64_t UnitOf(uint32_t size_bytes) { return (size_bytes + kLine - 1) / kLine * kLine; }

}  // namespace

PcieBenchDevice::PcieBenchDevice(const MeasuringDevice& properties, pci::LinkSpec link, uint32_t max_payload)
    : Function(pci::FunctionSpec(kNetronome, kNfp6000, kNetworkController).Express(true, max_payload)),
      properties_(properties),
      max_payload_bytes_(max_payload),
      wire_(link, max_payload) {}

void PcieBenchDevice::Begin(const Measurement& measurement, std::function<void()> finished) {
  SIM_CHECK(measurement.window_bytes >= UnitOf(measurement.size_bytes), "a window holds at least one access");
  m_ = measurement;
  ++measurement_;
  finished_ = std::move(finished);
  buffer_.resize(std::max<size_t>(buffer_.size(), m_.size_bytes));
  latencies_.clear();
  latencies_.reserve(m_.count);
  next_unit_ = 0;
  begun_ = ended_ = in_flight_ = 0;
  waiting_ = false;
  first_counted_ = last_counted_ = 0;
  if (m_.probe == Probe::kReadStream || m_.probe == Probe::kWriteStream) {
    Stream();
  } else {
    Single();
  }
}

uint64_t PcieBenchDevice::NextAddress() {
  const uint64_t units = m_.window_bytes / UnitOf(m_.size_bytes);
  for (;;) {
    const uint64_t unit = m_.sequential ? next_unit_++ % units : random_.Below(units);
    const uint64_t address = m_.base + unit * UnitOf(m_.size_bytes);
    if (address % kPage + m_.size_bytes <= kPage) return address;
  }
}

// One access at a time.
void PcieBenchDevice::Single() {
  access_began_ = fabric().simulation().now();
  const uint64_t address = NextAddress();
  switch (m_.probe) {
    case Probe::kCommandRead:
      ReadMemory(address, m_.size_bytes, buffer_.data(), 0, [this](pci::Completion) { Ended(); });
      return;
    case Probe::kDmaRead:
      ReadBack(address);
      return;
    default:
      // The write is done for the engine when its data is out of the buffer; the read that then follows may still
      // find the write's packets before it.
      write_done_ = access_began_ + properties_.write_done + properties_.write_done_byte * m_.size_bytes;
      After(properties_.write, [this, address] { WritePieces(address, 0); });
  }
}

// The engine copies whole cache lines while data comes in; the last packet is copied when all of it is there.
void PcieBenchDevice::ReadBack(uint64_t address) {
  ReadMemory(address, m_.size_bytes, buffer_.data(), 0, [this](pci::Completion) {
    const auto lines = static_cast<uint32_t>(UnitOf(m_.size_bytes));
    After(properties_.read + properties_.read_byte * lines +
              properties_.read_last_byte * std::min(lines, max_payload_bytes_),
          [this] { Ended(); });
  });
}

// The engine puts one payload after the other on the link at its own pace, and no further ahead than its window.
void PcieBenchDevice::WritePieces(uint64_t address, uint32_t sent) {
  if (sent == m_.size_bytes) {
    const sim::Ps now = fabric().simulation().now();
    After(write_done_ > now ? write_done_ - now : 0, [this, address = address - sent] { ReadBack(address); });
    return;
  }
  const uint32_t piece = std::min(m_.size_bytes - sent, max_payload_bytes_);
  if (unlanded_ != 0 && unlanded_ + piece > properties_.write_window) {
    resume_ = [this, address, sent] { WritePieces(address, sent); };
    return;
  }
  unlanded_ += piece;
  After(properties_.write_byte * piece, [this, address, sent, piece] {
    WriteMemory(address, piece, buffer_.data(), 0, [this, piece](pci::Completion) {
      unlanded_ -= piece;
      if (resume_) std::exchange(resume_, nullptr)();
    });
    WritePieces(address + piece, sent + piece);
  });
}

void PcieBenchDevice::Ended() {
  // Both ends of an access wait for edges of the device's clocks and for its thread's turn.
  const sim::Ps end = fabric().simulation().now() + random_.Below(properties_.jitter + 1) - properties_.jitter / 2;
  const sim::Ps ticks = end / properties_.clock - access_began_ / properties_.clock;
  if (++ended_ > m_.warm_up) latencies_.push_back(ticks * properties_.clock);
  if (ended_ == m_.warm_up + m_.count) {
    std::exchange(finished_, nullptr)();
    return;
  }
  // Never the same time after the access before: nothing may fall into step with the refreshes of memory.
  After(random_.Below(kMostPause), [this] { Single(); });
}

// As many accesses as the engine and the link take.
void PcieBenchDevice::Stream() {
  const bool read = m_.probe == Probe::kReadStream;
  if (begun_ == m_.warm_up + m_.count) return;
  const unsigned most = !read                        ? kWritesInFlight
                        : m_.size_bytes > kSmallRead ? properties_.large_reads
                                                     : properties_.reads;
  if (in_flight_ == most) {
    waiting_ = true;
    return;
  }
  ++begun_;
  ++in_flight_;
  if (read) {
    StreamRead();
  } else {
    StreamWrite();
  }
}

void PcieBenchDevice::Next(sim::Ps interval) {
  After(interval, [this, measurement = measurement_] {
    if (measurement == measurement_) Stream();
  });
}

void PcieBenchDevice::StreamRead() {
  ReadMemory(NextAddress(), m_.size_bytes, buffer_.data(), 0,
             [this](pci::Completion) { After(properties_.read_end, [this] { StreamEnded(); }); });
  Next(properties_.read_interval);
}

void PcieBenchDevice::StreamWrite() {
  const uint64_t address = NextAddress();
  uint64_t wire_bytes = 0;
  for (uint32_t done = 0; done < m_.size_bytes;) {
    const uint32_t piece = std::min(m_.size_bytes - done, max_payload_bytes_);
    wire_bytes += pci::MemoryWriteBytes(address, piece, /*ecrc=*/false);
    done += piece;
  }
  WriteMemory(address, m_.size_bytes, buffer_.data(), 0, [this](pci::Completion) { StreamEnded(); });
  Next(std::max(properties_.write_interval, wire_.BusyTime(wire_bytes) + properties_.write_gap));
}

void PcieBenchDevice::StreamEnded() {
  --in_flight_;
  ++ended_;
  if (ended_ == m_.warm_up) first_counted_ = fabric().simulation().now();
  if (ended_ == m_.warm_up + m_.count) {
    last_counted_ = fabric().simulation().now();
    std::exchange(finished_, nullptr)();
    return;
  }
  if (std::exchange(waiting_, false)) Stream();
}

double PcieBenchDevice::rate() const {
  return m_.count / (static_cast<double>(last_counted_ - first_counted_) / static_cast<double>(sim::kSec));
}

}  // namespace pvpci::scenarios
