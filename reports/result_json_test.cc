// SPDX-License-Identifier: Apache-2.0
#include "reports/result_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "reports/json_text.h"
#include "reports/sample_result.h"
#include "reports/schema_check.h"

namespace pvpci::reports {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<Result> Samples() {
  return {SampleHonestDma(),          SampleSlurp(Mode::kM0),   SampleSlurp(Mode::kM1), SampleForgedMsi(Mode::kM1),
          SampleForgedMsi(Mode::kM2), SampleInterruptLatency(), SampleTrouble(),        Result{}};
}

Result Named() {
  Result result;
  result.scenario = "x";
  return result;
}

SchemaChecker Checker() { return SchemaChecker(json::parse(ResultSchemaText())); }

TEST(ResultJson, EverySampleFitsTheSchema) {
  for (Result& result : Samples()) {
    if (result.scenario.empty()) result.scenario = "empty";
    EXPECT_NO_THROW(WriteResultJson(result)) << result.scenario;
  }
}

TEST(ResultJson, ReadsWhatItWrites) {
  for (Result& result : Samples()) {
    if (result.scenario.empty()) result.scenario = "empty";
    const std::string text = WriteResultJson(result);
    EXPECT_EQ(WriteResultJson(ReadResultJson(text)), text) << result.scenario;
  }
}

TEST(ResultJson, HasEveryKeyOfTheContractAtTheTop) {
  // spec/result.md, in its order, then what goes beyond it.
  std::vector<std::string> keys;
  const ordered_json document = ToJson(Named());
  for (const auto& [key, value] : document.items()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("schema", "scenario", "claim", "verdict", "seed", "mode", "trace_digest",
                                "simulated_ps", "kernels", "originals", "changes", "programs", "emulated", "domains",
                                "dma", "faults", "findings", "interrupts", "hypercalls", "expectations", "incomplete",
                                "reproduce", "verdict_reason", "embargo", "iommu", "attack", "sub_page", "paths", "intervals", "view"));
}

TEST(ResultJson, WritesAbsentValuesAsNull) {
  Result result = SampleSlurp(Mode::kM0);
  result.findings[0].programmed_by.reset();
  const ordered_json finding = ToJson(result)["findings"][0];
  EXPECT_TRUE(finding["programmed_by"].is_null());
  EXPECT_TRUE(finding["mapped_by"].is_null());
  EXPECT_TRUE(finding["stopped_by"].is_null());
}

TEST(ResultJson, WritesTheContractsUnits) {
  const ordered_json document = ToJson(SampleSlurp(Mode::kM0));
  EXPECT_EQ(document["findings"][0]["address"], "0x1f400000");
  EXPECT_EQ(document["findings"][0]["mfn"], "0x1f400");
  EXPECT_EQ(document["dma"]["E5"]["bytes"], 4096);
  EXPECT_TRUE(document["simulated_ps"].is_number_integer());
}

TEST(ResultJson, WritesNanosecondsWithThreeDecimals) {
  Result result = Named();
  Interrupt row;
  row.source = "0000:02:00.0";
  row.asserted = row.delivered = 1;
  row.latency = Latency{1, 1000, 1234, 1234567, 9007199254740};
  row.total_ps = 5;
  row.parts = {{"t0_t6_all", 5, 5, 5}};
  result.interrupts = {row};
  const std::string text = WriteResultJson(result);
  EXPECT_THAT(text, HasSubstr(R"({"min": 0.001, "p50": 1.000, "p90": 1.234, "p99": 1234.567, "max": 9007199254.740})"));
  EXPECT_EQ(ReadResultJson(text).interrupts[0].latency->max, 9007199254740u);
}

TEST(ResultJson, KeepsTheExtremesOfIntegers) {
  Result result = Named();
  result.seed = UINT64_MAX;
  result.simulated_ps = sim::kNever;
  const Result read = ReadResultJson(WriteResultJson(result));
  EXPECT_EQ(read.seed, UINT64_MAX);
  EXPECT_EQ(read.simulated_ps, sim::kNever);
}

TEST(ResultJson, ReplacesWhatIsNotUtf8) {
  Result result = Named();
  result.programs = {{"d", {"a"}, 0, "\xff\xc0\x80 ok"}};
  const json read = json::parse(WriteResultJson(result));
  EXPECT_EQ(read["programs"][0]["stdout"], "\uFFFD\uFFFD\uFFFD ok");
}

struct Break {
  const char* name;
  std::function<void(Result*)> apply;
  const char* complaint;
};

TEST(ResultJson, RefusesAResultThatBreaksTheContract) {
  const Break kBreaks[] = {
      {"no name", [](Result* r) { r->scenario.clear(); }, "scenario"},
      {"digest", [](Result* r) { r->trace_digest = "1234"; }, "trace_digest"},
      {"original's digest", [](Result* r) { r->originals[0].sha256 = "ABC"; }, "originals/0/sha256"},
      {"more lines than there are",
       [](Result* r) { r->originals[0].lines_covered = r->originals[0].lines_coverable + 1; }, "originals/0: "},
      {"change's digest", [](Result* r) { r->changes[0].sha256 = ""; }, "changes/0/sha256"},
      {"program without a name",
       [](Result* r) {
         r->programs = {{"d", {}, 0, ""}};
       },
       "programs/0/argv"},
      {"emulated, never called", [](Result* r) { r->emulated[0].calls = 0; }, "emulated/0/calls"},
      {"negative count", [](Result* r) { r->hypercalls[0].calls = -1; }, "hypercalls/0/calls"},
      {"BDF", [](Result* r) { r->findings[0].device.bdf = "02:00.0"; }, "findings/0/device/bdf"},
      {"CWE", [](Result* r) { r->findings[0].cwe = {"668"}; }, "findings/0/cwe/0"},
      {"unknown mode", [](Result* r) { r->findings[0].other_modes["M3"] = "?"; }, "findings/0/other_modes/M3"},
      {"unknown class",
       [](Result* r) {
         r->dma[static_cast<DmaClass>(99)] = {1, 1};
       },
       "dma/?"},
      {"part's name", [](Result* r) { r->interrupts[0].parts[0].name = "fabric"; }, "interrupts/0/parts/0/name"},
      {"parts do not add up", [](Result* r) { ++r->interrupts[0].total_ps; }, "the parts add up"},
      {"lost unnoticed", [](Result* r) { ++r->interrupts[0].asserted; }, "asserted are not"},
      {"percentiles", [](Result* r) { r->interrupts[0].latency->p50 = 0; }, "not in order"},
      {"latency without delivery", [](Result* r) { r->interrupts[0].latency.reset(); }, "latency_ns is null"},
      {"two findings, one id", [](Result* r) { r->findings.push_back(r->findings[0]); }, "F1"},
      {"overlapping frames", [](Result* r) { r->view.memory[1].start_mfn = 0; }, "view/memory"},
      {"orphan", [](Result* r) { r->view.topology[1].parent = "nobody"; }, "before its parent"},
  };
  for (const Break& row : kBreaks) {
    Result result = SampleSlurp(Mode::kM0);
    row.apply(&result);
    try {
      WriteResultJson(result);
      ADD_FAILURE() << row.name << " was accepted";
    } catch (const std::logic_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.complaint)) << row.name;
    }
  }
}

TEST(ResultJson, DoesNotCheckSumsOfAnInterruptedRun) {
  Result result = SampleSlurp(Mode::kM0);
  ++result.interrupts[0].asserted;
  result.incomplete = true;
  EXPECT_NO_THROW(WriteResultJson(result));
}

TEST(ResultSchema, RefusesADocumentWithAnyKeyMissing) {
  const SchemaChecker checker = Checker();
  const ordered_json whole = ToJson(SampleTrouble());
  // Removes each key of each object in turn. Keys of maps may go: they are named by what occurred.
  int removed = 0;
  std::function<void(ordered_json&, const ordered_json&, const std::string&)> visit =
      [&](ordered_json& document, const ordered_json& at, const std::string& pointer) {
        if (at.is_array() && !at.empty()) visit(document, at[0], pointer + "/0");
        if (!at.is_object()) return;
        const bool map = pointer == "/dma" || pointer == "/findings/0/other_modes" || pointer == "/view/settings";
        for (const auto& [key, child] : at.items()) {
          if (!map) {
            ordered_json broken = document;
            broken[ordered_json::json_pointer(pointer)].erase(key);
            EXPECT_THAT(checker.Check(broken), Not(IsEmpty())) << pointer << "/" << key;
            ++removed;
          }
          visit(document, child, pointer + "/" + key);
        }
      };
  ordered_json document = whole;
  ASSERT_THAT(checker.Check(document), IsEmpty());
  visit(document, whole, "");
  EXPECT_GT(removed, 150);
}

TEST(ResultSchema, RefusesWrongTypes) {
  const SchemaChecker checker = Checker();
  const ordered_json whole = ToJson(SampleSlurp(Mode::kM0));
  const std::pair<const char*, ordered_json> kWrong[] = {
      {"/schema", 2},           {"/verdict", "maybe"},       {"/simulated_ps", 1.5},
      {"/findings", nullptr},   {"/dma/E5/bytes", "4096"},   {"/dma/E5", 1},
      {"/incomplete", "no"},    {"/findings/0/address", 1},  {"/findings/0/address", "0x01"},
      {"/domains/0/state", ""}, {"/interrupts/0/parts", {}}, {"/view/memory/runs/0", {1, 2}},
  };
  for (const auto& [pointer, value] : kWrong) {
    ordered_json broken = whole;
    broken[ordered_json::json_pointer(pointer)] = value;
    if (std::string(pointer) == "/interrupts/0/parts")
      broken[ordered_json::json_pointer(pointer)] = ordered_json::object();
    EXPECT_THAT(checker.Check(broken), Not(IsEmpty())) << pointer << " = " << value;
  }
  ordered_json more = whole;
  more["surprise"] = 1;
  EXPECT_THAT(checker.Check(more), ElementsAre("surprise: no such key"));
}

TEST(SchemaChecker, RefusesASchemaItDoesNotUnderstand) {
  EXPECT_THROW(SchemaChecker(json::parse(R"({"oneOf": []})")), std::logic_error);
  EXPECT_THROW(SchemaChecker(json::parse(R"({"items": {"$ref": "#/$defs/none"}})")), std::logic_error);
}

TEST(ReadResultJson, RefusesWhatIsNoResultAndSaysWhere) {
  const std::string text = WriteResultJson(SampleSlurp(Mode::kM0));
  const auto complaint = [](const std::string& broken) -> std::string {
    try {
      ReadResultJson(broken);
      return "accepted";
    } catch (const ReadError& error) {
      return error.what();
    }
  };
  const auto changed = [&](const char* pointer, const json& value) {
    json document = json::parse(text);
    document[json::json_pointer(pointer)] = value;
    return complaint(document.dump());
  };
  EXPECT_THAT(complaint(""), HasSubstr("not JSON"));
  EXPECT_THAT(complaint("[]"), HasSubstr("not an object"));
  EXPECT_THAT(complaint("{}"), HasSubstr("schema: missing"));
  EXPECT_THAT(complaint(text.substr(0, text.size() / 2)), HasSubstr("not JSON"));
  EXPECT_THAT(changed("/schema", 2), HasSubstr("schema: 2"));
  EXPECT_THAT(changed("/verdict", "maybe"), HasSubstr("verdict: no such word"));
  EXPECT_THAT(changed("/seed", "one"), HasSubstr("seed: "));
  EXPECT_THAT(changed("/findings/0/address", "1f400000"), HasSubstr("findings/0/address: not a hexadecimal"));
  EXPECT_THAT(changed("/findings/0/first_bytes", "abc"), HasSubstr("findings/0/first_bytes"));
  EXPECT_THAT(changed("/view/memory/runs/3", {1, 2, 99, 0}), HasSubstr("view/memory"));
  EXPECT_THAT(changed("/dma/E77", {{"accesses", 1}, {"bytes", 1}}), HasSubstr("dma/E77"));
}

TEST(FormatJson, BreaksLinesAt120ColumnsOnly) {
  const std::string text = WriteResultJson(SampleInterruptLatency());
  EXPECT_THAT(text, HasSubstr("\n      \"latency_ns\": {\"min\": "));
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    if (text.compare(start, 2, "  ") == 0 && text.find("{", start) < end && text.find("}", start) < end) {
      EXPECT_LE(end - start, 120u) << text.substr(start, end - start);
    }
  }
}

TEST(ScriptJson, CannotEndTheScriptElement) {
  const std::string text = ScriptJson({{"a", "</script><!-- https://x"}});
  EXPECT_THAT(text, Not(HasSubstr("<")));
  EXPECT_THAT(text, Not(HasSubstr("//")));
  EXPECT_EQ(json::parse(text)["a"], "</script><!-- https://x");
}

}  // namespace
}  // namespace pvpci::reports
