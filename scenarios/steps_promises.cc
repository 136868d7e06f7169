// SPDX-License-Identifier: Apache-2.0
// Steps about what guests will do, or have done: errors and delays that they are to meet, functions that they are to
// enter, calls that they made.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/xen/hypercall_table.h"
#include "scenarios/call_order.h"
#include "scenarios/steps.h"
#include "scenarios/suggest.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {

void StepWalk::Fail(const ActivityPtr& activity) {
  const Step& step = activity->step;
  xen::HypercallTable& table = machine_.hypervisor().hypercall_table();
  const auto rule = table.Force(machine_.guest(step.domain).id(), step.hypercall, step.result.value_or(0), step.skip,
                                step.count);
  if (!rule) {
    return Abort(activity, fmt::format("the hypervisor has no '{}'{}", step.hypercall, DidYouMean(step.hypercall, table.names())));
  }
  promises_.push_back({&step, /*exactly=*/false, [&table, rule] { return table.forced(*rule); }});
  Complete(activity);
}

void StepWalk::Refuse(const ActivityPtr& activity) {
  const std::string path = *StorePath(activity->step.path, machine_.domain_ids());
  machine_.store().RefuseNextWrite(path);
  promises_.push_back({&activity->step, /*exactly=*/false, [this, path] { return machine_.store().refused(path); }});
  Complete(activity);
}

void StepWalk::Stall(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  auto entries = std::make_shared<uint64_t>(0);
  const auto stand_still = [entries, &step](driver::VcpuRunner& vcpu, sim::Ps) {
    if (*entries == step.count) return;
    ++*entries;
    vcpu.StallUntil(vcpu.local_time() + step.duration);
  };
  if (!guest.OnEntry(step.function, stand_still)) {
    return Abort(activity, fmt::format("the image of {} has no function '{}'", step.domain, step.function));
  }
  promises_.push_back({&step, /*exactly=*/true, [entries] { return *entries; }});
  Complete(activity);
}

void StepWalk::Enters(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  auto entries = std::make_shared<uint64_t>(0);
  if (!guest.OnEntry(step.function, [entries](driver::VcpuRunner&, sim::Ps) { ++*entries; })) {
    return Abort(activity, fmt::format("the image of {} has no function '{}'", step.domain, step.function));
  }
  promises_.push_back({&step, /*exactly=*/true, [entries] { return *entries; }});
  Complete(activity);
}

void StepWalk::Intact(const ActivityPtr& activity) {
  const Step& step = activity->step;
  const uint64_t address = ParseUnsigned(machine_.Expand(step.address)).value_or(0);
  auto before = std::make_shared<std::vector<std::byte>>(step.bytes);
  if (!machine_.memory().Read(address, before->data(), step.bytes)) {
    return Abort(activity, fmt::format("there is no memory at {:#x}", address));
  }
  promises_.push_back({&step, /*exactly=*/true, [this, address, before] {
                         std::vector<std::byte> now(before->size());
                         machine_.memory().Read(address, now.data(), now.size());
                         uint64_t changed = 0;
                         for (size_t i = 0; i < now.size(); ++i) changed += now[i] != (*before)[i];
                         return changed;
                       },
                       "bytes"});
  Complete(activity);
}

void StepWalk::Preempt(const ActivityPtr& activity) {
  const Step& step = activity->step;
  pci::Function* device = step.preempt.device.empty() ? nullptr : &machine_.device(step.preempt.device);
  preemptions_.push_back(std::make_unique<Preemption>(machine_.guest(step.domain), step, device, machine_.scenario().seed));
  if (const std::string missing = preemptions_.back()->Install(); !missing.empty()) return Abort(activity, missing);
  Complete(activity);
}

std::vector<std::string> StepWalk::Schedule() const {
  std::vector<std::string> lines;
  for (const auto& preemption : preemptions_) lines.push_back(preemption->Story());
  return lines;
}

void StepWalk::Calls(const ActivityPtr& activity) {
  const Step& step = activity->step;
  const sim::DomId domain = machine_.guest(step.domain).id();
  const uint64_t first = first_record_[step.phase];
  std::vector<std::string> calls;
  uint64_t number = 0;
  machine_.trace().ForEach([&](const sim::RecordView& record) {
    if (number++ < first || record.kind != sim::RecordKind::kHypercall || record.domain != domain) return;
    if (const auto call = CallText(machine_.trace().Format(record), step.of)) calls.push_back(*call);
  });
  const CallOrder order = CompareCalls(calls, step.calls, step.without);
  Row(step, fmt::format("{}: {}", step.label, fmt::join(step.calls, ", ")), order.same, order.actual);
  Complete(activity);
}

void StepWalk::JudgePromises() {
  for (const Promise& promise : promises_) {
    const Step& step = *promise.step;
    const uint64_t met = promise.met();
    const bool any = step.count == 0 && !promise.exactly;
    const std::string margin = step.within == 0 ? "" : fmt::format(" or {} more or less", step.within);
    Row(step,
        fmt::format("{}: {}", step.label, any ? "at least once" : fmt::format("{} {}{}", step.count, promise.unit, margin)),
        any ? met > 0 : met + step.within >= step.count && met <= step.count + step.within, fmt::format("{} {}", met, promise.unit));
  }
  promises_.clear();
  for (const auto& preemption : preemptions_) {
    Row(preemption->step(), preemption->step().label + ": every block", preemption->complete(), preemption->Story());
  }
}

}  // namespace pvpci::scenarios
