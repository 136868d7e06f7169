// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/transactions.h"

#include "sim/check.h"

namespace pvpci::xen {

XsError Apply(StoreTree& tree, StoreCaller caller, const StoreOperation& operation, std::vector<StoreChange>* changes) {
  switch (operation.type) {
    case XsType::kWrite: return tree.Write(caller, operation.path, operation.value, changes);
    case XsType::kMkdir: return tree.Mkdir(caller, operation.path, changes);
    case XsType::kRm: return tree.Rm(caller, operation.path, changes);
    case XsType::kSetPerms: return tree.SetPermissions(caller, operation.path, operation.permissions, changes);
    default: break;
  }
  SIM_CHECK(false, "a store operation is one of the four writing types");
  return XsError::kEinval;
}

bool FoundNothing(const StoreOperation& operation, XsError error) {
  return operation.type == XsType::kRm && error == XsError::kEnoent;
}

void Transaction::Note(std::string_view path) {
  if (seen_.find(path) == seen_.end()) seen_.emplace(path, start_.generation(path));
}

bool Transaction::Full(StoreCaller caller) const {
  const uint32_t limit = start_.quota().transaction_nodes;
  return !caller.privileged() && (seen_.size() >= limit || log_.size() >= limit);
}

XsResult<StoreNodePtr> Transaction::Get(StoreCaller caller, std::string_view path, StoreAccess need) {
  if (Full(caller)) return XsError::kEnospc;
  Note(path);
  return view_.Get(caller, path, need);
}

XsError Transaction::Do(StoreCaller caller, StoreOperation operation) {
  if (Full(caller)) return XsError::kEnospc;
  Note(operation.path);
  std::vector<StoreChange> changes;
  const StoreTree before = view_;
  const XsError error = Apply(view_, caller, operation, &changes);
  if (FoundNothing(operation, error)) log_.push_back(operation);
  if (error != XsError::kOk) return error;
  for (const StoreChange& change : changes) Note(change.path);  // what a removal took along
  // A new or removed node changes its parent's list of children, up to the first ancestor that was there before.
  for (std::string_view path = operation.path; path != "/";) {
    const bool existed = before.Find(path) != nullptr;
    if (existed && view_.Find(path)) break;
    path = ParentPath(path);
    Note(path);
    if (before.Find(path)) break;
  }
  log_.push_back(std::move(operation));
  return XsError::kOk;
}

bool Transaction::Conflicts(const StoreTree& live) const {
  for (const auto& [path, generation] : seen_) {
    if (live.generation(path) != generation) return true;
  }
  return false;
}

}  // namespace pvpci::xen
