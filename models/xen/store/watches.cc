// SPDX-License-Identifier: Apache-2.0
#include "models/xen/store/watches.h"

#include <algorithm>

namespace pvpci::xen {
namespace {

bool IsSpecial(std::string_view path) { return !path.empty() && path.front() == '@'; }

std::optional<StoreWatch> Resolve(sim::DomId domain, std::string_view path, std::string_view token) {
  if (IsSpecial(path)) {
    if (path != kIntroduceDomain && path != kReleaseDomain) return std::nullopt;
    return StoreWatch{std::string(path), std::string(token), {}};
  }
  auto canonical = CanonicalPath(domain, path);
  if (!canonical) return std::nullopt;
  std::string prefix = path.front() == '/' ? std::string() : DomainPath(domain) + "/";
  return StoreWatch{std::move(*canonical), std::string(token), std::move(prefix)};
}

// May the watch's owner know of this change? Before or after it, he could read the node (XSA-115).
bool Visible(StoreCaller owner, const StoreChange& change, const StoreTree& tree) {
  if (owner.privileged()) return true;
  const auto reads = [owner](const StorePermissions& list) {
    StorePermission mine = list.front();
    if (mine.domain == owner.domain) return true;
    for (size_t i = 1; i < list.size(); ++i) {
      if (list[i].domain == owner.domain) {
        mine = list[i];
        break;
      }
    }
    return (static_cast<unsigned>(mine.access) & static_cast<unsigned>(StoreAccess::kRead)) != 0;
  };
  if (change.removed) return reads(change.removed->permissions);
  if (!change.before.empty() && reads(change.before)) return true;
  return tree.Allowed(owner, change.path, StoreAccess::kRead);
}

}  // namespace

std::string StoreWatch::Reported(std::string_view changed) const {
  if (!prefix.empty() && changed.substr(0, prefix.size()) == prefix) changed.remove_prefix(prefix.size());
  return std::string(changed);
}

XsResult<StoreWatch> WatchList::Add(sim::DomId domain, std::string_view path, std::string_view token, uint32_t limit) {
  auto watch = Resolve(domain, path, token);
  if (!watch) return XsError::kEinval;
  for (const StoreWatch& other : watches_) {
    if (other.path == watch->path && other.token == watch->token) return XsError::kEexist;
  }
  if (watches_.size() >= limit) return XsError::kE2big;
  watches_.push_back(*watch);
  return std::move(*watch);
}

XsError WatchList::Remove(sim::DomId domain, std::string_view path, std::string_view token) {
  const auto watch = Resolve(domain, path, token);
  if (!watch) return XsError::kEinval;
  const auto found = std::find_if(watches_.begin(), watches_.end(), [&](const StoreWatch& other) {
    return other.path == watch->path && other.token == watch->token;
  });
  if (found == watches_.end()) return XsError::kEnoent;
  watches_.erase(found);
  return XsError::kOk;
}

std::vector<StoreWatch> WatchList::Concerned(StoreCaller owner, const StoreChange& change,
                                             const StoreTree& tree) const {
  std::vector<StoreWatch> concerned;
  for (const StoreWatch& watch : watches_) {
    const bool hit = change.exact ? watch.path == change.path : IsSameOrBelow(change.path, watch.path);
    if (hit && Visible(owner, change, tree)) concerned.push_back(watch);
  }
  return concerned;
}

std::vector<StoreWatch> WatchList::ConcernedBySpecial(std::string_view name) const {
  std::vector<StoreWatch> concerned;
  for (const StoreWatch& watch : watches_) {
    if (watch.path == name) concerned.push_back(watch);
  }
  return concerned;
}

}  // namespace pvpci::xen
