// SPDX-License-Identifier: Apache-2.0
// Trace records of store writes: "store WRITE /local/domain/1/device/pci/0/state 3" (golden/README.md).
//
// A record is made when an operation takes effect: at once outside a transaction, at the commit inside one, in the
// order issued. What a transaction did that was given up or ended with EAGAIN was never in the store and is not
// recorded, nor is what was refused, except an RM that found nothing to remove (the golden trace has two of those).
// Reads are not recorded. Paths are absolute, also where the guest wrote a relative one.
#ifndef PVPCI_MODELS_XEN_STORE_STORE_TRACE_H_
#define PVPCI_MODELS_XEN_STORE_STORE_TRACE_H_

#include "models/xen/store/transactions.h"
#include "sim/trace.h"

namespace pvpci::xen {

// The tools' own writes carry this identity, dom0's kernel carries 0; both have dom0's rights in the store.
inline constexpr sim::DomId kToolstack = 0x7FE0;

// `commit`: which transaction of the whole run it was part of, from 1; 0: none.
void EmitStoreOperation(sim::Trace& trace, sim::DomId writer, const StoreOperation& operation, uint32_t commit);
// What a record of kind kStore says. `value`: of a WRITE, or the permission list as text.
struct StoreWrite {
  XsType type = XsType::kWrite;
  uint32_t commit = 0;
  std::string path;
  std::string value;
};
StoreWrite ParseStoreRecord(const sim::RecordView& record);
// Registers how records print, and the name "toolstack". Xenstored's constructor calls it.
void RegisterStoreTrace(sim::Trace& trace);

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_STORE_STORE_TRACE_H_
