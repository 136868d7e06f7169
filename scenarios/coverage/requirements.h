// SPDX-License-Identifier: Apache-2.0
// What must be covered, and why the rest is not: scenarios/coverage/required.yaml.
//
//   drivers/xen/events/events_base.c:
//     threshold: 90                  # percent of the lines that count
//     left_out:                      # functions whose lines do not count
//       - {functions: [xen_irq_resume], why: "a suspended domain never resumes here"}
//     open: true                     # not finished: lines without a reason are listed, and do not fail
//     uncovered:                     # why lines that count do not run
//       - {functions: xen_poll_irq, why: "nobody in the kernel calls it"}
//       - {functions: set_evtchn_to_irq, code: "return -ENOMEM;", why: "memory never runs out here"}
//
// Places are functions and code, never line numbers, so that point releases move them without harm. Without `code` a
// reason holds for every uncovered line of its functions; with it, for the lines of a gap (uncovered lines that no
// covered line separates) from the first that contains the text to the gap's end, or to the next reason's text.
#ifndef PVPCI_SCENARIOS_COVERAGE_REQUIREMENTS_H_
#define PVPCI_SCENARIOS_COVERAGE_REQUIREMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/coverage/line_coverage.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// Below the project's root.
inline constexpr const char* kRequirementsFile = "scenarios/coverage/required.yaml";

struct Reason {
  std::vector<std::string> functions;
  std::string code;  // empty: the whole function
  std::string why;
  Place place;       // in the table
};

struct Requirement {
  std::string path;
  unsigned threshold = 0;  // percent
  bool open = false;       // lines without a reason are no problem yet
  std::vector<Reason> left_out;
  std::vector<Reason> uncovered;
};

// Throws InputError.
std::vector<Requirement> ParseRequirements(const std::string& file, const std::string& text);

// Uncovered lines of one function that no covered line separates, with one reason.
struct Gap {
  std::string function;
  uint32_t first = 0, last = 0;
  uint32_t lines = 0;      // coverable ones
  std::string why;         // empty: nobody has said
};

struct Judgement {
  uint32_t coverable = 0, covered = 0;  // lines that count: without the functions that are left out
  uint32_t left_out = 0;                // coverable lines that do not count
  std::vector<Gap> gaps;                // ascending, of the lines that count
  std::vector<Reason> stale;            // fit no uncovered line
  uint32_t unexplained() const;         // lines
};

// `text`: the file's lines, [0] is line 1. `requirement` may be null: nothing is left out, and nothing is explained but
// what explains itself (functions that the link dropped, blocks that it proved never to run).
Judgement Judge(const FileCoverage& file, const std::vector<std::string>& text, const Requirement* requirement);

// covered / coverable in tenths of a percent, cut, never rounded up; 1000 if nothing is coverable.
unsigned PerMille(uint64_t covered, uint64_t coverable);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_COVERAGE_REQUIREMENTS_H_
