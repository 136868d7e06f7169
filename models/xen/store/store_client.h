// SPDX-License-Identifier: Apache-2.0
// In-process client of the xenstored model: what libxenstore is to the tools. Operations are synchronous and take no
// simulated time (who models a tool adds it); watch callbacks come later, through the simulation.
#ifndef PVPCI_MODELS_XEN_STORE_STORE_CLIENT_H_
#define PVPCI_MODELS_XEN_STORE_STORE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/xen/store/transactions.h"
#include "models/xen/store/wire.h"
#include "models/xen/store/xenstored.h"

namespace pvpci::xen {

class StoreClient {
 public:
  ~StoreClient();
  StoreClient(const StoreClient&) = delete;
  StoreClient& operator=(const StoreClient&) = delete;

  // Paths may be relative to the client's domain. EINVAL, ENOENT, EACCES, ENOSPC as on the wire.
  XsResult<std::string> Read(std::string_view path, TransactionId transaction = kNoTransaction);
  XsResult<std::vector<std::string>> Directory(std::string_view path, TransactionId transaction = kNoTransaction);
  XsResult<StorePermissions> GetPermissions(std::string_view path, TransactionId transaction = kNoTransaction);
  XsError Write(std::string_view path, std::string_view value, TransactionId transaction = kNoTransaction);
  XsError Mkdir(std::string_view path, TransactionId transaction = kNoTransaction);
  XsError Rm(std::string_view path, TransactionId transaction = kNoTransaction);
  XsError SetPermissions(std::string_view path, const StorePermissions& permissions,
                         TransactionId transaction = kNoTransaction);
  XsResult<TransactionId> TransactionStart();
  XsError TransactionEnd(TransactionId transaction, bool commit);  // EAGAIN: begin again
  // Runs `body` in a transaction, again after EAGAIN (nothing interleaves, so that is bounded). An error from `body`
  // gives the transaction up and is returned.
  XsError Transact(const std::function<XsError(TransactionId)>& body);

  // 0: refused (bad path, same callback path twice is fine: each watch has its own token).
  using WatchId = uint64_t;
  using WatchCallback = std::function<void(const std::string& path)>;
  WatchId Watch(std::string_view path, WatchCallback callback);
  // No callback comes after this. Safe inside a callback.
  void Unwatch(WatchId id);

 private:
  friend class Xenstored;
  struct Impl;
  explicit StoreClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_STORE_CLIENT_H_
