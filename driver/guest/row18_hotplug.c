// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row 18, hotplug, as a driver of the device sees it.
 *   row18_witness register          a pci_driver for QEMU's edu that notes when it was probed and removed
 *   row18_traffic                   DMA and interrupts of that device, round after round, until the driver is removed
 *   row18_witness probed N          how often it was probed
 *   row18_witness removed N FE BE   how often it was removed; what both ends' states were when it was removed last
 *   row18_config_loop               reads the device's ids over the ring until it is gone
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/xenbus.h>

#include "driver/env/emul.h"
#include "driver/env/work.h"
#include "edu.h"

#define EDU_IDS 0x11e81234U

static struct {
	int probed, removed, frontend, backend;
	u32 ids;	/* what the device answered while it was removed */
} seen;

/* In use by row18_traffic: remove must wait until that has let go. */
static struct {
	struct edu edu;
	struct completion over;
	bool running, stop;
} traffic;

static int witness_probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	seen.probed++;
	return pci_enable_device(dev);
}

static void witness_remove(struct pci_dev *dev)
{
	char *backend = xenbus_read(XBT_NIL, "device/pci/0", "backend", NULL);

	seen.removed++;
	seen.frontend = xenbus_read_unsigned("device/pci/0", "state", 0);
	seen.backend = IS_ERR(backend) ? -1 : (int)xenbus_read_unsigned(backend, "state", 0);
	if (!IS_ERR(backend))
		kfree(backend);
	pci_read_config_dword(dev, PCI_VENDOR_ID, &seen.ids);
	if (traffic.running) {
		WRITE_ONCE(traffic.stop, true);
		wait_for_completion(&traffic.over);
		edu_close(&traffic.edu);
		traffic.running = false;
	}
	pci_disable_device(dev);
}

static const struct pci_device_id witness_ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, { } };
static struct pci_driver witness_driver = {
	.name = "row18_witness", .id_table = witness_ids, .probe = witness_probe, .remove = witness_remove,
};

static int witness(int argc, char **argv)
{
	int n[3] = { 0 }, i;

	if (argc == 2 && !strcmp(argv[1], "register"))
		return pci_register_driver(&witness_driver);
	for (i = 0; i < argc - 2 && i < 3; i++)
		if (kstrtoint(argv[i + 2], 0, &n[i]))
			return -EINVAL;
	if (argc == 3 && !strcmp(argv[1], "probed"))
		return seen.probed == n[0] ? 0 : -ERANGE;
	if (argc != 5 || strcmp(argv[1], "removed"))
		return -EINVAL;
	if (seen.removed == n[0] && seen.frontend == n[1] && seen.backend == n[2] && seen.ids == EDU_IDS)
		return 0;
	pr_err("row18: removed %d times, frontend %d, backend %d, ids %08x\n", seen.removed, seen.frontend,
	       seen.backend, seen.ids);
	return -ERANGE;
}

EMUL_REGISTER("row18_witness", EMUL_CALLABLE, witness);

static int transfer(int argc, char **argv)
{
	unsigned int good = 0, bad = 0;
	int rc;

	traffic.edu.dev = pci_get_device(0x1234, 0x11e8, NULL);
	if (!traffic.edu.dev)
		return -ENODEV;
	init_completion(&traffic.over);
	traffic.stop = false;
	rc = edu_open(&traffic.edu);
	traffic.running = !rc;
	while (!rc && !READ_ONCE(traffic.stop)) {
		if (edu_round(&traffic.edu, good + 1))
			bad++;
		else
			good++;
	}
	pr_info("row18: %u rounds, then %u without the device\n", good, bad);
	pci_dev_put(traffic.edu.dev);
	complete(&traffic.over);
	return rc ? rc : good ? 0 : -ENODATA;
}

EMUL_REGISTER("row18_traffic", EMUL_CALLABLE, transfer);

/* Each answer is the device's or all ones, and once it is gone it stays gone. */
static int config_loop(int argc, char **argv)
{
	struct pci_dev *dev = pci_get_device(0x1234, 0x11e8, NULL);
	unsigned long end = jiffies + 10 * HZ;
	unsigned int before = 0, after = 0;
	u32 ids;
	int rc = 0;

	if (!dev)
		return -ENODEV;
	while (!rc && after < 3) {
		pci_read_config_dword(dev, PCI_VENDOR_ID, &ids);
		if (ids == EDU_IDS && !after)
			before++;
		else if (PCI_POSSIBLE_ERROR(ids))
			after++;
		else
			rc = -EILSEQ;
		if (time_after(jiffies, end))
			rc = -ETIME;
		usleep_range(1, 2);	/* the thread that removes the device needs the CPU, too */
	}
	pr_info("row18: %u reads answered by the device, then %u by nobody\n", before, after);
	pci_dev_put(dev);
	return rc ? rc : before ? 0 : -ENODATA;
}

EMUL_REGISTER("row18_config_loop", EMUL_CALLABLE, config_loop);
