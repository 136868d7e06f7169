// SPDX-License-Identifier: Apache-2.0
// Guest page tables: typed frames whose every change the hypervisor checks, and the walk through them.
// mmu_update, update_va_mapping, mmuext_op. xen/arch/x86/mm.c (behaviour only); abi.md 3.1, 1.1 T13, S12.
//
// Accepted leaf changes in the domain's vmalloc area are applied to the host mapping. The direct map is mapped from the
// start; a zapped direct-map page stays accessible to native code (documented simplification, README.md).
#ifndef PVPCI_MODELS_XEN_MMU_H_
#define PVPCI_MODELS_XEN_MMU_H_

#include <cstdint>
#include <map>
#include <optional>

#include "models/xen/abi.h"
#include "models/xen/hypercall_table.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

class Mmu {
 public:
  explicit Mmu(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}
  void Register(HypercallTable& table);

  // Hypercalls with their own argument layout.
  long MmuUpdate(Call& call);
  long UpdateVaMapping(Call& call);
  long MmuextOp(Call& call);

  std::optional<GuestMapping> Walk(const Vcpu& vcpu, uint64_t va) const;
  // Machine address of the leaf entry that maps `va`; nullopt: no L1 table there.
  std::optional<uint64_t> LeafEntry(const Vcpu& vcpu, uint64_t va) const;
  bool IomemPermitted(const Domain& domain, sim::Mfn mfn) const;

  // Makes `mfn` a table of `level` that maps from `va` on (kNoVa: unknown yet): takes the type, then every entry.
  // False: type conflict or an entry that may not be there; nothing is left behind.
  bool Promote(Domain& domain, sim::Mfn mfn, unsigned level, uint64_t va);
  void Demote(Domain& domain, sim::Mfn mfn, unsigned level);
  static constexpr uint64_t kNoVa = UINT64_MAX;

  // Grant mappings: writes the leaf entry without counting references (the grant holds them). False: not an L1 entry
  // of this domain.
  bool SetGrantEntry(Domain& domain, uint64_t entry_address, sim::Mfn mfn, bool writable);
  bool ClearGrantEntry(Domain& domain, uint64_t entry_address);
  // Forgets what it knows of a domain that is going away.
  void Forget(Domain& domain);

 private:
  long UpdateEntry(Domain& domain, Domain& owner, uint64_t entry_address, uint64_t value, bool preserve_ad);
  long UpdateLeaf(Domain& domain, Domain& owner, sim::Mfn table, unsigned index, uint64_t value);
  long UpdateTable(Domain& domain, sim::Mfn table, unsigned level, unsigned index, uint64_t value);
  // Takes the references a leaf entry needs; may clear the write bit (MSI-X tables).
  long TakeLeaf(Domain& domain, Domain& owner, uint64_t* value);
  void ReleaseLeaf(uint64_t entry_address, uint64_t value);
  void ApplyToHost(Domain& domain, sim::Mfn table, unsigned index, uint64_t value);
  uint64_t* Entry(sim::Mfn table, unsigned index) const;

  Hypervisor& hypervisor_;
  std::map<uint64_t, sim::DomId> grant_entries_;   // leaf entries that belong to a grant mapping
  std::map<sim::Mfn, uint64_t> table_va_;          // L2..L4 tables -> first virtual address
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_MMU_H_
