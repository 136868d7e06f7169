// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::scenarios {
namespace {

using testing::ElementsAre;

TEST(Golden, LeavesOutWhatWasNeverRecorded) {
  EXPECT_TRUE(IsRecorded("domU ring request conf_read 0000:00:00.0 off=0x0 size=4 value=0x0"));
  EXPECT_TRUE(IsRecorded("domU hypercall event_channel_op send {port=8} = 0"));
  EXPECT_TRUE(IsRecorded("dom0 hypercall physdev_op setup_gsi {gsi=21 trig=1 pol=0} = -17"));
  EXPECT_FALSE(IsRecorded("dom0 hypercall event_channel_op send {port=21} = 0"));
  EXPECT_FALSE(IsRecorded("domU hypercall event_channel_op unmask {port=8} = 0"));
  EXPECT_FALSE(IsRecorded("domU hypercall sched_op poll {nr_ports=1 timeout=5} = 0"));
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
  const auto read = [](int offset) {
    return "domU ring request conf_read 0000:00:00.0 off=" + std::to_string(offset) + " size=4 value=0x0";
  };
  const TraceComparison comparison =
      CompareTraces({read(0), read(4), read(8), read(12)}, {read(0), read(8), read(10), read(12)});
  EXPECT_EQ(comparison.matched, 3u);
  EXPECT_DOUBLE_EQ(comparison.rate(), 0.75);
  ASSERT_EQ(comparison.differences.size(), 2u);
  EXPECT_EQ(comparison.differences[0].line, 2u);
  EXPECT_EQ(comparison.differences[0].golden, read(4));
  EXPECT_EQ(comparison.differences[1].bench, read(10));
  EXPECT_DOUBLE_EQ(CompareTraces({}, {}).rate(), 1.0);
}

}  // namespace
}  // namespace pvpci::scenarios
