// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/store_tree.h"

#include <algorithm>

#include "sim/check.h"

namespace pvpci::xen {
namespace {

// Takes the first component off `rest` (which has no leading slash).
std::string_view NextComponent(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view component = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return component;
}

std::string_view LeafName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool ValidCharacters(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' ||
           c == '_' || c == '@';
  });
}

StoreAccess Granted(const StorePermissions& permissions, StoreCaller caller) {
  if (caller.privileged() || permissions.front().domain == caller.domain) return StoreAccess::kBoth;
  for (size_t i = 1; i < permissions.size(); ++i) {
    if (permissions[i].domain == caller.domain) return permissions[i].access;
  }
  return permissions.front().access;
}

bool Covers(StoreAccess granted, StoreAccess need) {
  return (static_cast<unsigned>(granted) & static_cast<unsigned>(need)) == static_cast<unsigned>(need);
}

StoreNodePtr ReplaceBelow(const StoreNode& node, std::string_view rest, StoreNodePtr replacement) {
  auto copy = std::make_shared<StoreNode>(node);
  const std::string_view component = NextComponent(rest);
  auto child = copy->children.find(component);
  if (rest.empty()) {
    if (!replacement) {
      if (child != copy->children.end()) copy->children.erase(child);
    } else if (child != copy->children.end()) {
      child->second = std::move(replacement);
    } else {
      copy->children.emplace(component, std::move(replacement));
    }
    return copy;
  }
  SIM_CHECK(child != copy->children.end(), "a changed node's ancestors exist");
  child->second = ReplaceBelow(*child->second, rest, std::move(replacement));
  return copy;
}

}  // namespace

std::string ToString(StorePermission permission) {
  static constexpr char kLetters[] = {'n', 'r', 'w', 'b'};
  return kLetters[static_cast<unsigned>(permission.access)] + std::to_string(permission.domain);
}

std::optional<StorePermission> ParsePermission(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto domain = ParseDecimal(text.substr(1));
  if (!domain || *domain >= sim::kDomSelf) return std::nullopt;
  StorePermission permission{static_cast<sim::DomId>(*domain), StoreAccess::kNone};
  switch (text.front()) {
    case 'n': return permission;
    case 'r': permission.access = StoreAccess::kRead; return permission;
    case 'w': permission.access = StoreAccess::kWrite; return permission;
    case 'b': permission.access = StoreAccess::kBoth; return permission;
    default: return std::nullopt;
  }
}

std::string DomainPath(sim::DomId domain) { return "/local/domain/" + std::to_string(domain); }

std::optional<std::string> CanonicalPath(sim::DomId domain, std::string_view path) {
  if (path.empty() || path.front() == '@' || !ValidCharacters(path)) return std::nullopt;
  const bool absolute = path.front() == '/';
  if (path.size() > (absolute ? kAbsolutePathMax : kRelativePathMax)) return std::nullopt;
  if (path == "/") return std::string(path);
  if (path.back() == '/' || path.find("//") != std::string_view::npos) return std::nullopt;
  if (absolute) return std::string(path);
  return DomainPath(domain) + "/" + std::string(path);
}

std::string_view ParentPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

bool IsSameOrBelow(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return !path.empty() && path.front() == '/';
  if (path.substr(0, ancestor.size()) != ancestor) return false;
  return path.size() == ancestor.size() || path[ancestor.size()] == '/';
}

StoreTree::StoreTree(StoreQuota quota) : quota_(quota) {
  auto root = std::make_shared<StoreNode>();
  root->permissions = {{0, StoreAccess::kNone}};
  root->generation = next_generation_++;
  root_ = root;
  Count(0, 1);
}

StoreNodePtr StoreTree::Find(std::string_view path) const {
  StoreNodePtr node = root_;
  std::string_view rest = path.substr(1);
  while (!rest.empty()) {
    const auto child = node->children.find(NextComponent(rest));
    if (child == node->children.end()) return nullptr;
    node = child->second;
  }
  return node;
}

uint64_t StoreTree::generation(std::string_view path) const {
  const StoreNodePtr node = Find(path);
  return node ? node->generation : 0;
}

uint32_t StoreTree::owned_nodes(sim::DomId domain) const {
  const auto owned = owned_.find(domain);
  return owned == owned_.end() ? 0 : owned->second;
}

bool StoreTree::Allowed(StoreCaller caller, std::string_view path, StoreAccess need) const {
  StoreNodePtr node = Find(path);
  while (!node) {
    path = ParentPath(path);
    node = Find(path);
  }
  return Covers(Granted(node->permissions, caller), need);
}

XsResult<StoreNodePtr> StoreTree::Get(StoreCaller caller, std::string_view path, StoreAccess need) const {
  const StoreNodePtr node = Find(path);
  // Who may not even know whether the node exists is told EACCES.
  if (!Allowed(caller, path, need)) return XsError::kEacces;
  if (!node) return XsError::kEnoent;
  return node;
}

void StoreTree::Replace(std::string_view path, StoreNodePtr node) {
  root_ = path == "/" ? std::move(node) : ReplaceBelow(*root_, path.substr(1), std::move(node));
}

void StoreTree::Count(sim::DomId owner, int delta) { owned_[owner] += static_cast<uint32_t>(delta); }

XsError StoreTree::CheckEntry(StoreCaller caller, std::string_view path, size_t value_bytes, size_t permissions) const {
  if (caller.privileged()) return XsError::kOk;
  // xenstored counts its record: header of 16 bytes, 8 per permission entry, the value and the name.
  const size_t entry_bytes = 16 + 8 * permissions + value_bytes + path.size();
  return entry_bytes > quota_.entry_bytes ? XsError::kEnospc : XsError::kOk;
}

XsError StoreTree::Create(StoreCaller caller, std::string_view path, std::string_view value) {
  std::vector<std::string> missing;
  std::string_view ancestor = path;
  StoreNodePtr inherited;
  while (!(inherited = Find(ancestor))) {
    missing.emplace_back(ancestor);
    ancestor = ParentPath(ancestor);
  }
  StorePermissions permissions = inherited->permissions;
  if (!caller.privileged()) permissions.front().domain = caller.domain;
  const sim::DomId owner = permissions.front().domain;

  if (XsError error = CheckEntry(caller, path, value.size(), permissions.size()); error != XsError::kOk) return error;
  if (!caller.privileged() && owned_nodes(owner) + missing.size() > quota_.nodes) return XsError::kEnospc;

  for (auto name = missing.rbegin(); name != missing.rend(); ++name) {
    const std::string_view parent_path = ParentPath(*name);
    auto parent = std::make_shared<StoreNode>(*Find(parent_path));
    auto node = std::make_shared<StoreNode>();
    node->permissions = permissions;
    if (*name == path) node->value = value;
    node->generation = next_generation_++;
    parent->children.emplace(LeafName(*name), node);
    parent->generation = next_generation_++;
    Replace(parent_path, parent);
    Count(owner, 1);
  }
  return XsError::kOk;
}

XsError StoreTree::Write(StoreCaller caller, std::string_view path, std::string_view value,
                         std::vector<StoreChange>* changes) {
  const auto found = Get(caller, path, StoreAccess::kWrite);
  if (found.ok()) {
    const XsError error = CheckEntry(caller, path, value.size(), found.value->permissions.size());
    if (error != XsError::kOk) return error;
    auto node = std::make_shared<StoreNode>(*found.value);
    node->value = value;
    node->generation = next_generation_++;
    Replace(path, node);
  } else {
    if (found.error != XsError::kEnoent) return found.error;
    if (XsError error = Create(caller, path, value); error != XsError::kOk) return error;
  }
  changes->push_back({std::string(path), false, nullptr, {}});
  return XsError::kOk;
}

XsError StoreTree::Mkdir(StoreCaller caller, std::string_view path, std::vector<StoreChange>* changes) {
  const auto found = Get(caller, path, StoreAccess::kWrite);
  if (found.ok()) return XsError::kOk;
  if (found.error != XsError::kEnoent) return found.error;
  if (XsError error = Create(caller, path, {}); error != XsError::kOk) return error;
  changes->push_back({std::string(path), false, nullptr, {}});
  return XsError::kOk;
}

void StoreTree::CollectRemoved(const std::string& path, const StoreNodePtr& node, std::vector<StoreChange>* changes) {
  for (const auto& [name, child] : node->children) {
    const std::string child_path = path + "/" + name;
    CollectRemoved(child_path, child, changes);
    changes->push_back({child_path, true, child, {}});
  }
  Count(node->permissions.front().domain, -1);
}

XsError StoreTree::Rm(StoreCaller caller, std::string_view path, std::vector<StoreChange>* changes) {
  const auto found = Get(caller, path, StoreAccess::kWrite);
  if (!found.ok()) {
    if (found.error == XsError::kEnoent && Find(ParentPath(path))) return XsError::kOk;
    return found.error;
  }
  if (path == "/") return XsError::kEinval;
  CollectRemoved(std::string(path), found.value, changes);
  Replace(path, nullptr);
  auto parent = std::make_shared<StoreNode>(*Find(ParentPath(path)));
  parent->generation = next_generation_++;
  Replace(ParentPath(path), parent);
  changes->push_back({std::string(path), false, found.value, {}});
  return XsError::kOk;
}

XsError StoreTree::SetPermissions(StoreCaller caller, std::string_view path, const StorePermissions& permissions,
                                  std::vector<StoreChange>* changes) {
  if (permissions.empty()) return XsError::kEinval;
  if (!caller.privileged() && permissions.size() > quota_.permissions) return XsError::kEnospc;
  const auto found = Get(caller, path, StoreAccess::kWrite);
  if (!found.ok()) return found.error;
  const sim::DomId owner = found.value->permissions.front().domain;
  if (!caller.privileged() && owner != caller.domain) return XsError::kEacces;
  if (!caller.privileged() && permissions.front().domain != owner) return XsError::kEperm;
  const XsError error = CheckEntry(caller, path, found.value->value.size(), permissions.size());
  if (error != XsError::kOk) return error;

  auto node = std::make_shared<StoreNode>(*found.value);
  node->permissions = permissions;
  node->generation = next_generation_++;
  Replace(path, node);
  Count(owner, -1);
  Count(permissions.front().domain, 1);
  changes->push_back({std::string(path), false, nullptr, found.value->permissions});
  return XsError::kOk;
}

void StoreTree::ForgetDomain(sim::DomId domain, std::vector<StoreChange>* changes) {
  const StoreCaller everything{0};
  std::function<void(const std::string&, const StoreNodePtr&)> visit = [&](const std::string& path,
                                                                           const StoreNodePtr& node) {
    if (node->permissions.front().domain == domain) {
      Rm(everything, path, changes);
      return;
    }
    const auto names_it = [domain](const StorePermission& p) { return p.domain == domain; };
    if (std::any_of(node->permissions.begin() + 1, node->permissions.end(), names_it)) {
      auto copy = std::make_shared<StoreNode>(*node);
      copy->permissions.erase(std::remove_if(copy->permissions.begin() + 1, copy->permissions.end(), names_it),
                              copy->permissions.end());
      copy->generation = next_generation_++;
      Replace(path, copy);
    }
    // `node` is the tree as it was: children that go do not disturb the iteration.
    for (const auto& [name, child] : node->children) visit(path == "/" ? "/" + name : path + "/" + name, child);
  };
  visit("/", StoreNodePtr(root_));
}

}  // namespace pvpci::xen
