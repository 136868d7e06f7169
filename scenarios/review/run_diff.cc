// SPDX-License-Identifier: Apache-2.0
#include "scenarios/review/run_diff.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "reports/diff.h"
#include "reports/files.h"
#include "reports/path_diff.h"
#include "reports/result_json.h"
#include "reports/review_json.h"
#include "reports/sarif.h"
#include "scenarios/cli.h"
#include "scenarios/review/suppressions.h"

namespace pvpci::scenarios {

namespace fs = std::filesystem;

namespace {

struct Document {
  std::string file, text;
  nlohmann::ordered_json json;  // discarded if it is none
};

Document Load(const std::string& path) {
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
  Document document;
  document.file = file.string();
  document.text.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  document.json = nlohmann::ordered_json::parse(document.text, nullptr, /*allow_exceptions=*/false);
  return document;
}

reports::Review ReviewIn(const Document& document) {
  try {
    if (document.json.is_object() && document.json.contains("cells")) return reports::ReadReviewJson(document.text);
    return reports::ReviewOf(reports::ReadResultJson(document.text), "");
  } catch (const reports::ReadError& problem) {
    throw UsageError(fmt::format("diff: {}: {}", document.file, problem.what()));
  }
}

bool HasPaths(const Document& document) { return document.json.is_object() && document.json.contains("paths"); }

}  // namespace

reports::Review LoadReview(const std::string& path) { return ReviewIn(Load(path)); }

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
  const Document before = Load(options.before), after = Load(options.after);
  const reports::Diff diff = reports::Compare(ReviewIn(before), ReviewIn(after), accepted);
  nlohmann::ordered_json json = reports::DiffJson(diff);
  std::string text = reports::DiffText(diff);
  if (HasPaths(before) && HasPaths(after)) {  // runs, not reviews
    json["paths"] = reports::PathsDiff(before.json, after.json);
    text = reports::PathsDiffText(json["paths"]) + text;
  }
  const std::string document = json.dump(2) + "\n";
  if (!options.out.empty()) reports::WriteFileAtomically(fs::path(options.out) / "diff.json", document);
  std::fputs((options.json ? document : text).c_str(), stdout);
  return reports::NewUnaccepted(diff) == 0 ? kExitHolds : kExitViolated;
}

}  // namespace pvpci::scenarios
