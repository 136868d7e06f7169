// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest time: every basic block subtracts its cost from the countdown, which is in xmm15 (in memory each block would
 * wait for the store of the one before); below zero the host lets simulated time catch
 * up. The link inlines the guard into every block. A block that has not run yet carries a huge cost, so that its first
 * execution enters the host too, which marks it as covered and stores its real cost (driver/vcpu).
 * This file itself is built without guards.
 */
#include "emul.h"

struct seam_clock emul_clock;
struct seam_host_table seam_host_table;

/* For ptest: is the countdown negative? */
__attribute__((__aligned__(16))) const u64 emul_negative[2] = {1ULL << 63, 0};

__attribute__((__used__)) void emul_deadline_of(u32 *guard)
{
	emul_call(SEAM_DEADLINE, guard, 0, 0, 0);
}

/*
 * The guard is in r11, and every register is as it was when this returns. So the compiler need not keep any other
 * register free, nor think that memory changes here, no more than it does for interrupts: blocks are compiled as they are
 * without guards, and what is counted is what kernel code costs (driver/accuracy).
 */
__attribute__((__naked__, __used__, __cold__)) void emul_deadline(void)
{
	asm volatile(
		"push %rbp\n\t"
		"mov %rsp, %rbp\n\t"
		"and $-8, %rsp\n\t"  /* a function that calls nobody need not keep it aligned */
		"push %rax\n\t"
		"push %rcx\n\t"
		"push %rdx\n\t"
		"push %rsi\n\t"
		"push %rdi\n\t"
		"push %r8\n\t"
		"push %r9\n\t"
		"push %r10\n\t"
		"push %r11\n\t"
		"mov %r11, %rdi\n\t"
		"call emul_deadline_of\n\t"
		"pop %r11\n\t"
		"pop %r10\n\t"
		"pop %r9\n\t"
		"pop %r8\n\t"
		"pop %rdi\n\t"
		"pop %rsi\n\t"
		"pop %rdx\n\t"
		"pop %rcx\n\t"
		"pop %rax\n\t"
		"mov %rbp, %rsp\n\t"
		"pop %rbp\n\t"
		"ret");
}

#ifdef EMUL_ACCOUNTING_CALLED	/* driver/accuracy: it must come to the same */
#define GUARD_CALLBACK __attribute__((__noinline__, __used__))
#else
#define GUARD_CALLBACK __attribute__((__always_inline__))
#endif

GUARD_CALLBACK void __sanitizer_cov_trace_pc_guard(u32 *guard)
{
	register u32 *at asm("r11");
	bool over;

	/* Not one statement: the link copies what it takes for one or two instructions, and each copy would be a block. */
	asm volatile("movd %0, %%xmm14" : : "m"(*guard));
	asm volatile("psubq %%xmm14, %%xmm15" : :);
	asm volatile("ptest %1, %%xmm15" : "=@ccne"(over) : "m"(emul_negative));
	if (__builtin_expect(over, 0)) {
		at = guard;
		asm volatile("call emul_deadline" : : "r"(at));
	}
}

void __sanitizer_cov_trace_pc_guard_init(u32 *start, u32 *stop)
{
	/* The loader fills the guards. */
}
