// SPDX-License-Identifier: Apache-2.0
// The 2-level event channel ABI: pending and mask bitmaps in shared_info, one selector word per vCPU. abi.md 3.4.
#ifndef PVPCI_MODELS_XEN_EVTCHN_2L_H_
#define PVPCI_MODELS_XEN_EVTCHN_2L_H_

#include "models/xen/event_channels.h"

namespace pvpci::xen {

class TwoLevelAbi : public EventAbi {
 public:
  explicit TwoLevelAbi(EventChannels& channels) : channels_(channels) {}
  Pended SetPending(Domain& domain, uint32_t port) override;
  Pended Unmask(Domain& domain, uint32_t port) override;
  void ClearPending(Domain& domain, uint32_t port) override;
  bool IsPending(const Domain& domain, uint32_t port) const override;
  bool IsMasked(const Domain& domain, uint32_t port) const override;
  bool IsBusy(const Domain&, uint32_t) const override { return false; }
  long SetPriority(Domain&, uint32_t, uint32_t) override { return -abi::kENOSYS; }

 private:
  bool Select(Domain& domain, uint32_t port);

  EventChannels& channels_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_EVTCHN_2L_H_
