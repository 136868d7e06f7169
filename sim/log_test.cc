// SPDX-License-Identifier: Apache-2.0
#include "sim/log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "sim/check.h"

namespace pvpci::sim {
namespace {

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Log, CarriesSimulatedTimeLevelAndInstance) {
  const std::string path = testing::TempDir() + "/log_test.txt";
  SetLogFile(path);
  Ps now = 1250 * kNs;
  SetLogClock([&] { return now; });
  SetLogLevel(LogLevel::kInfo);
  Log(LogLevel::kInfo, "pci.nic0", "BAR0 at {:#x}", 0xF000'0000u);
  now += 500;
  Log(LogLevel::kError, "xen", "no {} {{}}", "port");
  Log(LogLevel::kDebug, "xen", "not seen");
  EXPECT_EQ(Contents(path), "[1250 ns] I pci.nic0: BAR0 at 0xf0000000\n[1250.5 ns] E xen: no port {}\n");
  SetLogClock(nullptr);
}

TEST(Log, IsSilentBelowWarningUnlessAsked) {
  SetLogLevel(LogLevel::kWarning);
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_TRUE(LogEnabled(LogLevel::kWarning));
}

TEST(Check, NamesPlaceAndReason) {
  try {
    SIM_CHECK(1 + 1 == 3, "arithmetic");
    FAIL();
  } catch (const BenchError& error) {
    EXPECT_NE(std::string(error.what()).find("log_test.cc"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("arithmetic (1 + 1 == 3)"), std::string::npos);
  }
  EXPECT_THROW(NotModelled("scalable mode", "VT-d 3.4.3"), NotModelledError);
}

}  // namespace
}  // namespace pvpci::sim
