// SPDX-License-Identifier: Apache-2.0
// What must hold at the end of a run, as a question about result.json (spec/result.md), the consoles,
// xenstore and the trace.
//
//   expectation = [ "any" ] path operator literal
//   path        = root { "." name | "[" filter { "," filter } "]" }
//   operator    = "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "matches"
//   literal     = number | number unit | word | "text" | true | false | null
//   filter      = "*" | "#" index | word | name "=" word | "text"
//
//   dma.E5.bytes == 4096                        classes that did not occur count 0
//   dma.escapes == 0                            accesses of all classes but E0, E1, E4 (threats.md 1)
//   findings.E5 >= 1                            how many findings are of class E5
//   findings[E5].leaked_bytes_proven >= 4096    a filter word matches any field of an entry
//   findings[E9].stopped_by == null
//   interrupts[msix,fifo].lost == 0
//   domains.driver.state == running             entries of a list also by name
//   faults.count >= 1
//   faults[#0].reason == 6
//   any programs[driver].stdout contains "OKAY"
//   domains.driver.report.message matches "NULL pointer"
//   console[driver] contains "PCI Frontend"     what the domain's kernel printed, "matches" line by line
//   console[driver,"claiming resource"].lines == 6   how many lines contain the text
//   console[xen,"fault addr"].lines == 5        what the hypervisor printed: 'xl dmesg'
//   iommu.escape_windows[grant].max_ps == 0     how long devices reached what their domain had lost: ownership, type, grant
//   trace["driver ring request conf_write","offset=0xc"].lines == 1     lines of trace.txt that contain the texts
//   trace[since=unload,until=again,"close"].lines == 1     from the step with that label to before the other
//   store[driver.be/state] == 4                 a node of xenstore at the end; null: not there. Paths: store_path.h
//   store[driver.be/state].history == "1 2 3 4 7 8 4"     every value written to it; "-": removed
//   store[driver.be/state].writers contains "toolstack control"     who wrote them: domains, "toolstack"
//   ring[driver,conf_read].sends >= 256         on the domain's PCI ring: sends, repeated, answers, errors, codes
//   store[driver.fe/magic].together == "pci-op-ref event-channel magic"     nodes of its last write's transaction
//
// A path that meets several entries holds if it holds for every one and there is at least one; with "any" in front,
// for at least one. "matches" takes a POSIX extended regular expression, searched for anywhere. A number with a time
// unit is compared in the unit of the field (_ps, _ns). A "text" filter belongs to consoles and
// the trace: it keeps the lines that contain it; with several, those that contain them all.
#ifndef PVPCI_SCENARIOS_EXPECTATIONS_H_
#define PVPCI_SCENARIOS_EXPECTATIONS_H_

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pvpci::scenarios {

// `offset`: where in the text, from 0.
struct ExpectationError : std::runtime_error {
  ExpectationError(size_t where, const std::string& message) : std::runtime_error(message), offset(where) {}
  size_t offset;
};

struct PathStep {
  enum class Kind { kName, kFilter } kind = Kind::kName;
  std::string name;                                              // kName
  std::vector<std::pair<std::string, std::string>> filters;      // kFilter: (field or "", value); empty: all
  std::vector<std::string> texts;                                // kFilter: quoted
  long index = -1;                                               // kFilter with '#'
  size_t offset = 0;
};

// Roots beside those of result.json.
inline constexpr const char* kConsoleRoot = "console";
inline constexpr const char* kXenConsole = "xen";  // in the console root: what Xen printed; '*' does not mean it
inline constexpr const char* kStoreRoot = "store";
inline constexpr const char* kTraceRoot = "trace";

// store[path] or store["path"].
inline const std::string& StoreNodeOf(const PathStep& step) {
  return step.texts.empty() ? step.filters[0].second : step.texts[0];
}

enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kContains, kMatches };

struct Expectation {
  std::string text;
  bool any = false;
  std::vector<PathStep> path;
  Comparison comparison = Comparison::kEqual;
  nlohmann::json literal;
  bool literal_is_time = false;  // `literal` is picoseconds
};

// Names the scenario knows, so that a misspelt domain is an error before anything runs. Empty: not checked.
struct ExpectationNames {
  std::vector<std::string> domains;
  std::vector<std::string> labels = {};  // of steps
};

// Throws ExpectationError.
Expectation ParseExpectation(const std::string& text, const ExpectationNames& names = {});

// Formatting a trace takes time and memory: only for who asks.
bool AsksTrace(const Expectation& expectation);

struct Outcome {
  std::string text;
  bool held = false;
  std::string actual;  // "4096", "running", "0, 0, 3", "no such entry"
};
// `result`: result.json, "console" (domain -> its text), "store", and for who asks it "trace": its text and where in it
// each step starts.
Outcome Evaluate(const Expectation& expectation, const nlohmann::json& result);

// What the path of an expectation meets there.
std::vector<nlohmann::json> ValuesOf(const Expectation& expectation, const nlohmann::json& result);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_EXPECTATIONS_H_
