// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/mutant_runs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "driver/loader/image.h"
#include "reports/names.h"
#include "scenarios/engine.h"
#include "scenarios/images.h"
#include "scenarios/library.h"
#include "scenarios/mutants.h"
#include "scenarios/parser.h"
#include "scenarios/review/warm_image.h"
#include "scenarios/supervise.h"

namespace pvpci::scenarios {
namespace {

constexpr unsigned kTimeoutS = 60;  // per run, real time

struct RunKey {
  std::string scenario;
  std::string kernel;
  std::string mutant;  // empty: the unmutated kernel
  friend bool operator<(const RunKey& a, const RunKey& b) {
    return std::tie(a.scenario, a.kernel, a.mutant) < std::tie(b.scenario, b.kernel, b.mutant);
  }
};

struct Ended {
  std::string verdict;  // "holds", "violated"; else what went wrong
  std::string reason;
};

std::vector<RunKey> KeysFor(const std::vector<Mutant>& mutants) {
  std::map<RunKey, bool> wanted;
  for (const Mutant& mutant : mutants) {
    for (const std::string& kernel : KernelFamilies()) {
      if (!mutant.on(kernel)) continue;
      for (const std::string& scenario : mutant.detected_by) {
        wanted[{scenario, kernel, ""}] = true;
        wanted[{scenario, kernel, mutant.id}] = true;
      }
    }
  }
  std::vector<RunKey> keys;
  for (const auto& [key, unused] : wanted) keys.push_back(key);
  return keys;
}

ChildBody BodyOf(const RunKey& key, const std::string& root,
                 const std::function<int(const std::function<int()>&)>& systemc) {
  const Scenario scenario = LoadScenario(FindScenario(root, key.scenario), {{"kernel", key.kernel, "review"}});
  RunOptions run;
  run.root = root;
  run.text = false;
  run.line_coverage = false;
  run.mutant = key.mutant;
  return [scenario, run, systemc](std::string* answer) {
    return systemc([&] {
      const reports::Result result = RunScenario(scenario, run);
      std::vector<std::string> violated;
      for (const reports::ExpectationResult& row : result.expectations) {
        if (!row.held) violated.push_back(fmt::format("{}: {}", row.text, row.actual));
      }
      const nlohmann::json told = {{"verdict", std::string(reports::Name(result.verdict))},
                                   {"reason", violated.empty() ? result.verdict_reason.value_or("")
                                                               : fmt::format("{}", fmt::join(violated, "; "))}};
      *answer = told.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      return ExitCodeOf(result);
    });
  };
}

Ended EndOf(const ChildAnswer& answer) {
  const auto given = nlohmann::json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (given.is_object()) return {given["verdict"], given["reason"]};
  if (answer.timed_out) return {"unable", "the bench: not done in time"};
  return {"unable", fmt::format("the bench failed, exit {}, signal {}", answer.exit_code, answer.signal)};
}

reports::ReviewMutant JudgeMutant(const Mutant& mutant, const std::map<RunKey, Ended>& runs) {
  reports::ReviewMutant judged;
  judged.id = mutant.id;
  judged.file = mutant.file;
  judged.function = fmt::format("{}", fmt::join(mutant.functions, ", "));
  judged.reverts = mutant.what;
  judged.detected = true;
  for (const std::string& kernel : KernelFamilies()) {
    if (!mutant.on(kernel)) continue;
    judged.kernels.push_back(kernel);
    bool noticed = false;
    for (const std::string& scenario : mutant.detected_by) {
      const Ended& clean = runs.at({scenario, kernel, ""});
      const Ended& mutated = runs.at({scenario, kernel, mutant.id});
      const std::string where = fmt::format("{} on {}", scenario, kernel);
      if (clean.verdict != "holds" || mutated.verdict != "violated") {
        judged.problems.push_back(fmt::format("{}: {} without, {} with: {}", where, clean.verdict, mutated.verdict,
                                              mutated.reason));
        continue;
      }
      noticed = true;
      judged.seen.push_back(fmt::format("{}: {}", where, mutated.reason));
      if (std::find(judged.by.begin(), judged.by.end(), scenario) == judged.by.end()) judged.by.push_back(scenario);
    }
    judged.detected = judged.detected && noticed;
  }
  judged.detected = judged.detected && !judged.kernels.empty();
  return judged;
}

}  // namespace

MutantRuns RunMutants(const std::string& root, const std::function<int(const std::function<int()>&)>& systemc,
                      const std::function<void(size_t, size_t, const std::string&)>& progress) {
  const std::vector<Mutant> mutants = LoadMutants(root);
  const std::vector<RunKey> keys = KeysFor(mutants);
  std::vector<std::shared_ptr<const driver::Image>> images;  // the children find them mapped
  for (const std::string& kernel : KernelFamilies()) {
    images.push_back(OpenWarm(FindMutatedImage(kernel, root, nullptr)));
  }
  std::vector<ChildBody> bodies;
  for (const RunKey& key : keys) bodies.push_back(BodyOf(key, root, systemc));
  std::map<RunKey, Ended> runs;
  RunInChildren(bodies, UsableProcessors(), kTimeoutS, [&](size_t index, const ChildAnswer& answer) {
    runs[keys[index]] = EndOf(answer);
    progress(runs.size(), keys.size(), keys[index].mutant.empty() ? keys[index].scenario : keys[index].mutant);
  });
  MutantRuns all;
  all.complete = interrupted_by() == 0;
  if (!all.complete) return all;
  for (const Mutant& mutant : mutants) all.mutants.push_back(JudgeMutant(mutant, runs));
  for (const auto& [key, ended] : runs) {
    if (!key.mutant.empty() || ended.verdict == "holds") continue;
    all.unclean.push_back(fmt::format("{} on {}: {}: {}", key.scenario, key.kernel, ended.verdict, ended.reason));
  }
  return all;
}

}  // namespace pvpci::scenarios
