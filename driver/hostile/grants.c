// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-07: what a backend does with a frontend's pages, in a domU that has a device.
 *   grant_share DOMAIN          grants one page of this domain to DOMAIN, writable
 *   grant_again DOMAIN          grants that page to DOMAIN, after grant_end
 *   grant_map DOMAIN            maps the first grant of DOMAIN that there is, once more; at most four times
 *   grant_unmap                 gives the latest of these mappings back
 *   grant_end                   the granting domain takes its grant back: 0, or -EBUSY while it is mapped
 *   grant_dma read|write        the endpoint copies the page from its granter, or to it, by the bus address that the
 *                               hypervisor gave
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/grant_table.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/endpoint.h"

#define MAPPINGS 4
#define REFERENCES 64	/* that may be in use by a small domain */

static int shared = -1;
static void *shared_page;
static struct mapping {
	struct vm_struct *area;
	u64 entry;		/* machine address of the page table entry */
	grant_handle_t handle;
	u64 bus;
} mappings[MAPPINGS];
static int mapped;

static int grant_share(int argc, char **argv)
{
	void *page = (void *)__get_free_page(GFP_KERNEL);
	unsigned int domain;

	if (argc < 2 || kstrtouint(argv[1], 0, &domain) || !page)
		return -EINVAL;
	memset(page, 0x77, PAGE_SIZE);
	shared_page = page;
	shared = gnttab_grant_foreign_access(domain, virt_to_gfn(page), 0);
	return shared < 0 ? shared : 0;
}

static int grant_end(int argc, char **argv)
{
	if (shared < 0)
		return -EINVAL;
	return gnttab_try_end_foreign_access(shared) ? 0 : -EBUSY;
}

static int grant_again(int argc, char **argv)
{
	unsigned int domain;

	if (argc < 2 || kstrtouint(argv[1], 0, &domain) || !shared_page)
		return -EINVAL;
	shared = gnttab_grant_foreign_access(domain, virt_to_gfn(shared_page), 0);
	return shared < 0 ? shared : 0;
}

static int note_entry(pte_t *pte, unsigned long va, void *entry)
{
	*(u64 *)entry = arbitrary_virt_to_machine(pte).maddr;
	return 0;
}

static int grant_map(int argc, char **argv)
{
	struct mapping *mapping = &mappings[mapped];
	struct gnttab_map_grant_ref op;
	unsigned int domain;
	grant_ref_t ref;

	if (argc < 2 || kstrtouint(argv[1], 0, &domain) || mapped == MAPPINGS)
		return -EINVAL;
	mapping->area = get_vm_area(PAGE_SIZE, VM_IOREMAP);
	if (!mapping->area ||
	    apply_to_page_range(&init_mm, (unsigned long)mapping->area->addr, PAGE_SIZE, note_entry, &mapping->entry))
		return -ENOMEM;
	for (ref = 1; ref < REFERENCES; ref++) {
		gnttab_set_map_op(&op, mapping->entry, GNTMAP_host_map | GNTMAP_contains_pte, ref, domain);
		gnttab_batch_map(&op, 1);
		if (op.status != GNTST_okay)
			continue;
		mapping->handle = op.handle;
		mapping->bus = op.dev_bus_addr;
		mapped++;
		return 0;
	}
	return -ENOENT;
}

static int grant_unmap(int argc, char **argv)
{
	struct gnttab_unmap_grant_ref op;

	if (!mapped)
		return -EINVAL;
	mapped--;
	gnttab_set_unmap_op(&op, mappings[mapped].entry, GNTMAP_host_map | GNTMAP_contains_pte, mappings[mapped].handle);
	if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1))
		BUG();
	return op.status == GNTST_okay ? 0 : -EIO;
}

static noinline int grant_dma(int argc, char **argv)
{
	struct pci_dev *dev = endpoint_find();
	void __iomem *bar = dev ? pci_iomap(dev, 0, 0) : NULL;
	void *own = (void *)get_zeroed_page(GFP_KERNEL);
	u64 granted = mappings[0].bus;
	dma_addr_t bus;
	bool read;
	int rc;

	if (argc < 2 || !bar || !own || !granted)
		return -ENODEV;
	read = !strcmp(argv[1], "read");
	bus = dma_map_single(&dev->dev, own, PAGE_SIZE, DMA_BIDIRECTIONAL);
	writel(0, bar + STATUS);
	writel(lower_32_bits(read ? granted : bus), bar + SRC_LOWER);
	writel(upper_32_bits(read ? granted : bus), bar + SRC_UPPER);
	rc = endpoint_copy_to(bar, read ? bus : granted, PAGE_SIZE);
	dma_unmap_single(&dev->dev, bus, PAGE_SIZE, DMA_BIDIRECTIONAL);
	free_page((unsigned long)own);
	pci_iounmap(dev, bar);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("grant_share", EMUL_CALLABLE, grant_share);
EMUL_REGISTER("grant_end", EMUL_CALLABLE, grant_end);
EMUL_REGISTER("grant_again", EMUL_CALLABLE, grant_again);
EMUL_REGISTER("grant_map", EMUL_CALLABLE, grant_map);
EMUL_REGISTER("grant_unmap", EMUL_CALLABLE, grant_unmap);
EMUL_REGISTER("grant_dma", EMUL_CALLABLE, grant_dma);
