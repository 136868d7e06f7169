// SPDX-License-Identifier: Apache-2.0
#include "scenarios/coverage/requirements.h"

#include <algorithm>

#include <fmt/format.h>

#include "scenarios/problem.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"
#include "scenarios/yaml_tree.h"

namespace pvpci::scenarios {
namespace {

constexpr const char* kDropped = "not linked: nobody in the image calls it";
constexpr const char* kRemoved = "the link proved that it never runs in this image";

class RequirementReader {
 public:
  RequirementReader(std::string file, std::vector<Problem>* problems) : file_(std::move(file)), problems_(problems) {}

  Requirement Read(const std::string& path, const YamlNode& node) {
    Requirement requirement;
    requirement.path = path;
    if (!Known(node, {"threshold", "open", "left_out", "uncovered"})) return requirement;
    const YamlNode* threshold = node.Find("threshold");
    const auto percent = threshold == nullptr ? std::nullopt : ParseUnsigned(threshold->text);
    if (!percent || *percent > 100) {
      Complain(threshold == nullptr ? node.place : threshold->place, "threshold: expected a percentage, 0 .. 100");
    } else {
      requirement.threshold = static_cast<unsigned>(*percent);
    }
    if (const YamlNode* open = node.Find("open")) {
      if (open->text != "true" && open->text != "false") Complain(open->place, "open: expected true or false");
      requirement.open = open->text == "true";
    }
    requirement.left_out = Reasons(node.Find("left_out"), {"functions", "why"});
    requirement.uncovered = Reasons(node.Find("uncovered"), {"functions", "code", "why"});
    return requirement;
  }

 private:
  void Complain(Place place, std::string message) { problems_->push_back({place, std::move(message)}); }

  bool Known(const YamlNode& node, const std::vector<std::string>& keys) {
    if (node.kind != YamlNode::Kind::kMap) {
      Complain(node.place, fmt::format("expected a map, found {}", Describe(node)));
      return false;
    }
    for (const auto& [key, value] : node.members) {
      if (std::find(keys.begin(), keys.end(), key.text) != keys.end()) continue;
      Complain(key.place, fmt::format("unknown key '{}'{}", key.text, DidYouMean(key.text, keys)));
    }
    return true;
  }

  std::string Text(const YamlNode& map, const std::string& key) {
    const YamlNode* node = map.Find(key);
    if (node != nullptr && node->kind == YamlNode::Kind::kScalar && !node->text.empty()) return node->text;
    Complain(node == nullptr ? map.place : node->place, fmt::format("{}: expected a text", key));
    return "";
  }

  std::vector<Reason> Reasons(const YamlNode* list, const std::vector<std::string>& keys) {
    std::vector<Reason> reasons;
    if (list == nullptr || list->kind == YamlNode::Kind::kNull) return reasons;
    if (list->kind != YamlNode::Kind::kList) {
      Complain(list->place, fmt::format("expected a list, found {}", Describe(*list)));
      return reasons;
    }
    for (const YamlNode& item : list->items) {
      if (!Known(item, keys)) continue;
      Reason reason;
      reason.place = item.place;
      const YamlNode* functions = item.Find("functions");
      if (functions != nullptr && functions->kind == YamlNode::Kind::kList) {
        for (const YamlNode& name : functions->items) reason.functions.push_back(name.text);
      } else {
        reason.functions.push_back(Text(item, "functions"));
      }
      if (item.Find("code") != nullptr) reason.code = Text(item, "code");
      reason.why = Text(item, "why");
      reasons.push_back(reason);
    }
    return reasons;
  }

  std::string file_;
  std::vector<Problem>* problems_;
};

bool Names(const Reason& reason, const std::string& function) {
  return std::find(reason.functions.begin(), reason.functions.end(), function) != reason.functions.end();
}

const std::string& Line(const std::vector<std::string>& text, uint32_t number) {
  static const std::string none;
  return number >= 1 && number <= text.size() ? text[number - 1] : none;
}

// Gives each uncovered line from `first` to `last` (indices, one gap) its reason.
class GapReasons {
 public:
  GapReasons(const FileCoverage& file, const std::vector<std::string>& text, const Requirement* requirement)
      : file_(file), text_(text), requirement_(requirement) {
    if (requirement != nullptr) used_.resize(requirement->uncovered.size());
  }

  void Explain(size_t first, size_t last, std::vector<Gap>* gaps) {
    const std::string& function = file_.functions[file_.lines[first].function].name;
    const Reason* anchored = nullptr;
    const Reason* whole = nullptr;
    for (size_t i = 0; requirement_ != nullptr && i < requirement_->uncovered.size(); ++i) {
      const Reason& reason = requirement_->uncovered[i];
      if (reason.code.empty() && Names(reason, function)) {
        whole = &reason;
        used_[i] = true;
      }
    }
    for (size_t i = first; i <= last; ++i) {
      const LineCount& line = file_.lines[i];
      // A text may stand on a line without code of its own, after the previous coverable line.
      const uint32_t from = i == first ? line.line : file_.lines[i - 1].line + 1;
      for (uint32_t at = from; at <= line.line; ++at) {
        if (const Reason* reason = AnchoredAt(function, at)) anchored = reason;
      }
      const Reason* reason = anchored != nullptr ? anchored : whole;
      std::string why = reason != nullptr ? reason->why : "";
      if (why.empty() && line.code == LineCount::Code::kDropped) why = kDropped;
      if (why.empty() && line.code == LineCount::Code::kRemoved) why = kRemoved;
      if (i == first || gaps->back().why != why) gaps->push_back({function, line.line, line.line, 0, why});
      gaps->back().last = line.line;
      ++gaps->back().lines;
    }
  }

  std::vector<Reason> Unused() const {
    std::vector<Reason> unused;
    for (size_t i = 0; i < used_.size(); ++i) {
      if (!used_[i]) unused.push_back(requirement_->uncovered[i]);
    }
    return unused;
  }

 private:
  const Reason* AnchoredAt(const std::string& function, uint32_t line) {
    for (size_t i = 0; requirement_ != nullptr && i < requirement_->uncovered.size(); ++i) {
      const Reason& reason = requirement_->uncovered[i];
      if (reason.code.empty() || !Names(reason, function) || Line(text_, line).find(reason.code) == std::string::npos) {
        continue;
      }
      used_[i] = true;
      return &reason;
    }
    return nullptr;
  }

  const FileCoverage& file_;
  const std::vector<std::string>& text_;
  const Requirement* requirement_;
  std::vector<bool> used_;
};

}  // namespace

std::vector<Requirement> ParseRequirements(const std::string& file, const std::string& text) {
  const YamlNode root = ParseYaml(file, text);
  std::vector<Problem> problems;
  std::vector<Requirement> requirements;
  if (root.kind != YamlNode::Kind::kMap) {
    throw InputError(file, root.place, fmt::format("expected a map of originals, found {}", Describe(root)));
  }
  RequirementReader reader(file, &problems);
  for (const auto& [key, value] : root.members) requirements.push_back(reader.Read(key.text, value));
  if (!problems.empty()) throw InputError(file, problems);
  return requirements;
}

uint32_t Judgement::unexplained() const {
  uint32_t lines = 0;
  for (const Gap& gap : gaps) lines += gap.why.empty() ? gap.lines : 0;
  return lines;
}

Judgement Judge(const FileCoverage& file, const std::vector<std::string>& text, const Requirement* requirement) {
  Judgement judgement;
  const auto left_out = [&](const LineCount& line) {
    const std::string& function = file.functions[line.function].name;
    return requirement != nullptr && std::any_of(requirement->left_out.begin(), requirement->left_out.end(),
                                                 [&](const Reason& reason) { return Names(reason, function); });
  };
  GapReasons reasons(file, text, requirement);
  for (size_t i = 0; i < file.lines.size();) {
    const LineCount& line = file.lines[i];
    if (left_out(line)) {
      ++judgement.left_out;
      ++i;
      continue;
    }
    if (line.runs != 0) {
      ++judgement.coverable;
      ++judgement.covered;
      ++i;
      continue;
    }
    size_t last = i;
    while (last + 1 < file.lines.size() && file.lines[last + 1].runs == 0 &&
           file.lines[last + 1].function == line.function) {
      ++last;
    }
    judgement.coverable += static_cast<uint32_t>(last + 1 - i);
    reasons.Explain(i, last, &judgement.gaps);
    i = last + 1;
  }
  judgement.stale = reasons.Unused();
  return judgement;
}

unsigned PerMille(uint64_t covered, uint64_t coverable) {
  return coverable == 0 ? 1000 : static_cast<unsigned>(covered * 1000 / coverable);
}

}  // namespace pvpci::scenarios
