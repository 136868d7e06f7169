// SPDX-License-Identifier: Apache-2.0
// Every constant of the hypervisor model. Origins: scenarios/profiles/, timing.md A6 (V verified), abi.md.
#ifndef PVPCI_MODELS_XEN_CONFIG_H_
#define PVPCI_MODELS_XEN_CONFIG_H_

#include <cstdint>
#include <set>
#include <vector>

#include "models/pci/tlp.h"
#include "sim/time.h"

namespace pvpci::xen {

// What happens to passthrough without an IOMMU. abi.md S3.
enum class NoIommuPolicy : uint8_t {
  kRefused,   // Xen >= 4.13 with its toolstack: no device is assigned
  kIntxOnly,  // Xen 4.5 .. 4.12: INTx works, MSI maps answer -ENODEV
  kMsiToo,    // Xen <= 4.4, the era of the patch series
};

// Who acknowledges a level IO-APIC interrupt, and when. abi.md 3.6.
enum class IoApicAck : uint8_t {
  kOld,       // mask (or leave, with directed EOI) + local EOI at ack; unmask or EOI at end: ACKTYPE_UNMASK
  kNew,       // nothing at ack, local EOI at end: ACKTYPE_EOI
};

// Which machine memory devices of dom0 reach under an IOMMU. Xen command line dom0-iommu=. threats.md S-30.
enum class Dom0Iommu : uint8_t {
  kRelaxed,      // Xen's default: all RAM but Xen's own, whoever owns it, 1:1
  kStrict,       // what dom0 owns or maps by grant, kept in step, as for a domU
  kPassthrough,  // context entries that do not translate: everything
};

// Where the DMA of a device goes that was taken from a domain. Xen command line iommu=quarantine=. threats.md S-06.
enum class Quarantine : uint8_t {
  kNone,         // back to dom0, unless the tools had assigned it to dom_io before
  kBasic,        // Xen's default: to dom_io, whose devices reach nothing and fault
  kScratchPage,  // to dom_io, where every address is one page that nobody reads: no fault tells
};

// How vCPUs that are pinned to one processor share it.
enum class SchedulerKind : uint8_t {
  kApart,    // not at all: whoever wakes runs, and pays for the switch
  kCredit2,  // Xen's default, credit2.h
};

// When a domain's unmaps are invalidated.
enum class IommuFlush : uint8_t {
  kPage,       // each at once, as Xen's PV paths do
  kOperation,  // once at the end of a hypercall; frames that it freed are held back until then
};

// Hypervisor flaws of the past that a scenario may bring back. What each does: models/xen/README.md.
enum class Unfixed : uint8_t {
  kXsa78, kXsa80, kXsa285, kXsa302, kXsa321, kXsa346, kXsa347, kXsa373, kXsa378, kXsa399, kXsa400, kXsa442,
};

// RAM that firmware keeps for DMA of some devices (RMRR of the DMAR table; Xen command line rmrr=).
struct ReservedRegion {
  uint64_t first_mfn = 0;
  uint64_t last_mfn = 0;
  std::vector<pci::Bdf> devices;
};

struct HypervisorConfig {
  // Costs. Range, origin and tag of each: scenarios/profiles/bdw-gen3x8.yaml, whose defaults a test compares with these.
  sim::Ps hypercall = 250 * sim::kNs;       // entry, exit, dispatch
  sim::Ps upcall_inject = 400 * sim::kNs;   // bounce frame
  sim::Ps vcpu_unblock = 3000 * sim::kNs;   // wake of a blocked vCPU
  sim::Ps domain_switch = 5000 * sim::kNs;  // another vCPU ran last on the pCPU
  sim::Ps irq_entry = 150 * sim::kNs;       // local APIC to do_IRQ; this and the next are taken from the vCPU that runs there
  sim::Ps irq_dispatch = 250 * sim::kNs;    // do_IRQ to the port
  sim::Ps pte_update = 50 * sim::kNs;       // one checked PTE change
  sim::Ps page_zero = 100 * sim::kNs;       // scrub one page
  // Clocks and limits.
  sim::Ps uptime_at_start = 60 * sim::kSec; // Xen system time when the simulation starts. >= 0. abi.md S4.
  uint64_t wallclock_at_start = 1'600'000'000;  // seconds since 1970 when Xen's clock was 0. Any; fixed for replay.
  unsigned irq_ratelimit = 10000;           // per irq and window; 0: off. A6 V.
  sim::Ps irq_ratelimit_window = 10 * sim::kMs;
  sim::Ps forced_eoi = 1 * sim::kMs;        // guest that never EOIs. abi.md 3.8.
  SchedulerKind scheduler = SchedulerKind::kApart;
  sim::Ps credit2_init = 10 * sim::kMs;     // credit of each vCPU, and its longest slice
  sim::Ps credit2_min_timer = 500 * sim::kUs;  // the shortest
  sim::Ps sched_ratelimit = 1 * sim::kMs;   // who began to run less long ago is not interrupted by one that wakes ...
  sim::Ps credit2_tolerance = 50 * sim::kUs;   // ... but for this
  unsigned extra_guest_irqs = 32;           // domU pirqs beyond the GSIs. 1 .. 256. abi.md S14.
  unsigned extra_dom0_irqs = 256;           // dom0's. Xen: depends on its vCPUs, at least 256.
  unsigned irq_max_guests = 32;             // sharers of one irq. Xen command line irq-max-guests.
  unsigned event_channels_limit = 1023;     // highest port of a domU. libxl default; dom0: none.
  unsigned fifo_link_retries = 4;           // tries to set a link before giving up. A6 V.
  // Largest extent of a memory operation; the highest limit that applies. Xen command line memop-max-order. abi.md 3.1.
  unsigned domu_max_order = 9;              // any domain
  unsigned passthrough_max_order = 12;      // one that owns an I/O resource
  unsigned control_max_order = 18;          // dom0

  // Platform.
  unsigned physical_cpus = 8;               // vCPU n of the machine is pinned to pCPU n mod this. 1 .. 64.
  unsigned gsi_count = 24;                  // pins of the one IO-APIC. 24 .. 120.
  pci::Bdf io_apic_source = pci::Bdf(0, 0xf0, 0x1f, 0);  // its requester id under interrupt remapping.
  uint64_t io_apic_address = 0xfec00000;
  uint64_t ecam_address = 0xe0000000;       // reported RESERVED in the machine memory map
  uint64_t ecam_length = 0x10000000;
  uint64_t pci_hole_start = 0x80000000;     // RAM ends here below 4 GiB
  uint64_t firmware_bytes = 0;              // from there on, reported RESERVED: graphics memory, TSEG and the like
  uint64_t xen_frames = 512;                // text and heap at the bottom of RAM above 1 MiB, typed, owner kDomXen
  bool xen_frames_on_top = false;           // they end where RAM below 4 GiB ends, as after Xen moved itself
  IoApicAck io_apic_ack = IoApicAck::kOld;  // most modern CPUs have directed EOI, which forces the old way.
  bool directed_eoi = true;                 // local APIC can suppress EOI broadcast (x2APIC 2.6).
  NoIommuPolicy no_iommu = NoIommuPolicy::kRefused;
  // Under an IOMMU.
  Dom0Iommu dom0_iommu = Dom0Iommu::kRelaxed;
  bool map_reserved = true;                 // dom0's devices reach the firmware's reserved ranges. dom0-iommu=map-reserved.
  Quarantine quarantine = Quarantine::kBasic;
  IommuFlush iommu_flush = IommuFlush::kPage;
  std::vector<ReservedRegion> reserved;     // none by default
  std::set<Unfixed> unfixed;                // none: Xen as it is today
  sim::Ps iommu_dev_iotlb_timeout = sim::kSec;  // wait for a device TLB. Xen command line, 1000 ms.
  bool has(Unfixed flaw) const { return unfixed.count(flaw) != 0; }
  bool pirq_eoi_map = true;                 // false: registration of the bitmap page answers -ENOSYS (abi.md S5).
  bool nmi_fatal = false;                   // Xen command line nmi=: "dom0" in release builds, else "fatal".
  bool mask_system_errors = true;           // XSA-59: the chipset is told not to turn unsupported requests into SERR#.
  bool fifo_events = true;                  // `xen.fifo_events`
};

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_CONFIG_H_
