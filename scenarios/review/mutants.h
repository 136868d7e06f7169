// SPDX-License-Identifier: Apache-2.0
// The table of mutants: scenarios/attacks/mutants.yaml.
#ifndef PVPCI_SCENARIOS_REVIEW_MUTANTS_H_
#define PVPCI_SCENARIOS_REVIEW_MUTANTS_H_

#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace pvpci::scenarios {

struct MutantEntry {
  std::string id;                     // "XSA-155", as `--mutant` takes it
  std::string file;                   // in the kernel's tree
  std::string function;
  std::string reverts;                // what is taken back, one sentence
  std::vector<std::string> kernels;   // of KernelFamilies()
  IommuKind mode = IommuKind::kNone;  // that the attacks run in
  std::vector<std::string> detected_by;  // attacks of the catalogue
  Place place;
};

// In the order of their ids. Throws InputError: form, double ids, attacks that are not among `attacks`.
std::vector<MutantEntry> ParseMutants(const std::string& file, const std::string& text,
                                      const std::vector<std::string>& attacks);
std::vector<MutantEntry> LoadMutants(const std::string& file, const std::vector<std::string>& attacks);

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_REVIEW_MUTANTS_H_
