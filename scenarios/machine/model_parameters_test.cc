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
