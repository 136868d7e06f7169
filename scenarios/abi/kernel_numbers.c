// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's side of the pairs: compiled with a kernel tree's own headers to assembly, from which kernel_numbers.sh
 * takes the numbers in their order. Nothing of it runs.
 */
#include <linux/dmar.h>
#include <linux/errno.h>
#include <linux/pci_regs.h>
#include <linux/stddef.h>
#include <asm/e820/types.h>
#include <asm/pgtable.h>
#include <asm/pvclock-abi.h>
#include <asm/xen/hypercall.h>
#include <uapi/asm/bootparam.h>
#include <xen/interface/callback.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/features.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/io/pciif.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/interface/memory.h>
#include <xen/interface/physdev.h>
#include <xen/interface/sched.h>
#include <xen/interface/vcpu.h>
#include <xen/interface/version.h>
#include <xen/interface/xen.h>

#include "drivers/iommu/intel/iommu.h"

#define NUMBER(value) asm volatile("\n.ascii \"->%c0\"" : : "i" ((long)(value)))
#define STRUCT(ours, theirs) NUMBER(sizeof(theirs));
#define OFFSET(ours, our_member, theirs, member) NUMBER(offsetof(theirs, member));
#define FIELD(ours, our_member, theirs, member) NUMBER(offsetof(theirs, member)); NUMBER(sizeof(((theirs *)0)->member));
#define VALUE(ours, theirs) NUMBER(theirs);
#define CALL(name) NUMBER(name);

#define W 0x9234567890abcdefull

union words {
	struct irte entry;
	u64 word[2];
};

void kernel_numbers(void);
void kernel_numbers(void)
{
#include "scenarios/abi/pairs.h"
}
