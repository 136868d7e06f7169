// SPDX-License-Identifier: Apache-2.0
// MSI and MSI-X as the hypervisor programs them: the message is written by Xen inside PHYSDEVOP_map_pirq, the guest
// gets a pirq number only (abi.md S13). xen/arch/x86/msi.c (behaviour only); PCI Local Bus 3.0, 6.8.
#ifndef PVPCI_MODELS_XEN_MSI_H_
#define PVPCI_MODELS_XEN_MSI_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "models/xen/hypervisor.h"
#include "models/xen/irq.h"
#include "models/xen/pirq.h"

namespace pvpci::xen {

class MsiProgrammer : public MsiControl {
 public:
  explicit MsiProgrammer(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

  // Programs `irqs` (one, or a multi-MSI block) masked. -ENODEV no capability, -EINVAL entry out of the table,
  // -EEXIST already mapped, -ENXIO memory decoding off. Crashes the owner under the condition of abi.md S13.
  long Setup(Domain& domain, const MsiRequest& request, const std::vector<int>& irqs, unsigned cpu);
  void Teardown(int irq);
  // The first of a multi-MSI block (a single message is its own block).
  bool IsFirst(int irq) const;
  std::vector<int> Group(int irq) const;

  // PHYSDEVOP_prepare_msix, release_msix, restore_msi. -ENODEV, -EBUSY.
  long PrepareMsix(pci::Bdf function);
  long ReleaseMsix(pci::Bdf function);
  long Restore(pci::Bdf function);

  // Machine frames that hold an MSI-X table or PBA: guests get them read-only.
  bool ReadOnlyFrame(sim::Mfn mfn) const { return read_only_.count(mfn) != 0; }

  // MsiControl.
  bool maskable(int irq) const override;
  void SetMask(int irq, bool masked) override;
  void Retarget(int irq, unsigned cpu, unsigned vector) override;

 private:
  struct Message {
    pci::Bdf function;
    bool msix = false;
    bool maskable = false;
    unsigned capability = 0;
    bool wide = false;             // MSI: 64-bit address
    unsigned index = 0;            // MSI-X entry, or position in the multi-MSI block
    unsigned count = 1;            // first of a block: its size
    int first_irq = -1;
    int remap_index = -1;
    bool masked = true;
    unsigned cpu = 0;
    unsigned vector = 0;
  };
  struct Msix {
    unsigned capability = 0;
    unsigned entries = 0;
    unsigned used = 0;
    uint64_t table = 0;            // machine address
    uint64_t pba = 0;
    std::vector<sim::Mfn> frames;  // made read-only
  };
  unsigned FindCapability(pci::Bdf function, unsigned id) const;
  std::optional<uint64_t> BarAddress(pci::Bdf function, unsigned bar) const;
  long UseMsix(pci::Bdf function, uint64_t table_base, Msix** out);
  void ReleaseUse(pci::Bdf function);
  long SetupMsi(Domain& domain, const MsiRequest& request, const std::vector<int>& irqs, unsigned cpu);
  long SetupMsix(Domain& domain, const MsiRequest& request, int irq, unsigned cpu);
  void WriteMessage(Message& message);
  bool Remaps() const;

  Hypervisor& hypervisor_;
  std::map<int, Message> messages_;          // by machine irq
  std::map<pci::Bdf, Msix> msix_;
  std::map<sim::Mfn, unsigned> read_only_;   // frame -> users
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_MSI_H_
