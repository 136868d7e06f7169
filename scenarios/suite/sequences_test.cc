// SPDX-License-Identifier: Apache-2.0
// The orders of hypercalls, ring operations and store writes that abi.md 5.1 and 5.2 give, looked for in the trace of real
// runs. Each row of a sequence is a regular expression for one line; rows match in order, other lines may lie between.
// Transcribed from abi.md, not from output.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

// Every interrupt type once, then a second enable of MSI-X.
constexpr const char* kScenario = R"(
name: sequences
claim: Interrupts of one device are set up and torn down, each type once.
machine: {policy: msi_too}
domains:
  - {name: control, role: dom0}
  - {name: driver, role: domU, events: fifo}
devices:
  - {name: endpoint, model: endpoint_test, assigned_to: driver, msix_vectors: 4, msi_maskable: false}
steps:
  - boot: control
  - seize: endpoint
  - boot: driver
  - attach: endpoint
  - program: {domain: driver, run: pcitest -i 0, exit: 0}
  - program: {domain: driver, run: pcitest -i 1, exit: 0}
  - program: {domain: driver, run: pcitest -i 2, exit: 0}
  - program: {domain: driver, run: pcitest -i 0, exit: 0}
  - program: {domain: driver, run: pcitest -i 2, exit: 1}
expect:
  - domains[*].state == running
)";

using Lines = std::vector<std::string>;

Lines TraceOf(const std::vector<std::string>& options) {
  std::vector<std::string> words = {"--format", "text,trace"};
  words.insert(words.end(), options.begin(), options.end());
  const ProgramRun run = RunPvpci(WriteScenario("sequences", kScenario), words);
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  return TraceLines(run, {"driver hypercall", "driver ring", "driver store", "control store", "control hypercall grant",
                          "control hypercall event", "control hypercall physdev"});
}

Lines Matching(const Lines& lines, const std::string& pattern) {
  const std::regex wanted(pattern);
  Lines found;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(found),
               [&](const std::string& line) { return std::regex_search(line, wanted); });
  return found;
}

// Index after the last row's line; lines.size() + 1 if a row was not found.
size_t After(const Lines& lines, size_t from, const Lines& rows) {
  size_t at = from;
  for (const std::string& row : rows) {
    const std::regex wanted(row);
    while (at < lines.size() && !std::regex_search(lines[at], wanted)) ++at;
    if (at == lines.size()) {
      ADD_FAILURE() << "not in this order: " << row;
      return lines.size() + 1;
    }
    ++at;
  }
  return at;
}

std::string Port(const std::string& line) {
  std::smatch match;
  return std::regex_search(line, match, std::regex("-> \\{.*port=([0-9]+)\\}")) ? match[1].str() : "none";
}

// What the driver's domain asks of event channels and pirqs from line `from` on, to the first bind_vcpu: the calls of one
// request_irq.
Lines RequestIrq(const Lines& lines, size_t from) {
  Lines names;
  const std::regex call("^driver hypercall (event_channel_op|physdev_op) ([a-z_0-9]+)");
  for (size_t at = from; at < lines.size(); ++at) {
    std::smatch match;
    if (!std::regex_search(lines[at], match, call)) continue;
    if (match[2] == "expand_array" || match[2] == "unmask" || match[2] == "send") continue;  // FIFO's own; xenstore
    names.push_back(match[2]);
    if (names.back() == "bind_vcpu") break;
  }
  return names;
}

const Lines kWithEoi = {"bind_pirq", "irq_status_query", "eoi", "bind_vcpu"};
const Lines kWithoutEoi = {"bind_pirq", "irq_status_query", "bind_vcpu"};

class Sequences : public testing::TestWithParam<const char*> {
 protected:
  // One run for all tests of an ABI.
  static const Lines& Trace() {
    static std::map<std::string, Lines> traces;
    Lines& trace = traces[GetParam()];
    if (trace.empty()) trace = TraceOf({"--set", std::string("domains.driver.events=") + GetParam()});
    return trace;
  }
};

// abi.md 5.1.
TEST_P(Sequences, FromProbeToConnect) {
  const Lines& lines = Trace();
  const std::string front = "^driver store WRITE /local/domain/1/device/pci/0/";
  const size_t published = After(lines, 0,
                                 {"^driver hypercall event_channel_op alloc_unbound \\{dom=32752 rdom=0",
                                  "^driver hypercall event_channel_op bind_vcpu",
                                  front + "pci-op-ref", front + "event-channel", front + "magic 7$", front + "state 3$"});
  ASSERT_LE(published, lines.size());
  // Backend connects, the bounce pool is made contiguous, the bus is scanned over the ring, the frontend connects.
  After(lines, published,
        {"^control hypercall grant_table_op map_grant_ref .*status=0", "^control hypercall event_channel_op bind_interdomain",
         "^control store WRITE /local/domain/0/backend/pci/1/0/state 4$", "^driver hypercall memory_op exchange .* = 0$",
         "^driver ring request conf_read", front + "state 4$"});
}

// abi.md 5.1: "per config access send + n x SCHEDOP_poll"; 1.1 T20b: "each exactly one EVTCHNOP_send"; T20c.
TEST_P(Sequences, EachConfigAccessIsOneSendAndPolls) {
  const Lines& lines = Trace();
  const Lines made = Matching(lines, "^driver hypercall event_channel_op alloc_unbound");
  ASSERT_EQ(made.size(), 1u);
  const std::string send = "driver hypercall event_channel_op send {port=" + Port(made[0]) + "} = 0";
  size_t requests = 0, sends = 0, polls = 0, answers = 0;
  for (const std::string& line : lines) {
    if (line.rfind("driver ring request", 0) == 0) {
      EXPECT_EQ(sends, requests) << "an earlier access has not been sent once: " << line;
      ++requests;
    }
    sends += line == send;
    polls += line.rfind("driver hypercall sched_op poll {nr_ports=1", 0) == 0;
    answers += line.rfind("driver ring response", 0) == 0;
  }
  EXPECT_GE(requests, 256u);
  EXPECT_EQ(sends, requests);
  EXPECT_EQ(answers, requests);
  // n is 0 where pciback's worker, still in its loop over new operations, answers before pcifront first looks: do_pci_op
  // polls only while PCIF_active is set. On the whole it waits, many times an access (S4).
  EXPECT_GT(polls, requests);
  EXPECT_FALSE(Matching(lines, "^driver ring response conf_read 0000:00:1f\\.7 off=0x0 .* err=-1$").empty())
      << "an absent slot answers dev_not_found";
}

// abi.md 5.2, row INTx.
TEST_P(Sequences, OfIntx) {
  const Lines& lines = Trace();
  const size_t enabled = After(lines, 0, {"^driver ring request conf_read .* off=0x3c size=1 ",
                                          "^driver hypercall physdev_op irq_status_query .* = 0$"});
  const size_t bound = After(lines, enabled, {"^driver hypercall event_channel_op bind_pirq \\{pirq=[0-9]+ flags=1 .* = 0$"});
  ASSERT_LE(bound, lines.size());
  EXPECT_EQ(RequestIrq(lines, bound - 1), kWithEoi) << "a level interrupt: its bit is in the eoi map";
  After(lines, bound, {"^driver hypercall event_channel_op close \\{port=" + Port(lines[bound - 1]) + "\\} = 0$"});
}

// abi.md 5.2, rows MSI and "dom0 under it".
TEST_P(Sequences, OfMsi) {
  const Lines& lines = Trace();
  const size_t enabled =
      After(lines, 0, {"^driver ring request enable_msi ", "^control hypercall physdev_op map_pirq \\{dom=1 type=3 index=-1 pirq=-1 .* = 0$",
                       "^driver ring response enable_msi .* err=0$"});
  const size_t bound = After(lines, enabled, {"^driver hypercall event_channel_op bind_pirq \\{pirq=[0-9]+ flags=0 .* = 0$"});
  ASSERT_LE(bound, lines.size());
  EXPECT_EQ(RequestIrq(lines, bound - 1), kWithEoi) << "no mask bits: ACKTYPE_EOI (abi.md 3.6)";
  const size_t closed = After(lines, bound, {"^driver hypercall event_channel_op close \\{port=" + Port(lines[bound - 1]) + "\\} = 0$"});
  const size_t gone = After(lines, closed, {"^driver ring request conf_write .* off=0x4a ", "^driver ring request disable_msi ",
                                            "^control hypercall physdev_op unmap_pirq \\{dom=1 ",
                                            "^driver ring response disable_msi .* err=0$"});
  ASSERT_LE(gone, lines.size());
  EXPECT_TRUE(Matching(Lines(lines.begin() + static_cast<long>(closed), lines.begin() + static_cast<long>(gone)),
                       "^driver hypercall physdev_op").empty())
      << "teardown: no physdev";
}

// abi.md 5.2, row MSI-X, and S8: the write of ENABLE|MASKALL is refused with -3 and that is no failure; the last one, which
// clears MASKALL, writes what is there.
TEST_P(Sequences, OfMsix) {
  const Lines& lines = Trace();
  const Lines maps(4, "^control hypercall physdev_op map_pirq \\{dom=1 type=3 .*entry=[0-3] table=[1-9][0-9]*\\} .* = 0$");
  Lines rows = {"^driver ring request conf_write .* value=0xc003$", "^driver ring response conf_write .* err=-3$",
                "^driver ring request enable_msix .* value=0x4$"};
  rows.insert(rows.end(), maps.begin(), maps.end());
  rows.insert(rows.end(), {"^driver ring response enable_msix .* err=0$", "^driver ring request conf_write .* value=0x8003$",
                           "^driver ring response conf_write .* err=0$"});
  size_t at = After(lines, 0, rows);
  ASSERT_LE(at, lines.size());
  for (int vector = 0; vector < 4; ++vector) {
    at = After(lines, at, {"^driver hypercall event_channel_op bind_pirq \\{pirq=[0-9]+ flags=0 .* = 0$"});
    ASSERT_LE(at, lines.size());
    EXPECT_EQ(RequestIrq(lines, at - 1), kWithoutEoi) << "MSI-X: ACKTYPE_NONE (abi.md 3.6)";
  }
}

// abi.md S2.
TEST_P(Sequences, OfMsixTeardownSendTheWrongOperation) {
  const Lines& lines = Trace();
  const size_t on = After(lines, 0, {"^driver ring response enable_msix .* err=0$"});
  const size_t again = After(lines, on, {"^driver hypercall event_channel_op close", "^driver ring request disable_msi ",
                                         "^driver ring response disable_msi .* err=0$", "^driver ring request enable_msix "});
  ASSERT_LE(again, lines.size());
  const Lines between(lines.begin() + static_cast<long>(on), lines.begin() + static_cast<long>(again));
  EXPECT_TRUE(Matching(between, "^driver ring request disable_msix").empty());
  EXPECT_TRUE(Matching(between, "unmap_pirq").empty()) << "the pirqs stay mapped";
  // -EALREADY; on this error path the right operation is sent.
  After(lines, again, {"^driver ring response enable_msix .* err=-114$", "^driver ring request disable_msix "});
}

INSTANTIATE_TEST_SUITE_P(Abi, Sequences, testing::Values("2l", "fifo"),
                         [](const testing::TestParamInfo<const char*>& info) { return "events_" + std::string(info.param); });

// abi.md 3.6: with mask bits a plain MSI needs no EOI either.
TEST(Msi, WithMaskBitsNeedsNoEoi) {
  const Lines lines = TraceOf({"--set", "devices.endpoint.msi_maskable=true"});
  const size_t bound = After(lines, 0, {"^driver ring response enable_msi .* err=0$",
                                        "^driver hypercall event_channel_op bind_pirq \\{pirq=[0-9]+ flags=0 "});
  ASSERT_LE(bound, lines.size());
  EXPECT_EQ(RequestIrq(lines, bound - 1), kWithoutEoi);
}

// abi.md S5: without the map the flag of irq_status_query decides, and that is always set.
TEST(Msix, WithoutTheEoiMapAsksForEoi) {
  const Lines lines = TraceOf({"--set", "machine.xen.pirq_eoi_map=false"});
  const size_t bound = After(lines, 0, {"^driver ring response enable_msix .* err=0$",
                                        "^driver hypercall event_channel_op bind_pirq \\{pirq=[0-9]+ flags=0 "});
  ASSERT_LE(bound, lines.size());
  EXPECT_EQ(RequestIrq(lines, bound - 1), kWithEoi);
}

}  // namespace
}  // namespace pvpci::scenarios
