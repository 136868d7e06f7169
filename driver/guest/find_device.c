// SPDX-License-Identifier: GPL-2.0-only
/* The device that a scenario names in a call's first argument, "0000:00:00.0". The caller puts it back. */
#include <linux/kernel.h>
#include <linux/pci.h>

struct pci_dev *guest_find_device(int argc, char **argv);

struct pci_dev *guest_find_device(int argc, char **argv)
{
	unsigned int segment, bus, slot, function;

	if (argc < 2 || sscanf(argv[1], "%x:%x:%x.%x", &segment, &bus, &slot, &function) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(segment, bus, PCI_DEVFN(slot, function));
}
