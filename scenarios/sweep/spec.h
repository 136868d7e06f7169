// SPDX-License-Identifier: Apache-2.0
// A sweep: one scenario, run at every combination of some factors' levels, and what is measured at each. From a YAML file
// (scenarios/experiments/ has those that are shipped) to a checked SweepSpec.
#ifndef PVPCI_SCENARIOS_SWEEP_SPEC_H_
#define PVPCI_SCENARIOS_SWEEP_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scenarios/schema.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

// Key of a scenario file and its value, as --set takes them. "*" stands for every entry of a list: "domains.*.events".
using Settings = std::vector<std::pair<std::string, std::string>>;

struct SweepLevel {
  std::string name;
  Settings settings;
  Place place;
};

struct SweepFactor {
  std::string name;
  std::vector<SweepLevel> levels;
  std::vector<size_t> quick;  // which of them --quick runs
};

// Factor name -> level name.
using LevelNames = std::map<std::string, std::string>;

// A figure of each point: a word of the table in responses.h, the value of a path into result.json, or a number in
// what a domain printed.
struct SweepResponse {
  std::string name;
  std::string unit;
  std::string value;    // path, as expectations have it
  std::string console;  // domain
  std::string matches;  // regular expression, the number is its first group
};

// What is measured, and from when on.
struct MeasureSpec {
  std::string since;                 // label of a step; empty: the first storm, or the start if there is none
  std::vector<std::string> domains;  // whose interrupts and hypercalls; empty: every domU
  std::vector<std::string> kinds;    // intx, msi, msix; empty: all
  bool blocks = false;               // count the basic blocks of these domains' upcalls
};

enum class Relation : uint8_t { kMore, kLess, kSame };

// What the sweep is expected to show: the mean of a response over the points at some levels against that at others.
struct SweepFinding {
  std::string response;
  LevelNames of, than;
  Relation relation = Relation::kMore;
  double within = 0;  // kSame: so much apart at most, relative
  std::string because;
};

struct PlotSpec {
  std::string response, across, lines;  // empty: chosen by the page
  LevelNames at;                        // at which other factors are held; the rest are averaged
};

enum class Design : uint8_t { kFull, kFractional };

struct SweepSpec {
  std::string file;
  std::string name, question;
  std::string scenario;  // path of the scenario file
  Settings settings;     // of every point
  Design design = Design::kFull;
  size_t points = 0;     // kFractional: how many
  std::vector<SweepFactor> factors;
  std::vector<LevelNames> without;  // combinations that make no sense
  MeasureSpec measure;
  std::vector<SweepResponse> responses;
  PlotSpec plot;
  std::vector<SweepFinding> findings;
};

const ObjectSpec& SweepTable();

// Throws InputError. `root`: of the project, where scenarios are found by name; a path is looked up beside the file first.
SweepSpec LoadSweep(const std::string& path, const std::string& root);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_SWEEP_SPEC_H_
