// SPDX-License-Identifier: Apache-2.0
// Every shipped experiment, at its quick levels: each point holds, each finding comes out, and the files are the same
// whatever made them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> Experiments() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator("scenarios/experiments")) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Experiment : public testing::TestWithParam<std::string> {};

TEST_P(Experiment, HoldsAtItsQuickLevels) {
  const ProgramRun run = RunVerb({"sweep", GetParam(), "--quick"});

  ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
  const json document = json::parse(ReadText(run.folder + "/sweep.json"));
  EXPECT_FALSE(document["incomplete"]);
  EXPECT_GE(document["points"].size(), 2u);
  for (const json& point : document["points"]) {
    EXPECT_EQ(point["verdict"], "holds") << point["command"];
    bool measured = false;
    for (const auto& [name, value] : point["responses"].items()) measured = measured || !value.is_null();
    EXPECT_TRUE(measured) << point["command"];
    // Latency is exactly the sum of its parts.
    int64_t parts = 0;
    for (const json& part : point["interrupts"]["parts"]) parts += part["total_ps"].get<int64_t>();
    EXPECT_EQ(parts, point["interrupts"]["total_ps"]) << point["command"];
  }
  for (const json& finding : document["findings"]) EXPECT_NE(finding["held"], false) << finding.dump(2);
  EXPECT_THAT(ReadText(run.folder + "/index.html"), HasSubstr(document["name"].get<std::string>()));
}

INSTANTIATE_TEST_SUITE_P(All, Experiment, testing::ValuesIn(Experiments()),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

const char* kFiles[] = {"points.csv", "sweep.json", "index.html"};

TEST(Sweep, LeavesTheSameBytesWhateverRunsIt) {
  const ProgramRun one = RunVerb({"sweep", "kinds", "--quick", "--jobs", "1"});
  const ProgramRun many = RunVerb({"sweep", "kinds", "--quick", "--jobs", "3"});
  ASSERT_EQ(one.exit_code, 0) << one.errors;
  ASSERT_EQ(many.exit_code, 0) << many.errors;
  for (const char* file : kFiles) EXPECT_EQ(ReadText(one.folder + "/" + file), ReadText(many.folder + "/" + file)) << file;

}

TEST(Sweep, SliceLeavesItsPointsAndNoReport) {
  const ProgramRun slice = RunVerb({"sweep", "kinds", "--quick", "--points", "2..3"});
  EXPECT_EQ(slice.exit_code, 0) << slice.errors;
  EXPECT_FALSE(fs::exists(slice.folder + "/points/00001.json"));
  EXPECT_TRUE(fs::exists(slice.folder + "/points/00002.json"));
  EXPECT_TRUE(fs::exists(slice.folder + "/points/00003.json"));
  EXPECT_FALSE(fs::exists(slice.folder + "/points/00004.json"));
  for (const char* file : kFiles) EXPECT_FALSE(fs::exists(slice.folder + "/" + file)) << file;
}

// Where an upcall comes is the guest's and the hypervisor's business: between the guest's unmasking and the hypercall that
// lets a pending event in (xen_force_evtchn_callback) there are blocks, and a hook on them is no place for an upcall.
TEST(Sweep, CountingBlocksChangesNoTime) {
  const std::string text =
      "name: counted\nquestion: Is it the same?\nscenario: scenarios/experiments/machines/fan_out.yaml\n"
      "factors: {abi: {levels: [2l, fifo]}}\nmeasure: {since: events, domains: control, blocks: false}\n"
      "responses: [{name: event_ns, console: control, matches: 'an event takes ([0-9]+) ns'}]\n";
  std::vector<json> times;
  for (const std::string& each : {text, Replaced(text, "blocks: false", "blocks: true")}) {
    const ProgramRun run = RunVerb({"sweep", WriteScenario("counted", each), "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
    for (const json& point : run.result["points"]) times.push_back(point["responses"]["event_ns"]);
  }
  ASSERT_EQ(times.size(), 4u);
  EXPECT_FALSE(times[0].is_null());
  EXPECT_EQ(times[0], times[2]);
  EXPECT_EQ(times[1], times[3]);
}

// What --help gives to start with can be started with.
TEST(Sweep, RunsTheExampleOfItsHelp) {
  std::istringstream help(RunVerb({"sweep", "--help"}).output);
  std::string text, line;
  while (std::getline(help, line) && line.rfind("  name: ", 0) != 0) {
  }
  for (; !line.empty(); std::getline(help, line)) text += line.substr(2) + "\n";
  const ProgramRun run = RunVerb({"sweep", WriteScenario("my_sweep", text), "--json"});
  EXPECT_EQ(run.exit_code, 0) << text << run.errors;
  EXPECT_EQ(run.result["points"].size(), 6u);
}

// Each figure's interval holds its default, and a finding is decided by the same runs that made the intervals.
TEST(Sweep, FindsIntervalsAndDecidesFindings) {
  const std::string text =
      "name: decided\nquestion: What is decided?\nscenario: scenarios/experiments/machines/storm.yaml\n"
      "set: {steps.storm.storm.count: 20}\n"
      "factors: {wake: {set: machine.timing.vcpu_unblock, levels: [1 us, 4 us]}}\n"
      "measure: {domains: driver}\nresponses: [latency_p50_ns]\n"
      "findings:\n"
      "  - {response: latency_p50_ns, of: {wake: 4 us}, is: more, than: {wake: 1 us}, because: it is waited for}\n";
  const ProgramRun run = RunVerb({"sweep", WriteScenario("decided", text), "--json", "--intervals"});
  ASSERT_EQ(run.exit_code, 0) << run.errors;
  const json& intervals = run.result["intervals"];
  EXPECT_EQ(run.result["findings"][0]["decided"], "holds");
  for (const json& parameter : intervals["parameters"]) EXPECT_NE(parameter["name"], "timing.vcpu_unblock") << "the factor sets it";
  size_t moved = 0;
  for (const json& figure : intervals["figures"]) {
    EXPECT_LE(figure["low"], figure["default"]);
    EXPECT_LE(figure["default"], figure["high"]);
    moved += figure["low"] < figure["high"] ? 1 : 0;
  }
  EXPECT_GE(moved, 2u);
  EXPECT_THAT(ReadText(run.folder + "/points.csv"), HasSubstr("latency_p50_ns_least,latency_p50_ns_most"));
}

// The sign of a difference that an uncertain parameter makes is not decided, and it is named.
TEST(Intervals, NameTheParameterThatTurnsAClaim) {
  const std::string text = Replaced(ReadText("scenarios/experiments/machines/storm.yaml"), "  - interrupts[*].duplicated == 0",
                                    "  - {that: \"interrupts[msix].latency_ns.p50 < 6000\", because: three microseconds to wake}\n"
                                    "  - {that: \"interrupts[msix].latency_ns.p50 > 300\", because: it must cross the fabric}\n"
                                    "  - interrupts[*].duplicated == 0");
  const ProgramRun run = RunPvpci(WriteScenario("storm_undecided", text), {"--intervals", "--set", "steps.storm.storm.count=20"});
  ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_THAT(run.output, HasSubstr("interrupts[msix].latency_ns.p50 < 6000: not decided by known data"));
  std::string decided, by;
  for (const json& claim : run.result["intervals"]["claims"]) {
    if (claim["text"] == "interrupts[msix].latency_ns.p50 < 6000") {
      decided = claim["decided"];
      for (const json& name : claim["flipped_by"]) by += name.get<std::string>() + " ";
    }
    if (claim["text"] == "interrupts[msix].latency_ns.p50 > 300") {
      EXPECT_EQ(claim["decided"], "holds");
    }
  }
  EXPECT_EQ(decided, "not decided by known data");
  EXPECT_THAT(by, HasSubstr("timing.vcpu_unblock"));
  // The other hypervisor's value alone gives what the interval's end says.
  double most = 0;
  for (const json& figure : run.result["intervals"]["figures"]) {
    if (figure["figure"] != "latency_p50") continue;
    EXPECT_EQ(figure["most_sensitive"], "timing.vcpu_unblock");
    for (const json& sway : figure["sways"]) most = sway["parameter"] == "timing.vcpu_unblock" ? sway["high"].get<double>() : most;
  }
  const ProgramRun alone = RunPvpci(WriteScenario("storm_undecided", text),
                                    {"--set", "steps.storm.storm.count=20", "--set", "machine.timing.vcpu_unblock=8 us"});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_EQ(alone.result["interrupts"][0]["latency_ns"]["p50"], most);
}

TEST(Sweep, RefusesBadInputBeforeAnythingRuns) {
  const ProgramRun run = RunVerb({"sweep", "kinsd"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.errors, "pvpci: no experiment 'kinsd'; did you mean 'kinds'?\n");
}

}  // namespace
}  // namespace pvpci::scenarios
