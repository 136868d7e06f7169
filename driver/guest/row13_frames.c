// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 13, which frame a page table entry carries:
 *   row13_frames BDF: BAR 0's carry the BAR's own machine frames, memory's carry what the p2m says.
 *   row13_map ADDRESS: asks Xen for a mapping of a machine address; returns Xen's answer.
 *   row13_ram_at ADDRESS BYTES: the resource tree gets memory there, as in a guest whose map has no hole for BARs.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/page.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int check_bar(struct pci_dev *dev)
{
	unsigned long pfn = PHYS_PFN(pci_resource_start(dev, 0));
	void __iomem *bar = pci_iomap(dev, 0, 0);
	unsigned long mapped;

	if (!bar)
		return -ENOMEM;
	mapped = arbitrary_virt_to_mfn((void __force *)bar);
	pci_iounmap(dev, bar);
	if (mapped == pfn && get_phys_to_machine(pfn) == IDENTITY_FRAME(pfn) &&
	    pte_mfn(pfn_pte(pfn, PAGE_KERNEL_IO)) == pfn)
		return 0;
	pr_err("row13: BAR pfn %lx: mapped %lx, p2m %lx, entry %lx\n", pfn, mapped, get_phys_to_machine(pfn),
	       pte_mfn(pfn_pte(pfn, PAGE_KERNEL_IO)));
	return -EILSEQ;
}

static int check_memory(unsigned long pfn)
{
	unsigned long mfn = get_phys_to_machine(pfn);

	if (mfn != pfn && pte_mfn(pfn_pte(pfn, PAGE_KERNEL)) == mfn && mfn_to_pfn(mfn) == pfn)
		return 0;
	pr_err("row13: memory pfn %lx: p2m %lx, entry %lx\n", pfn, mfn, pte_mfn(pfn_pte(pfn, PAGE_KERNEL)));
	return -EDOM;
}

static int row13_frames(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned long page;
	int rc;

	if (!dev)
		return -ENODEV;
	rc = check_bar(dev);
	pci_dev_put(dev);
	page = __get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	if (!rc)
		rc = check_memory(PHYS_PFN(__pa(page)));
	if (!rc)
		rc = check_memory(5);
	free_page(page);
	return rc;
}

static int row13_map(int argc, char **argv)
{
	unsigned long address, va;
	struct vm_struct *vm;
	int rc;

	if (argc < 2 || kstrtoul(argv[1], 0, &address))
		return -EINVAL;
	vm = get_vm_area(PAGE_SIZE, VM_IOREMAP);
	if (!vm)
		return -ENOMEM;
	va = (unsigned long)vm->addr;
	rc = HYPERVISOR_update_va_mapping(va, mfn_pte(PHYS_PFN(address), PAGE_KERNEL_IO), UVMF_INVLPG);
	if (!rc)
		rc = HYPERVISOR_update_va_mapping(va, __pte(0), UVMF_INVLPG);
	remove_vm_area(vm->addr);
	return rc;
}

static int row13_ram_at(int argc, char **argv)
{
	unsigned long start, bytes;
	struct resource *ram;

	if (argc < 3 || kstrtoul(argv[1], 0, &start) || kstrtoul(argv[2], 0, &bytes))
		return -EINVAL;
	ram = kzalloc(sizeof(*ram), GFP_KERNEL);
	if (!ram)
		return -ENOMEM;
	ram->name = "System RAM";
	ram->start = start;
	ram->end = start + bytes - 1;
	ram->flags = IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY;
	return insert_resource(&iomem_resource, ram);
}

EMUL_REGISTER("row13_frames", EMUL_CALLABLE, row13_frames);
EMUL_REGISTER("row13_map", EMUL_CALLABLE, row13_map);
EMUL_REGISTER("row13_ram_at", EMUL_CALLABLE, row13_ram_at);
