// SPDX-License-Identifier: Apache-2.0
#include "models/xen/evtchn_2l.h"

namespace pvpci::xen {
namespace {

abi::SharedInfo& Shared(const Domain& domain) { return *reinterpret_cast<abi::SharedInfo*>(domain.shared_info); }
uint64_t Bit(uint32_t n) { return uint64_t{1} << (n % 64); }

bool TestAndSet(uint64_t& word, uint64_t mask) { return (__atomic_fetch_or(&word, mask, __ATOMIC_SEQ_CST) & mask) != 0; }

}  // namespace

bool TwoLevelAbi::Select(Domain& domain, uint32_t port) {
  Vcpu& vcpu = *domain.vcpus[domain.ports[port].notify_vcpu];
  auto& info = *reinterpret_cast<abi::VcpuInfo*>(vcpu.info);
  if (TestAndSet(info.pending_sel, Bit(port / 64))) return false;
  return channels_.MarkEventsPending(vcpu);
}

Pended TwoLevelAbi::SetPending(Domain& domain, uint32_t port) {
  abi::SharedInfo& shared = Shared(domain);
  Pended result;
  if (TestAndSet(shared.evtchn_pending[port / 64], Bit(port))) return result;
  result.newly_pending = true;
  if (!IsMasked(domain, port)) result.raised = Select(domain, port);
  return result;
}

Pended TwoLevelAbi::Unmask(Domain& domain, uint32_t port) {
  abi::SharedInfo& shared = Shared(domain);
  Pended result;
  const uint64_t old = __atomic_fetch_and(&shared.evtchn_mask[port / 64], ~Bit(port), __ATOMIC_SEQ_CST);
  if ((old & Bit(port)) != 0 && IsPending(domain, port)) result.raised = Select(domain, port);
  return result;
}

void TwoLevelAbi::ClearPending(Domain& domain, uint32_t port) {
  __atomic_fetch_and(&Shared(domain).evtchn_pending[port / 64], ~Bit(port), __ATOMIC_SEQ_CST);
}

bool TwoLevelAbi::IsPending(const Domain& domain, uint32_t port) const {
  return (Shared(domain).evtchn_pending[port / 64] & Bit(port)) != 0;
}

bool TwoLevelAbi::IsMasked(const Domain& domain, uint32_t port) const {
  return (Shared(domain).evtchn_mask[port / 64] & Bit(port)) != 0;
}

}  // namespace pvpci::xen
