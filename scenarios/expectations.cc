// SPDX-License-Identifier: Apache-2.0
#include "scenarios/expectations.h"

#include <regex.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "scenarios/store_path.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

using nlohmann::json;

constexpr const char* kConsole = "console";

// What spec/result.md gives each list and object at the top. Empty: a scalar.
const std::map<std::string, std::vector<std::string>>& Fields() {
  static const std::map<std::string, std::vector<std::string>> fields = {
      {"verdict", {}},
      {"seed", {}},
      {"mode", {}},
      {"simulated_ps", {}},
      {"kernels", {"name", "package", "version", "modified"}},
      {"originals", {"kernel", "path", "sha256", "lines", "blocks_run", "lines_coverable", "lines_covered"}},
      {"changes", {"kind", "name", "sha256", "why"}},
      {"programs", {"domain", "argv", "exit", "stdout"}},
      {"emulated", {"function", "kind", "calls"}},
      {"domains", {"id", "name", "role", "kernel", "vcpus", "state", "report"}},
      {"dma", {"accesses", "bytes"}},
      {"faults", {"bdf", "address", "access", "reason", "text", "time_ps"}},
      {"findings",
       {"id", "class", "fingerprint", "title", "severity", "cwe", "device", "attacker", "victim", "direction",
        "address", "mfn", "bytes", "leaked_bytes_proven", "programmed_by", "mapped_by", "unmapped_by", "frame",
        "stopped_by", "embargo", "reproduce"}},
      {"interrupts",
       {"source", "kind", "abi", "domain", "asserted", "delivered", "coalesced", "lost", "duplicated", "spurious",
        "latency_ns", "total_ps", "parts", "eoi_tail_ps"}},
      {"hypercalls", {"domain", "name", "calls", "failed"}},
      {kConsole, {"lines"}},
      {"store", {"value", "history", "writers", "together"}},
      {"ring", {"domain", "op", "sends", "repeated", "answers", "errors", "codes"}},
  };
  return fields;
}

std::vector<std::string> Roots() {
  std::vector<std::string> roots;
  for (const auto& [name, fields] : Fields()) roots.push_back(name);
  return roots;
}

const std::vector<std::string>& DmaClasses() {
  static const std::vector<std::string> classes = {"E0", "E1", "E2", "E3", "E4",  "E5",
                                                   "E6", "E7", "E8", "E9", "E10", "escapes"};
  return classes;
}

// store[path] or store["path"].
const std::string& StoreNodeOf(const PathStep& step) {
  return step.texts.empty() ? step.filters[0].second : step.texts[0];
}

bool IsWordChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '/' || c == ':' || c == '+';
}

class ExpectationParser {
 public:
  ExpectationParser(const std::string& text, const ExpectationNames& names) : text_(text), names_(names) {}

  Expectation Parse() {
    Expectation result;
    result.text = text_;
    Blanks();
    if (AtEnd()) Fail("empty expectation; expected something like 'dma.escapes == 0'");
    if (text_.compare(at_, 4, "any ") == 0) {
      result.any = true;
      at_ += 4;
      Blanks();
    }
    ParsePath(&result);
    Check(result);
    Blanks();
    ParseComparison(&result);
    Blanks();
    ParseLiteral(&result);
    Blanks();
    if (!AtEnd()) Fail("expected nothing more after the value; a text with blanks stands in \"quotes\"");
    return result;
  }

 private:
  [[noreturn]] void Fail(const std::string& message) { throw ExpectationError(at_, message); }
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? 0 : text_[at_]; }
  void Blanks() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t')) ++at_;
  }
  std::string Word(bool dots) {
    const size_t start = at_;
    while (!AtEnd() && (IsWordChar(Peek()) || (dots && Peek() == '.'))) ++at_;
    return text_.substr(start, at_ - start);
  }

  void ParsePath(Expectation* result) {
    PathStep root;
    root.offset = at_;
    root.name = Word(false);
    if (root.name.empty()) Fail("expected a field of the result: " + OneOf(Roots()));
    result->path.push_back(root);
    while (Peek() == '.' || Peek() == '[') {
      PathStep step;
      if (Peek() == '.') {
        ++at_;
        step.offset = at_;
        step.name = Word(false);
        if (step.name.empty()) Fail("expected a field name after '.'");
      } else {
        ++at_;
        step.kind = PathStep::Kind::kFilter;
        step.offset = at_;
        ParseFilters(&step);
      }
      result->path.push_back(step);
    }
  }

  void ParseFilters(PathStep* step) {
    for (;;) {
      Blanks();
      if (Peek() == '*') {
        ++at_;
      } else if (Peek() == '#') {
        ++at_;
        const std::string digits = Word(false);
        const auto index = ParseUnsigned(digits);
        if (!index || *index > 1000000) Fail("expected a number after '#', as in [#0]");
        step->index = static_cast<long>(*index);
      } else if (Peek() == '"' || Peek() == '\'') {
        step->texts.push_back(Quoted());
      } else {
        std::string value = Word(true);
        std::string field;
        if (value.empty()) Fail("expected a word, '*' or '#0' in the brackets");
        if (Peek() == '=') {
          ++at_;
          field = value;
          value = Word(true);
          if (value.empty()) Fail("expected a value after '='");
        }
        step->filters.emplace_back(field, value);
      }
      Blanks();
      if (Peek() == ',') {
        ++at_;
        continue;
      }
      if (Peek() == ']') {
        ++at_;
        return;
      }
      Fail("expected ',' or ']'");
    }
  }

  // Against spec/result.md and the scenario's own names.
  void Check(const Expectation& expectation) {
    const PathStep& root = expectation.path.front();
    const auto known = Fields().find(root.name);
    if (known == Fields().end()) {
      const std::string hint = DidYouMean(root.name, Roots());
      throw ExpectationError(root.offset, fmt::format("the result has no '{}'{}", root.name,
                                                      hint.empty() ? "; it has " + OneOf(Roots()) : hint));
    }
    if (known->second.empty()) {
      if (expectation.path.size() > 1) {
        throw ExpectationError(expectation.path[1].offset, fmt::format("'{}' has no parts", root.name));
      }
      return;
    }
    if (root.name == kConsole) return CheckConsole(expectation);
    for (const PathStep& step : expectation.path) {
      if (step.texts.empty() || root.name == "store") continue;
      throw ExpectationError(step.offset, "a text in the brackets chooses lines of a console; expected a word");
    }
    if (expectation.path.size() < 2) {
      throw ExpectationError(at_, fmt::format("'{}' is a list: say which part, as in {}.count", root.name, root.name));
    }
    size_t next = 1;
    if (root.name == "dma") {
      const PathStep& step = expectation.path[1];
      if (std::find(DmaClasses().begin(), DmaClasses().end(), step.name) == DmaClasses().end()) {
        throw ExpectationError(step.offset, fmt::format("no DMA class '{}'; expected {}", step.name,
                                                        OneOf(DmaClasses())));
      }
      next = 2;
      if (step.name == "escapes" && expectation.path.size() > 2) {
        throw ExpectationError(expectation.path[2].offset, "'dma.escapes' has no parts");
      }
    } else if (root.name == "store") {
      next = 2;
      CheckStorePath(expectation.path[1]);
    } else if (expectation.path[1].kind == PathStep::Kind::kFilter) {
      next = 2;
      CheckDomains(root, expectation.path[1]);
    } else {
      const PathStep& step = expectation.path[1];
      if (step.name == "count") {
        next = expectation.path.size();
      } else if (root.name == "domains") {
        CheckDomain(step.name, step.offset);
        next = 2;
      } else if (std::find(known->second.begin(), known->second.end(), step.name) != known->second.end()) {
        throw ExpectationError(step.offset, fmt::format("'{}' is a list: say whose {}, as in {}[*].{}", root.name,
                                                        step.name, root.name, step.name));
      } else {
        next = 2;
      }
    }
    if (next >= expectation.path.size()) return;
    const PathStep& field = expectation.path[next];
    if (field.kind != PathStep::Kind::kName || field.name == "count") return;
    if (std::find(known->second.begin(), known->second.end(), field.name) == known->second.end()) {
      const std::string hint = DidYouMean(field.name, known->second);
      throw ExpectationError(field.offset, fmt::format("{} have no '{}'{}", root.name, field.name,
                                                       hint.empty() ? "; they have " + OneOf(known->second) : hint));
    }
  }

  // console[domain] or console[domain,"text"], then nothing or .lines.
  void CheckConsole(const Expectation& expectation) {
    const std::vector<PathStep>& path = expectation.path;
    if (path.size() < 2 || path[1].kind != PathStep::Kind::kFilter || path[1].index >= 0 ||
        path[1].filters.size() > 1 || (!path[1].filters.empty() && !path[1].filters[0].first.empty())) {
      throw ExpectationError(path.size() < 2 ? at_ : path[1].offset,
                             "whose console? expected one domain or '*', as in console[driver]");
    }
    for (const auto& [field, domain] : path[1].filters) CheckDomain(domain, path[1].offset);
    if (path.size() == 2) return;
    if (path.size() > 3 || path[2].name != "lines") {
      throw ExpectationError(path[2].offset, "of a console there is only '.lines', how many it has");
    }
  }

  void CheckStorePath(const PathStep& step) {
    std::string error = "expected a node in brackets, as in store[driver.be/state]";
    const auto known = [this](const std::string& name) -> std::optional<unsigned> {
      const auto& names = names_.domains;
      const bool there = names.empty() || std::find(names.begin(), names.end(), name) != names.end();
      return there ? std::optional<unsigned>(0) : std::nullopt;
    };
    const bool one =
        step.filters.size() + step.texts.size() == 1 && (step.filters.empty() || step.filters[0].first.empty());
    if (!one || !StorePath(StoreNodeOf(step), known, &error)) throw ExpectationError(step.offset, error);
  }
  void CheckDomain(const std::string& name, size_t offset) {
    if (names_.domains.empty()) return;
    if (std::find(names_.domains.begin(), names_.domains.end(), name) != names_.domains.end()) return;
    const std::string hint = DidYouMean(name, names_.domains);
    throw ExpectationError(offset, fmt::format("no domain '{}'{}", name,
                                               hint.empty() ? "; there is " + OneOf(names_.domains) : hint));
  }
  void CheckDomains(const PathStep& root, const PathStep& filter) {
    for (const auto& [field, value] : filter.filters) {
      if (field == "domain" || (root.name == "domains" && (field == "name" || field.empty()) && value != "dom0" &&
                                value != "domU")) {
        CheckDomain(value, filter.offset);
      }
    }
  }

  void ParseComparison(Expectation* result) {
    static const std::vector<std::pair<std::string, Comparison>> kOperators = {
        {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual},     {"<=", Comparison::kLessEqual},
        {">=", Comparison::kGreaterEqual}, {"<", Comparison::kLess},       {">", Comparison::kGreater},
        {"contains", Comparison::kContains}, {"matches", Comparison::kMatches}};
    for (const auto& [text, comparison] : kOperators) {
      if (text_.compare(at_, text.size(), text) != 0) continue;
      result->comparison = comparison;
      at_ += text.size();
      return;
    }
    Fail("expected ==, !=, <, <=, >, >=, contains or matches");
  }

  void ParseLiteral(Expectation* result) {
    if (AtEnd()) Fail("expected a value to compare with");
    const bool ordered = result->comparison == Comparison::kLess || result->comparison == Comparison::kLessEqual ||
                         result->comparison == Comparison::kGreater || result->comparison == Comparison::kGreaterEqual;
    const bool textual = result->comparison == Comparison::kContains || result->comparison == Comparison::kMatches;
    const size_t start = at_;
    if (Peek() == '"' || Peek() == '\'') {
      result->literal = Quoted();
    } else {
      std::string word = Word(true);
      if (word.empty()) Fail("expected a number, a word or a \"text\"");
      const size_t after = at_;
      Blanks();
      const std::string unit = Word(false);
      const auto time = ParseDuration(unit.empty() ? word : word + " " + unit);
      char* end = nullptr;
      const double number = std::strtod(word.c_str(), &end);
      if (!textual && time && !ParseUnsigned(word + unit)) {
        result->literal = *time;
        result->literal_is_time = true;
      } else {
        at_ = after;
        if (textual) {
          result->literal = word;
        } else if (const auto whole = ParseSigned(word)) {
          result->literal = *whole;
        } else if (const auto large = ParseUnsigned(word)) {
          result->literal = *large;
        } else if (*end == 0 && std::isfinite(number)) {
          result->literal = number;
        } else if (word == "true" || word == "false") {
          result->literal = word == "true";
        } else if (word == "null") {
          result->literal = nullptr;
        } else {
          result->literal = word;
        }
      }
    }
    if (ordered && !result->literal.is_number()) {
      at_ = start;
      Fail("expected a number after <, <=, > or >=");
    }
    if (result->comparison == Comparison::kMatches) {
      regex_t compiled;
      const int error = regcomp(&compiled, result->literal.get<std::string>().c_str(), REG_EXTENDED | REG_NOSUB);
      if (error != 0) {
        char message[128];
        regerror(error, &compiled, message, sizeof message);
        at_ = start;
        Fail(fmt::format("not a regular expression: {}", message));
      }
      regfree(&compiled);
    }
  }

  std::string Quoted() {
    const size_t start = at_;
    const char quote = text_[at_++];
    std::string value;
    while (!AtEnd() && Peek() != quote) {
      if (Peek() == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == quote) ++at_;
      value += text_[at_++];
    }
    if (AtEnd()) {
      at_ = start;
      Fail("this quote is never closed");
    }
    ++at_;
    return value;
  }

  const std::string& text_;
  const ExpectationNames& names_;
  size_t at_ = 0;
};

// --- evaluation ---

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

bool IsConsole(const Expectation& expectation) { return expectation.path.front().name == kConsole; }

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

Selection SelectConsoles(const Expectation& expectation, const json& result) {
  Selection selection;
  const PathStep& which = expectation.path[1];
  const json consoles = result.value(kConsole, json::object());
  for (const auto& [domain, console] : consoles.items()) {
    if (!which.filters.empty() && which.filters[0].second != domain) continue;
    uint64_t count = 0;
    const std::string kept = LinesWith(console.get<std::string>(), which.texts, &count);
    selection.values.push_back(expectation.path.size() > 2 ? json(count) : json(kept));
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
  for (const json& node : result.value("store", json::array())) {
    if (path && node["path"] == *path) return {{node}, false};
  }
  return {{json{{"value", nullptr}, {"history", ""}, {"writers", ""}, {"together", ""}}}, false};
}

Selection Select(const Expectation& expectation, const json& result) {
  if (IsConsole(expectation)) return SelectConsoles(expectation, result);
  Selection now;
  const std::string& root = expectation.path.front().name;
  if (root == "store") {
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
    return Matches(ScalarText(actual), wanted.get<std::string>(), IsConsole(expectation) ? REG_NEWLINE : 0);
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

// A value as the report shows it: of a console only the line that answers.
std::string Shown(const Expectation& expectation, const json& value, bool held) {
  if (!IsConsole(expectation) || !value.is_string()) return ScalarText(value);
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

Expectation ParseExpectation(const std::string& text, const ExpectationNames& names) {
  return ExpectationParser(text, names).Parse();
}

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
