// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/ring_connection.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace pvpci::xen {
namespace {

// The guest's compiler and ours must agree on what is in memory; both run on this thread.
uint32_t LoadIndex(const uint32_t& index) {
  return *const_cast<const volatile uint32_t*>(&index);
}
void StoreIndex(uint32_t& index, uint32_t value) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  *const_cast<volatile uint32_t*>(&index) = value;
}

}  // namespace

RingConnection::RingConnection(Xenstored& daemon, sim::DomId domain, StoreRing ring)
    : StoreConnection(domain, domain), daemon_(daemon), ring_(std::move(ring)) {
  page().server_features = kXsFeatureReconnection | kXsFeatureError;
  page().connection = kXsConnected;
  page().error = kXsErrorNone;
}

void RingConnection::Ignore(uint32_t ring_error) {
  dead_ = true;
  ++daemon_.counters_.dead_rings;
  page().error = ring_error;
  out_.clear();
  out_bytes_ = 0;
  watches.Clear();
  transactions.clear();
}

void RingConnection::Reconnect() {
  in_.Reset();
  out_.clear();
  out_sent_ = 0;
  out_bytes_ = 0;
  unread_answers_ = 0;
  watches.Clear();
  transactions.clear();
  StoreIndex(page().request_consumer, 0);
  StoreIndex(page().request_producer, 0);
  StoreIndex(page().response_consumer, 0);
  StoreIndex(page().response_producer, 0);
  StoreIndex(page().connection, kXsConnected);
  ring_.notify();
}

void RingConnection::Event(const StoreWatch& watch, const std::string& path) {
  if (dead_) return;
  XsMessage message;
  message.header.type = static_cast<uint32_t>(XsType::kWatchEvent);
  message.payload = path + '\0' + watch.token + '\0';
  ++daemon_.counters_.watch_events;
  Queue(std::move(message), true);
}

void RingConnection::Queue(XsMessage message, bool event) {
  std::string bytes = Serialize(message);
  // An event that is already waiting, unsent, says it all (XSA-326).
  const auto waits = [&bytes](const Waiting& other) { return other.event && other.bytes == bytes; };
  const auto unsent = out_.begin() + (out_sent_ > 0 ? 1 : 0);
  if (event && std::any_of(unsent, out_.end(), waits)) return;
  out_bytes_ += bytes.size();
  if (!event) ++unread_answers_;
  out_.push_back({std::move(bytes), event});
  daemon_.to_flush_.insert(domain);
  if (out_bytes_ > daemon_.config_.quota.backlog_bytes) Ignore(kXsErrorProtocol);
}

uint32_t RingConnection::Send() {
  uint32_t moved = 0;
  while (!dead_ && !out_.empty()) {
    const uint32_t producer = LoadIndex(page().response_producer);
    const uint32_t used = producer - LoadIndex(page().response_consumer);
    if (used > kXsRingBytes) {
      Ignore(kXsErrorRingIndex);
      break;
    }
    const uint32_t room = kXsRingBytes - used;
    if (room == 0) {
      ++daemon_.counters_.ring_full;
      break;
    }
    Waiting& waiting = out_.front();
    const uint32_t place = producer % kXsRingBytes;
    const uint32_t left = static_cast<uint32_t>(waiting.bytes.size()) - out_sent_;
    const uint32_t chunk = std::min({room, kXsRingBytes - place, left});
    std::memcpy(page().response + place, waiting.bytes.data() + out_sent_, chunk);
    StoreIndex(page().response_producer, producer + chunk);
    moved += chunk;
    out_sent_ += chunk;
    if (out_sent_ < waiting.bytes.size()) continue;
    out_bytes_ -= waiting.bytes.size();
    if (!waiting.event) --unread_answers_;
    out_.pop_front();
    out_sent_ = 0;
  }
  return moved;
}

void RingConnection::Flush() {
  if (Send() > 0) ring_.notify();
}

bool RingConnection::Receive(uint32_t* taken) {
  while (true) {
    const uint32_t consumer = LoadIndex(page().request_consumer);
    const uint32_t filled = LoadIndex(page().request_producer) - consumer;
    if (filled > kXsRingBytes) {
      Ignore(kXsErrorRingIndex);
      return false;
    }
    if (filled == 0) return false;
    const uint32_t place = consumer % kXsRingBytes;
    const uint32_t chunk = std::min({filled, kXsRingBytes - place, in_.wanted()});
    char bytes[kXsRingBytes];
    std::memcpy(bytes, page().request + place, chunk);
    const bool complete = in_.Feed(bytes, chunk);
    StoreIndex(page().request_consumer, consumer + chunk);
    *taken += chunk;
    if (in_.broken()) {
      Ignore(kXsErrorProtocol);
      return false;
    }
    if (complete) return true;
  }
}

bool RingConnection::ServeOne() {
  if (dead_) return false;
  if (LoadIndex(page().connection) == kXsReconnect) {
    Reconnect();
    return false;
  }
  uint32_t moved = Send();
  bool more = false;
  // A guest that does not take its answers gets no more of them; its next kick (its ring was full) brings us back.
  if (!dead_ && unread_answers_ < daemon_.config_.quota.unread_responses) {
    uint32_t taken = 0;
    if (Receive(&taken)) {
      Serve(in_.Take());
      more = !dead_ && LoadIndex(page().request_producer) != LoadIndex(page().request_consumer);
    }
    moved += taken + Send();
  }
  if (moved > 0) ring_.notify();
  return more;
}

}  // namespace pvpci::xen
