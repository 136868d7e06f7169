// SPDX-License-Identifier: GPL-2.0-only
/* master BDF: enables a function and lets it master the bus, as any driver does first; nothing else. */
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

static int master(int argc, char **argv)
{
	struct pci_dev *dev = NULL;
	int rc;

	if (argc < 2)
		return -EINVAL;
	for_each_pci_dev(dev)
		if (!strcmp(pci_name(dev), argv[1]))
			break;
	if (!dev)
		return -ENODEV;
	rc = pci_enable_device(dev);
	if (!rc)
		pci_set_master(dev);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("master", EMUL_CALLABLE, master);
