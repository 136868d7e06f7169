// SPDX-License-Identifier: Apache-2.0
#include "scenarios/counterfactual.h"

#include <cstdio>
#include <filesystem>

#include "reports/counterfactual.h"
#include "reports/files.h"
#include "reports/json_text.h"
#include "reports/result_json.h"

namespace pvpci::scenarios {

std::vector<ChildAnswer> RunCounterfactual(const CounterfactualRun& run) {
  std::vector<ChildBody> bodies;
  for (size_t i = 0; i < run.scenarios.size(); ++i) {
    bodies.push_back([&run, i](std::string* answer) {
      return run.systemc([&] {
        const reports::Result result = RunScenario(run.scenarios[i], run.options[i]);
        *answer = reports::ToJson(result).dump();
        return ExitCodeOf(result);
      });
    });
  }
  const std::vector<ChildAnswer> answers = RunInChildren(bodies, UsableProcessors(), run.timeout_s, {});
  std::vector<reports::Result> results;
  std::vector<std::string> folders;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto document = nlohmann::ordered_json::parse(answers[i].text, nullptr, /*allow_exceptions=*/false);
    if (!document.is_object()) continue;  // it died: its answer tells
    results.push_back(reports::ResultOf(document));
    folders.push_back(run.options[i].out);
  }
  reports::FillOtherModes(&results);
  for (size_t i = 0; i < results.size(); ++i) reports::FinishRun(folders[i], results[i]);
  const std::filesystem::path out = run.out;
  const nlohmann::ordered_json table = reports::CounterfactualJson(results);
  reports::WriteFileAtomically(out / "counterfactual.json", reports::FormatJson(table));
  reports::WriteFileAtomically(out / "counterfactual.html", reports::CounterfactualHtml(results));
  if (run.json) {
    std::fputs(reports::FormatJson(table).c_str(), stdout);
  } else if (run.text) {
    std::fputs((reports::CounterfactualText(results) + (out / "counterfactual.html").string() + "\n").c_str(), stdout);
  }
  return answers;
}

}  // namespace pvpci::scenarios
