// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/xenstored.h"

#include <algorithm>

#include "models/xen/store/ring_connection.h"
#include "models/xen/store/store_trace.h"

namespace pvpci::xen {
namespace {

// A commit tells about each node once, in the order of first touch, as it is in the end.
std::vector<StoreChange> Merge(std::vector<StoreChange> changes) {
  std::vector<StoreChange> merged;
  std::map<std::string, size_t> places;
  for (StoreChange& change : changes) {
    const auto [place, added] = places.emplace(change.path, merged.size());
    if (added) {
      merged.push_back(std::move(change));
      continue;
    }
    StoreChange& known = merged[place->second];
    if (change.before.empty()) change.before = std::move(known.before);
    known = std::move(change);
  }
  return merged;
}

}  // namespace

Xenstored::Xenstored(sim::Simulation& simulation, sim::Trace& trace, XenstoredConfig config)
    : simulation_(simulation), trace_(trace), config_(config), tree_(config.quota) {
  RegisterStoreTrace(trace_);
  // What the daemon itself creates at start. Not an operation of anybody: not recorded.
  std::vector<StoreChange> ignored;
  tree_.Mkdir(StoreCaller{0}, "/tool/xenstored", &ignored);
}

Xenstored::~Xenstored() {
  for (auto& [domain, ring] : rings_) {
    if (ring->scheduled != 0) simulation_.Cancel(ring->scheduled);
  }
}

XsResult<StoreNodePtr> Xenstored::Get(StoreConnection& connection, TransactionId id, std::string_view path,
                                      StoreAccess need) {
  const auto canonical = CanonicalPath(connection.domain, path);
  if (!canonical) return XsError::kEinval;
  if (id == kNoTransaction) return tree_.Get(connection.caller(), *canonical, need);
  const auto transaction = connection.transactions.find(id);
  if (transaction == connection.transactions.end()) return XsError::kEnoent;
  return transaction->second.Get(connection.caller(), *canonical, need);
}

bool Xenstored::Refuse(const StoreConnection& connection, const StoreOperation& operation) {
  if (operation.type != XsType::kWrite || connection.writer == kToolstack) return false;
  const auto rule = refuse_.find(operation.path);
  if (rule == refuse_.end() || rule->second.first == 0) return false;
  --rule->second.first;
  ++rule->second.second;
  return true;
}

uint64_t Xenstored::refused(const std::string& path) const {
  const auto rule = refuse_.find(path);
  return rule == refuse_.end() ? 0 : rule->second.second;
}

XsError Xenstored::Do(StoreConnection& connection, TransactionId id, StoreOperation operation) {
  auto canonical = CanonicalPath(connection.domain, operation.path);
  if (!canonical) return XsError::kEinval;
  operation.path = std::move(*canonical);
  if (Refuse(connection, operation)) return XsError::kEacces;
  if (id != kNoTransaction) {
    const auto transaction = connection.transactions.find(id);
    if (transaction == connection.transactions.end()) return XsError::kEnoent;
    return transaction->second.Do(connection.caller(), std::move(operation));
  }
  std::vector<StoreChange> changes;
  const XsError error = Apply(tree_, connection.caller(), operation, &changes);
  if (error != XsError::kOk && !FoundNothing(operation, error)) return error;
  EmitStoreOperation(trace_, connection.writer, operation, 0);
  Publish(changes);
  return error;
}

XsResult<TransactionId> Xenstored::StartTransaction(StoreConnection& connection) {
  if (!connection.caller().privileged() && connection.transactions.size() >= config_.quota.transactions) {
    return XsError::kEnospc;
  }
  // Free-running, never 0, never one still open.
  TransactionId id = connection.next_transaction;
  while (id == kNoTransaction || connection.transactions.count(id) != 0) ++id;
  connection.next_transaction = id + 1;
  connection.transactions.emplace(id, Transaction(tree_));
  return id;
}

XsError Xenstored::EndTransaction(StoreConnection& connection, TransactionId id, bool commit) {
  const auto found = connection.transactions.find(id);
  if (found == connection.transactions.end()) return XsError::kEnoent;
  const Transaction transaction = std::move(found->second);
  connection.transactions.erase(found);
  if (!commit) return XsError::kOk;
  if (transaction.Conflicts(tree_)) {
    ++counters_.conflicts;
    return XsError::kEagain;
  }
  // On a copy first: what succeeded on the snapshot can still fail here, on a quota that others used up meanwhile.
  StoreTree replayed = tree_;
  std::vector<StoreChange> changes;
  for (const StoreOperation& operation : transaction.log()) {
    const XsError error = Apply(replayed, connection.caller(), operation, &changes);
    if (error != XsError::kOk && !FoundNothing(operation, error)) return error;
  }
  tree_ = std::move(replayed);
  ++counters_.commits;
  const auto number = static_cast<uint32_t>(counters_.commits);
  for (const StoreOperation& operation : transaction.log()) {
    EmitStoreOperation(trace_, connection.writer, operation, number);
  }
  Publish(Merge(std::move(changes)));
  return XsError::kOk;
}

XsError Xenstored::AddWatch(StoreConnection& connection, std::string_view path, std::string_view token) {
  const uint32_t limit = connection.caller().privileged() ? UINT32_MAX : config_.quota.watches;
  return connection.watches.Add(connection.domain, path, token, limit).error;
}

void Xenstored::FireFirst(StoreConnection& connection, std::string_view path, std::string_view token) {
  StoreWatch watch;
  watch.token = token;
  connection.Event(watch, std::string(path));
  FlushRings();
}

void Xenstored::Publish(const std::vector<StoreChange>& changes) {
  for (const StoreChange& change : changes) {
    for (const auto& [id, connection] : connections_) {
      for (const StoreWatch& watch : connection->watches.Concerned(connection->caller(), change, tree_)) {
        connection->Event(watch, watch.Reported(change.path));
      }
    }
  }
  FlushRings();
}

void Xenstored::FireSpecial(std::string_view name) {
  for (const auto& [id, connection] : connections_) {
    // Both special nodes are n0 by default: other domains hear nothing (XSA-115).
    if (!connection->caller().privileged()) continue;
    for (const StoreWatch& watch : connection->watches.ConcernedBySpecial(name)) {
      connection->Event(watch, std::string(name));
    }
  }
  FlushRings();
}

void Xenstored::FlushRings() {
  const std::set<sim::DomId> domains = std::move(to_flush_);
  to_flush_.clear();
  for (sim::DomId domain : domains) {
    const auto ring = rings_.find(domain);
    if (ring != rings_.end()) ring->second->Flush();
  }
}

XsError Xenstored::Introduce(sim::DomId domain, StoreRing ring) {
  const auto known = rings_.find(domain);
  if (known != rings_.end()) {
    const StoreRing& old = known->second->ring();
    return old.gfn == ring.gfn && old.port == ring.port ? XsError::kOk : XsError::kEinval;
  }
  if (ring.page == nullptr || !ring.notify) return XsError::kEinval;
  auto connection = std::make_unique<RingConnection>(*this, domain, std::move(ring));
  connection->id = next_connection_++;
  connections_.emplace(connection->id, connection.get());
  rings_.emplace(domain, std::move(connection));
  FireSpecial(kIntroduceDomain);
  // What the guest put into the ring before it was introduced.
  OnEvent(domain);
  return XsError::kOk;
}

XsError Xenstored::Release(sim::DomId domain) {
  const auto found = rings_.find(domain);
  if (found == rings_.end()) return XsError::kEnoent;
  if (found->second->scheduled != 0) simulation_.Cancel(found->second->scheduled);
  connections_.erase(found->second->id);
  rings_.erase(found);
  std::vector<StoreChange> changes;
  tree_.ForgetDomain(domain, &changes);
  Publish(changes);
  FireSpecial(kReleaseDomain);
  return XsError::kOk;
}

bool Xenstored::introduced(sim::DomId domain) const { return rings_.count(domain) != 0; }

void Xenstored::OnShutdown(sim::DomId domain) {
  if (introduced(domain)) FireSpecial(kReleaseDomain);
}

void Xenstored::SetRingResolver(RingResolver resolver) { resolver_ = std::move(resolver); }

void Xenstored::OnEvent(sim::DomId domain) {
  const auto ring = rings_.find(domain);
  if (ring != rings_.end()) Schedule(*ring->second, config_.wake_latency + config_.request_latency);
}

void Xenstored::Schedule(RingConnection& connection, sim::Ps delay) {
  if (connection.scheduled != 0 || connection.dead()) return;
  const sim::Ps when = std::max(simulation_.now() + delay, free_at_);
  const sim::DomId domain = connection.domain;
  connection.scheduled = simulation_.At(when, [this, domain] { Serve(domain); });
}

void Xenstored::Serve(sim::DomId domain) {
  // Release cancels: the ring is there.
  RingConnection& connection = *rings_.at(domain);
  connection.scheduled = 0;
  if (simulation_.now() < free_at_) {  // another ring was served in between
    Schedule(connection, 0);
    return;
  }
  free_at_ = simulation_.now() + config_.request_latency;
  if (connection.ServeOne()) Schedule(connection, config_.request_latency);
  FlushRings();
}

}  // namespace pvpci::xen
