// SPDX-License-Identifier: Apache-2.0
// A guest that dies is a result: it stops alone, the report says where, and the exit code follows what the scenario
// expected. The line of each crash is looked up in driver/hostile/crash.c, not written down here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Row {
  const char* kind;
  const char* function;   // innermost frame
  const char* statement;  // its line starts with it
  const char* state;
  const char* report;
};

const Row kRows[] = {
    {"oops", "crash_oops", "*(volatile int *)8 = 1;", "crashed", "oops"},
    {"bug", "crash_bug", "BUG();", "crashed", "BUG"},
    {"panic", "crash", "panic(", "crashed", "panic"},
    {"stack_overflow", "crash_deep", "", "crashed", "stack overflow"},
    {"spin", "crash_spin", "", "hung", "hung"},
    {"wild_jump", "crash_wild_jump", "nowhere();", "crashed", "oops"},
};

const char* const kCrashFile = "driver/hostile/crash.c";

// 0 if no line starts with `statement`.
int LineOf(const std::string& statement) {
  std::istringstream text(ReadText(kCrashFile));
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    const size_t start = line.find_first_not_of('\t');
    if (start != std::string::npos && line.compare(start, statement.size(), statement) == 0) return number;
  }
  return 0;
}

const nlohmann::json& DomainOf(const ProgramRun& run, const std::string& name) {
  for (const auto& domain : run.result["domains"]) {
    if (domain["name"] == name) return domain;
  }
  throw std::invalid_argument("no domain " + name);
}

void ExpectReport(const ProgramRun& run, const std::string& domain, const Row& row) {
  const nlohmann::json& dead = DomainOf(run, domain);
  EXPECT_EQ(dead["state"], row.state);
  ASSERT_TRUE(dead["report"].is_object());
  EXPECT_EQ(dead["report"]["kind"], row.report);
  const nlohmann::json& top = dead["report"]["backtrace"][0];
  EXPECT_EQ(top["function"], row.function);
  EXPECT_EQ(top["file"], kCrashFile);
  if (*row.statement != 0) {
    EXPECT_EQ(top["line"], LineOf(row.statement));
  }
  EXPECT_GT(top["line"], 0);
  const std::string place =
      std::string(row.function) + " (" + kCrashFile + ":" + std::to_string(top["line"].get<int>()) + ")";
  EXPECT_THAT(ReadText(run.folder + "/console-" + domain + ".txt"), HasSubstr(place));
  EXPECT_THAT(run.output, HasSubstr(row.function));
}

class Dom0 : public testing::TestWithParam<Row> {};

TEST_P(Dom0, DiesAndTheDomUGoesOn) {
  const Row& row = GetParam();
  const std::string text = Replaced(ReadText("scenarios/crash_dom0.yaml"), "kind: oops", std::string("kind: ") + row.kind);

  const ProgramRun run = RunPvpci(WriteScenario("crash_dom0", text));

  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  EXPECT_EQ(run.result["verdict"], "holds");
  ExpectReport(run, "control", row);
  EXPECT_EQ(DomainOf(run, "driver")["state"], "running");
  // What ran in the domU after dom0's death: its last program, with OKAY for its transfers.
  const nlohmann::json& last = run.result["programs"].back();
  EXPECT_EQ(last["domain"], "driver");
  EXPECT_EQ(last["exit"], 0);
  EXPECT_THAT(last["stdout"], HasSubstr("OKAY"));
}

std::string RowName(const testing::TestParamInfo<Row>& info) { return info.param.kind; }

INSTANTIATE_TEST_SUITE_P(, Dom0, testing::ValuesIn(kRows), RowName);

TEST(DomU, DiesInEveryWayAndTheOthersGoOn) {
  const ProgramRun run = RunPvpci("crash_domU", {"--format", "text,html"});
  EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
  const char* const domains[] = {"oopses", "bugs", "panics", "overflows", "spins", "jumps"};
  for (size_t i = 0; i < std::size(kRows); ++i) ExpectReport(run, domains[i], kRows[i]);
  const std::string page = ReadText(run.folder + "/report.html");
  for (const Row& row : kRows) EXPECT_THAT(page, HasSubstr(row.function));
  EXPECT_THAT(page, HasSubstr(kCrashFile));
}

// The same crashes in a scenario that counted on living domains.
TEST(Verdict, IsViolatedWhereNobodyExpectedTheCrash) {
  for (const char* domain : {"driver", "control"}) {
    std::string text = ReadText("scenarios/crash_dom0.yaml");
    text = text.substr(0, text.find("  - crash:")) + "  - crash: {domain: " + domain +
           ", kind: bug}\n\nexpect:\n  - domains[*].state == running\n";
    const ProgramRun run = RunPvpci(WriteScenario("crash_dom0", text));
    EXPECT_EQ(run.exit_code, 1) << run.output << run.errors;
    EXPECT_EQ(run.result["verdict"], "violated");
    EXPECT_EQ(DomainOf(run, domain)["state"], "crashed");
  }
}

// No crash step: the domain dies inside a call that the scenario takes for harmless.
TEST(Verdict, IsViolatedWhenACallEndsInACrash) {
  std::string text = ReadText("scenarios/crash_dom0.yaml");
  text = text.substr(0, text.find("  - crash:")) +
         "  - attack: {domain: driver, function: crash, args: [oops], result: 0}\n\n"
         "expect:\n  - dma.escapes == 0\n";
  const ProgramRun run = RunPvpci(WriteScenario("crash_dom0", text));
  EXPECT_EQ(run.exit_code, 1) << run.output << run.errors;
  EXPECT_EQ(run.result["verdict"], "violated");
  EXPECT_THAT(run.output, HasSubstr("the domain stopped"));
}

}  // namespace
}  // namespace pvpci::scenarios
