// SPDX-License-Identifier: Apache-2.0
#include "scenarios/step_reader.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "scenarios/parser.h"
#include "scenarios/units.h"

namespace pvpci::scenarios {
namespace {

// "3,17,40"; empty unless these are up to three ascending numbers from 1 on.
std::vector<uint64_t> BlockNumbers(const std::string& text) {
  constexpr size_t kMost = 3;
  std::vector<uint64_t> numbers;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const auto number = ParseUnsigned(text.substr(at, end - at));
    if (!number || *number <= (numbers.empty() ? 0 : numbers.back()) || numbers.size() == kMost) return {};
    numbers.push_back(*number);
    at = end + 1;
  }
  return numbers;
}

constexpr IrqKind kIrqKinds[] = {IrqKind::kIntx, IrqKind::kMsi, IrqKind::kMsix};
constexpr CrashKind kCrashKinds[] = {CrashKind::kOops,          CrashKind::kBug,  CrashKind::kPanic,
                                     CrashKind::kStackOverflow, CrashKind::kSpin, CrashKind::kWildJump};
constexpr DeviceError kDeviceErrors[] = {
    DeviceError::kReceiverError,      DeviceError::kBadTlp,           DeviceError::kCompletionTimeout,
    DeviceError::kCompleterAbort,     DeviceError::kUnsupportedRequest, DeviceError::kDataLinkProtocol,
    DeviceError::kMalformedTlp};
constexpr StepKind kStepKinds[] = {StepKind::kBoot,   StepKind::kSeize,     StepKind::kAttach, StepKind::kDetach,
                                   StepKind::kDestroy, StepKind::kPause,    StepKind::kUnpause,
                                   StepKind::kFrontend, StepKind::kStore, StepKind::kRefuse,
                                   StepKind::kAwait, StepKind::kProgram, StepKind::kWrite,  StepKind::kRead,
                                   StepKind::kCall,  StepKind::kAttack, StepKind::kCrash, StepKind::kError,
                                   StepKind::kStorm, StepKind::kEmit,
                                   StepKind::kIommuEdit, StepKind::kWait,   StepKind::kJoin, StepKind::kCompare,
                                   StepKind::kFail,  StepKind::kStall,  StepKind::kEnters, StepKind::kCalls,
                                   StepKind::kIntact, StepKind::kPreempt};

std::string DefaultLabel(const Step& step) {
  const std::string name = Name(step.kind);
  switch (step.kind) {
    case StepKind::kBoot:
    case StepKind::kDestroy:
    case StepKind::kPause:
    case StepKind::kUnpause: return name + " " + step.domain;
    case StepKind::kStore: {
      std::string text;
      for (const StoreNodeSpec& node : step.nodes) {
        text += fmt::format("{}{} {}", text.empty() ? "the tools write " : ", ", node.path, node.value.value_or("-"));
      }
      return text;
    }
    case StepKind::kFrontend:
      return fmt::format("give {} the directories of {}/{}", step.domain, step.frontend.kind, step.frontend.id);
    case StepKind::kRefuse: return fmt::format("the store refuses {}", step.path);
    case StepKind::kAwait: return fmt::format("await {} {}", step.path, step.value.value_or(""));
    case StepKind::kJoin: return "wait for the steps in the background";
    case StepKind::kSeize: return name + " " + step.device;
    case StepKind::kAttach: return fmt::format("attach {} to {}", step.device, step.domain);
    case StepKind::kDetach: return fmt::format("detach {} from {}", step.device, step.domain);
    case StepKind::kProgram: return fmt::format("{} in {}", fmt::join(step.argv, " "), step.domain);
    case StepKind::kWrite:
    case StepKind::kRead: return fmt::format("{} {} in {}", name, step.path, step.domain);
    case StepKind::kCall:
    case StepKind::kAttack: return fmt::format("{} {} in {}", name, step.function, step.domain);
    case StepKind::kCrash: return fmt::format("{} in {}", Name(step.crash), step.domain);
    case StepKind::kError: return fmt::format("{} at {}", Name(step.error), step.device);
    case StepKind::kStorm: {
      std::string text;
      for (const StormSpec& storm : step.storms) {
        text += fmt::format("{}{} {} from {}", text.empty() ? "" : ", ", storm.count, Name(storm.kind),
                            storm.device);
      }
      return text;
    }
    case StepKind::kEmit: return fmt::format("{} TLP from {}", step.write ? "write" : "read", step.device);
    case StepKind::kIommuEdit: return fmt::format("edit the IOMMU entry of {} for {}", step.address, step.device);
    case StepKind::kWait: return "wait " + FormatDuration(step.duration);
    case StepKind::kFail:
      return fmt::format("{} of {} answers {}", step.hypercall, step.domain, step.result.value_or(0));
    case StepKind::kStall:
      return fmt::format("{} stands still in {}", step.domain, step.function);
    case StepKind::kEnters: return fmt::format("{} enters {}", step.domain, step.function);
    case StepKind::kIntact: return fmt::format("{} at {} change", FormatSize(step.bytes), step.address);
    case StepKind::kPreempt:
      return fmt::format("{} stands still everywhere from {} to {}", step.domain, step.preempt.from,
                         step.preempt.until);
    case StepKind::kCalls: return fmt::format("calls of {} since '{}'", step.domain, step.phase);
    case StepKind::kCompare: return "compare with " + step.golden.substr(step.golden.rfind('/') + 1);
  }
  return name;
}

}  // namespace

void StepReader::Read(const YamlNode& node, Scenario* scenario) {
  Step step;
  step.place = node.place;
  step.label = Text(node, "label", "");
  step.deadline = Time(node, "deadline", step.deadline);
  step.when = When(node);
  step.because = Text(node, "because", "");
  step.background = Flag(node, "background", false);
  StepPlaces places;
  const YamlNode* action = nullptr;
  for (const StepKind kind : kStepKinds) {
    if (const YamlNode* found = node.Find(Name(kind))) {
      step.kind = kind;
      action = found;
    }
  }
  places.domain = places.device = places.command = action->place;
  switch (step.kind) {
    case StepKind::kBoot:
      for (const YamlNode* item : Items(node, "boot")) {
        step.domain = item->text;
        places.domain = item->place;
        Add(step, places, scenario);
      }
      return;
    case StepKind::kSeize:
      for (const YamlNode* item : Items(node, "seize")) {
        const bool bare = item->kind == YamlNode::Kind::kScalar;
        step.device = bare ? item->text : Text(*item, "device", "");
        step.quarantine = bare || Flag(*item, "quarantine", true);
        places.device = bare ? item->place : PlaceOf(*item, "device");
        Add(step, places, scenario);
      }
      return;
    case StepKind::kAttach:
    case StepKind::kDetach: ReadAttach(*action, *scenario, &step, &places); break;
    case StepKind::kDestroy:
    case StepKind::kPause:
    case StepKind::kUnpause: step.domain = action->text; break;
    case StepKind::kFrontend:
      step.domain = Text(*action, "domain", "");
      places.domain = PlaceOf(*action, "domain");
      step.frontend.kind = Text(*action, "kind", "");
      step.frontend.id = ParseUnsigned(Text(*action, "id", "0")).value_or(0);
      step.frontend.front = Nodes(*action, "front");
      step.frontend.back = Nodes(*action, "back");
      break;
    case StepKind::kStore:
      for (const YamlNode* item : Items(node, "store")) {
        StoreNodeSpec spec;
        const YamlNode* path = item->Find("path");
        spec.path = path == nullptr ? item->text : path->text;
        spec.place = path == nullptr ? item->place : path->place;
        if (const YamlNode* value = item->Find("value")) spec.value = value->text;
        step.nodes.push_back(spec);
      }
      break;
    case StepKind::kRefuse: step.path = action->text; break;
    case StepKind::kAwait:
      step.path = Text(*action, "path", action->text);
      if (const YamlNode* value = action->Find("value")) step.value = value->text;
      if (!step.value) Complain(action->place, "await: missing key 'value'");
      places.command = PlaceOf(*action, "path");
      break;
    case StepKind::kJoin: break;
    case StepKind::kProgram: ReadPrograms(*action, step, places, scenario); return;
    case StepKind::kWrite:
    case StepKind::kRead:
      step.domain = Text(*action, "domain", "");
      step.path = Text(*action, "path", "");
      if (const YamlNode* value = action->Find("value")) step.value = value->text;
      step.result = Signed(*action, "result");
      places.domain = PlaceOf(*action, "domain");
      places.command = PlaceOf(*action, "path");
      if (step.kind == StepKind::kWrite && !step.value) Complain(action->place, "write: missing key 'value'");
      break;
    case StepKind::kCall:
    case StepKind::kAttack:
      step.domain = Text(*action, "domain", "");
      step.function = Text(*action, "function", "");
      step.stops = Flag(*action, "stops", false);
      step.result = Signed(*action, "result");
      for (const YamlNode* item : Items(*action, "args")) {
        step.args.push_back(item->text);
        places.args.push_back(item->place);
      }
      places.domain = PlaceOf(*action, "domain");
      break;
    case StepKind::kCrash:
      step.domain = Text(*action, "domain", "");
      step.crash = FromName(Text(*action, "kind", "oops"), kCrashKinds);
      places.domain = PlaceOf(*action, "domain");
      break;
    case StepKind::kError:
      step.device = Text(*action, "device", "");
      step.error = FromName(Text(*action, "kind", ""), kDeviceErrors);
      places.device = PlaceOf(*action, "device");
      break;
    case StepKind::kStorm:
      for (const YamlNode* item : Items(node, "storm")) {
        StormSpec storm;
        storm.place = PlaceOf(*item, "device");
        storm.device = Text(*item, "device", "");
        storm.kind = FromName(Text(*item, "kind", "msix"), kIrqKinds);
        storm.count = Number(*item, "count", 1);
        storm.interval = Time(*item, "interval", storm.interval);
        storm.vector = static_cast<unsigned>(Number(*item, "vector", 0));
        step.storms.push_back(storm);
      }
      break;
    case StepKind::kEmit:
      step.device = Text(*action, "device", "");
      step.write = Text(*action, "tlp", "write") == "write";
      step.address = Text(*action, "address", "");
      step.bytes = Size(*action, "bytes", step.bytes);
      if (action->Find("data") != nullptr) step.data = Number(*action, "data", 0);
      step.requester = Text(*action, "requester", "");
      step.count = Number(*action, "count", 1);
      step.translated = Flag(*action, "translated", false);
      places.device = PlaceOf(*action, "device");
      step.args = {step.address};
      places.args = {PlaceOf(*action, "address")};
      break;
    case StepKind::kIommuEdit:
      step.device = Text(*action, "device", "");
      step.address = Text(*action, "address", "");
      if (action->Find("data") != nullptr) step.data = Number(*action, "data", 0);
      step.invalidate = Flag(*action, "invalidate", true);
      places.device = PlaceOf(*action, "device");
      step.args = {step.address};
      places.args = {PlaceOf(*action, "address")};
      break;
    case StepKind::kFail:
      step.domain = Text(*action, "domain", "");
      step.hypercall = Text(*action, "hypercall", "");
      step.result = Signed(*action, "result");
      step.count = Number(*action, "count", 1);
      step.skip = Number(*action, "skip", 0);
      places.domain = PlaceOf(*action, "domain");
      break;
    case StepKind::kStall:
      step.domain = Text(*action, "domain", "");
      step.duration = Time(*action, "time", 0);
      step.function = Text(*action, "function", "");
      step.count = Number(*action, "count", 1);
      places.domain = PlaceOf(*action, "domain");
      break;
    case StepKind::kEnters:
      step.domain = Text(*action, "domain", "");
      step.function = Text(*action, "function", "");
      step.count = Number(*action, "times", 1);
      step.within = Number(*action, "within", 0);
      places.domain = PlaceOf(*action, "domain");
      break;
    case StepKind::kIntact:
      step.address = Text(*action, "address", "");
      step.bytes = Size(*action, "bytes", step.bytes);
      step.count = Number(*action, "changed", 0);
      step.args = {step.address};
      places.args = {PlaceOf(*action, "address")};
      break;
    case StepKind::kPreempt:
      step.domain = Text(*action, "domain", "");
      step.duration = Time(*action, "time", 0);
      step.preempt.from = Text(*action, "from", "");
      step.preempt.until = Text(*action, "until", "");
      for (const YamlNode* item : Items(*action, "blocks")) step.preempt.blocks.push_back(item->text);
      step.preempt.times = static_cast<unsigned>(Number(*action, "times", 1));
      step.preempt.passes = Number(*action, "passes", 0);
      step.preempt.only = Text(*action, "only", "");
      step.preempt.blocks_only = BlockNumbers(step.preempt.only);
      step.preempt.device = Text(*action, "device", "");
      step.preempt.kind = FromName(Text(*action, "kind", "msix"), kIrqKinds);
      step.preempt.vector = static_cast<unsigned>(Number(*action, "vector", 0));
      places.domain = PlaceOf(*action, "domain");
      places.device = PlaceOf(*action, "device");
      break;
    case StepKind::kCalls:
      step.domain = Text(*action, "domain", "");
      step.phase = Text(*action, "since", "");
      for (const YamlNode* item : Items(*action, "are")) step.calls.push_back(item->text);
      for (const YamlNode* item : Items(*action, "of")) step.of.push_back(item->text);
      if (step.of.empty()) step.of = {"event_channel_op", "physdev_op"};
      for (const YamlNode* item : Items(*action, "without")) step.without.push_back(item->text);
      places.domain = PlaceOf(*action, "domain");
      places.command = PlaceOf(*action, "since");
      break;
    case StepKind::kWait: step.duration = ParseDuration(action->text).value_or(0); break;
    case StepKind::kCompare: {
      const YamlNode* golden = action->kind == YamlNode::Kind::kScalar ? action : action->Find("golden");
      step.golden = FindFile(*golden, "golden");
      if (action->kind == YamlNode::Kind::kMap) {
        step.phase = Text(*action, "since", "");
        step.min_rate = std::strtod(Text(*action, "min_rate", "0.95").c_str(), nullptr);
        places.command = PlaceOf(*action, "since");
      }
      break;
    }
  }
  Add(step, places, scenario);
}

void StepReader::ReadAttach(const YamlNode& action, const Scenario& scenario, Step* step, StepPlaces* places) {
  if (action.kind == YamlNode::Kind::kScalar) {
    step->device = action.text;
  } else {
    step->device = Text(action, "device", "");
    step->domain = Text(action, "domain", "");
    step->refused = Text(action, "refused", "");
    step->waits = Flag(action, "waits", true);
    places->device = PlaceOf(action, "device");
    places->domain = PlaceOf(action, "domain");
  }
  const DeviceSpec* device = scenario.FindDevice(step->device);
  if (!step->domain.empty() || device == nullptr) return;
  step->domain = device->assigned_to;
  if (step->domain.empty()) {
    Complain(action.place, fmt::format("{}: say which domain: 'device: {}' has no assigned_to", Name(step->kind),
                                       step->device));
  }
}

void StepReader::ReadPrograms(const YamlNode& action, Step step, StepPlaces places, Scenario* scenario) {
  if (const auto exit = Signed(action, "exit")) step.exit = static_cast<int>(*exit);
  for (const YamlNode* text : Items(action, "prints")) step.prints.push_back(text->text);
  step.stops = Flag(action, "stops", false);
  for (const YamlNode* command : Items(action, "run")) {
    step.argv = SplitCommand(command->text);
    places.command = command->place;
    if (step.argv.empty()) {
      Complain(command->place, fmt::format("run: no command in '{}' (or a quote is never closed)", command->text));
      continue;
    }
    for (const YamlNode* domain : Items(action, "domain")) {
      step.domain = domain->text;
      places.domain = domain->place;
      Add(step, places, scenario);
    }
  }
}

void StepReader::Add(Step step, const StepPlaces& places, Scenario* scenario) {
  if (step.label.empty()) step.label = DefaultLabel(step);
  scenario->steps.push_back(std::move(step));
  places_.push_back(places);
}

}  // namespace pvpci::scenarios
