// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 05, from GSI to irq:
 *   row05_bind_gsi GSI: binds a GSI twice, gets one irq; returns its number.
 *   row05_lowest_free GSI: the same, and returns how far its number is from the lowest that was free.
 *   row05_destroy GSI: gives that irq back; returns what xen_destroy_irq() says (abi.md S20).
 *   row05_legacy_irqs: how many interrupts the PIC has (abi.md S6).
 */
#include <linux/irq.h>
#include <linux/kernel.h>
#include <asm/i8259.h>
#include <xen/events.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int row05_bind_gsi(int argc, char **argv)
{
	unsigned int gsi;
	int irq, again;

	if (argc < 2 || kstrtouint(argv[1], 0, &gsi))
		return -EINVAL;
	irq = xen_bind_pirq_gsi_to_irq(gsi, gsi, 1, "row05");
	if (irq < 0)
		return irq;
	again = xen_bind_pirq_gsi_to_irq(gsi, gsi, 1, "row05");
	if (again != irq || xen_irq_from_gsi(gsi) != irq || xen_pirq_from_irq(irq) != gsi) {
		pr_err("row05: gsi %u is irq %d, then %d, looked up %d, pirq %d\n", gsi, irq, again,
		       xen_irq_from_gsi(gsi), xen_pirq_from_irq(irq));
		return -EILSEQ;
	}
	return irq;
}

static int row05_lowest_free(int argc, char **argv)
{
	int lowest = 0, irq;

	while (irq_to_desc(lowest))
		lowest++;
	irq = row05_bind_gsi(argc, argv);
	return irq < 0 ? irq : irq - lowest;
}

static int row05_destroy(int argc, char **argv)
{
	unsigned int gsi;
	int irq, rc;

	if (argc < 2 || kstrtouint(argv[1], 0, &gsi))
		return -EINVAL;
	irq = xen_irq_from_gsi(gsi);
	if (irq < 0)
		return -ESRCH;
	rc = xen_destroy_irq(irq);
	return xen_irq_from_gsi(gsi) == -1 ? rc : -EEXIST;
}

static int row05_legacy_irqs(int argc, char **argv)
{
	return nr_legacy_irqs();
}

EMUL_REGISTER("row05_bind_gsi", EMUL_CALLABLE, row05_bind_gsi);
EMUL_REGISTER("row05_lowest_free", EMUL_CALLABLE, row05_lowest_free);
EMUL_REGISTER("row05_destroy", EMUL_CALLABLE, row05_destroy);
EMUL_REGISTER("row05_legacy_irqs", EMUL_CALLABLE, row05_legacy_irqs);
