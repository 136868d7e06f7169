// SPDX-License-Identifier: Apache-2.0
// Builds a PV domain around an image that is already loaded: machine frames, p2m and m2p, page tables, start_info,
// shared_info, xenstore and console pages, e820. Contract of a PV start: xen/include/public/xen.h, "Start-of-day
// memory layout", except that the image is entered in the direct map and the page tables cover it whole.
#ifndef PVPCI_MODELS_XEN_DOMAIN_BUILDER_H_
#define PVPCI_MODELS_XEN_DOMAIN_BUILDER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "models/xen/domain.h"
#include "models/xen/hypervisor.h"

namespace pvpci::xen {

struct BuildRequest {
  DomainSpec spec;
  GuestMemory memory;                // mapped, image loaded, otherwise zero; memory.pages == spec.pages
  VmallocArea vmalloc;               // page-aligned, 2 MiB multiple
  GuestSpace* space = nullptr;
  std::vector<VcpuHost*> vcpus;      // spec.vcpus of them
  uint64_t image_first_pfn = 0;      // loaded image: [first, first + pages); builder pages follow it
  uint64_t image_pages = 0;
};

struct BuiltDomain {
  Domain* domain = nullptr;
  uint64_t start_info_va = 0;
  uint64_t pt_base_va = 0;           // L4
  uint64_t pt_pages = 0;
  uint64_t builder_first_pfn = 0;    // pages in use by p2m, start_info, store, console, page tables:
  uint64_t builder_end_pfn = 0;      // [first, end). The guest's allocator must not hand them out.
};

// Throws sim::BenchError (SIM_CHECK) when the request is wrong (overlap, misalignment), sim::OutOfResources when the machine
// or the domain has too little memory for it.
// After it: vCPU 0 is initialised and kRunning (its context: rsi start_info, cr3), the others kDown. Nothing has been
// started: the caller runs vCPU 0. The domain's store and console ports end at models in this process; `on_store` and
// `on_console` run inside the guest's send, and Hypervisor::NotifyFromHost sends the other way.
BuiltDomain BuildDomain(Hypervisor& hypervisor, const BuildRequest& request, std::function<void()> on_store = {},
                        std::function<void()> on_console = {});

}  // namespace pvpci::xen

#endif  // PVPCI_MODELS_XEN_DOMAIN_BUILDER_H_
