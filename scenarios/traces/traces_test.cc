// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/pci/host_ports.h"
#include "scenarios/machine/trace_records.h"
#include "scenarios/traces/trace_files.h"

namespace pvpci::scenarios {
namespace {

using ::testing::HasSubstr;

constexpr uint16_t kFunction = 0x0200;  // 02:00.0
constexpr sim::DomId kDomain = 1;

// One MSI-X of 02:00.0 that reaches a handler of domain 1, a DMA read, a register write.
class Traces : public ::testing::Test {
 protected:
  Traces() : trace_([this] { return now_; }) {
    now_ = 1'000'123;
    trace_.Emit(sim::RecordKind::kInterrupt, sim::kDomXen,
                AssertedRecord{7, 0, kFunction, static_cast<uint16_t>(pci::InterruptKind::kMsix), 3});
    now_ = 1'300'000;
    trace_.Emit(sim::RecordKind::kProbe, sim::kDomXen, ProbeRecord{7, 1, 1'215'123});
    now_ = 3'000'000;
    trace_.Emit(sim::RecordKind::kProbe, kDomain, ProbeRecord{7, 6, 2'900'000});
    now_ = uint64_t{5} << 32;
    AccessRecord access{};
    access.bus_address = 0x1'2345'6784;
    access.host_address = access.bus_address;
    access.length_bytes = 6;
    access.requester = access.function = kFunction;
    access.fault = 6;
    trace_.Emit(sim::RecordKind::kBusAccess, sim::kDomXen, access);
    trace_.Emit(sim::RecordKind::kMmio, kDomain, RegisterRecord{0x10, 0xAABBCCDD, 0, kFunction, 0, 4, 1, 0});
  }
  sim::Ps now_ = 0;
  sim::Trace trace_;
};

uint32_t Word(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]);
  return value;
}

TEST_F(Traces, PerfettoLeadsFromDeviceToHandler) {
  TraceNames names;
  names.domains[kDomain] = "driver";
  names.device = [](pci::Bdf) { return "endpoint"; };
  const auto trace = nlohmann::json::parse(PerfettoTrace(trace_, names));
  std::string arrows;
  double begin = 0, end = 0;
  std::vector<std::string> parts;
  for (const auto& event : trace["traceEvents"]) {
    const std::string phase = event["ph"];
    if (phase == "s" || phase == "t" || phase == "f") {
      EXPECT_EQ(event["id"], 7);
      arrows += phase;
      if (phase == "s") begin = event["ts"];
      if (phase == "f") {
        end = event["ts"];
        EXPECT_EQ(event["pid"], 11);
      }
    }
    if (phase == "b") parts.push_back(event["name"]);
  }
  EXPECT_EQ(arrows, "stf");
  EXPECT_DOUBLE_EQ(begin, 1.000123);
  EXPECT_DOUBLE_EQ(end, 2.9);
  EXPECT_THAT(parts, ::testing::ElementsAre("MSI-X 3 #7", "fabric", "handler"));
  EXPECT_THAT(trace.dump(), HasSubstr("0000:02:00.0 endpoint"));
}

TEST_F(Traces, CaptureHoldsEachRequestAsAHeader) {
  const std::string file =
      TlpCapture(trace_, [](pci::Bdf, pci::RegisterSpace, uint64_t offset) { return 0xF000'0000 + offset; });
  std::vector<size_t> blocks;
  for (size_t at = 0; at < file.size(); at += Word(file, at + 4)) {
    ASSERT_GE(Word(file, at + 4), 12u);
    ASSERT_EQ(Word(file, at + 4) % 4, 0u);
    ASSERT_EQ(Word(file, at + Word(file, at + 4) - 4), Word(file, at + 4)) << "both lengths";
    blocks.push_back(at);
  }
  ASSERT_EQ(blocks.size(), 4u) << "section, interface, two packets; an assertion is none";
  EXPECT_EQ(Word(file, blocks[0]), 0x0A0D0D0Au);
  EXPECT_EQ(Word(file, blocks[2] + 12), 5u) << "upper half of the time, in ps";
  EXPECT_EQ(Word(file, blocks[2] + 16), 0u);
  const std::string read = file.substr(blocks[2] + 28, 16);
  EXPECT_EQ(read, std::string("\x20\x00\x00\x02"
                              "\x02\x00\x00\x3f"
                              "\x00\x00\x00\x01"
                              "\x23\x45\x67\x84",
                              16))
      << "MRd64, 2 dwords, the second half filled, requester 02:00.0";
  EXPECT_THAT(file, HasSubstr("stopped, VT-d reason 0x6"));
  const std::string write = file.substr(blocks[3] + 28, 16);
  EXPECT_EQ(write, std::string("\x40\x00\x00\x01"
                               "\x00\x00\x00\x0f"
                               "\xf0\x00\x00\x10"
                               "\xdd\xcc\xbb\xaa",
                               16))
      << "MWr32 of four bytes, the first in memory first";
}

}  // namespace
}  // namespace pvpci::scenarios
