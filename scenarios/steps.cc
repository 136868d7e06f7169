// SPDX-License-Identifier: Apache-2.0
#include "scenarios/steps.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "models/pci/attacker.h"
#include "scenarios/units.h"
#include "sim/check.h"
#include "sim/out_of_resources.h"

namespace pvpci::scenarios {
namespace {

// After the last step the machine runs on until every interrupt has reached its handler, but not for ever.
constexpr sim::Ps kDrainLimit = 20 * sim::kMs;
constexpr sim::Ps kDrainPoll = 20 * sim::kUs;
// A storm is over when its last assertion has ended; a device that cannot interrupt never gets there.
constexpr sim::Ps kStormSettle = 5 * sim::kMs;
// From a shell's decision to a small program's main(): fork, execve, dynamic linking. None of them is modelled, but
// without their time programs would follow each other faster than any device has seen. An order of magnitude.
constexpr sim::Ps kProgramStart = sim::kMs;

pci::InterruptKind ToPci(IrqKind kind) {
  switch (kind) {
    case IrqKind::kIntx: return pci::InterruptKind::kIntx;
    case IrqKind::kMsi: return pci::InterruptKind::kMsi;
    case IrqKind::kMsix: return pci::InterruptKind::kMsix;
  }
  return pci::InterruptKind::kMsi;
}

// Control characters of guest output do not belong into a one-line answer.
std::string OneLine(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += line.empty() || line.back() == ' ' ? "" : " ";
    } else {
      line += c == '\t' ? ' ' : c;
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

StepWalk::StepWalk(Machine& machine) : machine_(machine), scenario_(machine.scenario()) {
  machine_.OnDomainStopped([this](GuestDomain& guest) {
    for (const ActivityPtr& activity : UnderWay()) {
      if (std::exchange(activity->crashing, nullptr) == &guest) Complete(activity);
    }
  });
  machine_.spans().OnSettled([this](pci::Bdf) {
    for (const ActivityPtr& activity : UnderWay()) {
      if (!activity->raising.empty()) CheckStorm(activity);
    }
  });
}

const Step* StepWalk::current() const { return foreground_ ? &foreground_->step : nullptr; }

std::vector<StepWalk::ActivityPtr> StepWalk::UnderWay() const {
  std::vector<ActivityPtr> all = background_;
  if (foreground_) all.push_back(foreground_);
  return all;
}

void StepWalk::Start(std::function<void()> finished, std::function<void(size_t, const Step&)> progress) {
  done_ = std::move(finished);
  progress_ = std::move(progress);
  machine_.simulation().After(0, [this] { Next(); });
}

void StepWalk::Next() {
  while (at_ < scenario_.steps.size() && !scenario_.Applies(scenario_.steps[at_].when)) ++at_;
  if (at_ == scenario_.steps.size()) {
    if (!background_.empty()) return;  // the last of them comes back here
    drain_until_ = machine_.simulation().now() + kDrainLimit;
    Drain();
    return;
  }
  const Step& step = scenario_.steps[at_];
  const auto activity = std::make_shared<Activity>(step);
  first_record_.emplace(step.label, machine_.trace().count());
  machine_.SetStepUnderWay(step.label);
  if (progress_) progress_(at_ + 1, step);
  activity->deadline = machine_.simulation().After(step.deadline, [this, activity] {
    Abort(activity, fmt::format("not done after {} of simulated time", FormatDuration(activity->step.deadline)));
  });
  if (step.background) {
    background_.push_back(activity);
    ++at_;
    machine_.simulation().After(0, [this] { Next(); });
  } else {
    foreground_ = activity;
  }
  Begin(activity);
}

// The run ends when no interrupt is in flight: an interrupt that the end of the run cut off is not a lost one.
void StepWalk::Drain() {
  const bool quiet = machine_.spans().in_flight() == 0 && machine_.fabric().quiet();
  if (quiet || machine_.simulation().now() >= drain_until_) {
    JudgePromises();
    finished_ = true;
    done_();
    return;
  }
  machine_.simulation().After(kDrainPoll, [this] { Drain(); });
}

void StepWalk::Complete(const ActivityPtr& activity) {
  if (std::exchange(activity->over, true)) return;
  machine_.simulation().Cancel(activity->deadline);
  if (activity == foreground_) {
    foreground_ = nullptr;
    ++at_;
    // Not from inside the callback that ended the step: the next one starts at a boundary.
    machine_.simulation().After(0, [this] { Next(); });
    return;
  }
  background_.erase(std::find(background_.begin(), background_.end(), activity));
  if (!background_.empty()) return;
  if (foreground_ && foreground_->step.kind == StepKind::kJoin) return Complete(foreground_);
  if (!foreground_ && at_ == scenario_.steps.size()) machine_.simulation().After(0, [this] { Next(); });
}

void StepWalk::Abort(const ActivityPtr& activity, const std::string& why) {
  if (activity->over) return;
  Row(activity->step, activity->step.label, false, why);
  const size_t next = at_ + (activity->step.background ? 0 : 1);
  if (next < scenario_.steps.size()) {
    Row(activity->step, "the remaining steps", false, fmt::format("{} not run", scenario_.steps.size() - next));
  }
  for (const ActivityPtr& other : UnderWay()) {
    other->over = true;
    machine_.simulation().Cancel(other->deadline);
  }
  foreground_ = nullptr;
  background_.clear();
  at_ = scenario_.steps.size();
  drain_until_ = machine_.simulation().now() + kDrainLimit;
  Drain();
}

void StepWalk::Row(const Step& step, const std::string& text, bool held, const std::string& actual) {
  reports::ExpectationResult row;
  row.text = text;
  row.held = held;
  row.actual = actual;
  if (!step.because.empty()) row.reason = step.because;
  rows_.push_back(std::move(row));
}

Machine::Done StepWalk::Continue(const ActivityPtr& activity) {
  return [this, activity](const std::string& error) {
    if (error.empty()) {
      Complete(activity);
    } else {
      Abort(activity, error);
    }
  };
}

void StepWalk::Begin(const ActivityPtr& activity) {
  const Step& step = activity->step;
  const Machine::Done done = Continue(activity);
  try {
    switch (step.kind) {
      case StepKind::kBoot: return machine_.Boot(machine_.guest(step.domain), done);
      case StepKind::kSeize: return machine_.Seize(machine_.device(step.device), done, step.quarantine);
      case StepKind::kAttach:
        return machine_.Attach(machine_.device(step.device), machine_.guest(step.domain), ToolsAnswer(activity),
                               step.waits);
      case StepKind::kDetach:
        return machine_.Detach(machine_.device(step.device), machine_.guest(step.domain), ToolsAnswer(activity));
      case StepKind::kDestroy: return machine_.Destroy(machine_.guest(step.domain), done);
      case StepKind::kPause: machine_.guest(step.domain).Pause(); return Complete(activity);
      case StepKind::kUnpause: machine_.guest(step.domain).Unpause(); return Complete(activity);
      case StepKind::kFrontend:
        return machine_.AddFrontend(machine_.guest(step.domain), step.frontend, done);
      case StepKind::kStore: return done(machine_.WriteStore(step.nodes));
      case StepKind::kRefuse: return Refuse(activity);
      case StepKind::kAwait: return machine_.AwaitStore(step.path, step.value.value_or(""), done);
      case StepKind::kProgram: return Program(activity);
      case StepKind::kWrite:
      case StepKind::kRead: return Sysfs(activity);
      case StepKind::kCall:
      case StepKind::kAttack: return Attack(activity);
      case StepKind::kCrash: return Crash(activity);
      case StepKind::kError: return Error(activity);
      case StepKind::kStorm: return Storm(activity);
      case StepKind::kEmit: return Emit(activity);
      case StepKind::kIommuEdit: return EditIommu(activity);
      case StepKind::kWait:
        machine_.simulation().After(step.duration, [done] { done(""); });
        return;
      case StepKind::kJoin:
        if (background_.empty()) Complete(activity);
        return;
      case StepKind::kCompare: return Compare(activity);
      case StepKind::kFail: return Fail(activity);
      case StepKind::kStall: return Stall(activity);
      case StepKind::kEnters: return Enters(activity);
      case StepKind::kIntact: return Intact(activity);
      case StepKind::kPreempt: return Preempt(activity);
      case StepKind::kCalls: return Calls(activity);
    }
  } catch (const sim::BenchError&) {
    throw;
  } catch (const sim::NotModelledError&) {
    throw;
  } catch (const sim::OutOfResources&) {
    throw;
  } catch (const std::runtime_error& error) {
    Abort(activity, error.what());  // a placeholder without a value
  }
}

// An attach or a detach that the tools are expected to refuse has done what it should when they do.
Machine::Done StepWalk::ToolsAnswer(const ActivityPtr& activity) {
  if (activity->step.refused.empty()) return Continue(activity);
  return [this, activity](const std::string& error) {
    if (activity->over) return;
    const Step& step = activity->step;
    Row(step, fmt::format("{}: refused, '{}'", step.label, step.refused),
        error.find(step.refused) != std::string::npos, error.empty() ? "done" : OneLine(error));
    Complete(activity);
  };
}

void StepWalk::Program(const ActivityPtr& activity) {
  machine_.simulation().After(kProgramStart, [this, activity] {
    if (!activity->over) StartProgram(activity);
  });
}

void StepWalk::StartProgram(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  guest.Post(SEAM_WORK_PROGRAM, step.argv, [this, activity, &step, &guest](long result, const std::string& text) {
    if (activity->over) return;
    const std::string label = step.label;
    if (step.stops) {
      Row(step, label + ": stops the domain", guest.stopped(), guest.stopped() ? OneLine(text) : "it goes on");
      return Complete(activity);
    }
    if (guest.stopped()) return Abort(activity, "the domain stopped: " + text);
    const std::string output = guest.programs().empty() ? "" : guest.programs().back().stdout_text;
    if (step.exit) {
      Row(step, fmt::format("{}: exit {}", label, *step.exit), result == *step.exit, fmt::format("{}", result));
    }
    for (const std::string& part : step.prints) {
      Row(step, fmt::format("{}: prints '{}'", label, part), output.find(part) != std::string::npos, OneLine(output));
    }
    Complete(activity);
  });
}

void StepWalk::Sysfs(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  const bool write = step.kind == StepKind::kWrite;
  std::vector<std::string> words = {step.path};
  if (write) words.push_back(step.value.value_or(""));
  guest.Post(write ? SEAM_WORK_SYSFS_WRITE : SEAM_WORK_SYSFS_READ, words,
             [this, activity, &step, &guest, write](long result, const std::string& text) {
               if (activity->over) return;
               if (guest.stopped()) return Abort(activity, "the domain stopped: " + text);
               const int64_t answer = result > 0 ? 0 : result;
               if (step.result) {
                 Row(step, fmt::format("{}: result {}", step.label, *step.result), answer == *step.result,
                     fmt::format("{}", answer));
               }
               if (!write && step.value) {
                 Row(step, fmt::format("{}: says '{}'", step.label, *step.value), OneLine(text) == *step.value,
                     OneLine(text));
               }
               Complete(activity);
             });
}

void StepWalk::Attack(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  std::vector<std::string> words = {step.function};
  for (const std::string& argument : step.args) words.push_back(machine_.Expand(argument));
  guest.Post(SEAM_WORK_CALL, words, [this, activity, &step, &guest](long result, const std::string& text) {
    if (activity->over) return;
    if (step.stops) {
      Row(step, step.label + ": stops the domain", guest.stopped(), guest.stopped() ? OneLine(text) : "it goes on");
      return Complete(activity);
    }
    if (guest.stopped()) return Abort(activity, "the domain stopped: " + text);
    constexpr long kNoEntry = -2;
    if (result == kNoEntry && step.result != kNoEntry) {
      return Abort(activity, fmt::format("the image has no function '{}'", step.function));
    }
    if (step.result) {
      Row(step, fmt::format("{}: returns {}", step.label, *step.result), result == *step.result,
          fmt::format("{}", result));
    }
    Complete(activity);
  });
}

void StepWalk::Crash(const ActivityPtr& activity) {
  const Step& step = activity->step;
  GuestDomain& guest = machine_.guest(step.domain);
  activity->crashing = &guest;
  guest.Post(SEAM_WORK_CALL, {"crash", Name(step.crash)},
             [this, activity, &guest](long result, const std::string&) {
               if (activity->over || guest.stopped()) return;  // the stop itself ends the step
               Abort(activity, fmt::format("the domain survived, result {}", result));
             });
}

void StepWalk::Error(const ActivityPtr& activity) {
  const Step& step = activity->step;
  bool correctable = false;
  unsigned bit = 0;
  switch (step.error) {
    case DeviceError::kReceiverError: correctable = true; bit = 0; break;
    case DeviceError::kBadTlp: correctable = true; bit = 6; break;
    case DeviceError::kCompletionTimeout: bit = 14; break;
    case DeviceError::kCompleterAbort: bit = 15; break;
    case DeviceError::kUnsupportedRequest: bit = 20; break;
    case DeviceError::kDataLinkProtocol: bit = 4; break;
    case DeviceError::kMalformedTlp: bit = 18; break;
  }
  if (!machine_.device(step.device).DetectError(correctable, bit)) return Abort(activity, step.device + " has no AER");
  Complete(activity);
}

void StepWalk::Storm(const ActivityPtr& activity) {
  const Step& step = activity->step;
  for (const StormSpec& storm : step.storms) {
    const pci::Bdf bdf = machine_.device(storm.device).bdf();
    activity->raising.push_back({&storm, machine_.spans().asserted(bdf, ToPci(storm.kind)) + storm.count});
  }
  for (const StormSpec& storm : step.storms) RaiseNext(activity, storm, storm.count);
}

void StepWalk::RaiseNext(const ActivityPtr& activity, const StormSpec& storm, uint64_t left) {
  if (activity->over) return;
  pci::Function& device = machine_.device(storm.device);
  if (device.interrupt_pending(ToPci(storm.kind), storm.vector)) {
    for (Raising& raising : activity->raising) {  // one and the same with what its mask holds back already
      if (raising.storm == &storm) --raising.wanted;
    }
  }
  device.AssertInterrupt(ToPci(storm.kind), storm.vector);
  if (left > 1) {
    machine_.simulation().After(storm.interval,
                                [this, activity, &storm, left] { RaiseNext(activity, storm, left - 1); });
    return;
  }
  for (Raising& raising : activity->raising) {
    if (raising.storm == &storm) raising.all_raised = true;
  }
  // Each of them may already have been served, or may never be asserted: look, and look once more later.
  machine_.simulation().After(storm.interval + kDrainPoll, [this, activity] {
    if (!activity->over) CheckStorm(activity);
  });
  machine_.simulation().After(kStormSettle, [this, activity] {
    if (activity->over) return;
    for (const Raising& raising : activity->raising) {
      if (!raising.all_raised) return;
      const pci::Bdf bdf = machine_.device(raising.storm->device).bdf();
      const uint64_t now = machine_.spans().asserted(bdf, ToPci(raising.storm->kind));
      if (now >= raising.wanted) continue;
      return Abort(activity, fmt::format("{} asserted {} of {} {} interrupts: are they enabled?",
                                         raising.storm->device, raising.storm->count - (raising.wanted - now),
                                         raising.storm->count, Name(raising.storm->kind)));
    }
  });
}

void StepWalk::CheckStorm(const ActivityPtr& activity) {
  for (const Raising& raising : activity->raising) {
    const pci::Bdf bdf = machine_.device(raising.storm->device).bdf();
    if (!raising.all_raised || machine_.spans().asserted(bdf, ToPci(raising.storm->kind)) < raising.wanted) return;
    if (machine_.spans().in_flight(bdf) != 0) return;
  }
  activity->raising.clear();
  // Called from inside a guest's handler, too: the step ends outside it.
  machine_.simulation().After(0, [this, activity] { Complete(activity); });
}

void StepWalk::Emit(const ActivityPtr& activity) {
  const Step& step = activity->step;
  auto& attacker = static_cast<pci::Attacker&>(machine_.device(step.device));
  const uint64_t address = ParseUnsigned(machine_.Expand(step.address)).value_or(0);
  auto left = std::make_shared<uint64_t>(step.count);
  for (uint64_t i = 0; i < step.count; ++i) {
    auto buffer = std::make_shared<std::vector<std::byte>>(step.bytes);
    for (size_t k = 0; k < buffer->size(); ++k) {
      (*buffer)[k] = static_cast<std::byte>(step.data.value_or(0) >> 8 * (k % 8));
    }
    buffers_.push_back(buffer);
    pci::DmaRequest request;
    request.type = step.write ? pci::TlpType::kMemoryWrite : pci::TlpType::kMemoryRead;
    request.bus_address = address;
    request.length_bytes = step.bytes;
    request.data = buffer->data();
    request.translated = step.translated;
    if (!step.requester.empty()) {
      unsigned segment = 0, bus = 0, device = 0, function = 0;
      if (std::sscanf(step.requester.c_str(), "%x:%x:%x.%x", &segment, &bus, &device, &function) != 4) {
        return Abort(activity, "requester: expected ssss:bb:dd.f");
      }
      request.requester = pci::Bdf(static_cast<uint16_t>(segment), bus, device, function);
      request.spoof = true;
    }
    attacker.Emit(request, [this, activity, left](pci::Completion) {
      if (--*left == 0) Complete(activity);
    });
  }
  // A device that may not master the bus drops its requests without an answer.
  if (!attacker.bus_master()) Abort(activity, step.device + " is not allowed to master the bus: nothing was sent");
}

void StepWalk::EditIommu(const ActivityPtr& activity) {
  const Step& step = activity->step;
  if (machine_.iommu_tables() == nullptr) return Complete(activity);
  iommu::TableWriter& writer = machine_.iommu_tables()->writer();
  const sim::DomId domain = machine_.OwnerOf(machine_.device(step.device).bdf());
  const uint16_t unit_domain = IommuTables::UnitDomain(domain);
  const uint64_t page = ParseUnsigned(machine_.Expand(step.address)).value_or(0) >> sim::kPageShift;
  const auto entry = writer.EntryAddress(unit_domain, page);
  if (!entry) return Abort(activity, "the device's tables have no entry for that page");
  machine_.memory().Store(*entry, step.data.value_or(0));
  if (step.invalidate) writer.FlushIotlbPages(unit_domain, page, 0);
  Complete(activity);
}

void StepWalk::Compare(const ActivityPtr& activity) {
  const Step& step = activity->step;
  std::ifstream stream(step.golden);
  std::vector<std::string> golden;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) golden.push_back(line);
  }
  const uint64_t first = step.phase.empty() ? 0 : first_record_[step.phase];
  // The console's and xenbus's own sends were not recorded.
  std::set<std::pair<sim::DomId, std::string>> own_sends;
  for (const auto& [id, guest] : machine_.guests()) {
    if (guest->domain() == nullptr) continue;
    for (const uint32_t port : {guest->domain()->store_port, guest->domain()->console_port}) {
      own_sends.emplace(id, fmt::format(" hypercall event_channel_op send {{port={}}} = 0", port));
    }
  }
  std::vector<std::string> bench;
  uint64_t number = 0;
  machine_.trace().ForEach([&](const sim::RecordView& record) {
    if (number++ < first) return;
    if (record.kind != sim::RecordKind::kHypercall && record.kind != sim::RecordKind::kRing &&
        record.kind != sim::RecordKind::kStore) {
      return;
    }
    // "<time> <domain> <text>", the domain as the golden traces call it; the tools keep their name.
    const std::string line = machine_.trace().Format(record);
    const size_t domain = line.find(' ') + 1;
    const size_t end = line.find(' ', domain);
    const std::string text = line.substr(end);
    if (own_sends.count({record.domain, text}) != 0) return;
    const std::string name = line.substr(domain, end - domain);
    bench.push_back((name == "toolstack" ? name : record.domain == 0 ? "dom0" : "domU") + text);
  });
  TraceComparison comparison = CompareTraces(golden, bench);
  comparison.id = "golden." + std::filesystem::path(step.golden).stem().string();
  comparison.min_rate = step.min_rate;
  Row(step, fmt::format("{}: rate >= {}", step.label, step.min_rate), comparison.rate() >= step.min_rate,
      fmt::format("{:.4f}: {} of {} golden and {} bench lines match", comparison.rate(), comparison.matched,
                  comparison.golden_lines, comparison.bench_lines));
  comparisons_.push_back(std::move(comparison));
  Complete(activity);
}

}  // namespace pvpci::scenarios
