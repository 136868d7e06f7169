// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-05: a driver that unmaps and frees while its device still knows the address. The device is models/pci/attacker.h's,
 * told once, by the registers, where to write; each attacker_go writes there again.
 *   stale_aim BDF          maps 64 pages one by one, tells the device, unmaps them
 *   stale_lap BDF COUNT NS  the device writes to the 64 pages in turn, COUNT times, NS nanoseconds apart
 *   stale_exchange         the pages' frames go back to the hypervisor by xen_create_contiguous_region()
 *   stale_return           and the new ones by xen_destroy_contiguous_region()
 *   stale_refused          asks the hypervisor for an extent larger than any it gives; answers its error
 *   stale_free             the pages go to the kernel's allocator, contents and all
 *   stale_balloon PAGES    the balloon takes so many pages from the kernel and gives their frames back
 *   stale_inflate PAGES    the balloon gives the kernel so many pages, with frames that the hypervisor had free
 *   stale_pin              the pages become page tables, all in one hypercall
 *   stale_grant DOMAIN     grants 64 pages to DOMAIN, writable
 *   stale_take DOMAIN BDF [TIMES]  maps the 64 pages that DOMAIN grants, and tells the device where they are; TIMES: gives them
 *                          back and maps them again, so often, before it does
 *   stale_give_back        ends those mappings, all in one hypercall
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/balloon.h>
#include <xen/grant_table.h>
#include <xen/interface/memory.h>
#include <xen/xen-ops.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

#define ORDER 6
#define PAGES (1 << ORDER)

struct pci_dev *guest_find_device(int argc, char **argv);

enum { INTERVAL = 0x04, SPAN = 0x2c, COMMAND = 0x30, ADDRESS_LOW = 0x08, ADDRESS_HIGH = 0x0c, LENGTH = 0x10, PATTERN = 0x18, REPEAT = 0x1c, STRIDE_LOW = 0x20,
       STRIDE_HIGH = 0x24 };

enum { WRITE_PATTERN = 3 };

static unsigned long pages;

static noinline void tell_device(void __iomem *bar, dma_addr_t first)
{
	writel(lower_32_bits(first), bar + ADDRESS_LOW);
	writel(upper_32_bits(first), bar + ADDRESS_HIGH);
	writel(64, bar + LENGTH);
	writel(0x57a1e57a, bar + PATTERN);
	writel(PAGES, bar + REPEAT);
	writel(PAGE_SIZE, bar + STRIDE_LOW);
	writel(0, bar + STRIDE_HIGH);
}

/* A run whose machine frames are neighbours, so that one command of the device covers it. */
static unsigned long alloc_contiguous(void)
{
	unsigned long tried[32], va = 0;
	int n = 0, i;

	while (n < ARRAY_SIZE(tried) && !va) {
		va = __get_free_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
		if (!va)
			break;
		for (i = 1; i < PAGES; i++)
			if (pfn_to_mfn(PFN_DOWN(__pa(va)) + i) != pfn_to_mfn(PFN_DOWN(__pa(va))) + i)
				break;
		if (i == PAGES)
			break;
		tried[n++] = va;
		va = 0;
	}
	while (n)
		free_pages(tried[--n], ORDER);
	return va;
}

static int stale_aim(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	dma_addr_t bus[PAGES];
	void __iomem *bar;
	int i;

	if (!dev || pci_enable_device(dev))
		return -ENODEV;
	pci_set_master(dev);
	dma_set_mask(&dev->dev, DMA_BIT_MASK(64));
	bar = pci_iomap(dev, 0, 0);
	pages = alloc_contiguous();
	if (!bar || !pages)
		return -ENOMEM;
	for (i = 0; i < PAGES; i++) {
		bus[i] = dma_map_single(&dev->dev, (void *)pages + i * PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE);
		if (dma_mapping_error(&dev->dev, bus[i]) || bus[i] != bus[0] + i * PAGE_SIZE)
			return -EIO;
	}
	tell_device(bar, bus[0]);
	for (i = 0; i < PAGES; i++)
		dma_unmap_single(&dev->dev, bus[i], PAGE_SIZE, DMA_FROM_DEVICE);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

static int stale_lap(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	void __iomem *bar = dev ? pci_iomap(dev, 0, 0) : NULL;
	u32 count, ns;

	if (!bar || argc < 4 || kstrtou32(argv[2], 0, &count) || kstrtou32(argv[3], 0, &ns))
		return -EINVAL;
	writel(PAGES, bar + SPAN);
	writel(count, bar + REPEAT);
	writel(ns, bar + INTERVAL);
	writel(WRITE_PATTERN, bar + COMMAND);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return 0;
}

static int stale_exchange(int argc, char **argv)
{
	dma_addr_t bus;

	return pages ? xen_create_contiguous_region(__pa(pages), ORDER, 32, &bus) : -EINVAL;
}

static int stale_return(int argc, char **argv)
{
	if (!pages)
		return -EINVAL;
	xen_destroy_contiguous_region(__pa(pages), ORDER);
	return 0;
}

static int stale_refused(int argc, char **argv)
{
	struct xen_memory_reservation reservation = {
		.nr_extents = 1, .extent_order = 40, .domid = DOMID_SELF,
	};

	return HYPERVISOR_memory_op(XENMEM_decrease_reservation, &reservation);
}

static int stale_free(int argc, char **argv)
{
	free_pages(pages, ORDER);
	pages = 0;
	return 0;
}

/* The balloon driver's thread does it; `pages` more or less than it has now. */
static int change_target(long pages)
{
	unsigned long target = balloon_stats.current_pages + pages;
	int tries;

	balloon_set_new_target(target);
	for (tries = 0; balloon_stats.current_pages != target; tries++) {
		if (tries == 1000)
			return -ETIMEDOUT;
		msleep(4);
	}
	return 0;
}

static int stale_balloon(int argc, char **argv)
{
	long count;

	return argc < 2 || kstrtol(argv[1], 0, &count) ? -EINVAL : change_target(-count);
}

static int stale_inflate(int argc, char **argv)
{
	long count;

	return argc < 2 || kstrtol(argv[1], 0, &count) ? -EINVAL : change_target(count);
}

/* arch/x86/xen/mmu_pv.c; its header is private to that folder. */
void make_lowmem_page_readonly(void *vaddr);

static int stale_pin(int argc, char **argv)
{
	static struct mmuext_op ops[PAGES];
	int i;

	if (!pages)
		return -EINVAL;
	for (i = 0; i < PAGES; i++) {
		void *page = (void *)pages + i * PAGE_SIZE;

		make_lowmem_page_readonly(page);
		ops[i].cmd = MMUEXT_PIN_L1_TABLE;
		ops[i].arg1.mfn = virt_to_mfn(page);
	}
	return HYPERVISOR_mmuext_op(ops, PAGES, NULL, DOMID_SELF);
}

static int stale_grant(int argc, char **argv)
{
	unsigned int domain;
	int i, ref;

	pages = alloc_contiguous();
	if (argc < 2 || kstrtouint(argv[1], 0, &domain) || !pages)
		return -EINVAL;
	for (i = 0; i < PAGES; i++) {
		ref = gnttab_grant_foreign_access(domain, virt_to_gfn(pages + i * PAGE_SIZE), 0);
		if (ref < 0)
			return ref;
	}
	return 0;
}

#define REFERENCES 512	/* that may be in use by a small domain */

/* Of the pages that are taken: machine addresses of the page table entries, and the handles. */
static u64 taken_entries[PAGES];
static grant_handle_t taken[PAGES];

static int note_entry(pte_t *pte, unsigned long va, void *at)
{
	u64 **entry = at;

	*(*entry)++ = arbitrary_virt_to_machine(pte).maddr;
	return 0;
}

static int stale_give_back(int argc, char **argv)
{
	static struct gnttab_unmap_grant_ref ops[PAGES];
	int i;

	for (i = 0; i < PAGES; i++)
		gnttab_set_unmap_op(&ops[i], taken_entries[i], GNTMAP_host_map | GNTMAP_contains_pte, taken[i]);
	if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, ops, PAGES))
		return -EFAULT;
	for (i = 0; i < PAGES; i++)
		if (ops[i].status != GNTST_okay)
			return -EIO;
	return 0;
}

static int map_granted(unsigned int domain, u64 *first)
{
	struct gnttab_map_grant_ref op;
	grant_ref_t ref;
	int n = 0;

	for (ref = 1; ref < REFERENCES && n < PAGES; ref++) {
		gnttab_set_map_op(&op, taken_entries[n], GNTMAP_host_map | GNTMAP_contains_pte, ref, domain);
		gnttab_batch_map(&op, 1);
		if (op.status != GNTST_okay)
			continue;
		if (!n)
			*first = op.dev_bus_addr;
		if (op.dev_bus_addr != *first + n * PAGE_SIZE)
			return -EIO;
		taken[n++] = op.handle;
	}
	return n == PAGES ? 0 : -ENOENT;
}

static int stale_take(int argc, char **argv)
{
	struct pci_dev *dev = argc < 3 ? NULL : guest_find_device(argc - 1, argv + 1);
	static struct vm_struct *area;
	u64 *entry = taken_entries, first = 0;
	unsigned int domain, times = 1;
	void __iomem *bar;
	int rc = 0;

	if (!dev || pci_enable_device(dev) || kstrtouint(argv[1], 0, &domain) ||
	    (argc > 3 && kstrtouint(argv[3], 0, &times)))
		return -ENODEV;
	pci_set_master(dev);
	bar = pci_iomap(dev, 0, 0);
	if (!area) {
		area = get_vm_area(PAGES * PAGE_SIZE, VM_IOREMAP);
		if (!area ||
		    apply_to_page_range(&init_mm, (unsigned long)area->addr, PAGES * PAGE_SIZE, note_entry, &entry))
			return -ENOMEM;
	}
	if (!bar)
		return -ENOMEM;
	while (times-- && !rc) {
		rc = map_granted(domain, &first);
		if (!rc && times)
			rc = stale_give_back(0, NULL);
	}
	if (!rc)
		tell_device(bar, first);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("stale_aim", EMUL_CALLABLE, stale_aim);
EMUL_REGISTER("stale_lap", EMUL_CALLABLE, stale_lap);
EMUL_REGISTER("stale_exchange", EMUL_CALLABLE, stale_exchange);
EMUL_REGISTER("stale_return", EMUL_CALLABLE, stale_return);
EMUL_REGISTER("stale_refused", EMUL_CALLABLE, stale_refused);
EMUL_REGISTER("stale_free", EMUL_CALLABLE, stale_free);
EMUL_REGISTER("stale_balloon", EMUL_CALLABLE, stale_balloon);
EMUL_REGISTER("stale_inflate", EMUL_CALLABLE, stale_inflate);
EMUL_REGISTER("stale_pin", EMUL_CALLABLE, stale_pin);
EMUL_REGISTER("stale_grant", EMUL_CALLABLE, stale_grant);
EMUL_REGISTER("stale_take", EMUL_CALLABLE, stale_take);
EMUL_REGISTER("stale_give_back", EMUL_CALLABLE, stale_give_back);
