// SPDX-License-Identifier: Apache-2.0
#include "scenarios/traces/binary_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace pvpci::scenarios {
namespace {

// Records whose text is their payload.
class BinaryTraceOf : public ::testing::Test {
 protected:
  BinaryTraceOf() : trace_([this] { return now_; }) {
    trace_.SetFormatter(sim::RecordKind::kStore, [](const sim::RecordView& view) {
      return std::string(reinterpret_cast<const char*>(view.payload), view.size);
    });
    trace_.SetDomainName(1, "driver");
  }
  void Add(sim::Ps time, sim::DomId domain, const std::string& text) {
    now_ = time;
    trace_.Append(sim::RecordKind::kStore, domain, text.data(), static_cast<uint32_t>(text.size()));
  }
  // As trace.txt.
  static std::string Printed(const std::string& file) {
    std::string text;
    ReadBinaryTrace(file, [&](const BinaryTraceRecord& record) {
      text += std::to_string(record.time_ps) + " " + std::string(record.domain) + " " + std::string(record.text) + "\n";
    });
    return text;
  }
  std::string Text() const {
    std::ostringstream out;
    trace_.WriteText(out);
    return out.str();
  }
  sim::Ps now_ = 0;
  sim::Trace trace_;
};

TEST_F(BinaryTraceOf, AnyTextGivesTheSameBytesBack) {
  const std::vector<std::string> texts = {
      "probe t10 interrupt 17 at 123456789", "0x0 0x1f400000 0xdeadbeefdeadbeef -22", "0000:02:00.0 007 0", "0x 0xg 0x01 0X1F",
      "18446744073709551615 18446744073709551616 99999999999999999999999", "0xffffffffffffffff 0x10000000000000000",
      std::string("a\x01 b\x02 c\x03 1"), "", "x1y2z3", "/local/domain/1/device/pci/0/state = 4"};
  for (size_t i = 0; i < texts.size(); ++i) Add(1000 * i, i % 2 == 0 ? 1 : sim::kDomXen, texts[i]);
  Add(500, 1, "back in time");  // vCPUs are up to a quantum apart
  const std::string file = BinaryTrace(trace_, {"s", "M0", trace_.Digest(), 7});
  EXPECT_EQ(Printed(file), Text());
  const BinaryTraceHead head = ReadBinaryTrace(file, [](const BinaryTraceRecord&) {});
  EXPECT_EQ(head.scenario + head.mode, "sM0");
  EXPECT_EQ(head.seed, 7u);
  EXPECT_EQ(head.digest, trace_.Digest());
}

TEST_F(BinaryTraceOf, WordsAreToldOnce) {
  for (sim::Ps i = 0; i < 1000; ++i) Add(i * 1'000'000, 1, "probe t" + std::to_string(i % 11) + " interrupt " + std::to_string(i) + " at 1");
  const std::string file = BinaryTrace(trace_, {"s", "M0", "", 1});
  EXPECT_EQ(Printed(file), Text());
  EXPECT_LE(file.size(), 1000 * 12u);
}

TEST_F(BinaryTraceOf, WhatIsCutOffOrChangedIsRefused) {
  Add(1, 1, "one 1");
  Add(2, 1, "two 2");
  const std::string file = BinaryTrace(trace_, {"s", "M0", "", 1});
  for (size_t size = 0; size < file.size(); ++size) EXPECT_THROW(Printed(file.substr(0, size)), BinaryTraceError) << size;
  EXPECT_THROW(Printed(file + "x"), BinaryTraceError);
  EXPECT_THROW(Printed("PVPCITR2" + file.substr(8)), BinaryTraceError);
}

TEST(TellsOfInterrupt, KnowsWholeNumbers) {
  EXPECT_TRUE(TellsOfInterrupt("interrupt 17 msix 0000:01:00.0 0", 17));
  EXPECT_TRUE(TellsOfInterrupt("probe t4 interrupt 17 at 5", 17));
  EXPECT_TRUE(TellsOfInterrupt("bus write ... message 17", 17));
  EXPECT_FALSE(TellsOfInterrupt("interrupt 170 msix", 17));
  EXPECT_FALSE(TellsOfInterrupt("hypercall 17", 17));
}

}  // namespace
}  // namespace pvpci::scenarios
