// SPDX-License-Identifier: Apache-2.0
// Mutants: security fixes of the originals that a mutated image takes back, one at a time. scenarios/attacks/mutants.yaml
// says what each means and which scenarios notice it; driver/mutants/mutants.bzl says how it is made.
#ifndef PVPCI_SCENARIOS_MUTANTS_H_
#define PVPCI_SCENARIOS_MUTANTS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scenarios/problem.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct Mutant {
  std::string id;                        // "XSA-155"
  std::string file;                      // kernel path of the original
  std::vector<std::string> functions;    // where the fix is
  std::string what;                      // what the unfixed code does
  std::string fix;                       // the commit that repaired it
  std::vector<std::string> detected_by;  // names of scenarios; each is violated by the mutant and holds without
  std::map<std::string, std::string> absent;  // kernel: why the fix cannot be taken back there
  Place place;                           // in the file

  bool on(const std::string& kernel) const { return absent.count(kernel) == 0; }
};

// The table in its order. Throws InputError with every problem of the text; `scenarios`: the names that exist.
std::vector<Mutant> ParseMutants(const std::string& file, const std::string& text,
                                 const std::set<std::string>& scenarios);

// The table of the project. Throws InputError.
std::vector<Mutant> LoadMutants(const std::string& root);

// By id. Throws UsageError (cli.h) with the nearest, or with the reason if there is none on this kernel ("6.1").
const Mutant& FindMutant(const std::vector<Mutant>& mutants, const std::string& id, const std::string& kernel);

// The value of --mutant that runs a mutated image with every fix in place.
inline constexpr const char* kNoMutant = "none";

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_MUTANTS_H_
