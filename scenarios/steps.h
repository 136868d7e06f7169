// SPDX-License-Identifier: Apache-2.0
// Walks a scenario's steps on the simulation: each starts when the one before has ended, ends by a condition in
// simulated time, and fails at its deadline. A step in the background lets the next one start at once; `join`, and the
// end of the scenario, wait for it. A step that fails to end stops the walk; a wrong answer does not.
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
#include "scenarios/machine/preemption.h"
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
  // How many records the trace had when a step started, by its label.
  const std::map<std::string, uint64_t>& first_record() const { return first_record_; }
  const std::vector<TraceComparison>& comparisons() const { return comparisons_; }
  // One line for each vCPU that a preempt step holds, or held last, and how to meet exactly that again.
  std::vector<std::string> Schedule() const;
  // The step that runs now, in the foreground; null before the first and after the last.
  const Step* current() const;

 private:
  struct Raising {
    const StormSpec* storm;
    uint64_t wanted;     // assertions of that device and kind when the storm is over
    bool all_raised = false;
  };
  // A step under way. Late answers for one that is over are dropped.
  struct Activity {
    explicit Activity(const Step& what) : step(what) {}
    const Step& step;
    bool over = false;
    sim::EventHandle deadline = 0;
    std::vector<Raising> raising;            // kStorm
    const GuestDomain* crashing = nullptr;   // kCrash
  };
  using ActivityPtr = std::shared_ptr<Activity>;

  void Next();
  void Begin(const ActivityPtr& activity);
  void Complete(const ActivityPtr& activity);
  void Abort(const ActivityPtr& activity, const std::string& why);
  void Row(const Step& step, const std::string& text, bool held, const std::string& actual);
  // The continuation of a step that reports success or an error text.
  Machine::Done Continue(const ActivityPtr& activity);
  // All that are under way, the one in the foreground last.
  std::vector<ActivityPtr> UnderWay() const;

  Machine::Done ToolsAnswer(const ActivityPtr& activity);
  void Program(const ActivityPtr& activity);
  void StartProgram(const ActivityPtr& activity);
  void Sysfs(const ActivityPtr& activity);
  void Attack(const ActivityPtr& activity);
  void Crash(const ActivityPtr& activity);
  void Error(const ActivityPtr& activity);
  void Refuse(const ActivityPtr& activity);
  void Storm(const ActivityPtr& activity);
  void Emit(const ActivityPtr& activity);
  void EditIommu(const ActivityPtr& activity);
  void Compare(const ActivityPtr& activity);
  void Fail(const ActivityPtr& activity);
  void Stall(const ActivityPtr& activity);
  void Enters(const ActivityPtr& activity);
  void Intact(const ActivityPtr& activity);
  void Preempt(const ActivityPtr& activity);
  void Calls(const ActivityPtr& activity);
  void JudgePromises();
  void RaiseNext(const ActivityPtr& activity, const StormSpec& storm, uint64_t left);
  void CheckStorm(const ActivityPtr& activity);
  void Drain();

  Machine& machine_;
  const Scenario& scenario_;
  std::function<void()> done_;
  std::function<void(size_t, const Step&)> progress_;
  size_t at_ = 0;
  ActivityPtr foreground_;
  std::vector<ActivityPtr> background_;
  bool finished_ = false;
  sim::Ps drain_until_ = 0;
  std::vector<reports::ExpectationResult> rows_;
  std::vector<TraceComparison> comparisons_;
  std::map<std::string, uint64_t> first_record_;   // by label: trace records before the step
  // Steps that change what happens later: an error that nobody meets, or a stall that nobody enters, proves nothing.
  struct Promise {
    const Step* step;
    bool exactly;  // `count` times; else a count of 0 means at least once
    std::function<uint64_t()> met;
    const char* unit = "times";
  };
  std::vector<Promise> promises_;
  std::vector<std::unique_ptr<Preemption>> preemptions_;
  std::vector<std::shared_ptr<std::vector<std::byte>>> buffers_;  // of emitted TLPs
};

}  // namespace pvpci::scenarios

#endif  // PVPCI_SCENARIOS_STEPS_H_
