// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/coverage_data.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

namespace pvpci::scenarios {
namespace {

std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

int RequirementFor(const std::vector<Requirement>& requirements, const std::string& path) {
  for (size_t i = 0; i < requirements.size(); ++i) {
    if (requirements[i].path == path) return static_cast<int>(i);
  }
  return -1;
}

void AddShares(const std::vector<RunShare>& from, std::vector<RunShare>* to) {
  for (size_t i = 0; i < from.size(); ++i) {
    (*to)[i].covered += from[i].covered;
    (*to)[i].alone += from[i].alone;
  }
}

void FindProblems(Coverage* coverage) {
  for (const Requirement& requirement : coverage->requirements) {
    const auto original = std::find_if(coverage->originals.begin(), coverage->originals.end(),
                                       [&](const auto& each) { return each.file.path == requirement.path; });
    if (original == coverage->originals.end()) {
      coverage->problems.push_back(requirement.path + ": is required, and not in the image");
      continue;
    }
    const Judgement& judgement = original->judgement;
    if (!Met(*coverage, *original)) {
      coverage->problems.push_back(fmt::format("{}: {} % of its lines ran, {} % are required", requirement.path,
                                               Percent(judgement.covered, judgement.coverable), requirement.threshold));
    }
    if (judgement.unexplained() != 0 && !requirement.open) {
      coverage->problems.push_back(fmt::format("{}: {} uncovered lines without a reason in {}", requirement.path,
                                               judgement.unexplained(), kRequirementsFile));
    }
  }
}

std::string Places(const Gap& gap) {
  return gap.first == gap.last ? fmt::format("{}", gap.first) : fmt::format("{}-{}", gap.first, gap.last);
}

}  // namespace

void MakeCoverage(const std::vector<driver::SourceLines>& sources, const std::vector<std::string>& paths,
                  const std::string& folder, Coverage* coverage) {
  std::vector<const BlocksRan*> runs;
  for (const ScenarioBlocks& scenario : coverage->scenarios) runs.push_back(&scenario.ran);
  coverage->shares.resize(runs.size());
  coverage->required_shares.resize(runs.size());
  for (const driver::SourceLines& source : sources) {
    if (std::find(paths.begin(), paths.end(), source.path) == paths.end()) continue;  // the environment
    OriginalCoverage original;
    original.file = Measure(source, runs);
    original.text = ReadLines(folder + "/" + source.path);
    original.requirement = RequirementFor(coverage->requirements, source.path);
    const bool required = original.requirement >= 0;
    original.judgement =
        Judge(original.file, original.text, required ? &coverage->requirements[original.requirement] : nullptr);
    AddShares(original.file.shares, &coverage->shares);
    if (required) AddShares(original.file.shares, &coverage->required_shares);
    coverage->originals.push_back(std::move(original));
  }
  std::sort(coverage->originals.begin(), coverage->originals.end(), [](const auto& a, const auto& b) {
    const auto rank = [](const OriginalCoverage& each) { return static_cast<unsigned>(each.requirement); };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.file.path < b.file.path;
  });
  FindProblems(coverage);
}

bool Met(const Coverage& coverage, const OriginalCoverage& original) {
  return original.requirement < 0 || PerMille(original.judgement.covered, original.judgement.coverable) >=
                                         coverage.requirements[original.requirement].threshold * 10;
}

std::string Percent(uint64_t covered, uint64_t coverable) {
  const unsigned per_mille = PerMille(covered, coverable);
  return fmt::format("{}.{}", per_mille / 10, per_mille % 10);
}

nlohmann::ordered_json CoverageJson(const Coverage& coverage) {
  nlohmann::ordered_json json;
  json["kernel"] = coverage.kernel;
  json["version"] = coverage.version;
  json["scenarios"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < coverage.scenarios.size(); ++i) {
    json["scenarios"].push_back({{"name", coverage.scenarios[i].name},
                                 {"modes", coverage.scenarios[i].modes},
                                 {"lines_covered", coverage.shares[i].covered},
                                 {"lines_only_here", coverage.shares[i].alone}});
  }
  json["originals"] = nlohmann::ordered_json::array();
  for (const OriginalCoverage& original : coverage.originals) {
    nlohmann::ordered_json entry;
    entry["path"] = original.file.path;
    entry["lines_coverable"] = original.judgement.coverable;
    entry["lines_covered"] = original.judgement.covered;
    entry["lines_left_out"] = original.judgement.left_out;
    entry["threshold"] = nullptr;
    if (original.requirement >= 0) {
      entry["threshold"] = coverage.requirements[original.requirement].threshold;
      entry["met"] = Met(coverage, original);
      entry["uncovered"] = nlohmann::ordered_json::array();
      for (const Gap& gap : original.judgement.gaps) {
        nlohmann::ordered_json line;
        line = {{"function", gap.function}, {"first", gap.first}, {"last", gap.last}, {"lines", gap.lines}};
        line["why"] = nullptr;
        if (!gap.why.empty()) line["why"] = gap.why;
        entry["uncovered"].push_back(line);
      }
    }
    json["originals"].push_back(entry);
  }
  json["problems"] = coverage.problems;
  return json;
}

std::string CoverageText(const Coverage& coverage) {
  std::string text;
  uint64_t covered = 0, coverable = 0;
  for (const OriginalCoverage& original : coverage.originals) {
    const Judgement& judgement = original.judgement;
    covered += judgement.covered;
    coverable += judgement.coverable;
    if (original.requirement < 0) continue;
    text += fmt::format("{:<45} {:>5} % of {:>4} lines, goal {:>3} %{}\n", original.file.path,
                        Percent(judgement.covered, judgement.coverable), judgement.coverable,
                        coverage.requirements[original.requirement].threshold,
                        Met(coverage, original) ? "" : "  MISSED");
    for (const Gap& gap : judgement.gaps) {
      if (gap.why.empty()) text += fmt::format("    no reason: {} in {}\n", Places(gap), gap.function);
    }
    for (const Reason& reason : judgement.stale) {
      text += fmt::format("    note: {}:{}: fits no uncovered line of {}\n", kRequirementsFile, reason.place.line,
                          fmt::join(reason.functions, ", "));
    }
  }
  text += fmt::format("{:<45} {:>5} % of {} lines, {} scenarios, kernel {}\n", "all originals",
                      Percent(covered, coverable), coverable, coverage.scenarios.size(), coverage.kernel);
  return text;
}

}  // namespace pvpci::scenarios
