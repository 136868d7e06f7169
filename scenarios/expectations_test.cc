// SPDX-License-Identifier: Apache-2.0
#include "scenarios/expectations.h"

#include <gtest/gtest.h>

namespace pvpci::scenarios {
namespace {

const nlohmann::json& Result() {
  static const nlohmann::json result = nlohmann::json::parse(R"({
    "verdict": "holds", "seed": 1, "mode": "M0", "simulated_ps": 1234567,
    "dma": {"E0": {"accesses": 10, "bytes": 4096}, "E5": {"accesses": 2, "bytes": 8192}},
    "faults": [{"bdf": "0000:02:00.0", "reason": 6, "access": "read"}, {"bdf": "0000:02:00.0", "reason": 5}],
    "findings": [
      {"id": "F1", "class": "E5", "leaked_bytes_proven": 4096, "stopped_by": null, "cwe": ["CWE-668"],
       "victim": {"domain": "victim"},
       "programmed_by": {"backtrace": [{"function": "slurp", "file": "a.c", "line": 7}]}},
      {"id": "F2", "class": "E9", "leaked_bytes_proven": 0, "stopped_by": "reason 37", "victim": null}],
    "interrupts": [
      {"kind": "msix", "abi": "fifo", "domain": "a", "lost": 0, "latency_ns": {"p50": 1500.5}, "total_ps": 900},
      {"kind": "msix", "abi": "2l", "domain": "b", "lost": 3, "latency_ns": {"p50": 2500}, "total_ps": 1100}],
    "programs": [{"domain": "a", "argv": ["pcitest", "-b"], "exit": 0, "stdout": "BAR0:\t\tOKAY\n"},
                 {"domain": "a", "argv": ["pcitest", "-x"], "exit": 1, "stdout": "MSI-X9:\t\tNOT OKAY\n"}],
    "domains": [{"id": 0, "name": "dom0", "role": "dom0", "state": "running", "report": null},
                {"id": 1, "name": "a", "role": "domU", "state": "crashed",
                 "report": {"kind": "oops", "message": "NULL pointer dereference"}}],
    "console": {"a": "[0.1] <6> claiming resource 0\n[0.2] <6> claiming resource 1\n[0.3] <3> no more",
                "b": "[0.1] <6> up\n"},
    "trace": {"text": "1 a ring request x\n2 a ring response y\n3 b ring request x\n4 b ring request z\n",
              "steps": {"early": 0, "late": 39}},
    "hypercalls": [{"domain": "a", "name": "EVTCHNOP_send", "calls": 18446744073709551615, "failed": 0}]
  })");
  return result;
}

struct Row {
  const char* text;
  bool held;
  const char* actual;
};

const Row kRows[] = {
    {"verdict == holds", true, "holds"},
    {"mode != M1", true, "M0"},
    {"seed == 0x1", true, "1"},
    {"dma.E5.bytes == 8192", true, "8192"},
    {"dma.E7.bytes == 0", true, "0"},
    {"dma.escapes == 0", false, "2"},
    {"findings.count == 2", true, "2"},
    {"findings.E5 >= 1", true, "1"},
    {"findings.E7 == 0", true, "0"},
    {"findings[E5].leaked_bytes_proven == 4096", true, "4096"},
    {"findings[*].leaked_bytes_proven == 4096", false, "4096, 0"},
    {"any findings[*].leaked_bytes_proven == 4096", true, "4096, 0"},
    {"findings[E5].stopped_by == null", true, "null"},
    {"findings[E9].stopped_by != null", true, "reason 37"},
    {"findings[CWE-668].id == F1", true, "F1"},
    {"findings[victim.domain=victim].id == F1", true, "F1"},
    {"findings[E9].victim.domain == null", true, "null"},
    {"findings[E5].programmed_by.backtrace[#0].function == slurp", true, "slurp"},
    {"findings[E5].programmed_by.backtrace contains slurp", true, nullptr},
    {"findings[E7].id == F1", false, "no such entry"},
    {"interrupts[msix,fifo].lost == 0", true, "0"},
    {"interrupts[msix].lost == 0", false, "0, 3"},
    {"interrupts[fifo].latency_ns.p50 < 2 us", true, "1500.5"},
    {"interrupts[2l].latency_ns.p50 < 2us", false, "2500"},
    {"interrupts[*].total_ps <= 1.1 ns", true, "900, 1100"},
    {"interrupts[domain=a].abi == fifo", true, "fifo"},
    {"programs[#0].exit == 0", true, "0"},
    {"programs[*].exit == 0", false, "0, 1"},
    {"any programs[*].stdout contains \"BAR0:\t\tOKAY\"", true, nullptr},
    {"programs[#1].stdout matches \"MSI-X[0-9]+:.*NOT\"", true, nullptr},
    {"programs[#1].argv contains '-x'", true, "pcitest -x"},
    {"domains.a.state == crashed", true, "crashed"},
    {"domains[domU].state == crashed", true, "crashed"},
    {"domains.a.report.message matches 'NULL pointer'", true, "NULL pointer dereference"},
    {"domains.dom0.report == null", true, "null"},
    {"faults.count >= 1", true, "2"},
    {"faults[#0].reason == 6", true, "6"},
    {"any faults[*].reason == 5", true, "6, 5"},
    {"hypercalls[a,EVTCHNOP_send].calls == 18446744073709551615", true, nullptr},
    {"hypercalls[a,EVTCHNOP_send].calls > 0", true, nullptr},
    {"console[a] contains \"resource 1\"", true, "[0.2] <6> claiming resource 1"},
    {"console[b] contains resource", false, "none of 1 lines"},
    {"console[*] contains \"[0.1]\"", true, "[0.1] <6> claiming resource 0, [0.1] <6> up"},
    {"console[a] matches 'resource [1-9]$'", true, "[0.2] <6> claiming resource 1"},
    {"console[a] matches 'claiming.*no more'", false, "none of 3 lines"},
    {"console[a,\"claiming\"].lines == 2", true, "2"},
    {"console[a,\"claiming\",'0.2'].lines == 1", true, "1"},
    {"console[a,\"claiming\"] contains \"resource 1\"", true, "[0.2] <6> claiming resource 1"},
    {"console[*].lines >= 2", false, "3, 1"},
    {"console[a,\"nothing\"].lines == 0", true, "0"},
    {"console[nobody].lines == 0", false, "no such entry"},
    {"trace[\"ring request\"].lines == 3", true, "3"},
    {"trace[\"ring request\",\"b \"].lines == 2", true, "2"},
    {"trace[since=late,\"ring\"].lines == 2", true, "2"},
    {"trace[until=late,\"ring\"].lines == 2", true, "2"},
    {"trace[since=late,until=early,\"ring\"].lines == 0", true, "0"},
    {"trace[since=skipped,\"ring\"].lines == 0", false, "no such entry"},
    {"trace[since=late,\"ring\"] contains \"b ring request z\"", true, "4 b ring request z"},
    {"simulated_ps < 1 s", true, "1234567"},
};

TEST(Expectations, AnswerWithWhatIs) {
  for (const Row& row : kRows) {
    const Outcome outcome = Evaluate(ParseExpectation(row.text), Result());
    EXPECT_EQ(outcome.held, row.held) << row.text << ": " << outcome.actual;
    EXPECT_EQ(outcome.text, row.text);
    if (row.actual != nullptr) {
      EXPECT_EQ(outcome.actual, row.actual) << row.text;
    }
  }
}

TEST(Expectations, PointAtTheMistake) {
  const struct {
    const char* text;
    size_t offset;
  } rows[] = {
      {"", 0},          {"   ", 3},      {"dmx.E5 == 1", 0},          {"dma == 1", 3},
      {"dma.E5", 6},    {"dma.E5.bytes 4", 13}, {"dma.E5.bytes ==", 15}, {"dma.E5.bits == 1", 7},
      {"findings[ == 1", 10}, {"findings[*.x == 1", 10}, {"findings.id == F1", 9}, {"verdict.x == 1", 8},
      {"verdict < holds", 10}, {"verdict == a b", 13}, {"verdict matches '['", 16}, {"findings[#x].id == F1", 11},
      {"dma.escapes.bytes == 0", 12}, {"console == 1", 7}, {"console.a == 1", 8}, {"console[a].line == 1", 11},
      {"console[a,\"x].lines == 1", 10}, {"findings[\"x\"].id == F1", 9}, {"console[a,b].lines == 1", 8},
      {"trace == 1", 5}, {"trace[*].lines == 1", 6}, {"trace[a,\"x\"].lines == 1", 6}, {"trace[\"x\"].line == 1", 11},
  };
  for (const auto& row : rows) {
    try {
      ParseExpectation(row.text);
      ADD_FAILURE() << "accepted: " << row.text;
    } catch (const ExpectationError& error) {
      EXPECT_EQ(error.offset, row.offset) << row.text << ": " << error.what();
    }
  }
}

TEST(Expectations, KnowTheScenariosDomains) {
  const ExpectationNames names{{"control", "driver"}};
  EXPECT_NO_THROW(ParseExpectation("domains.driver.state == running", names));
  EXPECT_NO_THROW(ParseExpectation("domains[domU].state == running", names));
  EXPECT_THROW(ParseExpectation("domains.drvier.state == running", names), ExpectationError);
  const ExpectationNames labels{{}, {"unload"}};
  EXPECT_NO_THROW(ParseExpectation("trace[since=unload,\"x\"].lines == 1", labels));
  EXPECT_THROW(ParseExpectation("trace[until=unlaod,\"x\"].lines == 1", labels), ExpectationError);
  EXPECT_NO_THROW(ParseExpectation("console[driver] contains x", names));
  EXPECT_THROW(ParseExpectation("console[drvier] contains x", names), ExpectationError);
  EXPECT_THROW(ParseExpectation("hypercalls[domain=nobody].calls == 1", names), ExpectationError);
}

TEST(Expectations, AskTheStore) {
  const nlohmann::json result = {
      {"domains", {{{"id", 0}, {"name", "control"}}, {{"id", 3}, {"name", "driver"}}}},
      {"store",
       {{{"path", "/local/domain/0/backend/pci/3/0/state"},
         {"value", "4"},
         {"history", "1 2 3 4"},
         {"writers", "toolstack control control control"},
         {"together", ""}},
        {{"path", "/local/domain/3/device/pci/0/magic"},
         {"value", nullptr},
         {"history", "7 -"},
         {"writers", "driver toolstack"},
         {"together", "pci-op-ref event-channel magic"}}}}};
  const struct {
    const char* text;
    bool held;
  } rows[] = {
      {"store[driver.be/state] == 4", true},
      {"store[\"driver.be/state\"] == 5", false},
      {"store['/local/domain/0/backend/pci/3/0/state'].history == \"1 2 3 4\"", true},
      {"store[driver.be/state].writers contains \"toolstack control\"", true},
      {"store[driver.fe/magic] == null", true},
      {"store[driver.fe/magic].history matches '^7 -$'", true},
      {"store[driver.fe/magic].together contains event-channel", true},
      {"store[driver.home/never/written] == null", true},
      {"store[driver.home/never/written].history == \"\"", true},
      {"store[control.be/state] == 4", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Evaluate(ParseExpectation(row.text, {{"control", "driver"}}), result).held, row.held) << row.text;
  }
  for (const char* text : {"store == 1", "store.count == 1", "store[driver.be/state].path == 1", "store[#0].value == 1",
                           "store[value=1].value == 1", "store[nobody.be/state] == 1", "store[driver.x/state] == 1"}) {
    EXPECT_THROW(ParseExpectation(text, {{"control", "driver"}}), ExpectationError) << text;
  }
}

TEST(Expectations, HoldForNothingWithoutEntries) {
  const nlohmann::json empty = {{"interrupts", nlohmann::json::array()}};
  EXPECT_FALSE(Evaluate(ParseExpectation("interrupts[*].lost == 0"), empty).held);
  EXPECT_TRUE(Evaluate(ParseExpectation("interrupts.count == 0"), empty).held);
}

}  // namespace
}  // namespace pvpci::scenarios
