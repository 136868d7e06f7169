// SPDX-License-Identifier: GPL-2.0-only
/*
 * S-02: a guest that lets its own device write its own page table, which it may not write itself.
 *   own_page_table TARGET    replaces one entry by one that maps machine address TARGET writable, then reads and writes
 *                            there through it. 0: it worked; -EIO: the device was stopped; -EACCES: the entry is as it was
 *   own_gdt                  gives the hypervisor a page as descriptor table, and lets the device write a descriptor there
 *   pin_tables COUNT US      makes so many pages page tables, US microseconds apart
 *   write_tables [MS]        lets the device write into each of them, MS milliseconds apart; answers in how many it could
 * Mappings are made by the real arch/x86/xen/mmu_pv.c, so the hypervisor knows what kind of page each is.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <asm/desc.h>
#include <asm/segment.h>
#include <asm/xen/hypercall.h>
#include <asm/pgtable.h>
#include <asm/xen/page.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "driver/guest/endpoint.h"

/* Lets the device copy `bytes` from this domain's `from` to machine address `to`. */
static noinline int device_writes(struct pci_dev *dev, void *from, u64 to, u32 bytes)
{
	dma_addr_t bus = dma_map_single(&dev->dev, from, bytes, DMA_TO_DEVICE);
	void __iomem *bar = pci_iomap(dev, 0, 0);
	int rc = -ENOMEM;

	if (bar && !dma_mapping_error(&dev->dev, bus)) {
		writel(0, bar + STATUS);
		writel(lower_32_bits(bus), bar + SRC_LOWER);
		writel(upper_32_bits(bus), bar + SRC_UPPER);
		rc = endpoint_copy_to(bar, to, bytes);
	}
	if (bar)
		pci_iounmap(dev, bar);
	if (!dma_mapping_error(&dev->dev, bus))
		dma_unmap_single(&dev->dev, bus, bytes, DMA_TO_DEVICE);
	return rc;
}

static int own_page_table(int argc, char **argv)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	u64 *entry = (u64 *)get_zeroed_page(GFP_KERNEL);
	struct pci_dev *dev = endpoint_find();
	unsigned long long target;
	unsigned int level;
	void *window;
	pte_t *pte;
	u32 before, found;
	int rc;

	if (argc < 2 || kstrtoull(argv[1], 0, &target) || !page || !entry || !dev)
		return -EINVAL;
	window = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
	pte = window ? lookup_address((unsigned long)window, &level) : NULL;
	if (!pte)
		return -ENOMEM;
	before = readl((void __iomem *)window);
	*entry = (target & PAGE_MASK) | (pte_val_ma(*pte) & ~PTE_PFN_MASK);
	rc = device_writes(dev, entry, arbitrary_virt_to_machine(pte).maddr, sizeof(*entry));
	if (!rc && pte_val_ma(*pte) != *entry)
		rc = -EACCES;
	if (!rc) {
		/* Accesses that walk the page tables as the processor would. */
		found = readl((void __iomem *)window);
		if (found == before)
			rc = -EPROTO;
		writel(~found, (void __iomem *)window);
		pr_info("own_page_table: the entry that the device wrote maps %llx\n", target);
	}
	pci_dev_put(dev);
	return rc;
}

/* arch/x86/xen/mmu_pv.c; its header is private to that folder. */
void make_lowmem_page_readonly(void *vaddr);

static int own_gdt(int argc, char **argv)
{
	struct desc_struct *table = (struct desc_struct *)get_zeroed_page(GFP_KERNEL);
	struct desc_struct *gate = (struct desc_struct *)get_zeroed_page(GFP_KERNEL);
	struct pci_dev *dev = endpoint_find();
	unsigned long frame;
	int rc;

	if (!table || !gate || !dev)
		return -ENODEV;
	frame = virt_to_mfn(table);
	make_lowmem_page_readonly(table);
	rc = HYPERVISOR_set_gdt(&frame, GDT_ENTRIES);
	if (!rc) {
		/* Code of privilege level 0, which the hypervisor never lets a guest load. */
		*gate = (struct desc_struct)GDT_ENTRY_INIT(0xa09b, 0, 0xfffff);
		rc = device_writes(dev, gate, PFN_PHYS(frame) + GDT_ENTRY_TLS_MIN * sizeof(*table), sizeof(*gate));
	}
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("own_page_table", EMUL_CALLABLE, own_page_table);
EMUL_REGISTER("own_gdt", EMUL_CALLABLE, own_gdt);

#define MOST_TABLES 256
static void *tables[MOST_TABLES];
static unsigned int pinned;

/* pin_tables COUNT US: makes COUNT pages page tables, one by one: read-only for the guest, pinned at the hypervisor. */
static int pin_tables(int argc, char **argv)
{
	unsigned int count, us;

	if (argc != 3 || kstrtouint(argv[1], 0, &count) || kstrtouint(argv[2], 0, &us) || count > MOST_TABLES)
		return -EINVAL;
	for (pinned = 0; pinned < count; pinned++) {
		void *table = (void *)get_zeroed_page(GFP_KERNEL);
		struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE };

		if (!table)
			return -ENOMEM;
		make_lowmem_page_readonly(table);
		op.arg1.mfn = virt_to_mfn(table);
		if (HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF))
			return -EPERM;
		tables[pinned] = table;
		udelay(us);
	}
	return 0;
}

/* write_tables [MS]: the endpoint writes into each of them; answers in how many it could. */
static int write_tables(int argc, char **argv)
{
	u64 *entry = (u64 *)get_zeroed_page(GFP_KERNEL);
	struct pci_dev *dev = endpoint_find();
	unsigned int i, ms = 0;
	int written = 0;

	if (!entry || !dev || (argc > 1 && kstrtouint(argv[1], 0, &ms)))
		return -ENODEV;
	*entry = 0x5a5a0000;	/* not present */
	for (i = 0; i < pinned; i++) {
		int rc = device_writes(dev, entry, PFN_PHYS(virt_to_mfn(tables[i])), sizeof(*entry));

		if (rc)
			return rc;
		written += *(u64 *)tables[i] == *entry;
		if (ms)
			msleep(ms);
	}
	pci_dev_put(dev);
	pr_info("write_tables: %d of %u\n", written, pinned);
	return written;
}

EMUL_REGISTER("pin_tables", EMUL_CALLABLE, pin_tables);
EMUL_REGISTER("write_tables", EMUL_CALLABLE, write_tables);
