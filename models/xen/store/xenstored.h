// SPDX-License-Identifier: Apache-2.0
// The xenstore daemon, after xenstored of Xen 4.17 (C implementation). abi.md 3.3; docs/misc/xenstore.txt.
//
// Domains talk to it through a ring page and an event channel; in-process clients (the tools) through StoreClient.
// The daemon is one thread: requests are served one after the other, `wake_latency` after the kick and
// `request_latency` apart.
// Left out: CONTROL (ENOSYS), SET_TARGET (ENOSYS), live update, memory quotas.
#ifndef PVPCI_MODELS_XEN_STORE_XENSTORED_H_
#define PVPCI_MODELS_XEN_STORE_XENSTORED_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/xen/store/store_tree.h"
#include "models/xen/store/transactions.h"
#include "models/xen/store/watches.h"
#include "models/xen/store/wire.h"
#include "sim/simulation.h"
#include "sim/trace.h"

namespace pvpci::xen {

struct XenstoredConfig {
  // Kick of the event channel to the daemon's first look at the ring. Range 5 us .. 1 ms. Assumption: one domain
  // switch (timing.md A7) and a poll() return.
  sim::Ps wake_latency = 20 * sim::kUs;
  // Service of one request. Range 2 us .. 200 us. Assumption: a few system calls and a data base access.
  sim::Ps request_latency = 10 * sim::kUs;
  // Watch event to an in-process client. Range as wake_latency.
  sim::Ps client_event_latency = 20 * sim::kUs;
  StoreQuota quota;
};

// A domain's end of the ring. `page` is the host address of the 4 KiB page and must stay valid until Release.
struct StoreRing {
  void* page = nullptr;
  uint64_t gfn = 0;                  // frame number as the tools write it to store/ring-ref
  uint32_t port = 0;                 // the domain's event channel
  std::function<void()> notify;      // raises that channel at the domain
};

class RingConnection;   // ring_connection.h
struct StoreConnection;  // ring_connection.h
class StoreClient;       // store_client.h

class Xenstored {
 public:
  Xenstored(sim::Simulation& simulation, sim::Trace& trace, XenstoredConfig config = {});
  ~Xenstored();
  Xenstored(const Xenstored&) = delete;
  Xenstored& operator=(const Xenstored&) = delete;

  // A client with the rights of `domain`, whose writes are recorded as `writer` (store_trace.h: kToolstack).
  // Must not outlive the daemon.
  std::unique_ptr<StoreClient> OpenClient(sim::DomId domain, sim::DomId writer);

  // Connects a domain's ring; fires @introduceDomain. EINVAL without page or notify. Introducing again with the same
  // gfn and port changes nothing; with others: EINVAL.
  XsError Introduce(sim::DomId domain, StoreRing ring);
  // Drops the ring, its watches and transactions, and what the domain owned; fires @releaseDomain. ENOENT.
  XsError Release(sim::DomId domain);
  bool introduced(sim::DomId domain) const;
  // The domain shut itself down: fires @releaseDomain and keeps the connection.
  void OnShutdown(sim::DomId domain);
  // Resolves INTRODUCE messages of domain 0 (gfn and port to a ring). Without it they answer EINVAL.
  using RingResolver = std::function<std::optional<StoreRing>(sim::DomId, uint64_t gfn, uint32_t port)>;
  void SetRingResolver(RingResolver resolver);

  // The domain kicked its store event channel. Unknown domains are ignored.
  void OnEvent(sim::DomId domain);

  // A fault on purpose: the next write of that node by a domain (not by in-process clients) answers EACCES, inside a
  // transaction too.
  void RefuseNextWrite(const std::string& path) { ++refuse_[path].first; }
  uint64_t refused(const std::string& path) const;

  const StoreTree& tree() const { return tree_; }
  const XenstoredConfig& config() const { return config_; }

  struct Counters {
    uint64_t requests = 0, responses = 0, errors = 0, watch_events = 0, commits = 0, conflicts = 0;
    uint64_t ring_full = 0;      // times an answer had to wait for room
    uint64_t dead_rings = 0;     // connections ignored for broken indices or an oversized message
  };
  const Counters& counters() const { return counters_; }

 private:
  friend class StoreClient;
  friend class RingConnection;

  XsResult<StoreNodePtr> Get(StoreConnection& connection, TransactionId id, std::string_view path, StoreAccess need);
  bool Refuse(const StoreConnection& connection, const StoreOperation& operation);
  XsError Do(StoreConnection& connection, TransactionId id, StoreOperation operation);
  XsResult<TransactionId> StartTransaction(StoreConnection& connection);
  XsError EndTransaction(StoreConnection& connection, TransactionId id, bool commit);
  XsError AddWatch(StoreConnection& connection, std::string_view path, std::string_view token);
  void FireFirst(StoreConnection& connection, std::string_view path, std::string_view token);
  void Publish(const std::vector<StoreChange>& changes);
  void FireSpecial(std::string_view name);
  // Writes out what events queued meanwhile.
  void FlushRings();
  void Schedule(RingConnection& connection, sim::Ps delay);
  void Serve(sim::DomId domain);

  sim::Simulation& simulation_;
  sim::Trace& trace_;
  XenstoredConfig config_;
  StoreTree tree_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> refuse_;  // path to writes still to refuse, and refused
  RingResolver resolver_;
  Counters counters_;
  uint64_t next_connection_ = 1;
  std::set<sim::DomId> to_flush_;
  std::map<uint64_t, StoreConnection*> connections_;  // in order of appearance: the order in which watches fire
  std::map<sim::DomId, std::unique_ptr<RingConnection>> rings_;
  sim::Ps free_at_ = 0;                          // the daemon is busy until then
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_XENSTORED_H_
