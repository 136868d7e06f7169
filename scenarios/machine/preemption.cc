// SPDX-License-Identifier: Apache-2.0
#include "scenarios/machine/preemption.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pvpci::scenarios {
namespace {

pci::InterruptKind ToPci(IrqKind kind) {
  switch (kind) {
    case IrqKind::kIntx: return pci::InterruptKind::kIntx;
    case IrqKind::kMsi: return pci::InterruptKind::kMsi;
    case IrqKind::kMsix: return pci::InterruptKind::kMsix;
  }
  return pci::InterruptKind::kMsix;
}

}  // namespace

Preemption::Preemption(GuestDomain& guest, const Step& step, pci::Function* device, uint64_t seed)
    : guest_(guest), step_(step), device_(device), random_(seed, "preemption." + step.label) {}

bool Preemption::complete() const {
  if (!step_.preempt.blocks_only.empty()) return held_ > 0;
  return exhausted_ && (step_.preempt.times == 1 || drawn_ >= step_.preempt.passes);
}

std::string Preemption::Install() {
  const auto missing = [this](const std::string& what) {
    return fmt::format("the image of {} has no '{}'", step_.domain, what);
  };
  driver::FunctionHooks* hooks = guest_.hooks();
  if (hooks == nullptr) return fmt::format("{} is not built", step_.domain);
  // The end before the blocks and the blocks before the start: where they fall on one block, a pass begins after it.
  if (hooks->Add(step_.preempt.until, [this](driver::VcpuRunner& vcpu, sim::Ps) { End(vcpu); }) == 0) {
    return missing(step_.preempt.until);
  }
  for (const std::string& what : step_.preempt.blocks) {
    if (hooks->AddBlocks(what, [this](driver::VcpuRunner& vcpu, sim::Ps) { AtBlock(vcpu); }) == 0) return missing(what);
  }
  if (hooks->Add(step_.preempt.from, [this](driver::VcpuRunner& vcpu, sim::Ps) { Begin(vcpu); }) == 0) {
    return missing(step_.preempt.from);
  }
  return "";
}

void Preemption::Choose() {
  wanted_ = step_.preempt.blocks_only;
  if (!wanted_.empty()) return;
  if (!exhausted_) {
    wanted_ = {++single_};
    return;
  }
  if (step_.preempt.times == 1 || drawn_ >= step_.preempt.passes) return;
  ++drawn_;
  const uint64_t count = 2 + random_.Below(step_.preempt.times - 1);
  while (wanted_.size() < std::min(count, longest_)) {
    const uint64_t number = 1 + random_.Below(longest_);
    const auto place = std::lower_bound(wanted_.begin(), wanted_.end(), number);
    if (place == wanted_.end() || *place != number) wanted_.insert(place, number);
  }
}

void Preemption::Begin(driver::VcpuRunner& vcpu) {
  if (passing_ != nullptr && passing_ != &vcpu) return;  // one vCPU at a time
  passing_ = &vcpu;
  seen_ = 0;
  next_ = 0;
  Choose();
}

void Preemption::End(driver::VcpuRunner& vcpu) {
  if (passing_ != &vcpu) return;
  passing_ = nullptr;
  longest_ = std::max(longest_, seen_);
  if (seen_ < single_) exhausted_ = true;
}

void Preemption::AtBlock(driver::VcpuRunner& vcpu) {
  if (passing_ != &vcpu) return;
  ++seen_;
  if (next_ == wanted_.size() || seen_ != wanted_[next_]) return;
  if (next_++ == 0) {
    ++held_;
    met_.clear();
  }
  met_.push_back(seen_);
  last_block_ = vcpu.hooked_block();
  if (device_ != nullptr) device_->AssertInterrupt(ToPci(step_.preempt.kind), step_.preempt.vector);
  vcpu.StallUntil(vcpu.local_time() + step_.duration);
}

std::string Preemption::Story() const {
  if (last_block_ == 0) return "no block of the window was met";
  const driver::Image& image = guest_.image()->image();
  const driver::Block& block = image.block(last_block_);
  return fmt::format("{} passes held, {} of them more than once, {} blocks at most; last before number {}, block {} of {} "
                     "({}:{}): steps.{}.preempt.only={}",
                     held_, drawn_, longest_, fmt::join(met_, ","), block.index, block.function,
                     image.sources()[block.source], block.line, step_.label, fmt::join(met_, ","));
}

}  // namespace pvpci::scenarios
