// SPDX-License-Identifier: Apache-2.0
// The FIFO event channel ABI: one word per port in guest pages, 16 priority queues per vCPU linked through the words,
// and a control block with the queue heads. abi.md 3.4; xen/common/event_fifo.c (behaviour only).
#ifndef PVPCI_MODELS_XEN_EVTCHN_FIFO_H_
#define PVPCI_MODELS_XEN_EVTCHN_FIFO_H_

#include "models/xen/event_channels.h"

namespace pvpci::xen {

class FifoAbi : public EventAbi {
 public:
  // `link_retries`: how often a link is tried while the guest keeps changing the word.
  FifoAbi(EventChannels& channels, unsigned link_retries) : channels_(channels), link_retries_(link_retries) {}
  Pended SetPending(Domain& domain, uint32_t port) override;
  Pended Unmask(Domain& domain, uint32_t port) override;
  void ClearPending(Domain& domain, uint32_t port) override;
  bool IsPending(const Domain& domain, uint32_t port) const override;
  bool IsMasked(const Domain& domain, uint32_t port) const override;
  bool IsBusy(const Domain& domain, uint32_t port) const override;
  long SetPriority(Domain& domain, uint32_t port, uint32_t priority) override;

  // The port's word in the guest's event array; null: its page was never added.
  static uint32_t* Word(const Domain& domain, uint32_t port);

 private:
  bool SetLink(uint32_t* tail_word, uint32_t port) const;

  EventChannels& channels_;
  const unsigned link_retries_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_EVTCHN_FIFO_H_
