// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/store_client.h"

#include <map>

#include "models/xen/store/ring_connection.h"

namespace pvpci::xen {
namespace {

// Outlives the client in callbacks that are still under way.
struct Callbacks {
  std::map<std::string, StoreClient::WatchCallback> by_token;
};

}  // namespace

struct StoreClient::Impl : StoreConnection {
  Impl(Xenstored& store, sim::Simulation& clock, sim::Ps latency, sim::DomId domain_id, sim::DomId writer_id)
      : StoreConnection(domain_id, writer_id), daemon(store), simulation(clock), event_latency(latency) {}

  void Event(const StoreWatch& watch, const std::string& path) override {
    simulation.After(event_latency, [state = callbacks, token = watch.token, path] {
      const auto found = state->by_token.find(token);
      if (found == state->by_token.end()) return;
      const WatchCallback callback = found->second;  // it may unwatch itself
      callback(path);
    });
  }

  Xenstored& daemon;
  sim::Simulation& simulation;
  const sim::Ps event_latency;
  WatchId next_watch = 1;
  std::map<WatchId, std::string> paths;
  std::shared_ptr<Callbacks> callbacks = std::make_shared<Callbacks>();
};

std::unique_ptr<StoreClient> Xenstored::OpenClient(sim::DomId domain, sim::DomId writer) {
  auto impl =
      std::make_unique<StoreClient::Impl>(*this, simulation_, config_.client_event_latency, domain, writer);
  impl->id = next_connection_++;
  connections_.emplace(impl->id, impl.get());
  return std::unique_ptr<StoreClient>(new StoreClient(std::move(impl)));
}

StoreClient::StoreClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StoreClient::~StoreClient() {
  impl_->callbacks->by_token.clear();
  impl_->daemon.connections_.erase(impl_->id);
}

XsResult<std::string> StoreClient::Read(std::string_view path, TransactionId transaction) {
  const auto node = impl_->daemon.Get(*impl_, transaction, path, StoreAccess::kRead);
  if (!node.ok()) return node.error;
  return node.value->value;
}

XsResult<std::vector<std::string>> StoreClient::Directory(std::string_view path, TransactionId transaction) {
  const auto node = impl_->daemon.Get(*impl_, transaction, path, StoreAccess::kRead);
  if (!node.ok()) return node.error;
  std::vector<std::string> names;
  for (const auto& [name, child] : node.value->children) names.push_back(name);
  return names;
}

XsResult<StorePermissions> StoreClient::GetPermissions(std::string_view path, TransactionId transaction) {
  const auto node = impl_->daemon.Get(*impl_, transaction, path, StoreAccess::kRead);
  if (!node.ok()) return node.error;
  return node.value->permissions;
}

XsError StoreClient::Write(std::string_view path, std::string_view value, TransactionId transaction) {
  return impl_->daemon.Do(*impl_, transaction, {XsType::kWrite, std::string(path), std::string(value), {}});
}

XsError StoreClient::Mkdir(std::string_view path, TransactionId transaction) {
  return impl_->daemon.Do(*impl_, transaction, {XsType::kMkdir, std::string(path), {}, {}});
}

XsError StoreClient::Rm(std::string_view path, TransactionId transaction) {
  return impl_->daemon.Do(*impl_, transaction, {XsType::kRm, std::string(path), {}, {}});
}

XsError StoreClient::SetPermissions(std::string_view path, const StorePermissions& permissions,
                                    TransactionId transaction) {
  return impl_->daemon.Do(*impl_, transaction, {XsType::kSetPerms, std::string(path), {}, permissions});
}

XsResult<TransactionId> StoreClient::TransactionStart() { return impl_->daemon.StartTransaction(*impl_); }

XsError StoreClient::TransactionEnd(TransactionId transaction, bool commit) {
  return impl_->daemon.EndTransaction(*impl_, transaction, commit);
}

XsError StoreClient::Transact(const std::function<XsError(TransactionId)>& body) {
  while (true) {
    const auto started = TransactionStart();
    if (!started.ok()) return started.error;
    if (XsError error = body(started.value); error != XsError::kOk) {
      TransactionEnd(started.value, false);
      return error;
    }
    const XsError ended = TransactionEnd(started.value, true);
    if (ended != XsError::kEagain) return ended;
  }
}

StoreClient::WatchId StoreClient::Watch(std::string_view path, WatchCallback callback) {
  const WatchId id = impl_->next_watch++;
  const std::string token = std::to_string(id);
  if (impl_->daemon.AddWatch(*impl_, path, token) != XsError::kOk) return 0;
  impl_->paths.emplace(id, path);
  impl_->callbacks->by_token.emplace(token, std::move(callback));
  impl_->daemon.FireFirst(*impl_, path, token);
  return id;
}

void StoreClient::Unwatch(WatchId id) {
  const auto path = impl_->paths.find(id);
  if (path == impl_->paths.end()) return;
  const std::string token = std::to_string(id);
  impl_->watches.Remove(impl_->domain, path->second, token);
  impl_->callbacks->by_token.erase(token);
  impl_->paths.erase(path);
}

}  // namespace pvpci::xen
