// SPDX-License-Identifier: Apache-2.0
// T19 (abi.md 1.1, row 19): the compiler finds no switch over xenbus states in the frontends, in pcifront and in xenbus
// that forgets one, but for those with a default that are named here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

namespace pvpci::driver {
namespace {

// Path -> "none" or the lines of incomplete switches.
std::map<std::string, std::string> Findings(const std::string& kernel) {
  std::map<std::string, std::string> findings;
  std::ifstream stream("driver/switches_" + kernel + ".txt");
  for (std::string line; std::getline(stream, line);) {
    const size_t colon = line.find(": ");
    findings[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return findings;
}

class SwitchEnum : public testing::TestWithParam<const char*> {};

TEST_P(SwitchEnum, TheCompilerFindsAFrontendThatForgetsStates) {
  EXPECT_EQ(Findings(GetParam())["driver/switch_enum_control.c"], "8");
}

TEST_P(SwitchEnum, EveryFrontendNamesEveryState) {
  // Both have a default that ignores the rest.
  const std::map<std::string, int> kDefaults = {{"drivers/char/tpm/xen-tpmfront.c", 1},
                                                {"drivers/xen/xen-pciback/xenbus.c", 2}};
  int complete = 0;
  for (const auto& [path, lines] : Findings(GetParam())) {
    if (path == "driver/switch_enum_control.c") continue;
    const auto with_default = kDefaults.find(path);
    if (with_default == kDefaults.end()) {
      EXPECT_EQ(lines, "none") << path;
      ++complete;
    } else {
      EXPECT_EQ(std::count(lines.begin(), lines.end(), ' ') + 1, with_default->second) << path << ": " << lines;
    }
  }
  EXPECT_EQ(complete, 18);
}

INSTANTIATE_TEST_SUITE_P(, SwitchEnum, testing::Values("6_1", "6_12"));

}  // namespace
}  // namespace pvpci::driver
