// SPDX-License-Identifier: Apache-2.0
// Every scenario that is shipped holds in every combination of its matrix (scenarios/scenario.h), on the built guest
// images. The kernel is the target's: PVPCI_SUITE_KERNEL.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "scenarios/library.h"
#include "scenarios/parser.h"
#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

const std::string kKernel = PVPCI_SUITE_KERNEL;
const std::vector<EventAbi> kBothAbis = {EventAbi::kFifo, EventAbi::k2L};
const std::vector<unsigned> kOneAndFour = {1, 4};

struct Combination {
  std::string scenario;
  IommuKind iommu = IommuKind::kNone;
  std::string name;                    // what it adds to the scenario's name
  std::vector<std::string> settings;   // --set ...
};

std::ostream& operator<<(std::ostream& stream, const Combination& combination) {
  return stream << combination.scenario << combination.name;
}

bool Includes(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Appends "--set domains.NAME.KEY=VALUE" for every domain that runs a kernel.
void SetInDomains(const Scenario& scenario, const std::string& key, const std::string& value,
                  std::vector<std::string>* settings) {
  for (const DomainSpec& domain : scenario.domains) {
    if (!domain.kernel) continue;
    settings->push_back("--set");
    settings->push_back(fmt::format("domains.{}.{}={}", domain.name, key, value));
  }
}

// What the suite sets in all domains: what the matrix says, or `usual` unless the domains say it themselves.
template <typename T>
std::vector<T> Dimension(const Scenario& scenario, const std::vector<T>& stated, T DomainSpec::*member, std::vector<T> usual) {
  if (!stated.empty()) return stated;
  const auto is_default = [&](const DomainSpec& domain) { return !domain.kernel || domain.*member == DomainSpec().*member; };
  return std::all_of(scenario.domains.begin(), scenario.domains.end(), is_default) ? usual : std::vector<T>{};
}

// As the file is, in every mode; a row of the series also in its own mode with each event channel ABI and number of
// vCPUs, and any other scenario with those that its matrix names.
std::vector<Combination> CombinationsOf(const std::string& name) {
  const std::string path = FindScenario(".", name);
  const Scenario scenario = LoadScenario(path);
  const bool row = path.find("/rows/") != std::string::npos;
  const MatrixSpec& matrix = scenario.matrix;
  std::vector<Combination> combinations;
  if (!Includes(matrix.kernels.empty() ? scenario.kernels() : matrix.kernels, kKernel)) return combinations;
  const std::vector<IommuKind> modes = matrix.modes.empty() ? scenario.modes() : matrix.modes;
  for (const IommuKind iommu : modes) combinations.push_back({name, iommu, std::string("_") + ModeName(iommu), {}});
  const bool own = std::find(modes.begin(), modes.end(), scenario.machine.iommu) != modes.end();
  const IommuKind mode = own ? scenario.machine.iommu : modes.front();
  const std::vector<EventAbi> events =
      Dimension(scenario, matrix.events, &DomainSpec::events, row ? kBothAbis : std::vector<EventAbi>{});
  const std::vector<unsigned> vcpus = Dimension(scenario, matrix.vcpus, &DomainSpec::vcpus, row ? kOneAndFour : std::vector<unsigned>{});
  for (size_t e = 0; e < std::max<size_t>(events.size(), 1); ++e) {
    for (size_t v = 0; v < std::max<size_t>(vcpus.size(), 1); ++v) {
      Combination one{name, mode, std::string("_") + ModeName(mode), {}};
      bool as_the_file_is = true;
      if (!events.empty()) {
        one.name += std::string("_") + Name(events[e]);
        SetInDomains(scenario, "events", Name(events[e]), &one.settings);
        as_the_file_is &= events[e] == DomainSpec().events;
      }
      if (!vcpus.empty()) {
        one.name += fmt::format("_{}vcpu", vcpus[v]);
        SetInDomains(scenario, "vcpus", std::to_string(vcpus[v]), &one.settings);
        as_the_file_is &= vcpus[v] == DomainSpec().vcpus;
      }
      if (!as_the_file_is) combinations.push_back(one);
    }
  }
  return combinations;
}

std::vector<Combination> All() {
  std::vector<Combination> all;
  for (const std::string& name : ShippedScenarios(".")) {
    const std::vector<Combination> combinations = CombinationsOf(name);
    all.insert(all.end(), combinations.begin(), combinations.end());
  }
  return all;
}

class Shipped : public testing::TestWithParam<Combination> {};

TEST_P(Shipped, Holds) {
  const Combination& combination = GetParam();
  std::vector<std::string> options = {"--kernel", kKernel, "--iommu", Name(combination.iommu)};
  options.insert(options.end(), combination.settings.begin(), combination.settings.end());

  const ProgramRun run = RunPvpci(combination.scenario, options);

  // A run that ends early leaves no result, or not all of one: that fails this case, and the others go on.
  ASSERT_EQ(run.exit_code, 0) << run.output << run.errors;
  ASSERT_TRUE(run.result.is_object());
  EXPECT_EQ(run.result["verdict"], "holds");
  EXPECT_EQ(run.result["mode"], ModeName(combination.iommu));
  EXPECT_EQ(run.result["kernels"][0]["name"], kKernel);
  EXPECT_EQ(run.result["incomplete"], false);
  // A kernel that warns is a kernel that we mistreat, unless the scenario counts its warnings.
  for (const auto& domain : run.result["domains"]) {
    const std::string name = domain["name"];
    const std::string counted = "console[" + name + ",\"WARNING\"].lines == ";
    const auto counts = [&](const auto& row) { return row["text"].template get<std::string>().rfind(counted, 0) == 0; };
    if (std::any_of(run.result["expectations"].begin(), run.result["expectations"].end(), counts)) continue;
    const std::string console = ReadText(run.folder + "/console-" + name + ".txt");
    const size_t warning = console.find("WARNING");
    EXPECT_EQ(warning, std::string::npos) << name << ": " << console.substr(std::min(warning, console.size()), 1000);
  }
}

std::string RowName(const testing::TestParamInfo<Combination>& info) {
  std::string name = info.param.scenario + info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Shipped, testing::ValuesIn(All()), RowName);

// A claim that does not apply is skipped and says so; the program does not pretend.
TEST(Scope, ElsewhereIsSkipped) {
  const std::string other = kKernel == "6.1" ? "6.12" : "6.1";
  const std::string text = Replaced(ReadText("scenarios/slurp.yaml"), "\nclaim:", "\nkernels: " + other + "\nclaim:");

  const ProgramRun run = RunPvpci(WriteScenario("slurp", text), {"--kernel", kKernel});

  EXPECT_EQ(run.exit_code, 0) << run.errors;
  ASSERT_TRUE(run.result.is_object());
  EXPECT_EQ(run.result["verdict"], "skipped");
}

}  // namespace
}  // namespace pvpci::scenarios
