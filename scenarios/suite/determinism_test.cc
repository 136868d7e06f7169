// SPDX-License-Identifier: Apache-2.0
// Same scenario, seed and build: same trace digest, however busy the machine is.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "scenarios/suite/run_program.h"

namespace pvpci::scenarios {
namespace {

// Processes that keep every processor busy, so that runs are preempted at arbitrary places.
class Load {
 public:
  explicit Load(unsigned processes) {
    for (unsigned i = 0; i < processes; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        for (volatile unsigned turns = 0;; ++turns) {
        }
      }
      pids_.push_back(pid);
    }
  }
  ~Load() {
    for (const pid_t pid : pids_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

 private:
  std::vector<pid_t> pids_;
};

unsigned Processors() { return std::max(1u, std::thread::hardware_concurrency()); }

// Digests of `count` runs, as many of them at once as there are processors.
std::set<std::string> DigestsOf(const std::string& scenario, unsigned count, const std::vector<std::string>& options) {
  std::set<std::string> digests;
  for (unsigned done = 0; done < count;) {
    const unsigned batch = std::min(Processors(), count - done);
    for (const ProgramRun& run : RunPvpciAtOnce(scenario, std::vector<std::vector<std::string>>(batch, options))) {
      EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
      if (run.result.is_object()) digests.insert(run.result["trace_digest"].get<std::string>());
    }
    done += batch;
  }
  return digests;
}

TEST(Digest, IsOneOverAHundredRunsUnderLoad) {
  const Load load(Processors());
  EXPECT_EQ(DigestsOf("slurp", 100, {}).size(), 1u);
}

class Repeated : public testing::TestWithParam<const char*> {};

TEST_P(Repeated, UnderLoadIsTheSame) {
  const Load load(Processors());
  EXPECT_EQ(DigestsOf(GetParam(), 2, {}).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(, Repeated,
                         testing::Values("crash_domU", "forged_msi", "honest_dma", "interrupt_latency", "many_vcpus"),
                         [](const testing::TestParamInfo<const char*>& info) { return std::string(info.param); });

TEST(Digest, ChangesWithTheSeed) {
  std::set<std::string> digests;
  for (const char* seed : {"1", "2", "3"}) digests.merge(DigestsOf("slurp", 1, {"--seed", seed}));
  EXPECT_EQ(digests.size(), 3u);
}

TEST(Twice, HoldsForTheFlagships) {
  for (const char* scenario : {"honest_dma", "slurp", "forged_msi"}) {
    const ProgramRun run = RunPvpci(scenario, {"--twice", "--iommu", "dmar+ir"});
    EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
    EXPECT_NE(run.output.find("twice the same, sha256:"), std::string::npos);
  }
}

}  // namespace
}  // namespace pvpci::scenarios
