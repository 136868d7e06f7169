// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 14, row14_walk_bus: walks bus 0000:00 with the real pci_walk_bus(); returns how many devices it was called for. Once
 * more with a callback that says stop: it must be called once.
 */
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/rwsem.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

extern struct rw_semaphore pci_bus_sem;

struct walk {
	int calls;
	int stop;
	bool unlocked;
};

static int visit(struct pci_dev *dev, void *data)
{
	struct walk *walk = data;

	walk->calls++;
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
	return first.calls == (all.calls ? 1 : 0) ? all.calls : -EINTR;
}

EMUL_REGISTER("row14_walk_bus", EMUL_CALLABLE, row14_walk_bus);
