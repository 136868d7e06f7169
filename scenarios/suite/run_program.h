// SPDX-License-Identifier: Apache-2.0
// Runs the program as a user does: `pvpci run SCENARIO ...` in a process of its own, on the built guest image.
#ifndef PVPCI_SCENARIOS_SUITE_RUN_PROGRAM_H_
#define PVPCI_SCENARIOS_SUITE_RUN_PROGRAM_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pvpci::scenarios {

struct ProgramRun {
  int exit_code = -1;            // 128 + signal if a signal ended it
  std::string output, errors;    // standard output and standard error
  std::string folder;            // --out
  nlohmann::json result;         // result.json, null if there is none
};

// `scenario` is a shipped name or a path. Each call gets a fresh --out folder below the test's own.
ProgramRun RunPvpci(const std::string& scenario, const std::vector<std::string>& options = {});

// Any verb: `pvpci WORDS --out FOLDER`. `result` is what it printed, if that is JSON.
ProgramRun RunVerb(const std::vector<std::string>& words);

// Several calls as RunPvpci, all at the same moment: each competes with the others for the processors.
std::vector<ProgramRun> RunPvpciAtOnce(const std::string& scenario,
                                       const std::vector<std::vector<std::string>>& options);

// The text of a file of the test's data or of a run's folder; empty if there is none.
std::string ReadText(const std::string& path);

// Puts `text` into a scenario file of its own and returns the path.
std::string WriteScenario(const std::string& name, const std::string& text);

// `text` with its only occurrence of `from` replaced; throws std::invalid_argument if there is not exactly one.
std::string Replaced(std::string text, const std::string& from, const std::string& to);

// Lines of trace.txt (--format trace) whose text starts with one of `prefixes`, in order, without the time:
// "driver hypercall event_channel_op bind_pirq ...".
std::vector<std::string> TraceLines(const ProgramRun& run, const std::vector<std::string>& prefixes = {""});

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SUITE_RUN_PROGRAM_H_
