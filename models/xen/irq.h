// SPDX-License-Identifier: Apache-2.0
// Physical interrupts: descriptors, vectors, do_IRQ, guest actions, EOI, the forced EOI timer and the rate limit.
// xen/arch/x86/irq.c, io_apic.c (behaviour only); abi.md 3.6, 3.8.
#ifndef PVPCI_MODELS_XEN_IRQ_H_
#define PVPCI_MODELS_XEN_IRQ_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/xen/apic.h"
#include "models/xen/domain.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

enum class AckType : uint8_t {
  kNone,    // acknowledged at once
  kEoi,     // local APIC EOI deferred until every guest is done; blocks lower vectors on that pCPU
  kUnmask,  // IO-APIC pin stays masked or in service until every guest is done
};

enum class IrqKind : uint8_t { kFree, kGsi, kMsi };

// Unmask, mask and retarget the interrupt at its source. IO-APIC pins are handled here; MSI by models/xen/msi.
class MsiControl {
 public:
  virtual ~MsiControl() = default;
  virtual bool maskable(int irq) const = 0;
  virtual void SetMask(int irq, bool masked) = 0;
  virtual void Retarget(int irq, unsigned cpu, unsigned vector) = 0;
};

class Irqs : public VectorHandler {
 public:
  struct Guest {
    sim::DomId domain;
    unsigned pirq;
  };
  struct Desc {
    IrqKind kind = IrqKind::kFree;
    unsigned vector = 0;           // 0: none yet
    unsigned cpu = 0;
    int wanted_cpu = -1;           // a move that waits for the next interrupt; -1: none (IRQ_MOVE_PENDING)
    bool moving = false;           // moved; what was sent before still arrives at the old place (move_in_progress)
    unsigned old_vector = 0;
    unsigned old_cpu = 0;
    bool level = false;            // IO-APIC trigger
    bool active_low = false;
    bool trigger_set = false;      // setup_gsi was made
    bool started = false;
    bool disabled = true;
    bool guest_bound = false;
    bool shareable = false;
    bool xen_owned = false;        // used by Xen itself (serial, timer): guests get -EBUSY
    AckType ack = AckType::kNone;
    std::vector<Guest> guests;
    unsigned in_flight = 0;
    sim::EventHandle eoi_timer = 0;
    bool eoi_pending = false;      // kEoi: on the pCPU's pending stack
    bool eoi_ready = false;
    unsigned eoi_cpu = 0;
    unsigned rate_count = 0;
    sim::Ps rate_start = 0;
    bool rate_disabled = false;
    uint32_t interrupt = 0;        // assertion served last
    int remap_index = -1;          // IO-APIC entry in the remapping table
  };

  Irqs(Hypervisor& hypervisor, Apics& apics);
  void SetMsi(MsiControl* msi) { msi_ = msi; }

  Desc& desc(int irq) { return descs_[static_cast<size_t>(irq)]; }
  bool Valid(int irq) const {
    return irq >= 0 && static_cast<size_t>(irq) < descs_.size() && descs_[static_cast<size_t>(irq)].kind != IrqKind::kFree;
  }
  // Machine irq for a new MSI vector; always above the GSIs.
  int CreateMsiIrq();
  void DestroyMsiIrq(int irq);
  // setup_gsi: trigger mode and polarity, once. -EEXIST afterwards.
  long SetupGsi(unsigned gsi, bool level, bool active_low);

  // pirq_guest_bind and unbind. -EBUSY, -EINVAL.
  long BindGuest(int irq, Domain& domain, unsigned pirq, bool shareable, unsigned cpu);
  void UnbindGuest(int irq, Domain& domain, unsigned pirq);
  // The guest's EOI. Completes the interrupt when the last in-flight guest is done.
  void GuestEoi(int irq, Domain& domain, unsigned pirq);
  void Retarget(int irq, unsigned cpu);
  // The same of an irq that may be interrupting: its next interrupt is still taken where it was and moves it, as Xen's
  // irq_set_affinity() and move_native_irq() do. Until one has arrived at the new place another request is dropped.
  void RetargetAtNext(int irq, unsigned cpu);
  bool Shared(int irq) const;
  AckType ack_type(int irq) const { return AckTypeOf(descs_[static_cast<size_t>(irq)]); }

  // VectorHandler.
  void Interrupted(unsigned cpu, sim::Ps busy) override;
  void DoIrq(unsigned cpu, unsigned vector, uint32_t interrupt) override;
  void Arrived(uint32_t interrupt, bool forged) override;
  void Merged(uint32_t interrupt, uint32_t into) override;
  void Lost(uint32_t interrupt) override;
  void Special(unsigned cpu, SpecialDelivery what) override;
  void SystemError(std::optional<pci::Bdf> source, uint64_t address) override;
  void Resampled(unsigned gsi, bool up, uint32_t interrupt) override;

  // The domain that would get this vector on this pCPU now; kDomXen: none.
  sim::DomId ReceiverOf(unsigned cpu, unsigned vector) const;
  InterruptCounts counts() const;

 private:
  AckType AckTypeOf(const Desc& desc) const;
  void AssignVector(int irq, unsigned cpu);
  void ReleaseVector(int irq);
  void ReleaseOldVector(Desc& target);
  void MoveIfWanted(int irq);
  void Startup(int irq);
  void Disable(int irq);
  void MaskSource(int irq);
  void Enable(int irq);
  void Ack(int irq, unsigned cpu);
  void End(int irq);
  void FlushReady(unsigned cpu);
  void Complete(int irq);
  void DoIrqGuest(int irq, unsigned cpu, uint32_t interrupt, sim::Ps entered);
  void ForcedEoi(int irq);
  void LiftRateLimit();
  void WriteRedirection(int irq, bool masked);
  void Stamp(uint32_t interrupt, Probe probe, sim::Ps time, sim::DomId domain, uint32_t port, unsigned pirq,
             const Vcpu* vcpu = nullptr);
  void StampAll(int irq, Probe probe, uint32_t interrupt);
  void Outcome(uint32_t interrupt, InterruptOutcome outcome, uint32_t into);
  void SayOnce(const std::string& line);

  Hypervisor& hypervisor_;
  Apics& apics_;
  MsiControl* msi_ = nullptr;
  std::vector<Desc> descs_;
  std::vector<std::array<int, 256>> vector_irq_;    // per pCPU; -1: free
  std::vector<std::vector<int>> pending_eoi_;       // per pCPU, bottom first
  std::vector<int> rate_limited_;
  bool rate_timer_armed_ = false;
  std::set<std::string> said_;                      // printed once each
  InterruptCounts counts_;
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_IRQ_H_
