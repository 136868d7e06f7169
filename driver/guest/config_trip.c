// SPDX-License-Identifier: GPL-2.0-only
/*
 * config_trip BDF COUNT: how long a read of configuration space takes, COUNT times. Prints the shortest, the mean and the
 * longest. In a domU each one goes through pcifront, the shared ring and pciback; in dom0 it is the access itself.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/pci.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"

struct pci_dev *guest_find_device(int argc, char **argv);

static int config_trip(int argc, char **argv)
{
	struct pci_dev *dev = guest_find_device(argc, argv);
	u64 least = U64_MAX, most = 0, all = 0;
	unsigned int count, i;
	int rc = 0;
	u32 value;

	if (!dev)
		return -ENODEV;
	if (argc < 3 || kstrtouint(argv[2], 0, &count) || !count)
		rc = -EINVAL;
	for (i = 0; !rc && i < count; i++) {
		u64 start = ktime_get_ns(), took;

		rc = pci_read_config_dword(dev, PCI_VENDOR_ID, &value);
		took = ktime_get_ns() - start;
		least = min(least, took);
		most = max(most, took);
		all += took;
	}
	if (!rc)
		pr_info("config_trip: a read takes %llu ns, shortest %llu ns, longest %llu ns\n", all / count, least, most);
	pci_dev_put(dev);
	return rc;
}

EMUL_REGISTER("config_trip", EMUL_CALLABLE, config_trip);
