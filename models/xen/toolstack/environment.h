// SPDX-License-Identifier: Apache-2.0
// What the toolstack model needs from the machine: the hypervisor's control interface (domctl, physdev_op on behalf
// of another domain), a shell in dom0, and the list of PCI functions.
#ifndef PVPCI_MODELS_XEN_TOOLSTACK_ENVIRONMENT_H_
#define PVPCI_MODELS_XEN_TOOLSTACK_ENVIRONMENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "models/pci/tlp.h"
#include "models/xen/config.h"
#include "sim/machine_memory.h"

namespace pvpci::xen {

// XEN_DOMCTL_* and PHYSDEVOP_* as the tools issue them. All answer 0 (or a number) or -errno.
class HypervisorControl {
 public:
  virtual ~HypervisorControl() = default;
  // XEN_DOMCTL_iomem_permission: machine frames [first, first + count).
  virtual long IomemPermission(sim::DomId domain, uint64_t first_mfn, uint64_t count, bool allow) = 0;
  // XEN_DOMCTL_ioport_permission: ports [first, first + count).
  virtual long IoportPermission(sim::DomId domain, uint32_t first_port, uint32_t count, bool allow) = 0;
  // XEN_DOMCTL_irq_permission.
  virtual long IrqPermission(sim::DomId domain, unsigned pirq, bool allow) = 0;
  // PHYSDEVOP_map_pirq, type GSI, pirq = gsi: answers the pirq.
  virtual long MapGsiPirq(sim::DomId domain, unsigned gsi) = 0;
  virtual long UnmapPirq(sim::DomId domain, unsigned pirq) = 0;
  // XEN_DOMCTL_assign_device. `domain` sim::kDomIo: quarantine. Without an IOMMU the answer is the policy's
  // (AssignWithoutIommu); also -ENODEV, -EBUSY (assigned to another domain).
  virtual long AssignDevice(sim::DomId domain, pci::Bdf function) = 0;
  virtual long DeassignDevice(sim::DomId domain, pci::Bdf function) = 0;
  // XEN_DOMCTL_destroydomain, after the store is clean.
  virtual long DestroyDomain(sim::DomId domain) = 0;
  // XEN_SYSCTL_PHYSCAP_directio: is there an IOMMU?
  virtual bool has_iommu() const = 0;
};

// What XEN_DOMCTL_assign_device answers where there is no IOMMU. abi.md S3.
//   kRefused: -EOPNOTSUPP, which libxl does not forgive.  Others: -ENOSYS, which libxl forgives for a PV domain.
long AssignWithoutIommu(NoIommuPolicy policy);
// May a domU map an MSI of a function that could not be assigned for want of an IOMMU? Xen 4.5 .. 4.12: no (-ENODEV).
bool MsiWithoutIommu(NoIommuPolicy policy);
const char* Name(NoIommuPolicy policy);         // "refused", "intx_only", "msi_too"
const char* Description(NoIommuPolicy policy);  // one line for the report
std::optional<NoIommuPolicy> ParseNoIommuPolicy(const std::string& name);

// A shell in a domain's user space: reads and writes of sysfs files, answered in task context of its kernel.
// The callbacks come later or at once, exactly one each; `result` is 0 or -errno.
class DomainAgent {
 public:
  virtual ~DomainAgent() = default;
  using WriteDone = std::function<void(long result)>;
  using ReadDone = std::function<void(long result, const std::string& text)>;
  virtual void SysfsWrite(sim::DomId domain, const std::string& path, const std::string& value, WriteDone done) = 0;
  // A symbolic link answers its target.
  virtual void SysfsRead(sim::DomId domain, const std::string& path, ReadDone done) = 0;
};

struct PciResource {
  enum class Kind : uint8_t { kMemory, kIo };
  Kind kind = Kind::kMemory;
  unsigned bar = 0;          // 0..5; 6: expansion ROM
  uint64_t address = 0;      // machine address or port; 0: not placed, skipped
  uint64_t size_bytes = 0;
};

// What dom0's sysfs shows of a function: files resource and irq.
struct PciFunctionInfo {
  std::vector<PciResource> resources;
  std::optional<unsigned> gsi;  // of the interrupt pin; nullopt: no pin
};

class PciInventory {
 public:
  virtual ~PciInventory() = default;
  virtual std::optional<PciFunctionInfo> Find(pci::Bdf function) const = 0;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_TOOLSTACK_ENVIRONMENT_H_
