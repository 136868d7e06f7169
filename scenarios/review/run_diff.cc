// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/run_diff.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "reports/diff.h"
#include "reports/files.h"
#include "reports/result_json.h"
#include "reports/review_json.h"
#include "reports/sarif.h"
#include "scenarios/cli.h"
#include "scenarios/review/suppressions.h"

namespace pvpci::scenarios {

namespace fs = std::filesystem;

reports::Review LoadReview(const std::string& path) {
  fs::path file = path;
  std::error_code error;
  if (fs::is_directory(file, error)) {
    for (const char* name : {"review.json", "result.json"}) {
      if (fs::exists(fs::path(path) / name, error)) {
        file = fs::path(path) / name;
        break;
      }
    }
  }
  std::ifstream stream(file);
  if (!stream || fs::is_directory(file, error)) {
    throw UsageError(fmt::format("diff: no review.json or result.json at '{}'", path));
  }
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  try {
    const auto document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (document.is_object() && document.contains("cells")) return reports::ReadReviewJson(text);
    return reports::ReviewOf(reports::ReadResultJson(text), "");
  } catch (const reports::ReadError& problem) {
    throw UsageError(fmt::format("diff: {}: {}", file.string(), problem.what()));
  }
}

std::map<std::string, std::string> AcceptedToday(const std::string& file) {
  if (file.empty()) return {};
  std::vector<Suppression> expired;
  auto accepted = Accepted(LoadSuppressions(file), Today(), &expired);
  for (const Suppression& entry : expired) {
    std::fputs(fmt::format("{}:{}:{}: expired on {}, counts no more: {}\n", file, entry.place.line, entry.place.column,
                           entry.expires, entry.reason).c_str(), stderr);
  }
  return accepted;
}

int RunDiff(const DiffOptions& options) {
  const auto accepted = AcceptedToday(options.suppressions);
  const reports::Diff diff = reports::Compare(LoadReview(options.before), LoadReview(options.after), accepted);
  const std::string document = reports::DiffJson(diff).dump(2) + "\n";
  if (!options.out.empty()) reports::WriteFileAtomically(fs::path(options.out) / "diff.json", document);
  std::fputs((options.json ? document : reports::DiffText(diff)).c_str(), stdout);
  return reports::NewUnaccepted(diff) == 0 ? kExitHolds : kExitViolated;
}

}  // namespace pvpci::scenarios
