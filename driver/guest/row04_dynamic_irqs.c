// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 04, row04_dynamic_irqs FIRST: every event channel's irq number is at least FIRST, one of them is FIRST, and a new
 * descriptor gets the lowest free number from there on.
 */
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static bool is_event(unsigned int irq)
{
	struct irq_desc *desc = irq_to_desc(irq);
	struct irq_chip *chip = desc ? irq_desc_get_chip(desc) : NULL;

	return chip && chip->name &&
	       (strstarts(chip->name, "xen-dyn") || strstarts(chip->name, "xen-percpu"));
}

static int row04_dynamic_irqs(int argc, char **argv)
{
	unsigned int first, irq, lowest = UINT_MAX;
	int fresh;

	if (argc < 2 || kstrtouint(argv[1], 0, &first))
		return -EINVAL;
	for (irq = 0; irq < nr_irqs; irq++)
		if (is_event(irq))
			lowest = min(lowest, irq);
	if (lowest != first) {
		pr_err("row04: the first dynamic irq is %u\n", lowest);
		return -ERANGE;
	}
	fresh = irq_alloc_desc(NUMA_NO_NODE);
	if (fresh < 0)
		return fresh;
	for (irq = first; irq < fresh; irq++) {
		if (irq_to_desc(irq))
			continue;
		pr_err("row04: irq %u was free, %d was given\n", irq, fresh);
		irq_free_desc(fresh);
		return -ENOENT;
	}
	irq_free_desc(fresh);
	return fresh < first ? -ERANGE : 0;
}

EMUL_REGISTER("row04_dynamic_irqs", EMUL_CALLABLE, row04_dynamic_irqs);
