// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 13, which frame a page table entry carries:
 *   row13_frames BDF: BAR 0's carry the BAR's own machine frames, memory's carry what the p2m says.
 *   row13_map ADDRESS: asks Xen for a mapping of a machine address; returns Xen's answer.
 *   row13_whose ADDRESS: maps a BAR's address; returns 1 if the domain's own memory answers there, 2 if the device does.
 *   row13_ioremap ADDRESS: 0 if the kernel maps it as a device's, -ENOMEM if it refuses.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/page.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

#define REGISTER	0x10	/* of BAR 0 of pci_endpoint_test: upper half of the source address, which nobody uses now */
enum { GUEST_RAM = 1, DEVICE = 2 };

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

/* What answers at `bar`, mapped from BAR address `pfn`: the domain's own page of that number, or a register. */
static int whose(void __iomem *bar, unsigned long pfn)
{
	u32 *own = pfn < max_pfn ? __va(PFN_PHYS(pfn)) + REGISTER : NULL;
	u32 before = readl(bar + REGISTER), kept;
	int rc;

	if (own) {
		kept = *own;
		WRITE_ONCE(*own, ~before);
		rc = readl(bar + REGISTER) == ~before ? GUEST_RAM : -EILSEQ;
		WRITE_ONCE(*own, kept);
		return rc;
	}
	writel(~before, bar + REGISTER);
	rc = readl(bar + REGISTER) == ~before ? DEVICE : -EILSEQ;
	writel(before, bar + REGISTER);
	return rc;
}

/* As remap_pfn_range() maps a BAR: the entry is made of its pfn, nobody asks what lies there. */
static int row13_whose(int argc, char **argv)
{
	unsigned long address, pfn, mfn, p2m;
	struct vm_struct *vm;
	unsigned int level;
	int rc = -EFAULT;

	if (argc < 2 || kstrtoul(argv[1], 0, &address))
		return -EINVAL;
	pfn = PHYS_PFN(address);
	vm = get_vm_area(PAGE_SIZE, VM_IOREMAP);
	if (!vm)
		return -ENOMEM;
	set_pte_at(&init_mm, (unsigned long)vm->addr, lookup_address((unsigned long)vm->addr, &level),
		   pfn_pte(pfn, PAGE_KERNEL_IO_NOCACHE));
	mfn = arbitrary_virt_to_mfn(vm->addr);
	p2m = get_phys_to_machine(pfn);
	if (mfn == (p2m & ~IDENTITY_FRAME_BIT))
		rc = whose((void __iomem *)vm->addr, pfn);
	if (rc != (p2m == IDENTITY_FRAME(pfn) ? DEVICE : GUEST_RAM)) {
		pr_err("row13: pfn %lx: mapped %lx, p2m %lx, answer %d\n", pfn, mfn, p2m, rc);
		rc = rc < 0 ? rc : -EDOM;
	}
	free_vm_area(vm);
	return rc;
}

static int row13_ioremap(int argc, char **argv)
{
	unsigned long address;
	void __iomem *bar;

	if (argc < 2 || kstrtoul(argv[1], 0, &address))
		return -EINVAL;
	bar = ioremap(address, PAGE_SIZE);
	if (!bar)
		return -ENOMEM;
	iounmap(bar);
	return 0;
}

EMUL_REGISTER("row13_frames", EMUL_CALLABLE, row13_frames);
EMUL_REGISTER("row13_map", EMUL_CALLABLE, row13_map);
EMUL_REGISTER("row13_whose", EMUL_CALLABLE, row13_whose);
EMUL_REGISTER("row13_ioremap", EMUL_CALLABLE, row13_ioremap);
