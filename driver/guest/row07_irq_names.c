// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 07, row07_irqs CHIP NAME: how many irqs have this chip and this handler name, the two words that
 * /proc/interrupts prints. All of them go to the console.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int row07_irqs(int argc, char **argv)
{
	unsigned int irq;
	int count = 0;

	if (argc < 3)
		return -EINVAL;
	for (irq = 0; irq < nr_irqs; irq++) {
		struct irq_desc *desc = irq_to_desc(irq);
		struct irq_chip *chip = desc ? irq_desc_get_chip(desc) : NULL;

		if (!chip || !chip->name || !desc->name)
			continue;
		pr_info("row07: irq %u: %s-%s %s\n", irq, chip->name, desc->name,
			desc->action && desc->action->name ? desc->action->name : "");
		if (!strcmp(chip->name, argv[1]) && !strcmp(desc->name, argv[2]))
			count++;
	}
	return count;
}

EMUL_REGISTER("row07_irqs", EMUL_CALLABLE, row07_irqs);
