// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often interrupts were handled, by the kernel's own count.
 *   event_count NAME save     remembers the count of the interrupts whose handler has that name
 *   event_count NAME MOST     0 if it has grown since, by MOST at most
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqnr.h>
#include <linux/kernel.h>
#include <linux/kernel_stat.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static unsigned int handled(const char *name)
{
	unsigned int irq, cpu, count = 0;
	struct irq_desc *desc;

	for_each_irq_desc(irq, desc)
		if (desc->action && !strcmp(desc->action->name, name))
			for_each_possible_cpu(cpu)
				count += kstat_irqs_cpu(irq, cpu);
	return count;
}

static int event_count(int argc, char **argv)
{
	static unsigned int saved;
	unsigned int most, grown;

	if (argc != 3)
		return -EINVAL;
	grown = handled(argv[1]) - saved;
	if (!strcmp(argv[2], "save")) {
		saved += grown;
		return 0;
	}
	if (kstrtouint(argv[2], 0, &most))
		return -EINVAL;
	pr_info("event_count: %s handled %u times\n", argv[1], grown);
	return grown && grown <= most ? 0 : -ERANGE;
}

EMUL_REGISTER("event_count", EMUL_CALLABLE, event_count);
