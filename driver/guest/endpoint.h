/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The endpoint test function's engine, for C in the image that drives it past its own driver. Registers as
 * drivers/misc/pci_endpoint_test.c has them.
 */
#ifndef PVPCI_DRIVER_GUEST_ENDPOINT_H
#define PVPCI_DRIVER_GUEST_ENDPOINT_H

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/pci.h>

enum {
	COMMAND = 0x04, STATUS = 0x08, SRC_LOWER = 0x0c, SRC_UPPER = 0x10, DST_LOWER = 0x14, DST_UPPER = 0x18,
	SIZE = 0x1c, IRQ_TYPE = 0x24, IRQ_NUMBER = 0x28, FLAGS = 0x2c,
};
#define COMMAND_COPY BIT(5)
#define STATUS_COPY_SUCCESS BIT(4)
#define STATUS_COPY_FAIL BIT(5)

/* The first one of this domain, with a reference; NULL: none. */
static inline struct pci_dev *endpoint_find(void)
{
	struct pci_dev *dev = NULL;

	for_each_pci_dev(dev)
		if (dev->class >> 16 == PCI_CLASS_OTHERS && pci_resource_len(dev, 0))
			return dev;
	return NULL;
}

/* Copies `size` bytes from the bus address that its source registers hold to `to`. 0, -EIO: refused, -ETIMEDOUT. */
static inline int endpoint_copy_to(void __iomem *bar, u64 to, u32 size)
{
	u32 status = 0;
	int tries;

	writel(lower_32_bits(to), bar + DST_LOWER);
	writel(upper_32_bits(to), bar + DST_UPPER);
	writel(size, bar + SIZE);
	writel(0, bar + FLAGS);
	writel(COMMAND_COPY, bar + COMMAND);
	for (tries = 0; tries < 1000; tries++) {
		status = readl(bar + STATUS);
		if (status & (STATUS_COPY_SUCCESS | STATUS_COPY_FAIL))
			break;
		usleep_range(10, 20);
	}
	if (status & STATUS_COPY_SUCCESS)
		return 0;
	return status & STATUS_COPY_FAIL ? -EIO : -ETIMEDOUT;
}

#endif /* PVPCI_DRIVER_GUEST_ENDPOINT_H */
