// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 17:
 *   row17_init: calls pci_xen_init() and returns its answer; for dom0, where it has to refuse.
 *   row17_line_moved BDF GSI: 0 if register 0x3c now reads something else than the GSI.
 *   row17_lockless BDF: reads the vendor with pci_lock held, which would never return if config accesses took it
 *   (abi.md S17).
 *   row17_enable BDF: after pci_enable_device() the device's irq is the one of the GSI in register 0x3c; returns the GSI.
 */
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <asm/xen/pci.h>
#include <xen/events.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int row17_init(int argc, char **argv)
{
	return pci_xen_init();
}

static int row17_enable(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	u8 line;
	int rc;

	if (!dev)
		return -ENODEV;
	rc = pci_enable_device(dev);
	if (rc)
		goto put;
	pci_read_config_byte(dev, PCI_INTERRUPT_LINE, &line);
	rc = xen_irq_from_gsi(line) == dev->irq && xen_pirq_from_irq(dev->irq) == line ? line : -EILSEQ;
	pci_disable_device(dev);
put:
	pci_dev_put(dev);
	return rc;
}

static int row17_reenable(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	int rc;

	if (!dev)
		return -ENODEV;
	rc = pci_is_enabled(dev) ? pci_reenable_device(dev) : -EINVAL;
	pci_dev_put(dev);
	return rc;
}

static int row17_line_moved(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned int gsi;
	u8 line;

	if (!dev)
		return -ENODEV;
	pci_read_config_byte(dev, PCI_INTERRUPT_LINE, &line);
	pci_dev_put(dev);
	if (argc < 3 || kstrtouint(argv[2], 0, &gsi))
		return -EINVAL;
	return line == gsi ? -EEXIST : 0;
}

extern raw_spinlock_t pci_lock;

static int row17_lockless(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned long flags;
	u16 vendor;
	int rc;

	if (!dev)
		return -ENODEV;
	raw_spin_lock_irqsave(&pci_lock, flags);
	rc = pci_read_config_word(dev, PCI_VENDOR_ID, &vendor);
	raw_spin_unlock_irqrestore(&pci_lock, flags);
	pci_dev_put(dev);
	return rc ? pcibios_err_to_errno(rc) : vendor;
}

EMUL_REGISTER("row17_lockless", EMUL_CALLABLE, row17_lockless);
EMUL_REGISTER("row17_line_moved", EMUL_CALLABLE, row17_line_moved);
EMUL_REGISTER("row17_init", EMUL_CALLABLE, row17_init);
EMUL_REGISTER("row17_enable", EMUL_CALLABLE, row17_enable);
EMUL_REGISTER("row17_reenable", EMUL_CALLABLE, row17_reenable);
