// SPDX-License-Identifier: Apache-2.0
// Event channels: ports, binding, sending, and the two delivery ABIs behind one interface.
// xen/common/event_channel.c, event_2l.c, event_fifo.c (behaviour only); abi.md 3.1, 3.4.
#ifndef PVPCI_MODELS_XEN_EVENT_CHANNELS_H_
#define PVPCI_MODELS_XEN_EVENT_CHANNELS_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

// What one set_pending did.
struct Pended {
  bool newly_pending = false;  // PENDING went 0 -> 1
  bool raised = false;         // upcall_pending went 0 -> 1
};

// One delivery ABI. Stateless: what it keeps is in Domain and in memory shared with the guest.
class EventAbi {
 public:
  virtual ~EventAbi() = default;
  virtual Pended SetPending(Domain& domain, uint32_t port) = 0;
  virtual Pended Unmask(Domain& domain, uint32_t port) = 0;
  virtual void ClearPending(Domain& domain, uint32_t port) = 0;
  virtual bool IsPending(const Domain& domain, uint32_t port) const = 0;
  virtual bool IsMasked(const Domain& domain, uint32_t port) const = 0;
  // A closed port the guest has still linked: not to be handed out again.
  virtual bool IsBusy(const Domain& domain, uint32_t port) const = 0;
  virtual long SetPriority(Domain& domain, uint32_t port, uint32_t priority) = 0;
};

class EventChannels {
 public:
  explicit EventChannels(Hypervisor& hypervisor);
  ~EventChannels();
  void Register(HypercallTable& table);

  // Hypercalls.
  long BindInterdomain(Call& call, abi::EvtchnBindInterdomain& args);
  long BindVirq(Call& call, abi::EvtchnBindVirq& args);
  long BindPirq(Call& call, abi::EvtchnBindPirq& args);
  long Close(Call& call, abi::EvtchnPort& args);
  long Send(Call& call, abi::EvtchnPort& args);
  long Status(Call& call, abi::EvtchnStatus& args);
  long AllocUnbound(Call& call, abi::EvtchnAllocUnbound& args);
  long BindIpi(Call& call, abi::EvtchnBindIpi& args);
  long BindVcpu(Call& call, abi::EvtchnBindVcpu& args);
  long Unmask(Call& call, abi::EvtchnPort& args);
  long Reset(Call& call, abi::EvtchnReset& args);
  long InitControl(Call& call, abi::EvtchnInitControl& args);
  long ExpandArray(Call& call, abi::EvtchnExpandArray& args);
  long SetPriority(Call& call, abi::EvtchnSetPriority& args);

  // From inside the hypervisor.
  Pended SetPending(Domain& domain, uint32_t port);
  Pended SendPirq(Domain& domain, Pirq& pirq);   // port must be bound
  long UnmaskPort(Domain& domain, uint32_t port);
  bool IsPending(const Domain& domain, uint32_t port) const { return Abi(domain).IsPending(domain, port); }
  bool IsMasked(const Domain& domain, uint32_t port) const { return Abi(domain).IsMasked(domain, port); }
  void SendVirq(Vcpu& vcpu, unsigned virq);
  uint32_t ConnectHost(Domain& domain, std::function<void()> on_send);
  long ClosePort(Domain& domain, uint32_t port);
  void CloseAll(Domain& domain);
  // Sets upcall_pending; on 0 -> 1 wakes or kicks the vCPU. Answers whether it was 0.
  bool MarkEventsPending(Vcpu& vcpu);

 private:
  void MoveUntaken(Domain& domain, uint32_t port, unsigned vcpu);
  EventAbi& Abi(const Domain& domain) const { return domain.fifo ? *fifo_ : *two_level_; }
  EventChannel* Find(Domain& domain, uint32_t port) const;
  long AllocatePort(Domain& domain, uint32_t* port);
  void CheckPollers(Domain& domain, uint32_t port);

  Hypervisor& hypervisor_;
  std::unique_ptr<EventAbi> two_level_;
  std::unique_ptr<EventAbi> fifo_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_EVENT_CHANNELS_H_
