// SPDX-License-Identifier: Apache-2.0
#include "scenarios/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "scenarios/parameters.h"
#include "scenarios/units.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

std::string FileText(const std::string& path) {
  std::ifstream stream(path);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// What editors check is what the parser checks: the file is the table, written out.
TEST(Schema, FileIsTheTable) {
  EXPECT_EQ(FileText("scenarios/scenario.schema.json"), JsonSchema().dump(2) + "\n")
      << "write it again: ./pvpci check --schema > scenarios/scenario.schema.json";
}

TEST(Schema, EveryKeyHasAHelpText) {
  EXPECT_EQ(DescribeKeys().find("  \n"), std::string::npos);
  EXPECT_NE(DescribeKeys().find("machine.xen.uptime_at_start"), std::string::npos);
  EXPECT_NE(DescribeKeys().find("steps[].storm[].interval"), std::string::npos);
}

TEST(Schema, ShippedScenariosHaveItsForm) {
  for (const char* name : {"honest_dma", "slurp", "forged_msi", "golden_e1000e", "interrupt_latency"}) {
    const std::string path = "scenarios/" + std::string(name) + ".yaml";
    std::vector<Problem> problems;
    Validate(ParseYaml(path, ReadScenarioText(path)), ScenarioSpec(), &problems);
    EXPECT_TRUE(problems.empty()) << path << ": " << problems.front().message;
  }
}

TEST(Parameters, HaveUsableRangesAndUniqueNames) {
  std::set<std::string> names;
  for (const ParameterSpec& spec : KnownParameters()) {
    EXPECT_TRUE(names.insert(std::string(spec.group) + "." + spec.name).second) << spec.name;
    EXPECT_LE(spec.minimum, spec.maximum) << spec.name;
    EXPECT_FALSE(DescribeRange(spec).empty());
    EXPECT_FALSE(ParseParameter(spec, "nonsense"));
  }
  EXPECT_EQ(ParseParameter(*FindParameter("xen", "pirq_eoi_map"), "false"), 0u);
  EXPECT_FALSE(ParseParameter(*FindParameter("timing", "mmio_read"), "1 s"));
}

}  // namespace
}  // namespace pvpci::scenarios
