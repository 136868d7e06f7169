// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 15, row15_vectors BDF msi|msix COUNT: takes a device from its driver, allocates COUNT vectors, requests and frees
 * each, and gives them all back. Returns how many there were.
 */
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static irqreturn_t nothing(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int request_each(struct pci_dev *dev, int count)
{
	int i, rc = 0;

	for (i = 0; i < count; i++) {
		rc = request_irq(pci_irq_vector(dev, i), nothing, 0, "row15", dev);
		if (rc)
			break;
	}
	while (i-- > 0)
		free_irq(pci_irq_vector(dev, i), dev);
	return rc;
}

static int row15_vectors(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned int count;
	int got, rc;

	if (!dev)
		return -ENODEV;
	if (argc < 4 || kstrtouint(argv[3], 0, &count)) {
		pci_dev_put(dev);
		return -EINVAL;
	}
	device_release_driver(&dev->dev);
	rc = pci_enable_device(dev);
	if (rc)
		goto put;
	got = pci_alloc_irq_vectors(dev, count, count, strcmp(argv[2], "msi") ? PCI_IRQ_MSIX : PCI_IRQ_MSI);
	rc = got;
	if (got > 0) {
		rc = request_each(dev, got);
		pci_free_irq_vectors(dev);
		if (!rc)
			rc = got;
	}
	pci_disable_device(dev);
put:
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row15_vectors", EMUL_CALLABLE, row15_vectors);
