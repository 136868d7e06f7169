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

// What spec/result.md gives each list and object at the top. Empty: a scalar.
const std::map<std::string, std::vector<std::string>>& Fields() {
  static const std::map<std::string, std::vector<std::string>> fields = {
      {"verdict", {}},
      {"seed", {}},
      {"mode", {}},
      {"simulated_ps", {}},
      {"kernels", {"name", "package", "version", "modified"}},
      {"originals", {"kernel", "path", "sha256", "lines", "blocks_run", "lines_coverable", "lines_covered",
                     "package_sha256"}},
      {"changes", {"kind", "name", "sha256", "why"}},
      {"programs", {"domain", "argv", "exit", "stdout"}},
      {"emulated", {"function", "kind", "calls"}},
      {"domains", {"id", "name", "role", "kernel", "vcpus", "state", "report", "irqs_off"}},
      {"dma", {"accesses", "bytes"}},
      {"faults", {"bdf", "address", "access", "reason", "text", "time_ps"}},
      {"findings",
       {"id", "class", "fingerprint", "title", "severity", "cwe", "device", "attacker", "victim", "direction",
        "address", "mfn", "bytes", "leaked_bytes_proven", "programmed_by", "mapped_by", "unmapped_by", "frame",
        "stopped_by", "embargo", "reproduce", "message", "peer", "deputy", "evidence", "limits"}},
      {"interrupts",
       {"source", "kind", "abi", "domain", "asserted", "delivered", "coalesced", "lost", "duplicated", "spurious",
        "latency_ns", "total_ps", "parts", "eoi_tail_ps", "tail_parts", "coalescing", "vcpu_moves"}},
      {"hypercalls", {"domain", "name", "calls", "failed"}},
      {"iommu",
       {"dom0", "quarantine", "flush", "unfixed", "scratch", "hits", "misses", "tables_read", "invalidations", "faults",
        "faults_lost", "log_suppressed", "silenced", "escape_windows"}},
      {"sub_page", {"domain", "device", "bytes", "direction", "mapped_by", "maps", "neighbours"}},
      {kConsoleRoot, {"lines"}},
      {kTraceRoot, {"lines"}},
      {kStoreRoot, {"value", "history", "writers", "together"}},
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
    if (root.name == kConsoleRoot || root.name == kTraceRoot) return CheckLines(expectation);
    for (const PathStep& step : expectation.path) {
      if (step.texts.empty() || root.name == kStoreRoot) continue;
      throw ExpectationError(step.offset, "a text in the brackets chooses lines of a console or the trace; expected a word");
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
    } else if (root.name == "iommu") {
      next = 1;  // an object: its fields follow at once
    } else if (root.name == kStoreRoot) {
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

  // console[domain], console[domain,"text"], trace["text"] or trace[since=label,"text"], then nothing or .lines.
  void CheckLines(const Expectation& expectation) {
    const std::vector<PathStep>& path = expectation.path;
    const bool brackets = path.size() > 1 && path[1].kind == PathStep::Kind::kFilter && path[1].index < 0;
    const size_t second = path.size() < 2 ? at_ : path[1].offset;
    if (path[0].name == kTraceRoot) {
      if (!brackets || path[1].texts.empty()) {
        throw ExpectationError(second, "which lines? expected a text in brackets, as in trace[\"ring request\"]");
      }
      for (const auto& [field, label] : path[1].filters) CheckLabel(field, label, path[1].offset);
    } else {
      if (!brackets || path[1].filters.size() > 1 || (!path[1].filters.empty() && !path[1].filters[0].first.empty())) {
        throw ExpectationError(second, "whose console? expected one domain or '*', as in console[driver]");
      }
      for (const auto& [field, domain] : path[1].filters) {
        if (domain != kXenConsole) CheckDomain(domain, path[1].offset);
      }
    }
    if (path.size() > 3 || (path.size() == 3 && path[2].name != "lines")) {
      throw ExpectationError(path[2].offset, "here there is only '.lines', how many there are");
    }
  }

  void CheckLabel(const std::string& field, const std::string& label, size_t offset) {
    if (field != "since" && field != "until") {
      throw ExpectationError(offset, "expected a \"text\", since=LABEL or until=LABEL, the label of a step");
    }
    if (names_.labels.empty()) return;
    if (std::find(names_.labels.begin(), names_.labels.end(), label) != names_.labels.end()) return;
    throw ExpectationError(offset, fmt::format("no step has 'label: {}'{}", label, DidYouMean(label, names_.labels)));
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

}  // namespace

Expectation ParseExpectation(const std::string& text, const ExpectationNames& names) {
  return ExpectationParser(text, names).Parse();
}

}  // namespace pvpci::scenarios
