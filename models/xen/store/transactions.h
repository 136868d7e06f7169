// SPDX-License-Identifier: Apache-2.0
// Transactions: a snapshot to work on, the generations of everything seen, and a log to replay at commit.
//
// A commit succeeds if no node that the transaction read or changed, and no parent whose list of children it changed,
// has another generation now than when the transaction began; else EAGAIN and nothing is done. Replaying the log on
// the live tree keeps what others changed elsewhere meanwhile. As xenstored 4.17.
#ifndef PVPCI_MODELS_XEN_STORE_TRANSACTIONS_H_
#define PVPCI_MODELS_XEN_STORE_TRANSACTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/xen/store/store_tree.h"

namespace pvpci::xen {

using TransactionId = uint32_t;
inline constexpr TransactionId kNoTransaction = 0;

// One write operation, as issued.
struct StoreOperation {
  XsType type = XsType::kWrite;  // kWrite, kMkdir, kRm, kSetPerms
  std::string path;
  std::string value;             // kWrite
  StorePermissions permissions;  // kSetPerms
};
// An RM whose goal was reached before it ran: answered ENOENT, yet part of the story (store_trace.h).
bool FoundNothing(const StoreOperation& operation, XsError error);
// Runs it on `tree`.
XsError Apply(StoreTree& tree, StoreCaller caller, const StoreOperation& operation, std::vector<StoreChange>* changes);

class Transaction {
 public:
  explicit Transaction(const StoreTree& live) : start_(live), view_(live) {}

  // Reads see the snapshot and the transaction's own writes.
  XsResult<StoreNodePtr> Get(StoreCaller caller, std::string_view path, StoreAccess need);
  XsError Do(StoreCaller caller, StoreOperation operation);

  bool Conflicts(const StoreTree& live) const;
  const std::vector<StoreOperation>& log() const { return log_; }

 private:
  void Note(std::string_view path);
  bool Full(StoreCaller caller) const;

  StoreTree start_;
  StoreTree view_;
  std::map<std::string, uint64_t, std::less<>> seen_;  // path to its generation at the start; 0: was not there
  std::vector<StoreOperation> log_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_TRANSACTIONS_H_
