// SPDX-License-Identifier: Apache-2.0
// The steps of a scenario file.
#ifndef PVPCI_SCENARIOS_STEP_READER_H_
#define PVPCI_SCENARIOS_STEP_READER_H_

#include <string>
#include <vector>

#include "scenarios/references.h"
#include "scenarios/values.h"

namespace pvpci::scenarios {

class StepReader : private ValueReader {
 public:
  StepReader(const std::string& file, std::vector<Problem>* problems) : ValueReader(file, problems) {}

  // Appends to scenario->steps. A step of the file may stand for several: one for each domain and command line.
  void Read(const YamlNode& node, Scenario* scenario);

  // Parallel to the steps.
  const std::vector<StepPlaces>& places() const { return places_; }

 private:
  void ReadAttach(const YamlNode& action, const Scenario& scenario, Step* step, StepPlaces* places);
  void ReadPrograms(const YamlNode& action, Step step, StepPlaces places, Scenario* scenario);
  void Add(Step step, const StepPlaces& places, Scenario* scenario);

  std::vector<StepPlaces> places_;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_STEP_READER_H_
