// SPDX-License-Identifier: Apache-2.0
// The shipped profiles and the models say the same.
#include "scenarios/machine/model_parameters.h"

#include <gtest/gtest.h>

#include "scenarios/parser.h"
#include "scenarios/problem.h"
#include "scenarios/profile.h"
#include "scenarios/root.h"

namespace pvpci::scenarios {
namespace {

Profile Named(const std::string& name) { return LoadProfile(FindProfile(FindRoot(), name), FindRoot()); }

TEST(Profiles, DefaultOneHasTheModelsDefaults) {
  for (const ProfileEntry& entry : Named(kDefaultProfile).entries) {
    const auto model = ModelDefault(entry.key());
    ASSERT_TRUE(model) << entry.key() << ": no model has it";
    EXPECT_EQ(*model, entry.standard) << entry.key();
  }
}

TEST(Profiles, DefaultOneHasEveryLatency) {
  const Profile profile = Named(kDefaultProfile);
  for (const ParameterSpec& spec : KnownParameters()) {
    const std::string key = std::string(spec.group) + "." + spec.name;
    if (std::string(spec.group) == "timing") {
      EXPECT_NE(profile.Find(key), nullptr) << key;
    }
  }
}

TEST(Profiles, RangesAreThoseThatAScenarioMaySet) {
  for (const ProfileEntry& entry : Named(kDefaultProfile).entries) {
    const bool latency = std::string(entry.spec->group) == "timing" && entry.spec->unit == ParameterUnit::kDuration;
    if (latency) {
      EXPECT_EQ(entry.low, entry.spec->minimum) << entry.key();
    }
    if (latency) {
      EXPECT_EQ(entry.high, entry.spec->maximum) << entry.key();
    }
    EXPECT_GE(entry.low, entry.spec->minimum) << entry.key();
    EXPECT_LE(entry.high, entry.spec->maximum) << entry.key();
  }
}

// timing.md A7: what depends on an assumed or reported figure is an interval. Only a choice is none.
TEST(Profiles, WhatIsAssumedIsUncertain) {
  for (const std::string& name : ProfileNames(FindRoot())) {
    for (const ProfileEntry& entry : Named(name).entries) {
      const bool choice = entry.origin.rfind("a choice", 0) == 0 || entry.origin.rfind("taken out", 0) == 0;
      if ((entry.tag == "A" || entry.tag == "R") && !choice) {
        EXPECT_TRUE(entry.uncertain) << name << " " << entry.key();
      }
      if (entry.uncertain) {
        EXPECT_LT(entry.low, entry.high) << name << " " << entry.key();
      }
      EXPECT_GT(entry.origin.size(), 8u) << name << " " << entry.key();
    }
  }
}

TEST(Profiles, AScenarioTakesTheValuesOfTheOneItNames) {
  const std::string file = FindRoot() + "/scenarios/interrupt_latency.yaml";
  const Scenario usual = LoadScenario(file);
  const Scenario bare = LoadScenario(file, {{"machine.profile", "bare-metal-like", "--profile"}});
  EXPECT_TRUE(usual.machine.assumed.empty());
  xen::HypervisorConfig config;
  ApplyParameters(bare.machine, &config);
  EXPECT_EQ(config.hypercall, 0u);
  EXPECT_EQ(config.irq_entry, xen::HypervisorConfig{}.irq_entry);
  // What the scenario says itself goes before it.
  const Scenario both = LoadScenario(file, {{"machine.profile", "bare-metal-like", "--profile"}, {"machine.timing.hypercall", "300 ns", "--set"}});
  ApplyParameters(both.machine, &config);
  EXPECT_EQ(config.hypercall, 300 * sim::kNs);
}

TEST(FabricKeys, ReachTheModels) {
  const std::string file = FindRoot() + "/scenarios/interrupt_latency.yaml";
  pci::FabricParameters usual;
  ApplyParameters(LoadScenario(file).machine, &usual);
  EXPECT_EQ(usual.llc_bytes, 0u);
  EXPECT_EQ(usual.remote_node, 0u);
  EXPECT_EQ(usual.dram.refresh_interval, 0u);
  EXPECT_EQ(usual.posted_headers + usual.posted_data + usual.read_headers, 0u);
  const auto set = [](const char* name, const char* value) {
    return Override{std::string("machine.fabric.") + name, value, "--set"};
  };
  const Scenario scenario = LoadScenario(
      file, {set("llc", "25"), set("llc_write_miss", "70 ns"), set("remote_node", "53 ns"), set("refresh_interval", "7800 ns"),
             set("refresh_time", "350 ns"), set("ranks", "4"), set("posted_headers", "32"), set("posted_data", "128"),
             set("read_headers", "16")});
  pci::FabricParameters fabric;
  ApplyParameters(scenario.machine, &fabric);
  EXPECT_EQ(fabric.llc_bytes, 25u << 20);
  EXPECT_EQ(fabric.llc_write_miss, 70 * sim::kNs);
  EXPECT_EQ(fabric.remote_node, 53 * sim::kNs);
  EXPECT_EQ(fabric.dram.refresh_interval, 7800 * sim::kNs);
  EXPECT_EQ(fabric.dram.refresh_time, 350 * sim::kNs);
  EXPECT_EQ(fabric.dram.ranks, 4u);
  EXPECT_EQ(fabric.posted_headers, 32u);
  EXPECT_EQ(fabric.posted_data, 128u);
  EXPECT_EQ(fabric.read_headers, 16u);
  iommu::IommuConfig unit;
  ApplyParameters(scenario.machine, &unit);
  EXPECT_EQ(unit.dram.refresh_time, 350 * sim::kNs) << "tables lie in the same memory";
}

TEST(Profiles, UnknownOneIsABadScenario) {
  const std::string file = FindRoot() + "/scenarios/interrupt_latency.yaml";
  try {
    LoadScenario(file, {{"machine.profile", "bare-metal-lik", "--profile"}});
    FAIL() << "it was taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'bare-metal-like'?"), std::string::npos) << error.what();
  }
}

struct Bad {
  const char* file;
  const char* says;
};

class BadProfile : public testing::TestWithParam<Bad> {};

TEST_P(BadProfile, IsRefused) {
  try {
    LoadProfile(FindRoot() + "/scenarios/profiles/bad/" + GetParam().file, FindRoot());
    FAIL() << "it was taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().says), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(, BadProfile,
                         testing::Values(Bad{"unknown_parameter.yaml", ":5:3: no parameter 'timing.hypercal'; did you mean"},
                                         Bad{"out_of_order.yaml", ":5:3: 'timing.hypercall': expected low <= default <= high"},
                                         Bad{"unknown_base.yaml", ":4:11: based_on: no profile 'bdw-gen3x9'; did you mean"},
                                         Bad{"no_time.yaml", "default: expected a time 100 ns .. 1.5 us, found '250'"}));

}  // namespace
}  // namespace pvpci::scenarios
