// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands for arch/x86/kernel/paravirt.c: pv_ops with only what a PV guest's path uses. Interrupt flag: entry.c. Page
 * tables: filled by the original arch/x86/xen/mmu_pv.c. Everything privileged that is left out would fault.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <asm/paravirt.h>
#include <asm/pgtable.h>
#include <asm/tlbflush.h>
#include <asm/xen/hypervisor.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <asm/setup.h>

#include "emul.h"
#include "../../arch/x86/xen/xen-ops.h"
#ifdef EMUL_HAS_XEN_MMU_H
#include "../../arch/x86/xen/mmu.h"
#endif

extern void __raw_callee_save_emul_save_fl(void);
extern void __raw_callee_save_emul_irq_disable(void);
extern void __raw_callee_save_emul_irq_enable(void);

asm(".pushsection .text, \"ax\"\n"
    ".globl _paravirt_nop\n"
    "_paravirt_nop:\n	ret\n"
    ".globl paravirt_ret0\n"
    "paravirt_ret0:\n	xor %eax, %eax\n	ret\n"
    ".globl emul_ident64\n"
    "emul_ident64:\n	mov %rdi, %rax\n	ret\n"
    ".popsection\n");
extern u64 emul_ident64(u64 x);

#ifdef EMUL_HAS_NOP_FUNC
void noinstr BUG_func(void) { BUG(); }
asm(".pushsection .text, \"ax\"\n"
    ".globl nop_func\n"
    "nop_func:\n	ret\n"
    ".popsection\n");
#else
void noinstr paravirt_BUG(void) { EMUL("pv_ops of a PV guest"); BUG(); }
#endif

#ifdef EMUL_HAS_XEN_LAZY_MODE
/* arch/x86/xen/enlighten_pv.c: lazy mode, entered and left by the original mmu_pv.c. */
DEFINE_PER_CPU(enum xen_lazy_mode, xen_lazy_mode) = XEN_LAZY_NONE;
DEFINE_PER_CPU(unsigned int, xen_lazy_nesting);
enum xen_lazy_mode xen_get_lazy_mode(void)
{
	return in_interrupt() ? XEN_LAZY_NONE : this_cpu_read(xen_lazy_mode);
}
#else
/* kernel/paravirt.c's lazy mode, one variable per vCPU. */
static DEFINE_PER_CPU(enum paravirt_lazy_mode, lazy_mode) = PARAVIRT_LAZY_NONE;
enum paravirt_lazy_mode paravirt_get_lazy_mode(void)
{
	return in_interrupt() ? PARAVIRT_LAZY_NONE : this_cpu_read(lazy_mode);
}
void paravirt_enter_lazy_mmu(void) { EMUL("pv_ops of a PV guest"); this_cpu_write(lazy_mode, PARAVIRT_LAZY_MMU); }
void paravirt_leave_lazy_mmu(void) { EMUL("pv_ops of a PV guest"); this_cpu_write(lazy_mode, PARAVIRT_LAZY_NONE); }
void paravirt_flush_lazy_mmu(void)
{
	EMUL("pv_ops of a PV guest");
	preempt_disable();
	if (paravirt_get_lazy_mode() == PARAVIRT_LAZY_MMU) {
		arch_leave_lazy_mmu_mode();
		arch_enter_lazy_mmu_mode();
	}
	preempt_enable();
}
#endif

static void flush_one(unsigned long va)
{
	/* The hypervisor model changes host mappings at once; there is no TLB to flush. */
}
static void flush_all(void) { }

/*
 * Xen's leaves of the emulated cpuid (xen/include/public/arch-x86/cpuid.h): the signature and nothing above leaf 4, so
 * that the grant table stays at version 1. Everything else reads zero: no result may depend on the host's CPU.
 */
static void emul_cpuid(unsigned int *ax, unsigned int *bx, unsigned int *cx, unsigned int *dx)
{
	unsigned int leaf = *ax;

	EMUL("cpuid answers the same on every host");
	*ax = *bx = *cx = *dx = 0;
	if (leaf == 0x40000000) {
		*ax = 0x40000004;
		*bx = 0x566e6558;	/* "XenV" */
		*cx = 0x65584d4d;	/* "MMXe" */
		*dx = 0x4d4d566e;	/* "nVMM" */
	} else if (leaf == 0x40000001) {
		*ax = 4 << 16 | 17;
	}
}

struct paravirt_patch_template pv_ops = {
	.cpu.cpuid = emul_cpuid,
	.irq.save_fl = __PV_IS_CALLEE_SAVE(__raw_callee_save_emul_save_fl),
	.irq.irq_disable = __PV_IS_CALLEE_SAVE(__raw_callee_save_emul_irq_disable),
	.irq.irq_enable = __PV_IS_CALLEE_SAVE(__raw_callee_save_emul_irq_enable),
	.mmu.pte_val = __PV_IS_CALLEE_SAVE(emul_ident64),
};

bool xen_fifo_supported;

void emul_paravirt_init(void)
{
	typeof(pv_ops.irq) irq = pv_ops.irq;

	/* The originals set safe_halt and halt, and all of mmu; the flag handlers are then put back, as
	 * xen_start_kernel does with the _direct ones. */
	xen_init_irq_ops();
	pv_ops.irq.save_fl = irq.save_fl;
	pv_ops.irq.irq_disable = irq.irq_disable;
	pv_ops.irq.irq_enable = irq.irq_enable;
	xen_init_mmu_ops();
	pv_ops.mmu.flush_tlb_user = flush_all;
	pv_ops.mmu.flush_tlb_kernel = flush_all;
	pv_ops.mmu.flush_tlb_one_user = flush_one;
	/* xen_post_allocator_init(): page tables are up from the start here. */
}
