// SPDX-License-Identifier: Apache-2.0
// A guest's end of the xenstore ring for tests: writes requests, takes answers, and kicks only when a Linux guest
// would (the request ring was empty, the response ring was full).
#ifndef PVPCI_MODELS_XEN_STORE_FAKE_GUEST_H_
#define PVPCI_MODELS_XEN_STORE_FAKE_GUEST_H_

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "models/xen/store/wire.h"
#include "models/xen/store/xenstored.h"

namespace pvpci::xen {

class FakeGuest {
 public:
  FakeGuest(Xenstored& daemon, sim::DomId domain) : daemon_(daemon), domain_(domain) {}

  StoreRing Ring(uint32_t port = 3) {
    StoreRing ring;
    ring.page = &page_;
    ring.gfn = 0x1234;
    ring.port = port;
    ring.notify = [this] {
      ++notified_;
      PushRequests();
      if (taking_) TakeResponses();
    };
    return ring;
  }

  uint32_t Send(XsType type, std::string payload, uint32_t transaction = 0) {
    XsMessage message;
    message.header.type = static_cast<uint32_t>(type);
    message.header.request = next_request_++;
    message.header.transaction = transaction;
    message.payload = std::move(payload);
    SendRaw(Serialize(message));
    return message.header.request;
  }
  void SendRaw(const std::string& bytes) {
    waiting_ += bytes;
    PushRequests();
  }
  // While off, responses stay in the ring.
  void SetTaking(bool taking) {
    taking_ = taking;
    if (taking) TakeResponses();
  }

  // "READ value", "ERROR ENOENT", "WATCH_EVENT path token": NULs inside become blanks, the last one goes.
  std::vector<std::string> Received() {
    std::vector<std::string> texts;
    for (const XsMessage& message : received_) {
      std::string payload = message.payload;
      if (!payload.empty() && payload.back() == '\0') payload.pop_back();
      for (char& c : payload) {
        if (c == '\0') c = ' ';
      }
      texts.push_back(Name(static_cast<XsType>(message.header.type)) + (" " + payload));
    }
    received_.clear();
    return texts;
  }
  const std::deque<XsMessage>& messages() const { return received_; }
  XsRingPage& page() { return page_; }
  unsigned notified() const { return notified_; }

 private:
  void PushRequests() {
    while (!waiting_.empty()) {
      const uint32_t producer = page_.request_producer;
      const uint32_t room = kXsRingBytes - (producer - page_.request_consumer);
      if (room == 0) return;
      const uint32_t place = producer % kXsRingBytes;
      const uint32_t chunk =
          std::min({room, kXsRingBytes - place, static_cast<uint32_t>(waiting_.size())});
      std::memcpy(page_.request + place, waiting_.data(), chunk);
      page_.request_producer = producer + chunk;
      waiting_.erase(0, chunk);
      if (static_cast<int32_t>(producer - page_.request_consumer) <= 0) daemon_.OnEvent(domain_);
    }
  }
  void TakeResponses() {
    while (page_.response_consumer != page_.response_producer) {
      const uint32_t consumer = page_.response_consumer;
      const uint32_t filled = page_.response_producer - consumer;
      const uint32_t place = consumer % kXsRingBytes;
      const uint32_t chunk = std::min({filled, kXsRingBytes - place, assembler_.wanted()});
      const bool complete = assembler_.Feed(page_.response + place, chunk);
      page_.response_consumer = consumer + chunk;
      if (filled == kXsRingBytes) daemon_.OnEvent(domain_);
      if (complete) received_.push_back(assembler_.Take());
    }
  }

  Xenstored& daemon_;
  const sim::DomId domain_;
  XsRingPage page_{};
  XsAssembler assembler_;
  std::string waiting_;
  std::deque<XsMessage> received_;
  uint32_t next_request_ = 1;
  unsigned notified_ = 0;
  bool taking_ = true;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_FAKE_GUEST_H_
