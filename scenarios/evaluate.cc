// SPDX-License-Identifier: Apache-2.0
// Answers parsed expectations from what a run left.
#include "scenarios/expectations.h"

#include <regex.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "scenarios/store_path.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

std::string ScalarText(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array() && std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_string(); })) {
    std::string text;
    for (const json& item : value) text += (text.empty() ? "" : " ") + item.get<std::string>();
    return text;
  }
  return value.dump();
}

const json* Field(const json& entry, const std::string& dotted) {
  const json* at = &entry;
  size_t start = 0;
  while (start <= dotted.size()) {
    size_t end = dotted.find('.', start);
    if (end == std::string::npos) end = dotted.size();
    const std::string key = dotted.substr(start, end - start);
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
    start = end + 1;
  }
  return at;
}

bool MatchesFilter(const json& entry, const std::string& field, const std::string& value) {
  if (!field.empty()) {
    const json* found = Field(entry, field);
    return found != nullptr && ScalarText(*found) == value;
  }
  if (!entry.is_object()) return ScalarText(entry) == value;
  for (const auto& [key, member] : entry.items()) {
    if (member.is_primitive() && ScalarText(member) == value) return true;
    if (member.is_array()) {
      for (const json& item : member) {
        if (item.is_string() && item.get<std::string>() == value) return true;
      }
    }
  }
  return false;
}

struct Selection {
  std::vector<json> values;
  bool of_list = false;  // chosen from a list and not yet narrowed to a field
};

// Its values are texts of many lines.
bool AsksLines(const Expectation& expectation) {
  return expectation.path.front().name == kConsoleRoot || AsksTrace(expectation);
}

bool IsEscape(const std::string& dma_class) {
  return dma_class != "E0" && dma_class != "E1" && dma_class != "E4";
}

Selection Filter(const Selection& from, const PathStep& step) {
  Selection to;
  to.of_list = true;
  for (const json& value : from.values) {
    if (!value.is_array()) continue;
    long index = 0;
    for (const json& entry : value) {
      bool fits = step.index < 0 || index == step.index;
      for (const auto& [field, wanted] : step.filters) fits = fits && MatchesFilter(entry, field, wanted);
      if (fits) to.values.push_back(entry);
      ++index;
    }
  }
  return to;
}

// The lines of `text` that contain all of `parts`, each with its end.
std::string LinesWith(const std::string& text, const std::vector<std::string>& parts, uint64_t* count) {
  std::string kept;
  *count = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
    const std::string line = text.substr(start, end - start);
    start = end;
    if (!std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return line.find(part) != std::string::npos; })) {
      continue;
    }
    kept += line;
    ++*count;
  }
  return kept;
}

// From the first line of step `since` to before the first of step `until`. Nothing if such a step did not run.
std::optional<std::string> PartOfTrace(const PathStep& step, const json& trace) {
  const std::string text = trace.value("text", "");
  size_t start = 0;
  size_t end = text.size();
  for (const auto& [field, label] : step.filters) {
    if (!trace["steps"].contains(label)) return std::nullopt;
    (field == "since" ? start : end) = trace["steps"][label].get<size_t>();
  }
  return start <= end ? text.substr(start, end - start) : "";
}

Selection SelectLines(const Expectation& expectation, const json& result) {
  Selection selection;
  const PathStep& which = expectation.path[1];
  const auto add = [&](const std::string& text) {
    uint64_t count = 0;
    const std::string kept = LinesWith(text, which.texts, &count);
    selection.values.push_back(expectation.path.size() > 2 ? json(count) : json(kept));
  };
  if (AsksTrace(expectation)) {
    if (const auto part = PartOfTrace(which, result.at(kTraceRoot))) add(*part);
    return selection;
  }
  const json consoles = result.value(kConsoleRoot, json::object());
  for (const auto& [domain, console] : consoles.items()) {
    if (which.filters.empty() ? domain != kXenConsole : which.filters[0].second == domain) add(console.get<std::string>());
  }
  return selection;
}

// The node that store[...] names. One that nobody ever wrote is there, too: without value, its history is empty.
Selection StoreNode(const PathStep& step, const json& result) {
  const auto ids = [&result](const std::string& name) -> std::optional<unsigned> {
    for (const json& domain : result.value("domains", json::array())) {
      if (domain["name"] == name) return domain["id"].get<unsigned>();
    }
    return std::nullopt;
  };
  const auto path = StorePath(StoreNodeOf(step), ids);
  for (const json& node : result.value(kStoreRoot, json::array())) {
    if (path && node["path"] == *path) return {{node}, false};
  }
  return {{json{{"value", nullptr}, {"history", ""}, {"writers", ""}, {"together", ""}}}, false};
}

Selection Select(const Expectation& expectation, const json& result) {
  if (AsksLines(expectation)) return SelectLines(expectation, result);
  Selection now;
  const std::string& root = expectation.path.front().name;
  if (root == kStoreRoot) {
    now = StoreNode(expectation.path[1], result);
    const std::string field = expectation.path.size() > 2 ? expectation.path[2].name : "value";
    return {{now.values[0][field]}, false};
  }
  if (result.contains(root)) now.values.push_back(result[root]);
  for (size_t i = 1; i < expectation.path.size(); ++i) {
    const PathStep& step = expectation.path[i];
    if (step.kind == PathStep::Kind::kFilter) {
      now = Filter(now, step);
      continue;
    }
    if (now.of_list && step.name == "count") {
      return {{json(now.values.size())}, false};
    }
    Selection next;
    for (const json& value : now.values) {
      if (value.is_array() && step.name == "count") {
        next.values.push_back(value.size());
      } else if (value.is_array()) {
        PathStep filter;
        filter.filters.emplace_back("", step.name);
        Selection found = Filter({{value}, false}, filter);
        next.values.insert(next.values.end(), found.values.begin(), found.values.end());
        next.of_list = true;
      } else if (root == "dma" && i == 1 && step.name == "escapes") {
        uint64_t accesses = 0;
        for (const auto& [dma_class, counts] : value.items()) {
          if (IsEscape(dma_class)) accesses += counts.value("accesses", uint64_t{0});
        }
        next.values.push_back(accesses);
      } else if (value.is_object() && value.contains(step.name)) {
        next.values.push_back(value[step.name]);
      } else if (root == "dma" && i == 1) {
        next.values.push_back(json{{"accesses", 0}, {"bytes", 0}});
      } else if (value.is_null()) {
        next.values.push_back(nullptr);
      }
    }
    now = std::move(next);
  }
  if (now.of_list) return {{json(now.values.size())}, false};  // findings.E5: how many
  return now;
}

bool Matches(const std::string& text, const std::string& pattern, int flags) {
  regex_t compiled;
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB | flags) != 0) return false;
  const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return found;
}

template <typename T>
bool Ordered(Comparison comparison, T a, T b) {
  switch (comparison) {
    case Comparison::kEqual: return a == b;
    case Comparison::kNotEqual: return a != b;
    case Comparison::kLess: return a < b;
    case Comparison::kLessEqual: return a <= b;
    case Comparison::kGreater: return a > b;
    case Comparison::kGreaterEqual: return a >= b;
    default: return false;
  }
}

bool Holds(const Expectation& expectation, const json& actual, bool field_is_ns) {
  const json& wanted = expectation.literal;
  if (expectation.comparison == Comparison::kContains) {
    return ScalarText(actual).find(wanted.get<std::string>()) != std::string::npos;
  }
  if (expectation.comparison == Comparison::kMatches) {
    return Matches(ScalarText(actual), wanted.get<std::string>(), AsksLines(expectation) ? REG_NEWLINE : 0);
  }
  if (actual.is_number() && wanted.is_number()) {
    if (expectation.literal_is_time && field_is_ns) {
      return Ordered(expectation.comparison, actual.get<double>(), wanted.get<double>() / 1000);
    }
    if (actual.is_number_integer() && wanted.is_number_integer()) {
      return Ordered(expectation.comparison, static_cast<__int128>(actual.is_number_unsigned()
                                                                       ? static_cast<__int128>(actual.get<uint64_t>())
                                                                       : actual.get<int64_t>()),
                     static_cast<__int128>(wanted.is_number_unsigned() ? static_cast<__int128>(wanted.get<uint64_t>())
                                                                       : wanted.get<int64_t>()));
    }
    return Ordered(expectation.comparison, actual.get<double>(), wanted.get<double>());
  }
  bool equal = actual == wanted;
  if (!equal && !actual.is_null() && !wanted.is_null()) equal = ScalarText(actual) == ScalarText(wanted);
  if (expectation.comparison == Comparison::kEqual) return equal;
  if (expectation.comparison == Comparison::kNotEqual) return !equal;
  return false;
}

// A value as the report shows it: of many lines only the one that answers.
std::string Shown(const Expectation& expectation, const json& value, bool held) {
  if (!AsksLines(expectation) || !value.is_string()) return ScalarText(value);
  const std::string text = value.get<std::string>();
  uint64_t lines = 0;
  LinesWith(text, {}, &lines);
  for (size_t start = 0; held && start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    if (Holds(expectation, line, false)) return line;
    start = end + 1;
  }
  return fmt::format("none of {} lines", lines);
}

bool FieldIsNs(const Expectation& expectation) {
  for (const PathStep& step : expectation.path) {
    if (step.name.size() > 3 && step.name.compare(step.name.size() - 3, 3, "_ns") == 0) return true;
  }
  return false;
}

}  // namespace

bool AsksTrace(const Expectation& expectation) { return expectation.path.front().name == kTraceRoot; }

std::vector<json> ValuesOf(const Expectation& expectation, const json& result) { return Select(expectation, result).values; }

Outcome Evaluate(const Expectation& expectation, const json& result) {
  constexpr size_t kShownValues = 6;
  constexpr size_t kShownLength = 200;
  Outcome outcome;
  outcome.text = expectation.text;
  const Selection selection = Select(expectation, result);
  if (selection.values.empty()) {
    outcome.actual = "no such entry";
    return outcome;
  }
  const bool ns = FieldIsNs(expectation);
  size_t holding = 0;
  std::string first_against;
  for (const json& value : selection.values) {
    if (Holds(expectation, value, ns)) {
      ++holding;
    } else if (first_against.empty()) {
      first_against = Shown(expectation, value, false);
    }
  }
  outcome.held = expectation.any ? holding > 0 : holding == selection.values.size();
  if (!outcome.held && selection.values.size() > kShownValues) {
    outcome.actual = fmt::format("{} ({} of {} hold)", first_against, holding, selection.values.size());
  } else {
    for (size_t i = 0; i < selection.values.size() && i < kShownValues; ++i) {
      const json& value = selection.values[i];
      outcome.actual += (i > 0 ? ", " : "") + Shown(expectation, value, Holds(expectation, value, ns));
    }
    if (selection.values.size() > kShownValues) outcome.actual += ", ...";
  }
  if (outcome.actual.size() > kShownLength) outcome.actual = outcome.actual.substr(0, kShownLength) + "...";
  return outcome;
}

}  // namespace pvpci::scenarios
