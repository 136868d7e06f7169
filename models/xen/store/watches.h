// SPDX-License-Identifier: Apache-2.0
// Watches of one connection. A watch fires once when it is set (abi.md S11), and for every change of its node or of
// anything below it. A relative watch reports relative paths. "@introduceDomain" and "@releaseDomain" are events.
#ifndef PVPCI_MODELS_XEN_STORE_WATCHES_H_
#define PVPCI_MODELS_XEN_STORE_WATCHES_H_

#include <string>
#include <string_view>
#include <vector>

#include "models/xen/store/store_tree.h"

namespace pvpci::xen {

inline constexpr std::string_view kIntroduceDomain = "@introduceDomain";
inline constexpr std::string_view kReleaseDomain = "@releaseDomain";

struct StoreWatch {
  std::string path;         // canonical, or a special name
  std::string token;
  std::string prefix;       // stripped from what is reported; empty: absolute
  std::string Reported(std::string_view changed) const;
};

class WatchList {
 public:
  // `path` as the caller gave it. EINVAL, EEXIST (same path and token), E2BIG (more than `limit`).
  XsResult<StoreWatch> Add(sim::DomId domain, std::string_view path, std::string_view token, uint32_t limit);
  XsError Remove(sim::DomId domain, std::string_view path, std::string_view token);  // ENOENT
  void Clear() { watches_.clear(); }
  size_t size() const { return watches_.size(); }

  // Copies of the watches that `change` concerns and whose owner may see it, in order of registration.
  std::vector<StoreWatch> Concerned(StoreCaller owner, const StoreChange& change, const StoreTree& tree) const;
  std::vector<StoreWatch> ConcernedBySpecial(std::string_view name) const;

 private:
  std::vector<StoreWatch> watches_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_WATCHES_H_
