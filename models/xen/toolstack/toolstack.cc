// SPDX-License-Identifier: Apache-2.0
// The engine: one operation at a time, one step after the other.
#include "models/xen/toolstack/toolstack.h"

#include <fmt/format.h>

#include "models/xen/store/store_trace.h"
#include "models/xen/toolstack/toolstack_trace.h"

namespace pvpci::xen {

Toolstack::Toolstack(sim::Simulation& simulation, sim::Trace& trace, Xenstored& store, HypervisorControl& hypervisor,
                     DomainAgent& agent, const PciInventory& inventory, ToolstackConfig config)
    : simulation_(simulation),
      trace_(trace),
      store_(store),
      hypervisor_(hypervisor),
      agent_(agent),
      inventory_(inventory),
      config_(config),
      client_(store.OpenClient(0, kToolstack)) {
  RegisterToolstackTrace(trace_);
}

Toolstack::~Toolstack() { *alive_ = false; }

void Toolstack::Say(const std::string& text) {
  EmitToolstackStep(trace_, running_ ? running_->name + ": " + text : text);
}

Toolstack::Operation& Toolstack::Enqueue(std::string name, Begins begins, OperationDone done) {
  queue_.push_back(std::make_unique<Operation>());
  Operation& operation = *queue_.back();
  operation.name = std::move(name);
  operation.begins = begins;
  operation.done = std::move(done);
  if (!running_) StartNext();
  return operation;
}

void Toolstack::StartNext() {
  if (start_ != 0 || queue_.empty()) return;
  // Later, never inside the caller: he may still add steps, and no callback comes before his call returns.
  const sim::Ps now = simulation_.now();
  const bool waits = queue_.front()->begins == Begins::kCommand && next_command_ > now;
  start_ = simulation_.After(waits ? next_command_ - now : 0, [this, alive = alive_] {
    if (!*alive) return;
    start_ = 0;
    running_ = std::move(queue_.front());
    queue_.pop_front();
    running_->started = simulation_.now();
    Say("begins");
    RunStep();
  });
}

void Toolstack::RunStep() {
  if (running_->steps.empty()) {
    Finish({});
    return;
  }
  const Step step = std::move(running_->steps.front());
  running_->steps.pop_front();
  const uint64_t turn = ++running_->turn;
  const Operation* operation = running_.get();
  step([this, alive = alive_, turn, operation](const std::string& error) {
    if (!*alive || running_.get() != operation || running_->turn != turn) return;
    ++running_->turn;  // one answer per step
    if (error.empty()) {
      RunStep();
    } else {
      Finish(error);
    }
  });
}

void Toolstack::Finish(const std::string& error) {
  OperationResult result;
  result.ok = error.empty();
  result.error = error;
  result.elapsed = simulation_.now() - running_->started;
  Say(error.empty() ? "done" : "failed: " + error);
  if (running_->begins == Begins::kCommand) next_command_ = simulation_.now() + config_.command_gap;
  const std::unique_ptr<Operation> finished = std::move(running_);
  StartNext();
  if (finished->done) finished->done(result);
}

void Toolstack::Insert(std::vector<Step> steps) {
  running_->steps.insert(running_->steps.begin(), std::make_move_iterator(steps.begin()),
                         std::make_move_iterator(steps.end()));
}

}  // namespace pvpci::xen
