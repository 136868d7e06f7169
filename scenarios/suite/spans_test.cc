// SPDX-License-Identifier: Apache-2.0
// The span record: each named part on a run whose steps or parameters say how long it must be; sums are exact everywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

void ExpectExactSums(const json& result) {
  const auto sum = [](const json& parts, const char* key) {
    int64_t total = 0;
    for (const json& part : parts) total += part[key].get<int64_t>();
    return total;
  };
  for (const json& row : result["interrupts"]) {
    SCOPED_TRACE(row["source"].dump() + row["kind"].dump());
    EXPECT_EQ(sum(row["parts"], "total_ps"), row["total_ps"].get<int64_t>());
    EXPECT_EQ(sum(row["tail_parts"], "total_ps"), row["eoi_tail_ps"].get<int64_t>());
    if (!row["coalescing"].is_null()) {
      EXPECT_EQ(sum(row["coalescing"]["parts"], "total_ps"), row["coalescing"]["total_ps"].get<int64_t>());
    }
  }
  for (const json& path : result["paths"]) {
    for (const json& sample : path["samples"]) EXPECT_EQ(sum(sample["parts"], "ps"), sample["latency_ps"].get<int64_t>());
  }
}

// Total of the parts of all rows whose name ends so.
int64_t Total(const json& result, const std::string& end) {
  int64_t total = 0;
  for (const json& row : result["interrupts"]) {
    for (const json& part : row["parts"]) {
      const std::string name = part["name"];
      if (name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0) total += part["total_ps"].get<int64_t>();
    }
  }
  return total;
}

// vcpu_unblock is 3 us (timing.md A7), every interrupt of an idle vCPU waits for it.
TEST(SpanParts, AWakeIsAsLongAsItsParameter) {
  const ProgramRun run = RunPvpci("latency_gate");
  ExpectExactSums(run.result);
  EXPECT_EQ(Total(run.result, "_wake"), run.result["interrupts"][0]["delivered"].get<int64_t>() * 3'000'000);
  EXPECT_EQ(Total(run.result, "_switch"), 0);
}

// On processors that two domains' vCPUs share, a wake costs domain_switch, 5 us, whenever the other one ran there before.
TEST(SpanParts, ASwitchFromAnotherDomainIsAPartOfItsOwn) {
  const ProgramRun run = RunPvpci("many_vcpus");
  ExpectExactSums(run.result);
  EXPECT_GT(Total(run.result, "_switch"), 0);
  EXPECT_EQ(Total(run.result, "_switch") % 5'000'000, 0);
}

// One a microsecond is more than a vCPU can take: events merge while PENDING is set, and are served by its upcall's own loop.
TEST(SpanParts, MergedAssertionsHaveALatencyOfTheirOwn) {
  const ProgramRun run = RunPvpci("storm_knee");
  ExpectExactSums(run.result);
  for (const json& row : run.result["interrupts"]) {
    ASSERT_FALSE(row["coalescing"].is_null());
    EXPECT_GT(row["coalesced"].get<int64_t>(), 5000);
    EXPECT_LE(row["coalescing"]["count"], row["coalesced"]);
    EXPECT_GT(row["coalescing"]["count"].get<int64_t>(), row["coalesced"].get<int64_t>() / 2);
    EXPECT_EQ(row["coalescing"]["parts"][1]["name"], "t2_t6_coalesced");
    // The one that it was merged into was asserted earlier, and both are served at once.
    EXPECT_LT(row["coalescing"]["latency_ns"]["p50"].get<double>(), row["latency_ns"]["max"].get<double>());
  }
  EXPECT_GT(Total(run.result, "_masked_upcall"), 0) << "pended while the upcall before was under way";
}

// The line's EOI comes from the guest, or after a millisecond from Xen (abi.md 3.8); a posted write of the handler makes it
// come twice in interrupt_latency, and each tail is told by its parts.
TEST(SpanParts, MasksPausesAndForcedEoisAreNamed) {
  for (const char* kernel_abi : {"2l", "fifo"}) {
    const ProgramRun run = RunPvpci("masking_window", {"--set", std::string("domains.driver.events=") + kernel_abi});
    EXPECT_EQ(run.exit_code, 0) << run.output;
    ExpectExactSums(run.result);
  }
}

// irq_move gives the interrupt to the next vCPU while it pends now and then: who took it is told, and the time until then.
TEST(SpanParts, AMoveToAnotherVcpuIsNamedAndCounted) {
  const std::string text = Replaced(ReadText("scenarios/experiments/machines/affinity.yaml"), "1, 3, 0, 1000]", "1, 3, 600, 61]");
  const ProgramRun run = RunPvpci(WriteScenario("affinity", text));
  EXPECT_EQ(run.exit_code, 0) << run.output;
  ExpectExactSums(run.result);
  EXPECT_GT(run.result["interrupts"][0]["vcpu_moves"].get<int>(), 100) << "600 moves, 2000 interrupts";
  EXPECT_LE(run.result["interrupts"][0]["vcpu_moves"].get<int>(), 600);
}

// plx_dma's handler schedules a tasklet: TASKLET_SOFTIRQ is raised in the handler and runs at the end of its upcall. The
// device wrote its completion before the message.
TEST(SpanChain, LeadsFromDmaToTheBottomHalf) {
  const ProgramRun run = RunPvpci("dmatest", {"--blocks"});
  ASSERT_EQ(run.exit_code, 0) << run.output;
  size_t chains = 0;
  for (const json& path : run.result["paths"]) {
    for (const json& sample : path["samples"]) {
      SCOPED_TRACE(sample.dump());
      ASSERT_FALSE(sample["dma"].is_null());
      EXPECT_THAT(sample["dma"]["last"].get<std::string>(), HasSubstr("bus write " + path["interrupts"]["source"].get<std::string>()));
      EXPECT_LE(sample["dma"]["last_ps"].get<int64_t>(), sample["asserted_ps"].get<int64_t>() + sample["parts"][0]["ps"].get<int64_t>());
      for (const json& half : sample["bottom_halves"]) {
        if (half["what"] != "softirq") continue;
        ++chains;
        EXPECT_GE(half["queued_ps"].get<int64_t>(), sample["latency_ps"].get<int64_t>()) << "in the handler";
        ASSERT_FALSE(half["began_ps"].is_null());
        EXPECT_GT(half["began_ps"].get<int64_t>(), half["queued_ps"].get<int64_t>());
      }
    }
  }
  EXPECT_GT(chains, 0u);
}

}  // namespace
}  // namespace pvpci::scenarios
