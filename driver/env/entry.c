// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry and exit: stands for arch/x86/xen/xen-asm.S, xen-head.S and arch/x86/entry. The hypercall symbol that all PV
 * code calls (abi.md S1), the interrupt flag on vcpu_info, the upcall, and the table the host enters by.
 */
#include <linux/hardirq.h>
#include <linux/interrupt.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <asm/irq_regs.h>
#include <asm/paravirt.h>
#include <asm/xen/hypercall.h>
#include <xen/events.h>
#include <xen/xen-ops.h>

#include "emul.h"

extern void xen_force_evtchn_callback(void);
#include "../../arch/x86/xen/xen-ops.h"

/* nr in rax, arguments rdi rsi rdx r10 r8, result in rax, every other register kept. */
asm(".pushsection .text, \"ax\"\n"
    ".globl __SCT__xen_hypercall\n"
    ".type __SCT__xen_hypercall, @function\n"
    "__SCT__xen_hypercall:\n"
    "	push %rbp\n"
    "	mov %rsp, %rbp\n"
    "	push %rdi\n	push %rsi\n	push %rdx\n	push %rcx\n"
    "	push %r8\n	push %r9\n	push %r10\n	push %r11\n"
    "	mov %r8, %r9\n"
    "	mov %r10, %r8\n"
    "	mov %rdx, %rcx\n"
    "	mov %rsi, %rdx\n"
    "	mov %rdi, %rsi\n"
    "	mov %rax, %rdi\n"
    "	and $-16, %rsp\n"
    "	call emul_hypercall\n"
    "	lea -64(%rbp), %rsp\n"
    "	pop %r11\n	pop %r10\n	pop %r9\n	pop %r8\n"
    "	pop %rcx\n	pop %rdx\n	pop %rsi\n	pop %rdi\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size __SCT__xen_hypercall, . - __SCT__xen_hypercall\n"
    ".popsection\n");

__visible __used noinline unsigned long emul_hypercall(unsigned long nr, unsigned long a1, unsigned long a2,
						       unsigned long a3, unsigned long a4, unsigned long a5)
{
	return emul_host(SEAM_HYPERCALL, nr, a1, a2, a3, a4, a5);
}

struct static_call_key __SCK__xen_hypercall;

/* The interrupt flag of a PV guest (arch/x86/xen/xen-asm.S: xen_save_fl_direct and kin). */
__visible unsigned long emul_save_fl(void)
{
	return this_cpu_read(xen_vcpu)->evtchn_upcall_mask ? 0 : X86_EFLAGS_IF;
}
PV_CALLEE_SAVE_REGS_THUNK(emul_save_fl);

__visible void emul_irq_disable(void)
{
	emul_irqs_off(false);
	this_cpu_read(xen_vcpu)->evtchn_upcall_mask = 1;
	barrier();
}
PV_CALLEE_SAVE_REGS_THUNK(emul_irq_disable);

__visible void emul_irq_enable(void)
{
	struct vcpu_info *vcpu = this_cpu_read(xen_vcpu);

	barrier();
	emul_irqs_on();
	vcpu->evtchn_upcall_mask = 0;
	barrier();
	if (unlikely(vcpu->evtchn_upcall_pending))
		xen_force_evtchn_callback();
}
PV_CALLEE_SAVE_REGS_THUNK(emul_irq_enable);

DEFINE_PER_CPU(unsigned long, emul_upcalls);

/*
 * asm_exc_xen_hypervisor_callback up to xen_pv_evtchn_do_upcall, on the interrupted task's stack. The hypervisor has
 * set the mask and restores it from the frame, as the iret hypercall does.
 */
static noinline void emul_upcall(void)
{
	struct pt_regs regs = { .flags = X86_EFLAGS_IF, .cs = __KERNEL_CS };
	struct pt_regs *old_regs = set_irq_regs(&regs);

	bool idle = emul_rcu_irq_enter();

	EMUL("exception entry of the event callback");
	emul_irqs_off(true);
	this_cpu_inc(emul_upcalls);
	irq_enter();
	xen_evtchn_do_upcall();
	irq_exit();
	emul_rcu_irq_exit(idle);
	set_irq_regs(old_regs);
	emul_irqs_on();
}

DEFINE_PER_CPU(struct pt_regs *, __irq_regs);

void __noreturn emul_stop(const char *symbol, void *caller)
{
	emul_call(SEAM_STOP, SEAM_STOP_DUMMY, symbol, caller, 0);
	unreachable();
}

void __noreturn panic(const char *fmt, ...)
{
	static char message[512];
	va_list args;

	va_start(args, fmt);
	vscnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	emul_call(SEAM_STOP, SEAM_STOP_PANIC, message, __builtin_return_address(0), 0);
	unreachable();
}

extern void emul_boot(void *start_info);
extern void emul_post(void *work);

static EMUL_ENTRY void enter_boot(void *start_info)
{
	emul_clock_load();
	emul_boot(start_info);
	emul_clock_store();
}

static EMUL_ENTRY void enter_upcall(void)
{
	emul_clock_load();
	emul_upcall();
	emul_clock_store();
}

static EMUL_ENTRY void enter_post(void *work)
{
	emul_clock_load();
	emul_post(work);
	emul_clock_store();
}

__used __visible struct seam_guest_table seam_guest = {
	.version = SEAM_VERSION,
	.vcpu_count_max = SEAM_MAX_VCPUS,
	.clock = &emul_clock,
	.jiffies = (seam_u64 *)&jiffies_64,
	.boot = enter_boot,
	.upcall = enter_upcall,
	.post = enter_post,
};
