// SPDX-License-Identifier: Apache-2.0
#include "scenarios/call_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pvpci::scenarios {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kCalls = {"bind_pirq {pirq=16 flags=1 port=0} -> {pirq=16 flags=1 port=9} = 0",
                                         "send {port=2} = 0", "eoi {irq=16} = 0"};

TEST(CallOrder, TakesCallsOutOfTraceLines) {
  const std::vector<std::string> of = {"physdev_op", "multicall"};
  EXPECT_EQ(CallText("1200 driver hypercall physdev_op eoi {irq=16} = 0", of), "eoi {irq=16} = 0");
  EXPECT_EQ(CallText("1200 driver hypercall multicall {count=4} = 0", of), "multicall {count=4} = 0");
  EXPECT_EQ(CallText("1200 driver hypercall sched_op block = 0", of), std::nullopt);
  EXPECT_EQ(CallText("1200 driver ring request conf_read", of), std::nullopt);
}

TEST(CallOrder, MatchesStartsWithWildcards) {
  EXPECT_TRUE(CompareCalls(kCalls, {"bind_pirq {pirq=* flags=1*port=9} = 0", "eoi"}, {"send"}).same);
  EXPECT_TRUE(CompareCalls({}, {}, {}).same);
  EXPECT_TRUE(CompareCalls(kCalls, {}, {"*"}).same);
}

TEST(CallOrder, SaysWhereItDiffers) {
  EXPECT_THAT(CompareCalls(kCalls, {"bind_pirq", "eoi"}, {}).actual, HasSubstr("send {port=2} = 0 for 'eoi'"));
  EXPECT_THAT(CompareCalls(kCalls, {"bind_pirq"}, {"send"}).actual, HasSubstr("then eoi {irq=16} = 0"));
  const CallOrder missing = CompareCalls(kCalls, {"bind_pirq", "send", "eoi", "bind_vcpu"}, {});
  EXPECT_FALSE(missing.same);
  EXPECT_THAT(missing.actual, HasSubstr("nothing for 'bind_vcpu'"));
  EXPECT_FALSE(CompareCalls(kCalls, {"bind_pirq {pirq=17"}, {"send", "eoi"}).same);
}

}  // namespace
}  // namespace pvpci::scenarios
