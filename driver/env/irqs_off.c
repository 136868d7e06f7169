// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a vCPU lets no event in: from the moment its evtchn_upcall_mask is set, by itself or by the bounce frame, to
 * the moment it is clear again. Each interval longer than all before it is told to the host, which takes the backtrace.
 * A gauge, not a part of the guest: this file is built without guards and costs no simulated time.
 */
#include <linux/percpu.h>
#include <asm/xen/hypervisor.h>
#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "emul.h"

static DEFINE_PER_CPU(u64, off_since);	/* 0: on, or since before anybody looked */
static DEFINE_PER_CPU(u64, off_longest);

/* The mask is about to be set, or has been set by the hypervisor this moment. */
noinline void emul_irqs_off(bool upcall)
{
	if (upcall || !this_cpu_read(xen_vcpu)->evtchn_upcall_mask)
		this_cpu_write(off_since, emul_now_ps());
}

/* The mask is about to be cleared. */
noinline void emul_irqs_on(void)
{
	u64 since = this_cpu_read(off_since);

	this_cpu_write(off_since, 0);
	if (!since || emul_now_ps() - since <= this_cpu_read(off_longest))
		return;
	this_cpu_write(off_longest, emul_now_ps() - since);
	emul_call(SEAM_IRQS_OFF, since, 0, 0, 0);
}
