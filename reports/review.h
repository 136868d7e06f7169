// SPDX-License-Identifier: Apache-2.0
// The security review as plain data: every attack in every mode, on every kernel, with each event channel ABI, the mutants,
// and what the pages draw beyond that. spec/result.md has the contract of review.json; more fields follow it.
#ifndef PVPCI_REPORTS_REVIEW_H_
#define PVPCI_REPORTS_REVIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/result.h"
#include "reports/windows.h"

namespace pvpci::reports {

// An attack in one mode, on one kernel, with one ABI.
struct ReviewCell {
  std::string scenario;  // "S-01"
  std::string title;
  Mode mode = Mode::kM0;
  std::string kernel;    // "6.1"
  PortAbi abi = PortAbi::kFifo;
  Outcome verdict = Outcome::kNotApplicable;
  std::optional<DmaClass> dma_class;  // key "class"
  int64_t bytes = 0;
  Outcome expected = Outcome::kNotApplicable;
  bool agrees = false;
  double seconds = 0;                      // real time, from the start of its process to its answer
  std::optional<std::string> explanation;  // of a cell that disagrees, with its source
  // Beyond the contract.
  std::optional<DmaClass> expected_class;
  std::string name;                    // of the scenario's file
  std::string reason;                  // one sentence: what decided
  bool held = false;                   // every expectation of the run
  std::vector<std::string> problems;   // expectations that did not, or how the bench failed
  bool embargo = false;                // exported.h
  std::string reproduce;
  int64_t simulated_ps = 0;
  int64_t fault_records = 0;
  std::vector<ExpectationResult> observations;
  std::vector<std::string> lint;       // what the configuration leaves open, and the missing switch
  std::vector<DomainResult> stopped;   // that crashed or hang
  std::vector<Finding> findings;       // the first kFindingsKept
  int64_t findings_total = 0;
  std::vector<SubPageExposure> sub_page;
};
inline constexpr size_t kFindingsKept = 48;

// A security fix taken back, in a copy of the kernel made at build time.
struct ReviewMutant {
  std::string id;                // "XSA-155"
  std::string file;
  bool detected = false;
  std::vector<std::string> by;   // attacks that tell it from the unmutated kernel
  // Beyond the contract.
  std::string function;
  std::string reverts;           // what is taken back, one sentence
  std::vector<std::string> kernels;
  std::vector<std::string> seen; // what was different, one line each
  std::vector<std::string> problems;
};

// A row of the attacker model.
struct AttackerRow {
  std::string who;
  std::string trust;
  bool confidentiality = true;
  bool integrity = true;
  bool availability = true;      // its denial of service counts
  std::string note;
};

// What an attack is, once for all its cells.
struct ReviewStory {
  std::string id;
  std::string title;
  std::string story;
  std::string attacker;
  std::string victim;
  std::string name;              // of the scenario's file; empty: nobody has written it
  std::string observable;
  std::vector<std::string> references;
  std::string file;              // of the scenario, from the project's root
  int line = 1;                  // where its attack starts
};

struct Review {
  std::vector<ReviewCell> cells;
  std::vector<ReviewMutant> mutants;
  bool unmutated_clean = false;  // every run on unmutated code met all its expectations
  double seconds = 0;            // real time of the call, builds excluded
  // Beyond the contract.
  std::string profile;           // "server", "qubes"
  bool incomplete = false;
  std::vector<std::string> unclean;  // other runs on unmutated code that did not hold, with the reason
  std::string command;
  std::vector<AttackerRow> attackers;
  std::vector<ReviewStory> stories;
  std::vector<Kernel> kernels;
  std::vector<std::string> limits;
  std::optional<Windows> windows;  // empty: not measured
  // Runs that the page shows whole, by the index of their cell; not in review.json.
  std::vector<std::pair<size_t, Result>> evidence;
  // Files of the kernels' trees that ran, and the most blocks of each that a cell ran; not in review.json.
  std::map<std::string, int64_t> originals;
};

// Every cell agrees or is explained, every mutant is detected, and the unmutated code is clean.
inline bool AllWell(const Review& review) {
  for (const ReviewCell& cell : review.cells) {
    if (!cell.agrees && !cell.explanation) return false;
  }
  for (const ReviewMutant& mutant : review.mutants) {
    if (!mutant.detected) return false;
  }
  return review.unmutated_clean && !review.incomplete;
}

}  // namespace pvpci::reports

#endif  // PVPCI_REPORTS_REVIEW_H_
