// SPDX-License-Identifier: Apache-2.0
#include "models/xen/system_time.h"

#include <algorithm>

#include "models/xen/abi.h"

namespace pvpci::xen {

uint64_t SystemTime::Nanoseconds() const {
  return (hypervisor_.config().uptime_at_start + hypervisor_.simulation().now()) / sim::kNs;
}

sim::Ps SystemTime::When(uint64_t ns) const {
  const sim::Ps now = hypervisor_.simulation().now();
  const sim::Ps start = hypervisor_.config().uptime_at_start;
  if (ns >= sim::kNever / sim::kNs) return sim::kNever - 1;
  const sim::Ps absolute = ns * sim::kNs;
  return absolute <= start ? now : std::max(now, absolute - start);
}

void SystemTime::Update(Vcpu& vcpu) {
  auto& time = reinterpret_cast<abi::VcpuInfo*>(vcpu.info)->time;
  const uint64_t ns = Nanoseconds();
  // Odd version while the record changes; the guest's readers retry.
  __atomic_store_n(&time.version, time.version + 1, __ATOMIC_SEQ_CST);
  time.tsc_timestamp = ns;
  time.system_time = ns;
  time.tsc_to_system_mul = 0x80000000;  // 32.32 fraction of (tsc << 1): 1 ns per tick
  time.tsc_shift = 1;
  time.flags = 1;                       // stable across vCPUs
  __atomic_store_n(&time.version, time.version + 1, __ATOMIC_SEQ_CST);
}

void SystemTime::UpdateWallclock(Domain& domain) {
  auto& shared = *reinterpret_cast<abi::SharedInfo*>(domain.shared_info);
  __atomic_store_n(&shared.wc_version, shared.wc_version + 1, __ATOMIC_SEQ_CST);
  shared.wc_sec = static_cast<uint32_t>(hypervisor_.config().wallclock_at_start);
  shared.wc_sec_hi = static_cast<uint32_t>(hypervisor_.config().wallclock_at_start >> 32);
  shared.wc_nsec = 0;
  __atomic_store_n(&shared.wc_version, shared.wc_version + 1, __ATOMIC_SEQ_CST);
}

}  // namespace pvpci::xen
