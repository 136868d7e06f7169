// SPDX-License-Identifier: Apache-2.0
// The tree of the xenstored model: nodes with value, permissions, children and a generation number.
//
// Persistent: a copy of a StoreTree is a snapshot in O(1), and a change copies the path from the root to the node only.
// Transactions live on that. Permission and inheritance rules: docs/misc/xenstore.txt of Xen 4.17.
// Left out: SET_TARGET (no device models), live update.
#ifndef PVPCI_MODELS_XEN_STORE_STORE_TREE_H_
#define PVPCI_MODELS_XEN_STORE_STORE_TREE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/xen/store/wire.h"
#include "sim/machine_memory.h"

namespace pvpci::xen {

// What a permission entry grants, as the letters on the wire: n, r, w, b.
enum class StoreAccess : uint8_t { kNone = 0, kRead = 1, kWrite = 2, kBoth = 3 };

// Entry 0 of a list names the owner (who may do everything) and what everybody else may do.
struct StorePermission {
  sim::DomId domain = 0;
  StoreAccess access = StoreAccess::kNone;
  friend bool operator==(const StorePermission& a, const StorePermission& b) {
    return a.domain == b.domain && a.access == b.access;
  }
};
using StorePermissions = std::vector<StorePermission>;
std::string ToString(StorePermission permission);                         // "r1"
std::optional<StorePermission> ParsePermission(std::string_view text);    // nullopt: EINVAL

struct StoreNode {
  std::string value;
  StorePermissions permissions;
  std::map<std::string, std::shared_ptr<const StoreNode>, std::less<>> children;
  uint64_t generation = 0;  // changes with the value, the permissions and the list of children
};
using StoreNodePtr = std::shared_ptr<const StoreNode>;

// Limits of one unprivileged domain, and of names. Defaults: xenstored 4.17 command line defaults.
struct StoreQuota {
  uint32_t nodes = 1000;             // owned by one domain; more: ENOSPC. Option -E.
  uint32_t entry_bytes = 2048;       // value, name and permissions of one node; more: ENOSPC. Option -S.
  uint32_t permissions = 5;          // entries of one list; more: ENOSPC. Option -A.
  uint32_t watches = 128;            // of one connection; more: E2BIG. Option -W.
  uint32_t transactions = 10;        // open on one connection; more: ENOSPC. Option -t.
  uint32_t transaction_nodes = 1024; // seen or changed by one transaction; more: ENOSPC. Option -N.
  uint32_t unread_responses = 20;    // the daemon stops reading a ring with this many answers not taken. Option -Q.
  uint32_t backlog_bytes = 2560 * 1024;  // waiting for one ring; more: the connection is ignored. Option -M, hard.
};

inline constexpr size_t kAbsolutePathMax = 3072;  // XENSTORE_ABS_PATH_MAX
inline constexpr size_t kRelativePathMax = 2048;  // XENSTORE_REL_PATH_MAX

std::string DomainPath(sim::DomId domain);         // "/local/domain/7"
// The absolute path that `path` means to `domain` (relative ones lie below its DomainPath), or nullopt: EINVAL.
std::optional<std::string> CanonicalPath(sim::DomId domain, std::string_view path);
std::string_view ParentPath(std::string_view path);  // of "/": "/"
bool IsSameOrBelow(std::string_view path, std::string_view ancestor);

// On whose behalf an operation runs. Domain 0 and the tools may do everything.
struct StoreCaller {
  sim::DomId domain = 0;
  bool privileged() const { return domain == 0; }
};

// One visible effect, in order; watches and the trace are fed from it.
struct StoreChange {
  std::string path;
  // Descendant of a removed node: only a watch on exactly this path sees it.
  bool exact = false;
  StoreNodePtr removed;             // the node as it was, if it is gone
  StorePermissions before;          // old list, for SET_PERMS
};

class StoreTree {
 public:
  explicit StoreTree(StoreQuota quota = {});

  // nullptr: no such node. Absolute canonical paths only, here and below.
  StoreNodePtr Find(std::string_view path) const;
  // 0 if there is no such node.
  uint64_t generation(std::string_view path) const;
  StoreNodePtr root() const { return root_; }
  const StoreQuota& quota() const { return quota_; }
  uint32_t owned_nodes(sim::DomId domain) const;

  // What `caller` may do with `path`; for a node that does not exist: with its nearest existing ancestor.
  bool Allowed(StoreCaller caller, std::string_view path, StoreAccess need) const;

  // ENOENT, EACCES.
  XsResult<StoreNodePtr> Get(StoreCaller caller, std::string_view path, StoreAccess need) const;
  // Creates missing ancestors; new nodes inherit the nearest ancestor's list, owned by an unprivileged creator.
  // EACCES, ENOSPC.
  XsError Write(StoreCaller caller, std::string_view path, std::string_view value, std::vector<StoreChange>* changes);
  // No effect on an existing node.
  XsError Mkdir(StoreCaller caller, std::string_view path, std::vector<StoreChange>* changes);
  // With everything below. Not there, but its parent is: success. EINVAL on "/", ENOENT, EACCES.
  XsError Rm(StoreCaller caller, std::string_view path, std::vector<StoreChange>* changes);
  // Owner or privileged only; an unprivileged owner cannot give a node away (EPERM).
  XsError SetPermissions(StoreCaller caller, std::string_view path, const StorePermissions& permissions,
                         std::vector<StoreChange>* changes);

  // A domain is gone: what it owns is removed, and lists forget it.
  void ForgetDomain(sim::DomId domain, std::vector<StoreChange>* changes);

 private:
  // Replaces the node at `path` (all ancestors exist); null: removes it.
  void Replace(std::string_view path, StoreNodePtr node);
  XsError Create(StoreCaller caller, std::string_view path, std::string_view value);
  XsError CheckEntry(StoreCaller caller, std::string_view path, size_t value_bytes, size_t permissions) const;
  void Count(sim::DomId owner, int delta);
  void CollectRemoved(const std::string& path, const StoreNodePtr& node, std::vector<StoreChange>* changes);

  StoreQuota quota_;
  StoreNodePtr root_;
  uint64_t next_generation_ = 1;
  std::map<sim::DomId, uint32_t> owned_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_STORE_TREE_H_
