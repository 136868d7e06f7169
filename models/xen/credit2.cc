// SPDX-License-Identifier: Apache-2.0
#include "models/xen/credit2.h"

#include <algorithm>

#include "models/xen/domain.h"

namespace pvpci::xen {

Credit2::Credit2(Hypervisor& hypervisor) : hypervisor_(hypervisor), processors_(hypervisor.config().physical_cpus) {}

void Credit2::Welcome(Vcpu& vcpu) const {
  if (!vcpu.credit) vcpu.credit = static_cast<int64_t>(hypervisor_.config().credit2_init);
}

void Credit2::Charge(Processor& processor) {
  const sim::Ps now = hypervisor_.simulation().now();
  if (processor.running == nullptr || now <= processor.charged) return;
  *processor.running->credit -= static_cast<int64_t>(now - processor.charged);
  processor.charged = now;
}

void Credit2::Wake(Vcpu& vcpu, sim::Ps ready) {
  Welcome(vcpu);
  Processor& processor = processors_[vcpu.pcpu];
  if (processor.running == nullptr) return Run(processor, vcpu, ready);
  Charge(processor);
  processor.waiting.push_back(&vcpu);
  const HypervisorConfig& config = hypervisor_.config();
  const bool limited = hypervisor_.simulation().now() + config.credit2_tolerance < processor.since + config.sched_ratelimit;
  // By an event: the one that runs may be the one that wakes.
  if (!limited && *vcpu.credit > *processor.running->credit) ArmTimer(processor, 0);
}

void Credit2::Began(Vcpu& vcpu) {
  Welcome(vcpu);
  Processor& processor = processors_[vcpu.pcpu];
  if (processor.running == &vcpu) return;
  TakeOff(processor, /*waits=*/true);
  processor.running = processor.last = &vcpu;
  processor.since = processor.charged = hypervisor_.simulation().now();
  ArmTimer(processor);
}

void Credit2::Stopped(Vcpu& vcpu, sim::Ps when) {
  Processor& processor = processors_[vcpu.pcpu];
  auto& waiting = processor.waiting;
  waiting.erase(std::remove(waiting.begin(), waiting.end(), &vcpu), waiting.end());
  if (processor.running == &vcpu) {
    TakeOff(processor, /*waits=*/false);
    if (Vcpu* next = Next(processor)) SwitchTo(processor, *next, when);
  }
  if (vcpu.descheduled) {  // it fell asleep in what it finished
    vcpu.descheduled = false;
    if (vcpu.host != nullptr) vcpu.host->Reschedule(hypervisor_.simulation().now());
  }
  if (vcpu.state == VcpuState::kDown && processor.last == &vcpu) processor.last = nullptr;
}

void Credit2::Yield(Vcpu& vcpu) {
  Processor& processor = processors_[vcpu.pcpu];
  if (processor.running != &vcpu || processor.waiting.empty()) return;
  *vcpu.credit = std::min(*vcpu.credit, *Next(processor)->credit - 1);
  ArmTimer(processor, 0);
}

void Credit2::TakeOff(Processor& processor, bool waits) {
  if (processor.running == nullptr) return;
  Charge(processor);
  if (processor.timer != 0) hypervisor_.simulation().Cancel(processor.timer);
  processor.timer = 0;
  Vcpu& vcpu = *processor.running;
  processor.running = nullptr;
  if (!waits) return;
  processor.waiting.push_back(&vcpu);
  vcpu.descheduled = true;
  if (vcpu.host != nullptr) vcpu.host->Deschedule();
}

Vcpu* Credit2::Next(const Processor& processor) const {
  const auto& waiting = processor.waiting;
  if (waiting.empty()) return nullptr;
  return *std::max_element(waiting.begin(), waiting.end(), [](const Vcpu* a, const Vcpu* b) { return *a->credit < *b->credit; });
}

void Credit2::ResetCredits(unsigned processor) {
  const auto full = static_cast<int64_t>(hypervisor_.config().credit2_init);
  const auto carried = static_cast<int64_t>(hypervisor_.config().credit2_min_timer);
  for (const sim::DomId id : hypervisor_.domains()) {
    for (auto& vcpu : hypervisor_.domain(id)->vcpus) {
      if (vcpu->pcpu == processor && vcpu->credit) vcpu->credit = full + std::clamp<int64_t>(*vcpu->credit, 0, carried);
    }
  }
}

void Credit2::Run(Processor& processor, Vcpu& vcpu, sim::Ps when) {
  if (*vcpu.credit <= 0) ResetCredits(vcpu.pcpu);
  vcpu.switch_cost = processor.last != nullptr && processor.last != &vcpu ? hypervisor_.config().domain_switch : 0;
  when += vcpu.switch_cost;
  processor.running = processor.last = &vcpu;
  processor.since = hypervisor_.simulation().now();
  processor.charged = when;
  ArmTimer(processor);
  const bool was_taken_off = vcpu.descheduled;
  vcpu.descheduled = false;
  if (vcpu.host == nullptr) return;
  if (was_taken_off) {
    vcpu.host->Reschedule(when);
  } else {
    vcpu.runs_at = when;
    vcpu.host->Wake(when);
  }
}

// csched2_runtime: until as much credit is left as who waits has, else until none is; no shorter than the rate limit and the
// least slice, no longer than the whole credit.
void Credit2::ArmTimer(Processor& processor) {
  const HypervisorConfig& config = hypervisor_.config();
  const Vcpu* const next = Next(processor);
  const int64_t length = *processor.running->credit - (next == nullptr ? 0 : std::max<int64_t>(*next->credit, 0));
  const auto least = static_cast<int64_t>(std::max(config.credit2_min_timer, config.sched_ratelimit));
  const auto most = std::max(least, static_cast<int64_t>(config.credit2_init));
  ArmTimer(processor, static_cast<sim::Ps>(std::clamp(length, least, most)));
}

void Credit2::ArmTimer(Processor& processor, sim::Ps length) {
  if (processor.timer != 0) hypervisor_.simulation().Cancel(processor.timer);
  processor.timer = hypervisor_.simulation().After(length, [this, &processor] {
    processor.timer = 0;
    SliceOver(processor);
  });
}

void Credit2::SliceOver(Processor& processor) {
  Charge(processor);
  Vcpu* const next = Next(processor);
  if (next == nullptr || *next->credit <= *processor.running->credit) {
    if (*processor.running->credit <= 0) ResetCredits(processor.running->pcpu);
    return ArmTimer(processor);
  }
  TakeOff(processor, /*waits=*/true);
  SwitchTo(processor, *next, hypervisor_.simulation().now());
}

void Credit2::SwitchTo(Processor& processor, Vcpu& next, sim::Ps when) {
  auto& waiting = processor.waiting;
  waiting.erase(std::remove(waiting.begin(), waiting.end(), &next), waiting.end());
  Run(processor, next, when);
}

}  // namespace pvpci::xen
