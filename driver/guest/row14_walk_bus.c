// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 14:
 *   row14_walk_bus   walks bus 0000:00 with the real pci_walk_bus(); returns how many devices it was called for, each BAR of
 *                    which must have a parent in the resource tree. Once more with a callback that says stop: it must be
 *                    called once.
 *   row14_release BDF BAR   takes a BAR out of the resource tree
 */
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/rwsem.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

extern struct rw_semaphore pci_bus_sem;

struct pci_dev *guest_find_device(int argc, char **argv);

struct walk {
	int calls;
	int stop;
	int orphans;
	bool unlocked;
};

static int visit(struct pci_dev *dev, void *data)
{
	struct walk *walk = data;
	int i;

	walk->calls++;
	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		walk->orphans += dev->resource[i].start && !dev->resource[i].parent;
	walk->unlocked |= !rwsem_is_locked(&pci_bus_sem);
	return walk->stop;
}

static int row14_walk_bus(int argc, char **argv)
{
	struct pci_bus *bus = pci_find_bus(0, 0);
	struct walk all = {}, first = { .stop = 1 };

	if (!bus)
		return -ENODEV;
	pci_walk_bus(bus, visit, &all);
	pci_walk_bus(bus, visit, &first);
	if (all.unlocked || first.unlocked)
		return -ENOLCK;
	if (rwsem_is_locked(&pci_bus_sem))
		return -EDEADLK;
	if (all.orphans)
		return -ECHILD;
	return first.calls == (all.calls ? 1 : 0) ? all.calls : -EINTR;
}

static int row14_release(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	unsigned int bar;
	int rc = -EINVAL;

	if (!dev)
		return -ENODEV;
	if (argc == 3 && !kstrtouint(argv[2], 0, &bar) && bar < PCI_STD_NUM_BARS)
		rc = release_resource(&dev->resource[bar]);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("row14_release", EMUL_CALLABLE, row14_release);
EMUL_REGISTER("row14_walk_bus", EMUL_CALLABLE, row14_walk_bus);
