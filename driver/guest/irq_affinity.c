// SPDX-License-Identifier: GPL-2.0-only
/* irq_affinity BDF CPU: what a write of /proc/irq/N/smp_affinity does, for the device's INTx irq. */
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/pci.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int irq_affinity(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned int cpu;
	int rc;

	if (!dev)
		return -ENODEV;
	rc = argc < 3 || kstrtouint(argv[2], 0, &cpu) || cpu >= nr_cpu_ids ? -EINVAL :
									     irq_set_affinity(dev->irq, cpumask_of(cpu));
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("irq_affinity", EMUL_CALLABLE, irq_affinity);
