// SPDX-License-Identifier: Apache-2.0
// The daemon's connections: what all have in common, and one domain's ring. Internal to the xenstored model.
//
// The ring page belongs to the guest: every index is read once and checked, every length is checked. A ring whose
// indices make no sense, or that announces an oversized message, is ignored from then on, and its error field says why.
#ifndef PVPCI_MODELS_XEN_STORE_RING_CONNECTION_H_
#define PVPCI_MODELS_XEN_STORE_RING_CONNECTION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "models/xen/store/transactions.h"
#include "models/xen/store/watches.h"
#include "models/xen/store/wire.h"
#include "models/xen/store/xenstored.h"

namespace pvpci::xen {

struct StoreConnection {
  StoreConnection(sim::DomId domain_id, sim::DomId writer_id) : domain(domain_id), writer(writer_id) {}
  virtual ~StoreConnection() = default;
  // A watch fired; `path` as it is to be reported.
  virtual void Event(const StoreWatch& watch, const std::string& path) = 0;
  StoreCaller caller() const { return {domain}; }

  const sim::DomId domain;  // whose rights
  const sim::DomId writer;  // whose name in the trace
  uint64_t id = 0;
  WatchList watches;
  std::map<TransactionId, Transaction> transactions;
  TransactionId next_transaction = 1;
};

class RingConnection : public StoreConnection {
 public:
  RingConnection(Xenstored& daemon, sim::DomId domain, StoreRing ring);

  const StoreRing& ring() const { return ring_; }
  bool dead() const { return dead_; }
  void Event(const StoreWatch& watch, const std::string& path) override;

  // Takes bytes until one request is complete or the ring is empty, and serves it. True: there may be more to do now.
  bool ServeOne();
  // Moves waiting bytes into the response ring as far as there is room, and notifies the guest if any moved.
  void Flush();

  sim::EventHandle scheduled = 0;  // the daemon's next look at this ring; 0: none

 private:
  struct Waiting {
    std::string bytes;
    bool event = false;
  };
  struct Answer {
    XsError error = XsError::kOk;
    std::string payload;
    Answer(XsError e) : error(e) {}                          // NOLINT: kOk answers "OK"
    Answer(std::string p) : payload(std::move(p)) {}         // NOLINT
  };

  XsRingPage& page() { return *static_cast<XsRingPage*>(ring_.page); }
  void Ignore(uint32_t ring_error);
  void Reconnect();
  // Bytes moved from the request ring into the assembler. True: a message is complete.
  bool Receive(uint32_t* taken);
  // Bytes moved.
  uint32_t Send();
  void Queue(XsMessage message, bool event);

  void Serve(const XsMessage& message);
  Answer Dispatch(const XsMessage& message);
  Answer Directory(TransactionId id, std::string_view path);
  Answer DirectoryPart(TransactionId id, std::string_view path, std::string_view offset);
  Answer SetPermissions(TransactionId id, std::string_view payload);
  Answer Introduce(const std::vector<std::string_view>& arguments);

  Xenstored& daemon_;
  StoreRing ring_;
  XsAssembler in_;
  std::deque<Waiting> out_;
  uint32_t out_sent_ = 0;       // of out_.front()
  uint64_t out_bytes_ = 0;
  uint32_t unread_answers_ = 0;
  bool dead_ = false;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_RING_CONNECTION_H_
