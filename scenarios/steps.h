// SPDX-License-Identifier: Apache-2.0
// Walks a scenario's steps on the simulation: each starts when the one before has ended, ends by a condition in
// simulated time, and fails at its deadline. A step that fails to end stops the walk; a wrong answer does not.
#ifndef PVPCI_SCENARIOS_STEPS_H_
#define PVPCI_SCENARIOS_STEPS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/result.h"
#include "scenarios/machine/golden.h"
#include "scenarios/machine/machine.h"
#include "scenarios/scenario.h"

namespace pvpci::scenarios {

class StepWalk {
 public:
  explicit StepWalk(Machine& machine);
  // Begins with the first step at the present time. `finished` is called when nothing is left to do and no interrupt
  // is in flight; `progress` before each step.
  void Start(std::function<void()> finished, std::function<void(size_t number, const Step&)> progress);

  bool finished() const { return finished_; }
  // What the steps found: a row for each thing a step expects.
  const std::vector<reports::ExpectationResult>& rows() const { return rows_; }
  // Comparisons made, in order.
  const std::vector<TraceComparison>& comparisons() const { return comparisons_; }
  // The step that runs now; null before the first and after the last.
  const Step* current() const;

 private:
  void Next();
  void Begin(const Step& step);
  void Complete();
  void Abort(const std::string& why);
  void Row(const std::string& text, bool held, const std::string& actual);
  // The continuation of a step that reports success or an error text. Late answers of a step that is over are dropped.
  Machine::Done Continue();

  Machine::Done ToolsAnswer(const Step& step);
  void Program(const Step& step);
  void Sysfs(const Step& step);
  void Attack(const Step& step);
  void Crash(const Step& step);
  void Storm(const Step& step);
  void Emit(const Step& step);
  void EditIommu(const Step& step);
  void Compare(const Step& step);
  void RaiseNext(const StormSpec& storm, uint64_t left, uint64_t turn);
  void CheckStorm();
  void Drain();

  struct Raising {
    const StormSpec* storm;
    uint64_t wanted;     // assertions of that device and kind when the storm is over
    bool all_raised = false;
  };

  Machine& machine_;
  const Scenario& scenario_;
  std::function<void()> done_;
  std::function<void(size_t, const Step&)> progress_;
  size_t at_ = 0;
  uint64_t turn_ = 0;           // + 1 for every step begun or ended
  bool running_ = false;
  bool finished_ = false;
  sim::EventHandle deadline_ = 0;
  sim::Ps drain_until_ = 0;
  std::vector<reports::ExpectationResult> rows_;
  std::vector<TraceComparison> comparisons_;
  std::map<std::string, uint64_t> first_record_;   // by label: trace records before the step
  std::vector<Raising> raising_;
  std::vector<std::shared_ptr<std::vector<std::byte>>> buffers_;  // of emitted TLPs
  const GuestDomain* crashing_ = nullptr;
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_STEPS_H_
