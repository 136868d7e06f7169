// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/machine/golden_reasons.h"

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;

constexpr const char* kAlloc =
    "domU hypercall event_channel_op alloc_unbound {dom=32752 rdom=0 port=0} -> {dom=32752 rdom=0 port=8} = 0";

std::string Read(int offset) {
  return "domU ring request conf_read 0000:00:00.0 off=" + std::to_string(offset) + " size=4 value=0x0";
}

// Only what lies between a frontend's probe and its last ring operation takes part.
std::vector<std::string> Scan(std::vector<std::string> lines) {
  lines.insert(lines.begin(), kAlloc);
  return lines;
}

TEST(Golden, LeavesOutWhatWasNeverRecorded) {
  const auto call = [](const char* line) { return IsRecorded(TraceKind::kCalls, line); };
  EXPECT_TRUE(call("domU ring request conf_read 0000:00:00.0 off=0x0 size=4 value=0x0"));
  EXPECT_TRUE(call("domU hypercall event_channel_op send {port=8} = 0"));
  EXPECT_TRUE(call("dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=0} = -17"));
  EXPECT_FALSE(call("dom0 hypercall event_channel_op send {port=21} = 0"));
  EXPECT_FALSE(call("domU hypercall event_channel_op unmask {port=8} = 0"));
  EXPECT_FALSE(call("domU hypercall sched_op poll {nr_ports=1 timeout=5} = 0"));
  EXPECT_FALSE(call("dom0 store WRITE /local/domain/0/backend/pci/1/0/state 2"));
  const auto write = [](const char* line) { return IsRecorded(TraceKind::kStore, line); };
  EXPECT_TRUE(write("dom0 store WRITE /local/domain/0/backend/pci/1/0/state 2"));
  EXPECT_TRUE(write("toolstack store RM /local/domain/1/device/pci/0"));
  EXPECT_FALSE(write("toolstack store WRITE /local/domain/1/name u"));
  EXPECT_FALSE(write("domU hypercall event_channel_op send {port=8} = 0"));
}

TEST(Golden, KeepsTheFrontendsPhase) {
  EXPECT_THAT(Phase(TraceKind::kCalls, {"domU hypercall event_channel_op bind_vcpu {port=1 vcpu=0} = 0", kAlloc, Read(0),
                                        "domU hypercall event_channel_op close {port=9} = 0"}),
              ElementsAre(kAlloc, Read(0)));
  EXPECT_TRUE(Phase(TraceKind::kCalls, {Read(0)}).empty());
  EXPECT_EQ(KindOf({Read(0)}), TraceKind::kCalls);
  EXPECT_EQ(KindOf({"toolstack store RM /local/domain/1/device/pci/0"}), TraceKind::kStore);
}

TEST(Golden, RenamesPublishedPortsAndGrants) {
  EXPECT_THAT(Normalise({"domU store WRITE /local/domain/1/device/pci/0/pci-op-ref 8",
                         "domU store WRITE /local/domain/1/device/pci/0/event-channel 6",
                         "domU store WRITE /local/domain/1/device/pci/0/magic 7"}),
              ElementsAre("domU store WRITE /local/domain/1/device/pci/0/pci-op-ref #1",
                          "domU store WRITE /local/domain/1/device/pci/0/event-channel #1",
                          "domU store WRITE /local/domain/1/device/pci/0/magic 7"));
}

TEST(Golden, RenamesPortsByFirstAppearanceInEachDomain) {
  EXPECT_THAT(Normalise({"domU hypercall event_channel_op alloc_unbound {dom=32752 rdom=0 port=0} -> {dom=32752 "
                         "rdom=0 port=8} = 0",
                         "dom0 hypercall event_channel_op bind_interdomain {rdom=1 rport=8 lport=0} -> {rdom=1 "
                         "rport=8 lport=21} = 0",
                         "domU hypercall event_channel_op send {port=8} = 0"}),
              ElementsAre("domU hypercall event_channel_op alloc_unbound {dom=32752 rdom=0 port=0} -> {dom=32752 "
                          "rdom=0 port=#1} = 0",
                          "dom0 hypercall event_channel_op bind_interdomain {rdom=1 rport=#1 lport=0} -> {rdom=1 "
                          "rport=#1 lport=#1} = 0",
                          "domU hypercall event_channel_op send {port=#1} = 0"));
}

TEST(Golden, CountsTheLongestCommonSubsequence) {
  const TraceComparison comparison = CompareTraces(Scan({Read(0), Read(4), Read(8), Read(12)}),
                                                   Scan({Read(0), Read(8), Read(10), Read(12)}));
  EXPECT_EQ(comparison.golden_lines, 5u);
  EXPECT_EQ(comparison.bench_lines, 5u);
  EXPECT_EQ(comparison.matched, 4u);
  EXPECT_DOUBLE_EQ(comparison.rate(), 0.8);
  ASSERT_EQ(comparison.differences.size(), 2u);
  EXPECT_EQ(comparison.differences[0].line, 3u);
  EXPECT_EQ(comparison.differences[0].golden, Read(4));
  EXPECT_EQ(comparison.differences[0].bench, "");
  EXPECT_EQ(comparison.differences[1].line, 5u);
  EXPECT_EQ(comparison.differences[1].golden, "");
  EXPECT_EQ(comparison.differences[1].bench, Read(10));
  EXPECT_DOUBLE_EQ(CompareTraces(Scan({Read(0)}), {}).rate(), 0.0);
  EXPECT_DOUBLE_EQ(CompareTraces({}, {}).rate(), 0.0);
}

TEST(Golden, PairsLinesThatDifferInValuesOnly) {
  const char* high = "dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=0} = -17";
  const char* low = "dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=1} = -17";
  const TraceComparison comparison = CompareTraces(Scan({high, Read(4)}), Scan({Read(0), low, Read(4)}));
  ASSERT_EQ(comparison.differences.size(), 2u);
  EXPECT_EQ(comparison.differences[0].line, 2u);
  EXPECT_EQ(comparison.differences[0].bench, Read(0));
  EXPECT_EQ(comparison.differences[1].line, 2u);
  EXPECT_EQ(comparison.differences[1].golden, high);
  EXPECT_EQ(comparison.differences[1].bench, low);
  EXPECT_EQ(comparison.differences[1].why, kUnexplained);
}

TEST(Golden, ExplainsARequestThatWasRecordedTwice) {
  const char* send = "domU hypercall event_channel_op send {port=8} = 0";
  const TraceComparison twice = CompareTraces(Scan({Read(0), Read(0), send, Read(4)}), Scan({Read(0), send, Read(4)}));
  ASSERT_EQ(twice.differences.size(), 1u);
  EXPECT_THAT(twice.differences[0].why, testing::HasSubstr("one request twice"));
  // A request that stands there alone is none.
  const TraceComparison once = CompareTraces(Scan({Read(0), Read(8), send, Read(4)}), Scan({Read(0), send, Read(4)}));
  ASSERT_EQ(once.differences.size(), 1u);
  EXPECT_EQ(once.differences[0].why, kUnexplained);
}

}  // namespace
}  // namespace pvpci::scenarios
