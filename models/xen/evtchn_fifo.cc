// SPDX-License-Identifier: Apache-2.0
#include "models/xen/evtchn_fifo.h"

namespace pvpci::xen {
namespace {

uint32_t FetchOr(uint32_t* word, uint32_t bits) { return __atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST); }
uint32_t FetchAnd(uint32_t* word, uint32_t bits) { return __atomic_fetch_and(word, bits, __ATOMIC_SEQ_CST); }
uint32_t Load(const uint32_t* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

}  // namespace

uint32_t* FifoAbi::Word(const Domain& domain, uint32_t port) {
  const size_t page = port / abi::kFifoWordsPerPage;
  if (page >= domain.event_array.size()) return nullptr;
  return reinterpret_cast<uint32_t*>(domain.event_array[page]) + port % abi::kFifoWordsPerPage;
}

// Hangs `port` behind the tail. False: the guest has unlinked the tail meanwhile, so its queue is empty. After the
// retries BUSY is set, which tells a well-behaved guest to wait; a hostile one loses only its own event.
bool FifoAbi::SetLink(uint32_t* tail_word, uint32_t port) const {
  uint32_t word = Load(tail_word);
  for (unsigned attempt = 0; attempt <= 2 * link_retries_; ++attempt) {
    if ((word & abi::kFifoLinked) == 0) {
      FetchAnd(tail_word, ~abi::kFifoBusy);
      return false;
    }
    if (attempt == link_retries_) word = FetchOr(tail_word, abi::kFifoBusy) | abi::kFifoBusy;
    const uint32_t linked = (word & ~(abi::kFifoBusy | abi::kFifoLinkMask)) | port;
    if (__atomic_compare_exchange_n(tail_word, &word, linked, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return true;
  }
  FetchAnd(tail_word, ~abi::kFifoBusy);
  return true;
}

Pended FifoAbi::SetPending(Domain& domain, uint32_t port) {
  EventChannel& channel = domain.ports[port];
  uint32_t* word = Word(domain, port);
  Pended result;
  if (word == nullptr) {
    result.newly_pending = !channel.pending;
    channel.pending = true;
    return result;
  }
  result.newly_pending = (FetchOr(word, abi::kFifoPending) & abi::kFifoPending) == 0;
  if ((Load(word) & abi::kFifoMasked) != 0) return result;

  Vcpu& vcpu = *domain.vcpus[channel.notify_vcpu];
  Domain::ControlBlock& control = domain.control[channel.notify_vcpu];
  if (control.block == nullptr) return result;  // that vCPU never called init_control: the event stays pending
  if ((FetchOr(word, abi::kFifoLinked) & abi::kFifoLinked) != 0) return result;

  // If the port was the tail of the queue it was on before, that queue is empty now: linking to a word that is
  // about to join another queue would mix them.
  uint32_t& old_tail = domain.control[channel.last_vcpu].tail[channel.last_priority];
  if ((channel.last_vcpu != channel.notify_vcpu || channel.last_priority != channel.priority) && old_tail == port) {
    old_tail = 0;
  }
  channel.last_vcpu = channel.notify_vcpu;
  channel.last_priority = channel.priority;

  auto& block = *reinterpret_cast<abi::FifoControlBlock*>(control.block);
  uint32_t& tail = control.tail[channel.priority];
  bool linked = false;
  // A tail that is this very port looks linked only because LINKED was set above: its queue is empty.
  if (tail != 0 && tail != port) {
    uint32_t* tail_word = Word(domain, tail);
    linked = tail_word != nullptr && SetLink(tail_word, port);
  }
  if (!linked) __atomic_store_n(&block.head[channel.priority], port, __ATOMIC_SEQ_CST);
  tail = port;
  if (!linked) {
    const uint32_t bit = 1u << channel.priority;
    if ((FetchOr(&block.ready, bit) & bit) == 0) result.raised = channels_.MarkEventsPending(vcpu);
  }
  return result;
}

Pended FifoAbi::Unmask(Domain& domain, uint32_t port) {
  uint32_t* word = Word(domain, port);
  Pended result;
  if (word == nullptr) return result;
  FetchAnd(word, ~abi::kFifoMasked);
  if ((Load(word) & abi::kFifoPending) != 0) {
    result = SetPending(domain, port);
    result.newly_pending = false;
  }
  return result;
}

void FifoAbi::ClearPending(Domain& domain, uint32_t port) {
  uint32_t* word = Word(domain, port);
  // Only PENDING: LINKED stays until the guest takes the port off its queue.
  if (word != nullptr) FetchAnd(word, ~abi::kFifoPending);
  domain.ports[port].pending = false;
}

bool FifoAbi::IsPending(const Domain& domain, uint32_t port) const {
  const uint32_t* word = Word(domain, port);
  return word != nullptr ? (Load(word) & abi::kFifoPending) != 0 : domain.ports[port].pending;
}

bool FifoAbi::IsMasked(const Domain& domain, uint32_t port) const {
  const uint32_t* word = Word(domain, port);
  return word == nullptr || (Load(word) & abi::kFifoMasked) != 0;
}

bool FifoAbi::IsBusy(const Domain& domain, uint32_t port) const {
  const uint32_t* word = Word(domain, port);
  return word != nullptr && (Load(word) & abi::kFifoLinked) != 0;
}

long FifoAbi::SetPriority(Domain& domain, uint32_t port, uint32_t priority) {
  if (priority >= abi::kFifoPriorities) return -abi::kEINVAL;
  // Takes effect when the port is linked the next time.
  domain.ports[port].priority = static_cast<uint8_t>(priority);
  return 0;
}

}  // namespace pvpci::xen
