// SPDX-License-Identifier: Apache-2.0
// memory_op: exchange, populate, decrease, maps. abi.md 3.1; xen/common/memory.c (behaviour only).
#ifndef PVPCI_MODELS_XEN_MEMORY_OP_H_
#define PVPCI_MODELS_XEN_MEMORY_OP_H_

#include <map>
#include <vector>

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"
#include "sim/random.h"

namespace pvpci::xen {

class MemoryOps {
 public:
  explicit MemoryOps(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}
  void Register(HypercallTable& table);

  long Decrease(Call& call, abi::MemoryReservation& args);
  long MaximumRamPage(Call& call, NoArguments& args);
  long CurrentReservation(Call& call, abi::DomainId& args);
  long MaximumReservation(Call& call, abi::DomainId& args);
  long MachphysMfnList(Call& call, abi::MachphysMfnList& args);
  long Populate(Call& call, abi::MemoryReservation& args);
  long MemoryMap(Call& call, abi::MemoryMap& args);
  long MachineMemoryMap(Call& call, abi::MemoryMap& args);
  long Exchange(Call& call, abi::MemoryExchange& args);
  long MachphysMapping(Call& call, abi::MachphysMapping& args);

  // Largest order the domain may exchange or populate.
  unsigned MaxOrder(const Domain& domain) const;
  std::vector<abi::E820Entry> DomainMap(const Domain& domain) const;
  static void CutOut(const ReservedRegion& region, std::vector<abi::E820Entry>* map);
  std::vector<abi::E820Entry> MachineMap() const;

 private:
  Domain* Subject(Call& call, uint16_t domid) const;
  std::optional<sim::Mfn> Allocate(Domain& domain, unsigned order, unsigned address_bits);
  long CopyMap(Call& call, abi::MemoryMap& args, const std::vector<abi::E820Entry>& map) const;
  // Removable: owned, untyped, referenced by its owner only.
  bool Removable(const Domain& domain, sim::Mfn mfn) const;

  Hypervisor& hypervisor_;
  std::map<sim::DomId, sim::Random> random_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_MEMORY_OP_H_
