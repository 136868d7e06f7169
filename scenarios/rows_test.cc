// SPDX-License-Identifier: Apache-2.0
#include "scenarios/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "scenarios/library.h"
#include "scenarios/problem.h"
#include "scenarios/rows_report.h"

namespace pvpci::scenarios {
namespace {

RowNames Names() { return {{"honest_dma", "slurp"}, {"drivers/pci/xen-pcifront.c", "drivers/pci/bus.c"}}; }

constexpr const char* kTable = R"(
- row: "17"
  title: stub
  patch: points x86 PCI at Xen
  today: arch/x86/pci/xen.c
  originals: [drivers/pci/bus.c, drivers/pci/xen-pcifront.c]
  scenarios: [slurp, honest_dma]
- {row: 03, title: a, patch: b, today: c, originals: [drivers/pci/bus.c], scenarios: [slurp]}
)";

TEST(Rows, AreReadInTheirOrder) {
  const std::vector<Row> rows = ParseRows("rows.yaml", kTable, Names());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].row, "03");
  EXPECT_EQ(rows[1].row, "17");
  EXPECT_EQ(rows[1].title, "stub");
  EXPECT_EQ(rows[1].patch, "points x86 PCI at Xen");
  EXPECT_EQ(rows[1].today, "arch/x86/pci/xen.c");
  EXPECT_THAT(rows[1].originals, testing::ElementsAre("drivers/pci/bus.c", "drivers/pci/xen-pcifront.c"));
  EXPECT_THAT(rows[1].scenarios, testing::ElementsAre("slurp", "honest_dma"));
}

TEST(Rows, OfTheSeriesThatHaveNoEntryAreTold) {
  EXPECT_EQ(MissingRows({}).size(), 21u);
  const std::vector<std::string> missing = MissingRows(ParseRows("rows.yaml", kTable, Names()));
  EXPECT_EQ(missing.size(), 19u);
  EXPECT_THAT(missing, testing::Not(testing::Contains("17")));
  EXPECT_THAT(missing, testing::Contains("S"));
}

ScenarioRuns Runs(const std::string& slurp_verdict) {
  return {{{"slurp", "6.1"}, {"holds", "", {{"drivers/pci/bus.c", 3}}}},
          {{"honest_dma", "6.1"}, {"holds", "", {{"drivers/pci/xen-pcifront.c", 1}}}},
          {{"slurp", "6.12"}, {slurp_verdict, "faults.count == 0: 2", {{"drivers/pci/bus.c", 3}}}},
          {{"honest_dma", "6.12"}, {"holds", "", {{"drivers/pci/xen-pcifront.c", 0}}}}};
}

TEST(Rows, HoldOnlyIfEveryScenarioHoldsAndEveryOriginalRan) {
  const Row row = ParseRows("rows.yaml", kTable, Names())[1];

  const JudgedRow idle = JudgeRow(row, {"6.1", "6.12"}, Runs("holds"));
  EXPECT_EQ(idle.results[0].verdict, "holds");
  EXPECT_THAT(idle.results[0].reasons, testing::IsEmpty());
  EXPECT_EQ(idle.results[1].verdict, "violated");
  EXPECT_THAT(idle.results[1].reasons, testing::ElementsAre("no block of drivers/pci/xen-pcifront.c ran"));
  EXPECT_FALSE(idle.holds());
  EXPECT_TRUE(JudgeRow(row, {"6.1"}, Runs("holds")).holds());

  const JudgedRow violated = JudgeRow(row, {"6.12"}, Runs("violated"));
  EXPECT_EQ(violated.results[0].verdict, "violated");
  EXPECT_EQ(violated.results[0].reasons[0], "slurp: faults.count == 0: 2");
  EXPECT_EQ(JudgeRow(row, {"6.12"}, Runs("unable")).results[0].verdict, "unable");
  EXPECT_EQ(JudgeRow(row, {"6.12"}, Runs("skipped")).results[0].verdict, "unable");
}

TEST(Rows, ArePrintedAsTheContractSays) {
  const Row row = ParseRows("rows.yaml", kTable, Names())[1];
  const std::vector<JudgedRow> judged = {JudgeRow(row, {"6.1", "6.12"}, Runs("holds"))};

  EXPECT_EQ(RowsJson(judged).dump(),
            R"([{"row":"17","title":"stub","originals":["drivers/pci/bus.c","drivers/pci/xen-pcifront.c"],)"
            R"("scenarios":["slurp","honest_dma"],"results":{"6.1":"holds","6.12":"violated"}}])");
  EXPECT_EQ(RowsText(judged),
            "row  title  originals                   scenarios   6.1    6.12\n"
            "17   stub   drivers/pci/bus.c           slurp       holds  violated\n"
            "            drivers/pci/xen-pcifront.c  honest_dma\n");
  EXPECT_EQ(RowsMarkdown(judged),
            "| Row | Patch | Originals | Scenarios | 6.1 | 6.12 |\n|---|---|---|---|---|---|\n"
            "| 17 | stub | `drivers/pci/bus.c`, `drivers/pci/xen-pcifront.c` | `slurp`, `honest_dma` | holds | violated "
            "|\n");
}

// What README.md shows is what the table says, each row holding: suite/rows_test.cc proves that they do.
TEST(Rows, AreInTheReadmeAsTheTableSays) {
  const std::vector<Row> rows = LoadRows(RowTableFile("."), {ShippedScenarios("."), {}});
  std::vector<JudgedRow> judged;
  for (const Row& row : rows) judged.push_back({row, {{"6.1", "holds", {}}, {"6.12", "holds", {}}}});
  std::ifstream stream("README.md");
  const std::string readme((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());

  const size_t begin = readme.find(std::string(kRowsBegin) + "\n");
  const size_t end = readme.find(kRowsEnd);

  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t first = begin + std::string(kRowsBegin).size() + 1;
  EXPECT_EQ(readme.substr(first, end - first), RowsMarkdown(judged))
      << "README.md is out of date: put the output of './pvpci rows --markdown' between its two markers";
}

// scenarios/rows/README.md says what asserts each T and S: a scenario that it names is there and names the id itself.
TEST(RowsReadme, NamesScenariosThatNameTheId) {
  const std::vector<std::string> known = ShippedScenarios(".");
  std::ifstream stream("scenarios/rows/README.md");
  const std::regex scenario("`([A-Za-z0-9_]+)`");
  size_t ids = 0;
  for (std::string line; std::getline(stream, line);) {
    std::smatch id;
    if (!std::regex_search(line, id, std::regex("^\\| ([TS][0-9S]+[a-z]?) \\|"))) continue;
    ++ids;
    const std::string asserted = line.substr(line.rfind('|', line.size() - 2));
    for (std::sregex_iterator it(asserted.begin(), asserted.end(), scenario), end; it != end; ++it) {
      const std::string name = (*it)[1];
      ASSERT_THAT(known, testing::Contains(name)) << line;
      std::ifstream file(FindScenario(".", name));
      const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      EXPECT_TRUE(std::regex_search(text, std::regex("\\b" + id[1].str() + "([^0-9]|$)"))) << name << " does not name " << id[1];
    }
  }
  EXPECT_GE(ids, 50u);
}

struct BadTable {
  const char* name;
  int line;
  int column;
  const char* message;  // how it starts
};

const BadTable kBadTables[] = {
    {"double_row", 8, 8, "row 03 is in line 2 already"},
    {"missing_today", 2, 3, "missing key 'today' in a row"},
    {"misspelt_key", 3, 3, "unknown key 'titel' in a row; did you mean 'title'?"},
    {"named_twice", 7, 22, "'slurp' is named twice"},
    {"no_scenario", 7, 3, "scenarios: the list is empty; expected at least 1 of a text"},
    {"not_a_list", 2, 1, "expected a list of rows at the top, found a map"},
    {"unknown_original", 6, 15, "originals: no 'drivers/pci/xen-pcifrnt.c' in the guest image; did you mean 'drivers/"},
    {"unknown_row", 2, 8, "row: expected 01, 02, 03"},
    {"unknown_scenario", 7, 15, "scenarios: no scenario 'slrup'; did you mean 'slurp'?"},
};

class BadRows : public testing::TestWithParam<BadTable> {};

TEST_P(BadRows, AreRefusedAtTheirPlace) {
  const BadTable& row = GetParam();
  const std::string file = std::string("scenarios/rows/bad/") + row.name + ".yaml";
  try {
    LoadRows(file, Names());
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith(file + ":" + std::to_string(row.line) + ":" +
                                                  std::to_string(row.column) + ": " + row.message));
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadRows, testing::ValuesIn(kBadTables),
                         [](const testing::TestParamInfo<BadTable>& info) { return std::string(info.param.name); });

TEST(BadRowFiles, AreAllInTheTable) {
  std::set<std::string> rows, files;
  for (const BadTable& row : kBadTables) rows.insert(row.name);
  for (const auto& entry : std::filesystem::directory_iterator("scenarios/rows/bad")) {
    files.insert(entry.path().stem().string());
  }
  EXPECT_EQ(rows, files);
}

}  // namespace
}  // namespace pvpci::scenarios
