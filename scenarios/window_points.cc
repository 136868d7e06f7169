// SPDX-License-Identifier: Apache-2.0
#include "scenarios/window_points.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "scenarios/cli.h"
#include "scenarios/engine.h"
#include "scenarios/library.h"
#include "scenarios/parser.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

constexpr unsigned kSizes[] = {16, 32, 64, 128, 256, 512, 1024};

struct Policy {
  const char* name;
  const char* what;
  std::vector<std::pair<const char*, const char*>> settings;
  const char* scenario = nullptr;  // null: the profile's
};

struct Profile {
  const char* name;
  const char* question;
  const char* scenario;
  const char* loss;         // kind of EscapeWindow
  const char* drawn;        // which field of a point
  std::vector<Policy> policies;
};

const Policy kPage = {"page", "each unmap invalidated at once, as Xen's PV paths do", {}};
const Policy kXsa78 = {"XSA-78", "the flaw of 2013: no invalidation at all", {{"machine.xen.unfixed", "XSA-78"}}};

const std::vector<Profile>& Profiles() {
  static const std::vector<Profile> profiles = {
      {"bare metal: unmap",
       "from dma_unmap_single() until the device no longer reaches the page; the real Intel IOMMU driver flushes",
       "window_unmap",
       "unmap",
       "p50_ps",
       {{"strict", "each unmap waits for its invalidation", {{"domains.host.cmdline", "intel_iommu=on iommu.strict=1"}}},
        {"lazy", "busy device: the flush queue of 255 fills before its timer ends", {}},
        {"lazy + timer",
         "quiet device, an unmap each 500 us: the timer of 10 ms ends first",
         {},
         "window_unmap_quiet"}}},
      {"Xen PV: ownership",
       "from the exchange of 64 frames until their former domain's device no longer reaches them",
       "window_exchange",
       "ownership",
       "max_ps",
       {kPage,
        {"operation", "invalidated once per hypercall; frames held back until then", {{"machine.xen.iommu-flush", "operation"}}},
        {"XSA-346", "the flaw of 2020: frames are free before the invalidation", {{"machine.xen.unfixed", "XSA-346"}}},
        kXsa78}},
      {"Xen PV: type",
       "from the hypercall that makes 64 frames page tables until their domain's device no longer writes to them",
       "window_type",
       "type",
       "max_ps",
       {kPage,
        {"operation", "as page: only memory operations are batched", {{"machine.xen.iommu-flush", "operation"}}},
        kXsa78}},
      {"Xen PV: grant",
       "from the last unmap of 64 granted frames until the device of who had mapped them no longer reaches them",
       "window_grant",
       "grant",
       "max_ps",
       {kPage,
        {"operation", "as page: only memory operations are batched", {{"machine.xen.iommu-flush", "operation"}}},
        kXsa78}},
  };
  return profiles;
}

json Time(const std::optional<reports::Ps>& ps) { return ps ? json(*ps) : json(nullptr); }

std::optional<sim::Ps> TimeOf(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<sim::Ps>(value.get<sim::Ps>());
}

// One run's window as JSON text, for the parent; "" if it had none of that loss.
std::string PointOf(const reports::Result& result, const std::string& loss) {
  if (!result.iommu) return "";
  for (const reports::EscapeWindow& window : result.iommu->escape_windows) {
    if (window.loss != loss) continue;
    return json{{"losses", window.count}, {"nonzero", window.nonzero}, {"open", window.open},
                {"p50_ps", Time(window.p50_ps)}, {"max_ps", Time(window.max_ps)}}.dump();
  }
  return "";
}

struct Job {
  const Profile* profile;
  const Policy* policy;
  unsigned entries;
  Scenario scenario;
  std::string command;
};

std::vector<Job> Jobs(const WindowMeasurement& measurement) {
  std::vector<Job> jobs;
  for (const Profile& profile : Profiles()) {
    for (const Policy& policy : profile.policies) {
      const char* scenario = policy.scenario != nullptr ? policy.scenario : profile.scenario;
      for (const unsigned entries : kSizes) {
        std::vector<Override> overrides = {{"kernel", measurement.kernel, "--kernel"},
                                           {"machine.timing.iotlb_entries", fmt::format("{}", entries), "window"}};
        std::string command = fmt::format("./pvpci run {} --kernel {} --set machine.timing.iotlb_entries={}",
                                          scenario, measurement.kernel, entries);
        for (const auto& [key, value] : policy.settings) {
          overrides.push_back({key, value, "window"});
          command += fmt::format(" --set '{}={}'", key, value);
        }
        jobs.push_back({&profile, &policy, entries,
                        LoadScenario(FindScenario(measurement.root, scenario), overrides), command});
      }
    }
  }
  return jobs;
}

void Add(const Job& job, const json& measured, reports::Windows* windows) {
  std::vector<reports::WindowProfile>& profiles = windows->profiles;
  if (profiles.empty() || profiles.back().profile != job.profile->name) {
    profiles.push_back({job.profile->name, job.profile->question, job.profile->scenario, job.profile->loss,
                        job.profile->drawn, {}});
  }
  std::vector<reports::WindowCurve>& curves = profiles.back().curves;
  if (curves.empty() || curves.back().policy != job.policy->name) curves.push_back({job.policy->name, job.policy->what, {}});
  curves.back().points.push_back({job.entries, measured["losses"], measured["nonzero"], measured["open"],
                                  TimeOf(measured["p50_ps"]), TimeOf(measured["max_ps"]), job.command});
}

}  // namespace

MeasuredWindows MeasureWindows(const WindowMeasurement& measurement) {
  const std::vector<Job> jobs = Jobs(measurement);
  std::vector<ChildBody> bodies;
  for (const Job& job : jobs) {
    bodies.push_back([&job, &measurement](std::string* answer) {
      RunOptions run;
      run.root = measurement.root;
      run.text = false;
      run.line_coverage = false;
      return measurement.systemc([&] {
        const reports::Result result = RunScenario(job.scenario, run);
        *answer = PointOf(result, job.profile->loss);
        return result.verdict == reports::Verdict::kUnable ? kExitBench : kExitHolds;
      });
    });
  }
  size_t done = 0;
  const std::vector<ChildAnswer> answers =
      RunInChildren(bodies, UsableProcessors(), measurement.timeout_s, [&](size_t, const ChildAnswer&) {
        if (measurement.progress) measurement.progress(++done, jobs.size());
      });
  MeasuredWindows result;
  result.windows.kernel = measurement.kernel;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const json measured = json::parse(answers[i].text, nullptr, /*allow_exceptions=*/false);
    if (!measured.is_object()) {
      result.failed = jobs[i].command;
      result.exit_code = answers[i].exit_code == kExitHolds ? kExitBench : answers[i].exit_code;
      return result;
    }
    Add(jobs[i], measured, &result.windows);
  }
  return result;
}

}  // namespace pvpci::scenarios
