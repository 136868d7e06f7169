// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for mm/vmalloc.c, arch/x86/mm/ioremap.c and lookup_address() of arch/x86/mm/pat: areas between VMALLOC_START
 * and the end of what the domain builder gave page tables for. Page table entries are written by the real
 * arch/x86/xen/mmu_pv.c, so every mapping is a hypercall that the hypervisor may refuse.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>
#include <asm/xen/hypervisor.h>
#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "emul.h"

#define EMUL_VMALLOC_BYTES (seam_host_table.vmalloc_bytes)

static LIST_HEAD(areas);	/* struct emul_area, by address */
struct emul_area {
	struct vm_struct vm;
	struct list_head list;
};
static DEFINE_SPINLOCK(area_lock);

pte_t *lookup_address(unsigned long va, unsigned int *level)
{
	pgd_t *pgd = pgd_offset_pgd(init_mm.pgd, va);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	EMUL("walk of the domain's own page tables");
	*level = PG_LEVEL_NONE;
	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, va);
	pud = pud_offset(p4d, va);
	if (pud_none(*pud))
		return NULL;
	pmd = pmd_offset(pud, va);
	if (pmd_none(*pmd))
		return NULL;
	*level = PG_LEVEL_4K;
	return pte_offset_kernel(pmd, va);
}

static pte_t *pte_of(unsigned long va)
{
	unsigned int level;
	pte_t *pte = lookup_address(va, &level);

	BUG_ON(!pte);
	return pte;
}

struct vm_struct *__get_vm_area_caller(unsigned long size, unsigned long flags, unsigned long start,
				       unsigned long end, const void *caller)
{
	struct emul_area *area, *other;
	unsigned long va = vmalloc_base, irqflags;

	EMUL("address space for mappings");
	size = PAGE_ALIGN(size) + PAGE_SIZE;	/* guard page */
	area = kzalloc(sizeof(*area), GFP_KERNEL);
	if (!area)
		return NULL;
	spin_lock_irqsave(&area_lock, irqflags);
	list_for_each_entry(other, &areas, list) {
		if (va + size <= (unsigned long)other->vm.addr)
			break;
		va = (unsigned long)other->vm.addr + other->vm.size;
	}
	if (va + size > vmalloc_base + EMUL_VMALLOC_BYTES) {
		spin_unlock_irqrestore(&area_lock, irqflags);
		kfree(area);
		return NULL;
	}
	area->vm.addr = (void *)va;
	area->vm.size = size;
	area->vm.flags = flags;
	area->vm.caller = caller;
	list_add_tail(&area->list, &other->list);
	spin_unlock_irqrestore(&area_lock, irqflags);
	return &area->vm;
}

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
{
	EMUL("address space for mappings");
	return __get_vm_area_caller(size, flags, 0, 0, __builtin_return_address(0));
}

struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long flags, const void *caller)
{
	EMUL("address space for mappings");
	return __get_vm_area_caller(size, flags, 0, 0, caller);
}

struct vm_struct *find_vm_area(const void *addr)
{
	EMUL("address space for mappings");
	struct emul_area *area;

	list_for_each_entry(area, &areas, list)
		if (addr >= area->vm.addr && addr < area->vm.addr + area->vm.size)
			return &area->vm;
	return NULL;
}

static void unmap_area(struct vm_struct *vm)
{
	unsigned long va = (unsigned long)vm->addr, end = va + vm->size - PAGE_SIZE;

	for (; va < end; va += PAGE_SIZE) {
		pte_t *pte = pte_of(va);

		if (!pte_none(*pte))
			pte_clear(&init_mm, va, pte);
	}
}

struct vm_struct *remove_vm_area(const void *addr)
{
	EMUL("address space for mappings");
	struct vm_struct *vm = find_vm_area(addr);
	unsigned long flags;

	if (!vm)
		return NULL;
	unmap_area(vm);
	spin_lock_irqsave(&area_lock, flags);
	list_del(&container_of(vm, struct emul_area, vm)->list);
	spin_unlock_irqrestore(&area_lock, flags);
	return vm;
}

void free_vm_area(struct vm_struct *vm)
{
	EMUL("address space for mappings");
	remove_vm_area(vm->addr);
	kfree(container_of(vm, struct emul_area, vm));
}

int apply_to_page_range(struct mm_struct *mm, unsigned long va, unsigned long size, pte_fn_t fn, void *data)
{
	unsigned long end = va + size;
	int err = 0;

	EMUL("walk of the domain's own page tables");
	for (; va < end && !err; va += PAGE_SIZE)
		err = fn(pte_of(va), va, data);
	return err;
}

void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
	struct vm_struct *vm = get_vm_area((unsigned long)count << PAGE_SHIFT, flags);
	unsigned int i;

	EMUL("address space for mappings");
	if (!vm)
		return NULL;
	for (i = 0; i < count; i++) {
		unsigned long va = (unsigned long)vm->addr + ((unsigned long)i << PAGE_SHIFT);

		set_pte_at(&init_mm, va, pte_of(va), mk_pte(pages[i], prot));
	}
	vm->pages = pages;
	vm->nr_pages = count;
	return vm->addr;
}

void vunmap(const void *addr)
{
	EMUL("address space for mappings");
	struct vm_struct *vm = remove_vm_area(addr);

	if (vm)
		kfree(container_of(vm, struct emul_area, vm));
}

bool is_vmalloc_addr(const void *x)
{
	unsigned long va = (unsigned long)x;

	return va >= vmalloc_base && va < vmalloc_base + EMUL_VMALLOC_BYTES;
}

struct page *vmalloc_to_page(const void *addr)
{
	EMUL("address space for mappings");
	return pte_page(*pte_of((unsigned long)addr));
}

unsigned long vmalloc_to_pfn(const void *addr)
{
	EMUL("address space for mappings");
	return pte_pfn(*pte_of((unsigned long)addr));
}

void *EMUL_ALLOC(vmalloc)(unsigned long size)
{
	EMUL("large allocations are contiguous here");
	return alloc_pages_exact(size, GFP_KERNEL);
}

/* What kvmalloc_node() falls back to. */
void *EMUL_ALLOC(__vmalloc_node_range)(unsigned long size, unsigned long align, unsigned long start, unsigned long end,
				       gfp_t gfp, pgprot_t prot, unsigned long flags, int node, const void *caller)
{
	EMUL("virtually contiguous memory, wherever it lies");
	return vmalloc(size);
}

void *EMUL_ALLOC(vzalloc)(unsigned long size)
{
	return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
}

static void __iomem *emul_ioremap(phys_addr_t phys, unsigned long size, unsigned long flags)
{
	unsigned long offset = phys & ~PAGE_MASK, i;
	struct vm_struct *vm;

	EMUL("maps device memory; the accessors enter the seam (driver/shadow)");
	/* arch/x86/mm/ioremap.c: nobody gets the kernel's own memory as a device's. */
	if (region_intersects(phys, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) != REGION_DISJOINT) {
		WARN_ONCE(1, "ioremap of memory at %pa\n", &phys);
		return NULL;
	}
	size = PAGE_ALIGN(size + offset);
	vm = get_vm_area(size, VM_IOREMAP);
	if (!vm)
		return NULL;
	vm->phys_addr = phys & PAGE_MASK;
	for (i = 0; i < size; i += PAGE_SIZE) {
		unsigned long va = (unsigned long)vm->addr + i;

		set_pte_at(&init_mm, va, pte_of(va), pfn_pte(PHYS_PFN(phys + i), PAGE_KERNEL_IO_NOCACHE));
	}
	return (void __iomem *)vm->addr + offset;
}

void __iomem *ioremap(resource_size_t phys, unsigned long size) { EMUL("address space for mappings"); return emul_ioremap(phys, size, 0); }
void __iomem *ioremap_uc(resource_size_t phys, unsigned long size) { EMUL("address space for mappings"); return emul_ioremap(phys, size, 0); }
void __iomem *ioremap_wc(resource_size_t phys, unsigned long size) { EMUL("address space for mappings"); return emul_ioremap(phys, size, 0); }
void __iomem *ioremap_cache(resource_size_t phys, unsigned long size) { EMUL("address space for mappings"); return emul_ioremap(phys, size, 0); }

void iounmap(volatile void __iomem *addr)
{
	struct vm_struct *vm = remove_vm_area((void *)((unsigned long)addr & PAGE_MASK));

	EMUL("maps device memory; the accessors enter the seam (driver/shadow)");
	if (vm)
		kfree(container_of(vm, struct emul_area, vm));
}

void flush_tlb_all(void)
{
	EMUL_IGNORE("no TLB is modelled");
}

void emul_vmalloc_init(void)
{
	init_mm.pgd = (pgd_t *)xen_start_info->pt_base;
}
