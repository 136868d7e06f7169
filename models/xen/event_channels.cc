// SPDX-License-Identifier: Apache-2.0
#include "models/xen/event_channels.h"

#include <algorithm>

#include "models/xen/evtchn_2l.h"
#include "models/xen/evtchn_fifo.h"
#include "models/xen/frames.h"
#include "models/xen/pirq.h"
#include "models/xen/sched.h"

namespace pvpci::xen {
namespace {

// The architecture's own, 16 and above, are global too. X:common/event_channel.c:virq_is_global.
bool IsGlobalVirq(unsigned virq) {
  return virq != abi::kVirqTimer && virq != abi::kVirqDebug && virq != abi::kVirqXenoprof && virq != abi::kVirqPmu;
}

}  // namespace

EventChannels::EventChannels(Hypervisor& hypervisor)
    : hypervisor_(hypervisor),
      two_level_(std::make_unique<TwoLevelAbi>(*this)),
      fifo_(std::make_unique<FifoAbi>(*this, hypervisor.config().fifo_link_retries)) {}

EventChannels::~EventChannels() = default;

void EventChannels::Register(HypercallTable& table) {
  constexpr unsigned kNr = abi::kEventChannelOp;
  using E = EventChannels;
  const Field port{"port", 0, 4};
  table.Group(kNr, "event_channel_op", "EVTCHNOP_");
  table.On(kNr, 0, "bind_interdomain", &E::BindInterdomain, this, Outputs::kSuccess,
           {{"rdom", offsetof(abi::EvtchnBindInterdomain, remote_dom), 2},
            {"rport", offsetof(abi::EvtchnBindInterdomain, remote_port), 4},
            {"lport", offsetof(abi::EvtchnBindInterdomain, local_port), 4}});
  table.On(kNr, 1, "bind_virq", &E::BindVirq, this, Outputs::kSuccess,
           {{"virq", 0, 4}, {"vcpu", 4, 4}, {"port", 8, 4}});
  table.On(kNr, 2, "bind_pirq", &E::BindPirq, this, Outputs::kSuccess,
           {{"pirq", 0, 4}, {"flags", 4, 4}, {"port", 8, 4}});
  table.On(kNr, 3, "close", &E::Close, this, Outputs::kNone, {port});
  table.On(kNr, 4, "send", &E::Send, this, Outputs::kNone, {port});
  table.On(kNr, 5, "status", &E::Status, this, Outputs::kSuccess,
           {{"dom", 0, 2}, {"port", 4, 4}, {"status", 8, 4}, {"vcpu", 12, 4}});
  table.On(kNr, 6, "alloc_unbound", &E::AllocUnbound, this, Outputs::kSuccess,
           {{"dom", 0, 2}, {"rdom", 2, 2}, {"port", 4, 4}});
  table.On(kNr, 7, "bind_ipi", &E::BindIpi, this, Outputs::kSuccess, {{"vcpu", 0, 4}, {"port", 4, 4}});
  table.On(kNr, 8, "bind_vcpu", &E::BindVcpu, this, Outputs::kNone, {{"port", 0, 4}, {"vcpu", 4, 4}});
  table.On(kNr, 9, "unmask", &E::Unmask, this, Outputs::kNone, {port});
  table.On(kNr, 10, "reset", &E::Reset, this, Outputs::kNone, {{"dom", 0, 2}});
  table.On(kNr, 11, "init_control", &E::InitControl, this, Outputs::kSuccess,
           {{"gfn", 0, 8}, {"offset", 8, 4}, {"vcpu", 12, 4}, {"link_bits", 16, 1}});
  table.On(kNr, 12, "expand_array", &E::ExpandArray, this, Outputs::kNone, {{"gfn", 0, 8}});
  table.On(kNr, 13, "set_priority", &E::SetPriority, this, Outputs::kNone, {{"port", 0, 4}, {"priority", 4, 4}});
}

EventChannel* EventChannels::Find(Domain& domain, uint32_t port) const {
  if (port == 0 || port >= domain.ports.size()) return nullptr;
  EventChannel& channel = domain.ports[port];
  return channel.state == PortState::kFree ? nullptr : &channel;
}

long EventChannels::AllocatePort(Domain& domain, uint32_t* port) {
  if (domain.dying) return -abi::kEINVAL;
  const uint32_t abi_limit = domain.fifo ? abi::kFifoMaxPort : 4095u;
  const uint32_t limit = std::min(domain.max_port, abi_limit);
  if (domain.ports.empty()) domain.ports.resize(1);
  for (uint32_t candidate = domain.lowest_free_port; candidate <= limit; ++candidate) {
    if (candidate == domain.ports.size()) domain.ports.emplace_back();
    if (candidate == domain.lowest_free_port && domain.ports[candidate].state != PortState::kFree) {
      ++domain.lowest_free_port;
      continue;
    }
    if (domain.ports[candidate].state != PortState::kFree || Abi(domain).IsBusy(domain, candidate)) continue;
    // Queue positions survive a close: a stale tail must still be found when the port is used again.
    EventChannel fresh;
    fresh.last_vcpu = domain.ports[candidate].last_vcpu;
    fresh.last_priority = domain.ports[candidate].last_priority;
    domain.ports[candidate] = std::move(fresh);
    *port = candidate;
    return 0;
  }
  return -abi::kENOSPC;
}

bool EventChannels::MarkEventsPending(Vcpu& vcpu) {
  auto& info = *reinterpret_cast<abi::VcpuInfo*>(vcpu.info);
  if (__atomic_exchange_n(&info.upcall_pending, uint8_t{1}, __ATOMIC_SEQ_CST) != 0) return false;
  hypervisor_.scheduler().KickOrUnblock(vcpu);
  return true;
}

void EventChannels::CheckPollers(Domain& domain, uint32_t port) {
  for (auto& vcpu : domain.vcpus) {
    if (vcpu->state != VcpuState::kPolling) continue;
    const auto& ports = vcpu->poll_ports;
    if (ports.size() > 1 || (ports.size() == 1 && ports[0] == port)) hypervisor_.scheduler().Unblock(*vcpu);
  }
}

Pended EventChannels::SetPending(Domain& domain, uint32_t port) {
  if (domain.dying) return {};
  const Pended result = Abi(domain).SetPending(domain, port);
  if (result.newly_pending) CheckPollers(domain, port);
  return result;
}

Pended EventChannels::SendPirq(Domain& domain, Pirq& pirq) { return SetPending(domain, pirq.port); }

long EventChannels::UnmaskPort(Domain& domain, uint32_t port) {
  if (Find(domain, port) == nullptr) return -abi::kEINVAL;
  Abi(domain).Unmask(domain, port);
  return 0;
}

void EventChannels::SendVirq(Vcpu& vcpu, unsigned virq) {
  if (vcpu.virq_ports[virq] != 0) SetPending(*vcpu.domain, vcpu.virq_ports[virq]);
}

uint32_t EventChannels::ConnectHost(Domain& domain, std::function<void()> on_send) {
  uint32_t port = 0;
  if (AllocatePort(domain, &port) != 0) return 0;
  EventChannel& channel = domain.ports[port];
  channel.state = PortState::kInterdomain;
  channel.host_consumer = true;
  channel.on_send = std::move(on_send);
  channel.remote_domain = 0;
  return port;
}

long EventChannels::AllocUnbound(Call& call, abi::EvtchnAllocUnbound& args) {
  Domain* domain = args.dom == sim::kDomSelf ? &call.domain : hypervisor_.domain(args.dom);
  if (domain == nullptr) return -abi::kESRCH;
  if (domain != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  uint32_t port = 0;
  if (const long error = AllocatePort(*domain, &port); error != 0) return error;
  EventChannel& channel = domain->ports[port];
  channel.state = PortState::kUnbound;
  channel.remote_domain = args.remote_dom == sim::kDomSelf ? call.domain.id() : args.remote_dom;
  args.port = port;
  return 0;
}

long EventChannels::BindInterdomain(Call& call, abi::EvtchnBindInterdomain& args) {
  const sim::DomId id = args.remote_dom == sim::kDomSelf ? call.domain.id() : args.remote_dom;
  Domain* remote = hypervisor_.domain(id);
  if (remote == nullptr) return -abi::kESRCH;
  EventChannel* peer = Find(*remote, args.remote_port);
  if (peer == nullptr || peer->state != PortState::kUnbound || peer->remote_domain != call.domain.id()) {
    return -abi::kEINVAL;
  }
  uint32_t port = 0;
  if (const long error = AllocatePort(call.domain, &port); error != 0) return error;
  EventChannel& local = call.domain.ports[port];
  peer = &remote->ports[args.remote_port];  // loopback: the vector may have grown
  local.state = peer->state = PortState::kInterdomain;
  local.remote_domain = id;
  local.remote_port = args.remote_port;
  peer->remote_domain = call.domain.id();
  peer->remote_port = port;
  // By design the local end starts pending: an event sent before the bind must not be missed (abi.md S10).
  SetPending(call.domain, port);
  args.local_port = port;
  return 0;
}

long EventChannels::BindVirq(Call& call, abi::EvtchnBindVirq& args) {
  if (args.virq >= abi::kVirqCount) return -abi::kEINVAL;
  // Whoever likes may bind a global one (later releases ask who handles it); its events go to dom0 all the same.
  if (IsGlobalVirq(args.virq) && args.vcpu != 0) return -abi::kEINVAL;
  if (args.vcpu >= call.domain.vcpus.size()) return -abi::kENOENT;
  Vcpu& vcpu = *call.domain.vcpus[args.vcpu];
  if (vcpu.virq_ports[args.virq] != 0) return -abi::kEEXIST;
  uint32_t port = 0;
  if (const long error = AllocatePort(call.domain, &port); error != 0) return error;
  EventChannel& channel = call.domain.ports[port];
  channel.state = PortState::kVirq;
  channel.virq = args.virq;
  channel.notify_vcpu = args.vcpu;
  vcpu.virq_ports[args.virq] = port;
  args.port = port;
  return 0;
}

long EventChannels::BindIpi(Call& call, abi::EvtchnBindIpi& args) {
  if (args.vcpu >= call.domain.vcpus.size()) return -abi::kENOENT;
  uint32_t port = 0;
  if (const long error = AllocatePort(call.domain, &port); error != 0) return error;
  EventChannel& channel = call.domain.ports[port];
  channel.state = PortState::kIpi;
  channel.notify_vcpu = args.vcpu;
  args.port = port;
  return 0;
}

long EventChannels::BindPirq(Call& call, abi::EvtchnBindPirq& args) {
  Domain& domain = call.domain;
  if (args.pirq >= domain.nr_pirqs) return -abi::kEINVAL;
  Pirqs& pirqs = hypervisor_.pirqs();
  if (!pirqs.Permitted(domain, args.pirq)) return -abi::kEPERM;
  const auto found = domain.pirqs.find(args.pirq);
  if (found == domain.pirqs.end()) return -abi::kEPERM;
  if (found->second.port != 0) return -abi::kEEXIST;
  uint32_t port = 0;
  if (const long error = AllocatePort(domain, &port); error != 0) return error;
  // The port must be known before the irq is started: a line already up is delivered from within the bind.
  EventChannel& channel = domain.ports[port];
  channel.state = PortState::kPirq;
  channel.pirq = args.pirq;
  found->second.port = port;
  if (const long error = pirqs.Bind(domain, args.pirq, (args.flags & abi::kBindPirqWillShare) != 0); error != 0) {
    found->second.port = 0;
    domain.ports[port].state = PortState::kFree;
    domain.lowest_free_port = std::min(domain.lowest_free_port, port);
    return error;
  }
  args.port = port;
  return 0;
}

long EventChannels::ClosePort(Domain& domain, uint32_t port) {
  EventChannel* channel = Find(domain, port);
  if (channel == nullptr) return -abi::kEINVAL;
  switch (channel->state) {
    case PortState::kPirq:
      hypervisor_.pirqs().Unbind(domain, channel->pirq);
      break;
    case PortState::kVirq:
      for (auto& vcpu : domain.vcpus) {
        if (vcpu->virq_ports[channel->virq] == port) vcpu->virq_ports[channel->virq] = 0;
      }
      break;
    case PortState::kInterdomain:
      if (Domain* remote = channel->host_consumer ? nullptr : hypervisor_.domain(channel->remote_domain)) {
        EventChannel& peer = remote->ports[channel->remote_port];
        peer.state = PortState::kUnbound;
        peer.remote_domain = domain.id();
        peer.remote_port = 0;
      }
      break;
    case PortState::kFree:
    case PortState::kUnbound:
    case PortState::kIpi:
      break;
  }
  channel = &domain.ports[port];
  Abi(domain).ClearPending(domain, port);
  const unsigned last_vcpu = channel->last_vcpu;
  const uint8_t last_priority = channel->last_priority;
  *channel = EventChannel();
  domain.NoteServed(port);
  domain.lowest_free_port = std::min(domain.lowest_free_port, port);
  channel->last_vcpu = last_vcpu;
  channel->last_priority = last_priority;
  return 0;
}

long EventChannels::Close(Call& call, abi::EvtchnPort& args) { return ClosePort(call.domain, args.port); }

void EventChannels::CloseAll(Domain& domain) {
  for (uint32_t port = 1; port < domain.ports.size(); ++port) ClosePort(domain, port);
}

long EventChannels::Send(Call& call, abi::EvtchnPort& args) {
  EventChannel* channel = Find(call.domain, args.port);
  if (channel == nullptr) return -abi::kEINVAL;
  switch (channel->state) {
    case PortState::kInterdomain:
      if (channel->host_consumer) {
        if (channel->on_send) channel->on_send();
      } else if (Domain* remote = hypervisor_.domain(channel->remote_domain)) {
        SetPending(*remote, channel->remote_port);
      }
      return 0;
    case PortState::kIpi:
      SetPending(call.domain, args.port);
      return 0;
    case PortState::kUnbound:
      return 0;  // silently dropped
    case PortState::kPirq:
    case PortState::kVirq:
    case PortState::kFree:
      break;
  }
  return -abi::kEINVAL;
}

long EventChannels::Status(Call& call, abi::EvtchnStatus& args) {
  Domain* domain = args.dom == sim::kDomSelf ? &call.domain : hypervisor_.domain(args.dom);
  if (domain == nullptr) return -abi::kESRCH;
  if (domain != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  if (args.port >= std::max<size_t>(domain->ports.size(), 1)) return -abi::kEINVAL;
  args.status = abi::kStatClosed;
  args.vcpu = 0;
  args.u = {};
  const EventChannel* channel = Find(*domain, args.port);
  if (channel == nullptr) return 0;
  args.vcpu = channel->notify_vcpu;
  switch (channel->state) {
    case PortState::kFree: break;
    case PortState::kUnbound:
      args.status = abi::kStatUnbound;
      args.u.peer.dom = channel->remote_domain;
      break;
    case PortState::kInterdomain:
      args.status = abi::kStatInterdomain;
      args.u.peer.dom = channel->remote_domain;
      args.u.peer.port = channel->remote_port;
      break;
    case PortState::kPirq:
      args.status = abi::kStatPirq;
      args.u.pirq = channel->pirq;
      break;
    case PortState::kVirq:
      args.status = abi::kStatVirq;
      args.u.virq = channel->virq;
      break;
    case PortState::kIpi: args.status = abi::kStatIpi; break;
  }
  return 0;
}

// Xen leaves PENDING where it is; the guest's unmask raises it at the new vCPU, whose bounce frame is this interrupt's then.
void EventChannels::MoveUntaken(Domain& domain, uint32_t port, unsigned vcpu) {
  auto& untaken = domain.vcpus[domain.ports[port].notify_vcpu]->unstamped_ports;
  const auto at = std::find(untaken.begin(), untaken.end(), port);
  if (at == untaken.end()) return;
  untaken.erase(at);
  domain.vcpus[vcpu]->unstamped_ports.push_back(port);
  const auto& interrupts = domain.ports[port].interrupts;
  if (hypervisor_.probe() == nullptr || interrupts.empty()) return;
  hypervisor_.probe()->OnMoved(interrupts.back(), domain.id(), hypervisor_.simulation().now());
}

long EventChannels::BindVcpu(Call& call, abi::EvtchnBindVcpu& args) {
  if (args.vcpu >= call.domain.vcpus.size()) return -abi::kENOENT;
  EventChannel* channel = Find(call.domain, args.port);
  if (channel == nullptr) return -abi::kEINVAL;
  switch (channel->state) {
    case PortState::kVirq:
      if (!IsGlobalVirq(channel->virq)) return -abi::kEINVAL;
      break;
    case PortState::kUnbound:
    case PortState::kInterdomain:
      break;
    case PortState::kPirq:
      if (channel->notify_vcpu != args.vcpu) {
        MoveUntaken(call.domain, args.port, args.vcpu);
        channel->notify_vcpu = args.vcpu;
        hypervisor_.pirqs().Retarget(call.domain, channel->pirq, call.domain.vcpus[args.vcpu]->pcpu);
      }
      return 0;
    case PortState::kIpi:
    case PortState::kFree:
      return -abi::kEINVAL;
  }
  channel->notify_vcpu = args.vcpu;
  return 0;
}

long EventChannels::Unmask(Call& call, abi::EvtchnPort& args) { return UnmaskPort(call.domain, args.port); }

long EventChannels::Reset(Call& call, abi::EvtchnReset& args) {
  Domain* domain = args.dom == sim::kDomSelf ? &call.domain : hypervisor_.domain(args.dom);
  if (domain == nullptr) return -abi::kESRCH;
  if (domain != &call.domain && !call.domain.privileged()) return -abi::kEPERM;
  CloseAll(*domain);
  for (auto& control : domain->control) {
    if (control.block != nullptr) hypervisor_.frames().PutWritable(control.mfn);
    control = {};
  }
  for (const sim::Mfn mfn : domain->event_array_mfn) hypervisor_.frames().PutWritable(mfn);
  domain->event_array.clear();
  domain->event_array_mfn.clear();
  domain->fifo = false;
  for (EventChannel& channel : domain->ports) channel = EventChannel();
  return 0;
}

long EventChannels::InitControl(Call& call, abi::EvtchnInitControl& args) {
  Domain& domain = call.domain;
  if (!hypervisor_.config().fifo_events || !domain.spec.fifo_events) return -abi::kENOSYS;
  args.link_bits = abi::kFifoLinkBits;
  if (args.vcpu >= domain.vcpus.size()) return -abi::kENOENT;
  if (args.offset > sim::kPageSize - sizeof(abi::FifoControlBlock) || args.offset % 8 != 0) return -abi::kEINVAL;
  if (domain.control.size() < domain.vcpus.size()) domain.control.resize(domain.vcpus.size());
  Domain::ControlBlock& control = domain.control[args.vcpu];
  if (control.block != nullptr) return -abi::kEINVAL;
  if (!hypervisor_.frames().GetWritable(domain, args.control_gfn)) return -abi::kEINVAL;
  control.mfn = args.control_gfn;
  control.block = hypervisor_.memory().frame(args.control_gfn).host + args.offset;
  if (!domain.fifo) {
    // Events pending in the 2-level bitmaps move along when their words appear.
    for (uint32_t port = 1; port < domain.ports.size(); ++port) {
      domain.ports[port].pending = two_level_->IsPending(domain, port);
      domain.ports[port].priority = abi::kFifoDefaultPriority;
    }
    domain.fifo = true;
  }
  return 0;
}

long EventChannels::ExpandArray(Call& call, abi::EvtchnExpandArray& args) {
  Domain& domain = call.domain;
  if (!domain.fifo) return -abi::kEOPNOTSUPP;
  if (domain.event_array.size() >= abi::kFifoMaxPages) return -abi::kENOSPC;
  if (!hypervisor_.frames().GetWritable(domain, args.array_gfn)) return -abi::kEINVAL;
  const uint32_t first = static_cast<uint32_t>(domain.event_array.size()) * abi::kFifoWordsPerPage;
  domain.event_array.push_back(hypervisor_.memory().frame(args.array_gfn).host);
  domain.event_array_mfn.push_back(args.array_gfn);
  const uint32_t end = std::min<uint32_t>(first + abi::kFifoWordsPerPage, static_cast<uint32_t>(domain.ports.size()));
  for (uint32_t port = first; port < end; ++port) {
    if (!domain.ports[port].pending) continue;
    domain.ports[port].pending = false;
    SetPending(domain, port);
  }
  return 0;
}

long EventChannels::SetPriority(Call& call, abi::EvtchnSetPriority& args) {
  if (args.port >= std::max<size_t>(call.domain.ports.size(), 1)) return -abi::kEINVAL;
  if (Find(call.domain, args.port) == nullptr) return -abi::kEACCES;
  return Abi(call.domain).SetPriority(call.domain, args.port, args.priority);
}

}  // namespace pvpci::xen
