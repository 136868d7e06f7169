// SPDX-License-Identifier: Apache-2.0
#include "models/xen/toolstack/environment.h"

#include <cerrno>

namespace pvpci::xen {
namespace {

struct PolicyRow {
  NoIommuPolicy policy;
  const char* name;
  const char* description;
};
constexpr PolicyRow kPolicies[] = {
    {NoIommuPolicy::kRefused, "refused", "passthrough without IOMMU is refused, as Xen 4.13 and later do"},
    {NoIommuPolicy::kIntxOnly, "intx_only", "passthrough without IOMMU, INTx only, as Xen 4.5 to 4.12"},
    {NoIommuPolicy::kMsiToo, "msi_too", "passthrough without IOMMU, INTx and MSI, as Xen up to 4.4"},
};

const PolicyRow& Row(NoIommuPolicy policy) {
  for (const PolicyRow& row : kPolicies) {
    if (row.policy == policy) return row;
  }
  return kPolicies[0];
}

}  // namespace

long AssignWithoutIommu(NoIommuPolicy policy) { return policy == NoIommuPolicy::kRefused ? -EOPNOTSUPP : -ENOSYS; }

bool MsiWithoutIommu(NoIommuPolicy policy) { return policy == NoIommuPolicy::kMsiToo; }

const char* Name(NoIommuPolicy policy) { return Row(policy).name; }

const char* Description(NoIommuPolicy policy) { return Row(policy).description; }

std::optional<NoIommuPolicy> ParseNoIommuPolicy(const std::string& name) {
  for (const PolicyRow& row : kPolicies) {
    if (name == row.name) return row.policy;
  }
  return std::nullopt;
}

}  // namespace pvpci::xen
