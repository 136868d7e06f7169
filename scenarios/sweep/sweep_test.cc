// SPDX-License-Identifier: Apache-2.0
// The file of a sweep, its design, what its points come to, and the script of its job array.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "scenarios/problem.h"
#include "scenarios/sweep/design.h"
#include "scenarios/sweep/slurm.h"
#include "scenarios/sweep/spec.h"
#include "scenarios/sweep/summary.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

struct Row {
  const char* name;
  int line;
  int column;
  const char* message;  // how it starts
};

const Row kRows[] = {
    {"bad_path", 6, 30, "value 'dmx.E0': the result has no 'dmx'; did you mean 'dma'?"},
    {"blocks_not_counted", 6, 13, "'blocks_per_upcall' needs 'measure: {blocks: true}'"},
    {"factor_sets_nothing", 5, 27, "factor 'abbi': what does level '2l' set? Say 'set: KEY' in the factor, or"},
    {"finding_level", 6, 39, "factor 'abi' has no level 'fivo'; did you mean 'fifo'?"},
    {"finding_relation", 6, 50, "is: expected more, less or same, found 'mor'; did you mean 'more'?"},
    {"fractional_without_points", 6, 9, "a fractional design needs 'points', how many"},
    {"key_refused", 5, 55, "steps.storm.intervall = 1 us: no 'storm' in steps.storm.intervall"},
    {"level_refused", 5, 30, "domains.control.events = fifos: events: expected 2l or fifo, found 'fifos'"},
    {"level_twice", 5, 30, "factor 'abi': level '2l' is there twice"},
    {"list_at_top", 2, 1, "expected a map of keys (name, question, scenario, factors, ...) at the top"},
    {"missing_scenario", 4, 11, "scenario: no such file 'no/such.yaml'"},
    {"no_factors", 5, 10, "factors: the map is empty; expected at least 1"},
    {"no_group", 6, 47, "matches: expected a regular expression with the number in ( )"},
    {"no_levels", 5, 17, "levels: the list is empty; expected at least 1 of a level"},
    {"quick_unknown", 5, 45, "quick: factor 'abi' has no level '3l'; did you mean '2l'?"},
    {"unknown_factor_key", 5, 17, "unknown key 'levles' in a factor; did you mean 'levels'?"},
    {"unknown_key", 6, 1, "unknown key 'respones' in a sweep; did you mean 'responses'?"},
    {"unknown_response", 6, 13, "no response 'latency_p50'; did you mean 'latency_p50_ns'?"},
    {"unknown_scenario", 4, 11, "scenario: no scenario 'storm_knie'; did you mean 'storm_knee'?"},
    {"without_unknown", 6, 12, "no factor 'abbi'; did you mean 'abi'?"},
};

std::string PathOf(const std::string& name) { return "scenarios/sweep/bad/" + name + ".yaml"; }

TEST(BadSweep, IsRefusedAtItsPlace) {
  std::set<std::string> rows, files;
  for (const Row& row : kRows) {
    rows.insert(row.name);
    const std::string expected = PathOf(row.name) + ":" + std::to_string(row.line) + ":" + std::to_string(row.column) + ": " + row.message;
    try {
      PointsOf(LoadSweep(PathOf(row.name), "."), ".", false);
      ADD_FAILURE() << row.name << " is accepted";
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).substr(0, expected.size()), expected);
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/sweep/bad")) files.insert(entry.path().stem().string());
  EXPECT_EQ(rows, files);
}

TEST(Schema, FileIsTheTable) {
  std::ifstream stream("scenarios/experiments/sweep.schema.json");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}),
            JsonSchemaOf(SweepTable(), "pvpci sweep", "pvpci sweep --schema").dump(2) + "\n")
      << "write it again: ./pvpci sweep --schema > scenarios/experiments/sweep.schema.json";
}

SweepSpec Abstract(Design design, size_t points) {
  SweepSpec spec;
  spec.name = "abstract";
  spec.design = design;
  spec.points = points;
  for (const auto& [name, count] : std::map<std::string, size_t>{{"a", 2}, {"b", 3}, {"c", 4}}) {
    SweepFactor factor;
    factor.name = name;
    for (size_t i = 0; i < count; ++i) factor.levels.push_back({name + std::to_string(i), {}, {}});
    spec.factors.push_back(factor);
  }
  return spec;
}

TEST(Design, FullHasEveryCombinationOnceTheLastFactorFirst) {
  const auto points = DesignOf(Abstract(Design::kFull, 0), false);
  EXPECT_EQ(points.size(), 24u);
  EXPECT_EQ(points[1], (std::vector<size_t>{0, 0, 1}));
  EXPECT_EQ(std::set<std::vector<size_t>>(points.begin(), points.end()).size(), 24u);
}

TEST(Design, LeavesOutWhatIsNamed) {
  SweepSpec spec = Abstract(Design::kFull, 0);
  spec.without = {{{"a", "a1"}, {"c", "c3"}}};
  const auto points = DesignOf(spec, false);
  EXPECT_EQ(points.size(), 21u);
  for (const auto& point : points) EXPECT_FALSE(point[0] == 1 && point[2] == 3);
}

TEST(Design, QuickTakesTheQuickLevels) {
  SweepSpec spec = Abstract(Design::kFull, 0);
  spec.factors[1].quick = {2};
  spec.factors[2].quick = {0, 3};
  EXPECT_EQ(DesignOf(spec, true), (std::vector<std::vector<size_t>>{{0, 2, 0}, {0, 2, 3}, {1, 2, 0}, {1, 2, 3}}));
}

TEST(Design, FractionalOfAPowerOfTheLevelsIsAnOrthogonalArray) {
  SweepSpec spec;
  spec.name = "nine";
  spec.design = Design::kFractional;
  spec.points = 27;
  for (size_t f = 0; f < 9; ++f) {
    spec.factors.push_back({"f" + std::to_string(f), {{"0", {}, {}}, {"1", {}, {}}, {"2", {}, {}}}, {}});
  }
  const auto points = DesignOf(spec, false);
  ASSERT_EQ(points.size(), 27u);
  for (size_t a = 0; a < 9; ++a) {
    for (size_t b = a + 1; b < 9; ++b) {
      std::map<std::pair<size_t, size_t>, int> met;
      for (const auto& point : points) ++met[{point[a], point[b]}];
      EXPECT_EQ(met.size(), 9u);
      for (const auto& [pair, count] : met) EXPECT_EQ(count, 3) << a << " " << b;
    }
  }
}

TEST(Design, FractionalIsBalancedAndTheSameEachTime) {
  const auto points = DesignOf(Abstract(Design::kFractional, 12), false);
  EXPECT_EQ(points, DesignOf(Abstract(Design::kFractional, 12), false));
  ASSERT_EQ(points.size(), 12u);
  for (size_t factor = 0; factor < 3; ++factor) {
    std::map<size_t, size_t> met;
    for (const auto& point : points) ++met[point[factor]];
    for (const auto& [level, count] : met) EXPECT_EQ(count, 12 / (factor + 2)) << factor << " " << level;
  }
  // 12 points can have every pair of levels of b and c once.
  std::set<std::pair<size_t, size_t>> pairs;
  for (const auto& point : points) pairs.insert({point[1], point[2]});
  EXPECT_GE(pairs.size(), 11u);
}

ordered_json Point(size_t number, const std::string& a, const std::string& b, double value) {
  return {{"point", number}, {"levels", {{"a", a}, {"b", b}}}, {"command", "./pvpci run x"}, {"verdict", "holds"}, {"trace_digest", "sha256:0"},
          {"interrupts", {{"asserted", 2}, {"delivered", 2}, {"coalesced", 0}, {"lost", 0}, {"spurious", 0}, {"latency_ns", nullptr},
                          {"total_ps", 3000}, {"eoi_tail_ps", 0},
                          {"parts", {{{"name", "t0_t1_fabric"}, {"total_ps", 1000}}, {{"name", "t1_t6_rest"}, {"total_ps", 2000}}}}}},
          {"hypercalls", {{"EVTCHNOP_send", 3}}}, {"upcalls", nullptr}, {"values", {{"v", value}}}, {"elapsed_ps", 5000000}};
}

SweepSpec Crossed() {
  SweepSpec spec;
  spec.name = "crossed";
  for (const char* name : {"a", "b"}) spec.factors.push_back({name, {{"0", {}, {}}, {"1", {}, {}}}, {}});
  spec.responses = {{"v", "s, really", "v.x", "", ""}, {"hypercalls_per_interrupt", "", "", "", ""}};
  spec.findings = {{"v", {{"a", "1"}}, {{"a", "0"}}, Relation::kMore, 0, "so"}, {"v", {{"b", "1"}}, {{"b", "0"}}, Relation::kSame, 0.1, "so"}};
  return spec;
}

// v = 10 a + b
const std::vector<ordered_json> kCrossed = {Point(1, "0", "0", 0), Point(2, "0", "1", 1), Point(3, "1", "0", 10), Point(4, "1", "1", 11)};

TEST(Summary, FindsMainEffectsAndTheirShares) {
  const ordered_json document = SweepDocument(Crossed(), kCrossed, "crossed.yaml", "./pvpci sweep crossed");
  const ordered_json& effect = document["effects"][0];
  EXPECT_EQ(effect["response"], "v");
  EXPECT_EQ(effect["factors"][0]["factor"], "a");
  EXPECT_DOUBLE_EQ(effect["factors"][0]["range"], 10);
  EXPECT_NEAR(effect["factors"][0]["share"].get<double>(), 100.0 / 101, 1e-12);
  EXPECT_NEAR(effect["factors"][1]["share"].get<double>(), 1.0 / 101, 1e-12);
  EXPECT_EQ(document["findings"][0]["held"], true);
  EXPECT_EQ(document["findings"][0]["values"], ordered_json({10.5, 0.5}));
  EXPECT_EQ(document["findings"][1]["held"], false);
  EXPECT_FALSE(AllHeld(document));
}

TEST(Summary, CsvHasALineForEachPointAndAColumnForEachPart) {
  const std::string csv = PointsCsv(SweepDocument(Crossed(), kCrossed, "crossed.yaml", "./pvpci sweep crossed"));
  EXPECT_EQ(csv.substr(0, csv.find('\n')), "point,a,b,verdict,v,hypercalls_per_interrupt,part_t0_t1_fabric_ns,part_t1_t6_rest_ns,trace_digest");
  EXPECT_THAT(csv, HasSubstr("\n3,1,0,holds,10,1.5,0.5,1,sha256:0\n"));
}

TEST(Slurm, ScriptDealsOutEveryPointOnce) {
  SlurmJob job;
  job.name = "x";
  job.out = "/shared/out dir";
  job.file = "/shared/x.yaml";
  job.root = "/shared";
  job.points = 10;
  job.tasks = 4;
  const std::string script = SlurmScript(job, "/shared/pvpci", "/shared/images");
  EXPECT_THAT(script, HasSubstr("slices=( 1..2 3..5 6..7 8..10 )\n"));
  EXPECT_THAT(script, HasSubstr("#SBATCH --array=0-3\n"));
  EXPECT_THAT(script, HasSubstr("--out '/shared/out dir' --points \"${slices[SLURM_ARRAY_TASK_ID]}\""));
}

}  // namespace
}  // namespace pvpci::scenarios
