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

static __attribute__((__noinline__, __cold__, preserve_most)) void emul_deadline(u32 *guard)
{
	emul_call(SEAM_DEADLINE, guard, 0, 0, 0);
}

__attribute__((__always_inline__)) void __sanitizer_cov_trace_pc_guard(u32 *guard)
{
	u32 sign;
	bool over;

	/* Not one statement: the link copies what it takes for one or two instructions, and each copy would be a block. */
	asm volatile("movd %0, %%xmm14" : : "m"(*guard));
	asm volatile("psubq %%xmm14, %%xmm15" : :);
	asm volatile("movmskpd %%xmm15, %1\n\ttest %1, %1" : "=@ccne"(over), "=r"(sign));
	if (__builtin_expect(over, 0))
		emul_deadline(guard);
}

void __sanitizer_cov_trace_pc_guard_init(u32 *start, u32 *stop)
{
	/* The loader fills the guards. */
}
