// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 01, the I/O space:
 *   row01_take_io_space: claims all ports, as paravirt_disable_iospace() did in 2010 and does for nobody today.
 *   row01_io_claimed BDF: each I/O BAR has its place in the resource tree; the device can be enabled and decodes.
 */
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/pci.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static struct resource everything = {
	.name = "row01", .start = 0, .end = IO_SPACE_LIMIT, .flags = IORESOURCE_IO | IORESOURCE_BUSY,
};

static int row01_take_io_space(int argc, char **argv)
{
	return request_resource(&ioport_resource, &everything);
}

static int row01_io_claimed(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int bar, bars = 0, rc;
	u16 command;

	if (!dev)
		return -ENODEV;
	rc = pci_enable_device(dev);
	if (rc)
		goto out;
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		struct resource *r = &dev->resource[bar];

		if (!(r->flags & IORESOURCE_IO) || !resource_size(r))
			continue;
		bars++;
		if (!r->parent) {
			pr_err("row01: %pR is in no resource tree\n", r);
			rc = -ENXIO;
			goto disable;
		}
		/* IOPL and the domain's ports let it through: one word, which the trace shows. */
		(void)inl(r->start);
	}
	pci_read_config_word(dev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_IO))
		rc = -EIO;
	else
		rc = bars;
disable:
	pci_disable_device(dev);
out:
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row01_take_io_space", EMUL_CALLABLE, row01_take_io_space);
EMUL_REGISTER("row01_io_claimed", EMUL_CALLABLE, row01_io_claimed);
