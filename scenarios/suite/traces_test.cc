// SPDX-License-Identifier: Apache-2.0
// The traces of one run in every format: one number leads to the same interrupt in all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Variable {
  std::string name;
  unsigned width = 0;
  std::vector<std::pair<uint64_t, std::string>> changes;  // time and bits
};

// Value change dump, IEEE 1364-2005 18.2, strictly: every code is declared once, times do not fall, vectors fit.
std::map<std::string, Variable> ReadVcd(const std::string& text) {
  std::map<std::string, Variable> by_code;
  std::istringstream words(text);
  std::vector<std::string> scope;
  std::string word;
  bool body = false;
  uint64_t time = 0;
  while (words >> word) {
    if (word == "$comment" || word == "$timescale") {
      while (words >> word && word != "$end") {
      }
    } else if (word == "$scope") {
      std::string kind, name, end;
      words >> kind >> name >> end;
      EXPECT_EQ(kind + end, "module$end");
      scope.push_back(name);
    } else if (word == "$upscope") {
      EXPECT_FALSE(scope.empty());
      scope.pop_back();
      words >> word;
    } else if (word == "$var") {
      std::string kind, code, name, rest;
      unsigned width = 0;
      words >> kind >> width >> code >> name;
      while (words >> rest && rest != "$end") {
      }
      EXPECT_TRUE(kind == "wire" || kind == "integer") << kind;
      EXPECT_EQ(by_code.count(code), 0u) << code;
      by_code[code] = {scope.back() + "." + name, width, {}};
    } else if (word == "$enddefinitions") {
      words >> word;
      body = true;
      EXPECT_TRUE(scope.empty());
    } else if (word == "$dumpvars" || word == "$end") {
      continue;
    } else if (word[0] == '#') {
      const uint64_t next = std::strtoull(word.c_str() + 1, nullptr, 10);
      EXPECT_GE(next, time);
      time = next;
    } else {
      EXPECT_TRUE(body);
      std::string bits = word.substr(0, 1), code = word.substr(1);
      if (word[0] == 'b') {
        bits = word.substr(1);
        words >> code;
      }
      if (by_code.count(code) == 0) {
        ADD_FAILURE() << "no variable " << code;
        return {};
      }
      EXPECT_LE(bits.size(), by_code[code].width);
      EXPECT_EQ(bits.find_first_not_of("01x"), std::string::npos) << bits;
      by_code[code].changes.emplace_back(time, bits);
    }
  }
  std::map<std::string, Variable> by_name;
  for (auto& [code, variable] : by_code) by_name[variable.name] = variable;
  return by_name;
}

std::string At(const Variable& variable, uint64_t time) {
  std::string bits = "x";
  for (const auto& [when, value] : variable.changes) {
    if (when <= time) bits = value;
  }
  return bits;
}

class Traces : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    run_ = new ProgramRun(RunPvpci("latency_gate", {"--format", "trace,binary,perfetto,vcd,pcapng"}));
    ASSERT_EQ(run_->exit_code, 0) << run_->output << run_->errors;
  }
  static const json& Sample() { return run_->result["paths"][0]["samples"][0]; }
  static uint64_t Number() { return Sample()["interrupt"].get<uint64_t>(); }
  static uint64_t Asserted() { return Sample()["asserted_ps"].get<uint64_t>(); }
  static uint64_t Handled() { return Asserted() + Sample()["latency_ps"].get<uint64_t>(); }
  static ProgramRun* run_;
};
ProgramRun* Traces::run_ = nullptr;

TEST_F(Traces, TakeNothingFromTheRun) {
  EXPECT_EQ(RunPvpci("latency_gate").result["trace_digest"], run_->result["trace_digest"]);
}

TEST_F(Traces, BinaryTraceIsTheTextByteForByteInAtMost32BytesAnEvent) {
  const ProgramRun printed = RunVerb({"trace", run_->folder + "/trace.bin"});
  const std::string text = ReadText(run_->folder + "/trace.txt");
  EXPECT_EQ(printed.exit_code, 0) << printed.errors;
  EXPECT_TRUE(printed.output == text);
  const size_t events = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_LE(ReadText(run_->folder + "/trace.bin").size(), 32 * events);
  EXPECT_EQ(RunVerb({"trace", run_->folder + "/trace.txt"}).exit_code, 3);
}

TEST_F(Traces, OneNumberLeadsToTheSameInterruptEverywhere) {
  const std::string number = std::to_string(Number());
  // Text and binary: asserted, sent, handled at the times of the result.
  const ProgramRun lines = RunVerb({"trace", run_->folder + "/trace.bin", "--interrupt", number});
  EXPECT_THAT(lines.output, HasSubstr(std::to_string(Asserted()) + " xen interrupt " + number + " msix"));
  EXPECT_THAT(lines.output, HasSubstr("message " + number + "\n"));
  EXPECT_THAT(lines.output, HasSubstr("probe t6 interrupt " + number + " at " + std::to_string(Handled())));
  // Perfetto: an arrow that begins and ends then, in us.
  const json perfetto = json::parse(ReadText(run_->folder + "/trace.perfetto.json"));
  double begins = 0, ends = 0;
  std::map<int, std::string> processes;
  for (const json& event : perfetto["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "process_name") processes[event["pid"]] = event["args"]["name"];
    if (event.value("id", uint64_t{0}) != Number()) continue;
    if (event["ph"] == "s") begins = event["ts"];
    if (event["ph"] == "f") ends = event["ts"];
  }
  EXPECT_NEAR(begins * 1e6, static_cast<double>(Asserted()), 50) << "a double of a time in us";
  EXPECT_NEAR(ends * 1e6, static_cast<double>(Handled()), 50);
  // VCD: the device's and the domain's number change then.
  const auto vcd = ReadVcd(ReadText(run_->folder + "/trace.vcd"));
  std::string bits;
  for (uint64_t rest = Number(); rest != 0; rest /= 2) bits.insert(bits.begin(), rest % 2 != 0 ? '1' : '0');
  EXPECT_THAT(vcd.at("endpoint.interrupt").changes, ::testing::Contains(std::pair(Asserted(), bits)));
  EXPECT_THAT(vcd.at("driver.serving").changes, ::testing::Contains(std::pair(Handled(), bits)));
  // pcapng: the message's packet says so. The page shows it.
  EXPECT_THAT(ReadText(run_->folder + "/tlp.pcapng"), HasSubstr("interrupt " + number));
  EXPECT_THAT(ReadText(run_->folder + "/report.html"), HasSubstr("\"interrupt\":" + number));
}

// What must be so at the handler's entry of an edge interrupt: abi.md 3.4, 3.6.
TEST_F(Traces, ChangeDumpHoldsTheBitsOnTheWay) {
  const auto vcd = ReadVcd(ReadText(run_->folder + "/trace.vcd"));
  EXPECT_EQ(At(vcd.at("endpoint.msix_enable"), Asserted()), "1");
  EXPECT_EQ(At(vcd.at("endpoint.intx"), Asserted()), "0");
  EXPECT_EQ(At(vcd.at("driver.vcpu0_upcall_mask"), Handled()), "1") << "in the upcall";
  EXPECT_EQ(At(vcd.at("driver.vcpu0_upcall_mask"), Asserted()), "0") << "asleep in SCHEDOP_block";
  // One port goes pending when Xen sends the event, and is clear again when the handler runs.
  size_t ports = 0;
  for (const auto& [name, variable] : vcd) {
    if (name.rfind("driver.port", 0) != 0 || name.find("_pending") == std::string::npos) continue;
    const bool between = At(variable, Handled() - 600'000) == "1" && At(variable, Asserted()) == "0" && At(variable, Handled()) == "0";
    ports += between ? 1 : 0;
  }
  EXPECT_EQ(ports, 1u);
}

// Link type 147 is USER0: tshark shows its packets as data, and checks the whole file. Where it is not installed there is
// nothing to ask; scenarios/traces/traces_test.cc walks the blocks everywhere.
TEST_F(Traces, TsharkOpensTheCapture) {
  if (std::system("command -v tshark > /dev/null") != 0) GTEST_SKIP() << "tshark is not installed";
  const std::string command = "tshark -r " + run_->folder + "/tlp.pcapng -T fields -e frame.number -e frame.comment 2>&1 | grep -c 'interrupt " +
                              std::to_string(Number()) + "$' | grep -qx 1";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace pvpci::scenarios
