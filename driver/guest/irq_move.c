// SPDX-License-Identifier: GPL-2.0-only
/*
 * irq_move NAME FROM TO MOVES US: gives the interrupts whose handler has that name to vCPU FROM, then MOVES times to the
 * next of the vCPUs FROM .. TO in turn, one move each US microseconds. As writing /proc/irq/N/smp_affinity does.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqnr.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int move(const char *name, unsigned int cpu)
{
	struct irq_desc *desc;
	unsigned int irq;
	int rc = -ENOENT;

	for_each_irq_desc(irq, desc)
		if (desc->action && !strcmp(desc->action->name, name))
			rc = irq_set_affinity(irq, cpumask_of(cpu));
	return rc;
}

static int irq_move(int argc, char **argv)
{
	unsigned int from, to, moves, us, i;
	int rc;

	if (argc != 6 || kstrtouint(argv[2], 0, &from) || kstrtouint(argv[3], 0, &to) || kstrtouint(argv[4], 0, &moves) ||
	    kstrtouint(argv[5], 0, &us) || to < from || to >= num_online_cpus())
		return -EINVAL;
	rc = move(argv[1], from);
	for (i = 1; i <= moves && !rc; i++) {
		usleep_range(us, us);
		rc = move(argv[1], from + i % (to - from + 1));
	}
	return rc;
}

EMUL_REGISTER("irq_move", EMUL_CALLABLE, irq_move);
