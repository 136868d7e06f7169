// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for arch/x86/xen/setup.c (xen_memory_setup) and for e820__reserve_resources() of arch/x86/kernel/e820.c: asks
 * Xen which pseudo-physical addresses are memory, and enters that into the resource tree.
 *
 * A domU's map may end below what the domain builder gave it (e820_host=1, and the machine's holes begin there). Then
 * those frames go back to Xen and the p2m says "itself" from there on, so that a BAR's address means the BAR. The kernel
 * does so where its map has no other place for them; with one, behind 4 GiB, it moves them, but a domain's addresses end
 * at 64 MiB here. dom0 lies below every hole of the machine (scenarios/references.cc), so its map moves nothing.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <asm/e820/api.h>
#include <asm/setup.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/hypervisor.h>
#include <asm/xen/page.h>
#include <xen/interface/memory.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "emul.h"

#ifdef EMUL_HAS_BOOT_SWIOTLB
bool xen_pv_pci_possible;
#endif

/* No memory beyond what a domain starts with. */
struct xen_memory_region xen_extra_mem[XEN_EXTRA_MEM_MAX_REGIONS];
unsigned long xen_released_pages;
unsigned long xen_chk_extra_mem(unsigned long pfn) { EMUL("no memory beyond what a domain starts with"); return INVALID_P2M_ENTRY; }

unsigned long emul_ram_pages;	/* frames from 0 on that are memory */

/* Before anybody allocates. */
void emul_memory_map(void)
{
	static struct boot_e820_entry entries[E820_MAX_ENTRIES_ZEROPAGE];
	struct xen_memory_map map = { .nr_entries = ARRAY_SIZE(entries) };
	int i;

	EMUL("Xen's map of the domain's memory");
	emul_ram_pages = xen_start_info->nr_pages;
	set_xen_guest_handle(map.buffer, entries);
	if (HYPERVISOR_memory_op(xen_initial_domain() ? XENMEM_machine_memory_map : XENMEM_memory_map, &map))
		return;
	for (i = 0; i < map.nr_entries; i++) {
#ifdef EMUL_HAS_BOOT_SWIOTLB
		/* A map with reserved ranges (e820_host) is what PCI passthrough looks like. */
		if (entries[i].type == E820_TYPE_RESERVED)
			xen_pv_pci_possible = true;
#endif
		if (!xen_initial_domain() && entries[i].type == E820_TYPE_RAM && !entries[i].addr)
			emul_ram_pages = min_t(unsigned long, emul_ram_pages, PFN_DOWN(entries[i].size));
	}
}

static void release(unsigned long pfn)
{
	struct xen_memory_reservation what = { .nr_extents = 1, .domid = DOMID_SELF };
	unsigned long mfn = pfn_to_mfn(pfn);

	set_xen_guest_handle(what.extent_start, &mfn);
	BUG_ON(HYPERVISOR_update_va_mapping((unsigned long)__va(PFN_PHYS(pfn)), native_make_pte(0), 0));
	BUG_ON(HYPERVISOR_memory_op(XENMEM_decrease_reservation, &what) != 1);
	xen_released_pages++;
}

/* Once the p2m can be written. */
void emul_memory_setup(void)
{
	static struct resource ram = { .name = "System RAM", .flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY };
	unsigned long pfn;

	for (pfn = emul_ram_pages; pfn < xen_start_info->nr_pages; pfn++)
		release(pfn);
	set_phys_range_identity(emul_ram_pages, ~0UL);
	if (xen_initial_domain())
		return;
	ram.end = PFN_PHYS(emul_ram_pages) - 1;
	BUG_ON(insert_resource(&iomem_resource, &ram));
}
